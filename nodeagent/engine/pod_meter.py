"""What the engine tells those who count: one quick call at each point, which never fails."""

from typing import Protocol

from nodeagent.engine.resize_meter import ResizeMeter


class PodMeter(Protocol):
    """Hears what happens to pods. Durations are seconds."""

    @property
    def resizes(self) -> ResizeMeter:
        """Who hears of changes of their resources."""
        ...

    def stepped(self, operation: str, seconds: float) -> None:
        """One pass of a pod's worker: "create" for its first, "update" after a new wish, "kill"
        while the pod ends, "terminated" for the pass that took its last away, else "sync"."""
        ...

    def began(self, containers: int, waited: float | None) -> None:
        """A pod's worker begins its first pass, so long after the pod was first wanted; None for
        a pod that an earlier run knew."""
        ...

    def refused(self, reason: str) -> None:
        """Admission said no."""
        ...

    def preempted(self, reason: str) -> None:
        """A pod goes for a critical one, which was refused with this reason."""
        ...

    def pod(self, *, failed: bool, own_users: bool) -> None:
        """A pod got a sandbox, or was to."""
        ...

    def user_pod_failed(self) -> None:
        """A pod with user ids of its own got a sandbox, and then its first container failed."""
        ...

    def sandbox(self, handler: str, seconds: float, *, failed: bool) -> None:
        """The runtime made a sandbox, or was to."""
        ...

    def container(self, kind: str, error: str) -> None:
        """A container was started, or was to be; `error` is the reason why not, "" if it was.
        `kind`: container, init_container or ephemeral_container."""
        ...

    def image_volumes(self, number: int, *, failed: bool) -> None:
        """A container with so many image volumes was started, or was to be; `failed` says that
        the runtime could not mount them."""
        ...

    def ended(self, kind: str, exit_code: int, reason: str) -> None:
        """A container ended."""
        ...

    def runs(self, seconds: float) -> None:
        """A pod is Running, so long after it was first wanted."""
        ...

    def started(
        self, seconds: float, *, without: float, stateful: bool, first_with_network: bool
    ) -> None:
        """All containers of a pod run, so long after its creation; `without` is how much of that
        went to pulls of images and init containers."""
        ...

    def restarted(self, *, static: bool) -> None:
        """A pod that was over came again with the same uid."""
        ...

    def orphaned(self) -> None:
        """The runtime has a pod that nobody wants."""
        ...
