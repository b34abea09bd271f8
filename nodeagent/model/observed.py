"""What is seen: sandboxes and containers as the runtime reports them, parsed once."""

import enum

import msgspec

from nodeagent.model.ends import OomKill
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId


class Phase(enum.StrEnum):
    """A container's state in the runtime."""

    CREATED = "Created"
    RUNNING = "Running"
    EXITED = "Exited"
    UNKNOWN = "Unknown"


class SeenResources(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that the runtime reports for a container; 0 means none or not told."""

    cpu_shares: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0
    memory_limit_bytes: int = 0


class SeenUser(msgspec.Struct, frozen=True, kw_only=True):
    """The user a container's first process runs as, where the runtime tells."""

    uid: int
    gid: int
    supplemental_groups: tuple[int, ...] = ()


class SeenMount(msgspec.Struct, frozen=True, kw_only=True):
    """One mount of a container as the runtime reports it."""

    container_path: str
    host_path: str
    readonly: bool = False
    recursive_read_only: bool = False


class SeenContainer(msgspec.Struct, frozen=True, kw_only=True):
    """One container record of the runtime. Times are Unix seconds, 0.0 where not (yet) so.

    `restart_count`, `spec_hash` and `message_path` come from our annotations; `message` and
    `reason` are the runtime's own.
    """

    id: ContainerId
    name: str
    sandbox_id: SandboxId
    attempt: int
    restart_count: int
    phase: Phase
    created_at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""  # the name the user gave, as the runtime resolved it
    image_ref: ImageRef = ImageRef("")  # CRI image_ref: what status shows as imageID
    spec_hash: str = ""
    log_path: str = ""
    message_path: str = ""  # path inside the container of the termination message
    message_policy: str = "File"
    message_host_path: str = ""  # where that file is on the host, "" if not mounted
    annotations: dict[str, str] = {}
    mounts: tuple[SeenMount, ...] = ()
    resources: SeenResources | None = None
    user: SeenUser | None = None
    oom: OomKill | None = None  # the last process in it that the kernel killed for memory


class SeenSandbox(msgspec.Struct, frozen=True, kw_only=True):
    """One sandbox record of the runtime, with the names of its pod."""

    id: SandboxId
    attempt: int
    ready: bool
    created_at: float
    name: str = ""
    namespace: str = ""
    ips: tuple[str, ...] = ()
    host_network: bool = False
    runtime_handler: str = ""


class ObservedPod(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime has of one pod, newest first in both tuples.

    `name` and `namespace` come from labels, so that a pod without manifest can still be ended;
    `labels` and `annotations` are there once the pod was looked at as a whole.
    `trouble` says why the last look failed; what is here is then older than it should be.
    """

    uid: PodUid
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    sandboxes: tuple[SeenSandbox, ...] = ()
    containers: tuple[SeenContainer, ...] = ()
    trouble: str = ""

    @property
    def sandbox(self) -> SeenSandbox | None:
        """The newest sandbox, ready or not."""
        return self.sandboxes[0] if self.sandboxes else None

    def newest(self, name: str) -> SeenContainer | None:
        """The newest container of that name, in any phase."""
        return next((c for c in self.containers if c.name == name), None)

    def all_of(self, name: str) -> tuple[SeenContainer, ...]:
        """Every container of that name, newest first."""
        return tuple(c for c in self.containers if c.name == name)

    @property
    def running(self) -> tuple[SeenContainer, ...]:
        """Containers that still have a process, or may have one (Unknown)."""
        return tuple(c for c in self.containers if c.phase in (Phase.RUNNING, Phase.UNKNOWN))

    @property
    def is_gone(self) -> bool:
        """Whether the runtime has nothing at all of this pod."""
        return not self.sandboxes and not self.containers


class EventKind(enum.StrEnum):
    """What a runtime event is about; any kind means: look at that object again."""

    CREATED = "Created"
    STARTED = "Started"
    EXITED = "Exited"
    DELETED = "Deleted"
    LOST = "Lost"  # the stream broke or overflowed: look at everything


class RuntimeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A hint that something changed.

    `container_id` is a container or sandbox; `uid` is None where the source does not tell whose.
    `pod` is the whole pod as of `at` where the runtime sends it along, so no look is needed.
    """

    kind: EventKind
    container_id: str
    at: float
    uid: PodUid | None = None
    pod: ObservedPod | None = None


class RuntimeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers on the runtime socket, and what it can do."""

    name: str = ""  # "containerd": the scheme of containerID in status
    version: str = ""
    api_version: str = ""
    cgroup_driver: str = ""  # "cgroupfs", "systemd", or "" where the runtime cannot tell
    handlers: tuple[str, ...] = ("",)
    features: dict[str, tuple[str, ...]] = {}  # handler -> recursiveReadOnlyMounts, userNamespaces
    supplemental_groups_policy: bool = False
    sandbox_image: str = ""  # what sandboxes are made of, "" where not told


class RuntimeHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime's own conditions; `message` says why where one is False."""

    runtime_ready: bool = False
    network_ready: bool = False
    message: str = ""
    network_message: str = ""


class SeenImage(msgspec.Struct, frozen=True, kw_only=True):
    """One image on the node."""

    ref: ImageRef
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size_bytes: int = 0
    uid: int | None = None  # numeric user of the image config
    username: str = ""  # its non-numeric user
    pinned: bool = False
