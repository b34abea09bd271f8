"""What is remembered of one pod between plans; the record on disk is this value."""

import enum

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.ends import EndNote
from nodeagent.model.ids import ImageRef, SandboxId
from nodeagent.model.launch import IdRange
from nodeagent.model.probes import ProbeMemory
from nodeagent.model.resize import Grant, Pending, Resize


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Crash-loop bookkeeping of one container: the delay for its next restart, set at `at`.

    `key` changes with the image and resources, which starts the bookkeeping afresh. `after` is
    the id of the instance whose end was answered then.
    """

    key: str
    delay: float
    at: float
    after: str = ""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a container does not start: becomes its waiting reason. `count` fails in a row."""

    reason: str
    message: str
    at: float
    attempt: int = 0
    count: int = 1
    retry_at: float = 0.0  # when it may be tried again


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """Admission's no: final for this pod."""

    reason: str
    message: str


class EndWhy(enum.StrEnum):
    """Why a pod as a whole ends."""

    DELETED = "Deleted"
    FINISHED = "Finished"
    REJECTED = "Rejected"
    DEADLINE = "DeadlineExceeded"
    EVICTED = "Evicted"
    PREEMPTED = "Preempting"
    NODE_SHUTDOWN = "Terminated"
    DRAINED = "Drained"


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The pod's one deadline. Written down before the first stop; it only ever moves nearer.

    `grace` is the seconds granted at `at`; `deadline_at` = at + grace.
    """

    why: EndWhy
    at: float
    grace: float
    message: str = ""
    disrupts: bool = True  # an end by the node is told as condition DisruptionTarget

    @property
    def deadline_at(self) -> float:
        return self.at + self.grace


class EndRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The node wants a pod to end: within `grace` seconds, or sooner if the pod asks for less."""

    why: EndWhy
    grace: float
    message: str = ""
    disrupts: bool = True


class ImageState(enum.StrEnum):
    """How far the image of one container attempt is."""

    PULLING = "Pulling"
    READY = "Ready"
    FAILED = "Failed"


class ImageOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to EnsureImage for one container attempt."""

    attempt: int
    state: ImageState
    begun: bool = False  # PULLING, and no longer only looked for on the machine
    queued: bool = False  # PULLING, but others are pulled first
    image: str = ""
    ref: ImageRef = ImageRef("")
    uid: int | None = None
    username: str = ""
    reason: str = ""
    message: str = ""
    at: float = 0.0  # when a failure was told
    retry_at: float = 0.0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What probes say of one container instance.

    `failed` is "Liveness" or "Startup" once that probe decided against the instance `id`.
    """

    id: str
    started: bool = True
    ready: bool = True
    failed: str = ""
    message: str = ""


class PodMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one pod that neither the source nor the runtime can tell.

    Owned by the pod's worker. Fields below `images` are rebuilt after a restart, the others
    are kept on disk.
    """

    pod: DesiredPod
    seen_at: float
    admitted: bool = False
    rejected: Rejected | None = None
    ending: Ending | None = None
    torn_down: bool = False  # volumes, cgroup: nothing left on the host but folders
    stopped_sandboxes: tuple[SandboxId, ...] = ()
    backoffs: dict[str, Backoff] = {}
    restart_counts: dict[str, int] = {}  # the highest restart count used so far
    attempts: dict[str, int] = {}  # the lowest attempt number that is surely free
    restart_all: float = 0.0  # when a RestartAllContainers was asked for, 0.0 if none
    restart_asked: dict[str, float] = {}  # container -> when the operator asked
    replaced: dict[str, str] = {}  # container -> id of the instance stopped to run again
    ends: dict[str, EndNote] = {}  # container id -> why it ended, or why we are ending it
    sandbox_attempt: int = 0  # the lowest sandbox attempt that is surely free
    status: v1.PodStatus | None = None  # as last derived
    probes: ProbeMemory = ProbeMemory()
    user: IdRange | None = None  # the id range of a pod with hostUsers: false
    granted: Grant | None = None  # resources of an API pod; `pod` has these, not those asked for
    pending: Pending | None = None  # a change of resources that is asked for and not granted
    resize: Resize | None = None  # a change that is granted and being carried out
    images: dict[str, ImageOutcome] = {}
    troubles: dict[str, Trouble] = {}
    health: dict[str, Health] = {}
    prepared: bool = False
    shows: str = ""  # stamp of what its volumes are to show, "" if that never changes
    shown: str = ""  # stamp of what they were last made to show
    refresh_at: float = 0.0  # when a refresh that failed may be tried again
    refresh_due: float = 0.0  # when the next is due though nothing has changed, 0.0 for never
