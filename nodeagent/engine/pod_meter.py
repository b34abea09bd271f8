"""What the engine tells those who count: one quick call at each point, which never fails."""

from typing import Protocol

from nodeagent.model.ids import PodUid


class PodMeter(Protocol):
    """Hears what happens to pods. Durations are seconds."""

    def stepped(self, operation: str, seconds: float) -> None:
        """One pass of a pod's worker: "create", "sync" or "terminating"."""
        ...

    def began(self, waited: float) -> None:
        """A pod's worker began its first pass, so long after the pod was first wanted."""
        ...

    def refused(self, reason: str) -> None:
        """Admission said no."""
        ...

    def sandbox(self, handler: str, seconds: float, *, failed: bool, own_users: bool) -> None:
        """A sandbox was made, or was to be."""
        ...

    def container(self, kind: str, error: str) -> None:
        """A container was started; `error` is why not, "" if it was. `kind`: container,
        init_container or ephemeral_container."""
        ...

    def ended(self, kind: str, exit_code: int, reason: str) -> None:
        """A container ended."""
        ...

    def cgroup(self, operation: str, seconds: float) -> None:
        """A pod's cgroup was made, changed or removed: "create", "update", "destroy"."""
        ...

    def pulled(self, uid: PodUid, size_bytes: int, began_at: float, seconds: float) -> None:
        """An image was pulled for a pod, which began at that Unix time."""
        ...

    def relisted(self, seconds: float) -> None:
        """The runtime was listed whole."""
        ...

    def volumes_set_up(self, seconds: float, *, failed: bool) -> None:
        """The volumes of a pod were set up, or were to be."""
        ...

    def image_removed(self, reason: str) -> None:
        """An image was collected: "age" or "space"."""
        ...
