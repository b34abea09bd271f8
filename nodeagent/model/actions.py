"""What to do: the plan as data. Each action may be repeated safely."""

import enum
from typing import TypeAlias

import msgspec

from nodeagent.model.ids import ContainerId, SandboxId
from nodeagent.model.memory import Backoff

SIGNAL_FLOOR = 2.0  # seconds a container gets to answer the stop signal, whatever is left


class StopWhy(enum.StrEnum):
    """Why a container is stopped by us."""

    SPEC_CHANGED = "SpecChanged"
    LIVENESS = "Liveness"
    STARTUP = "Startup"
    POST_START = "PostStartHook"
    SANDBOX_CHANGED = "SandboxChanged"
    RESTART_ALL = "RestartAllContainers"
    OPERATOR = "OperatorRestart"
    RESIZE = "ResizeRestart"
    UNKNOWN = "UnknownState"
    POD_DELETED = "PodDeleted"
    POD_FINISHED = "PodFinished"
    DEADLINE = "DeadlineExceeded"
    EVICTED = "Evicted"
    PREEMPTED = "Preempting"
    NODE_SHUTDOWN = "NodeShutdown"
    REJECTED = "Rejected"


class RestartAll(enum.Enum):
    """What a plan says about a RestartAllContainers (KEP-5532)."""

    NO_CHANGE = enum.auto()
    BEGIN = enum.auto()
    END = enum.auto()


class PreparePod(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Folders, cgroup and volumes of the pod exist afterwards."""


class RefreshVolumes(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Volumes show the objects and fields they are made of as they are now."""


class CreateSandbox(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A ready sandbox of this attempt exists afterwards."""

    attempt: int


class StopSandbox(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The sandbox has no process and no network afterwards."""

    id: SandboxId


class RemoveSandbox(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The runtime has forgotten the sandbox afterwards."""

    id: SandboxId


class EnsureImage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask for the container's image; the answer is remembered under (name, attempt)."""

    name: str
    attempt: int


class StartContainer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Create and start the container; `backoff` is what to remember once it was tried.

    `restart_count` is what status counts; `attempt` is the runtime's number, never smaller.
    `adopt` is a container that was created and not started: it is started, none is made.
    """

    name: str
    attempt: int
    restart_count: int
    backoff: Backoff | None = None
    adopt: ContainerId | None = None


class StopOne(msgspec.Struct, frozen=True, kw_only=True):
    """One container of a stop.

    `after` names containers that must have ended before this one gets its signal; the wait
    spends from the same grace. `grace` is seconds for preStop, waiting and SIGTERM together.
    `detail` says more about the reason than the event `message` does. However the grace was
    spent, `floor` seconds lie between the stop signal and SIGKILL.
    """

    id: ContainerId
    name: str
    grace: float
    why: StopWhy
    message: str = ""
    detail: str = ""
    after: tuple[str, ...] = ()
    pre_stop: bool = True
    floor: float = SIGNAL_FLOOR


class StopContainers(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """All of these have ended afterwards; they are stopped at the same time where order allows."""

    stops: tuple[StopOne, ...]


class ResizePod(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The pod's cgroup and these running containers have the granted CPU and memory afterwards."""

    containers: tuple[ContainerId, ...]


class RemoveContainer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The runtime has forgotten the container afterwards; `with_logs` removes its log file too."""

    id: ContainerId
    name: str
    with_logs: bool = False


class TearDownPod(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The pod's volumes are unmounted and its cgroup is gone afterwards."""


class ForgetPod(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The pod's folders, logs and record are gone afterwards, and its worker ends."""


Action: TypeAlias = (
    PreparePod
    | RefreshVolumes
    | CreateSandbox
    | StopSandbox
    | RemoveSandbox
    | EnsureImage
    | StartContainer
    | StopContainers
    | ResizePod
    | RemoveContainer
    | TearDownPod
    | ForgetPod
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do now, in order, and when to look again even if nothing happens.

    `why` is one short phrase for the log line of a plan that has actions. `restart_all` asks to
    remember that a RestartAllContainers begins or is over, and `backoffs` what it costs the
    containers that asked; the pod is then planned again.
    """

    actions: tuple[Action, ...] = ()
    wake_at: float | None = None
    why: str = ""
    restart_all: RestartAll = RestartAll.NO_CHANGE
    backoffs: dict[str, Backoff] = {}
