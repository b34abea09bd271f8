"""Why containers end: a closed set of reasons, and what is noted of each end."""

import enum

import msgspec


class EndReason(enum.StrEnum):
    """Every way for a container to end. The second half are our own doing, spelled as `StopWhy`."""

    COMPLETED = "Completed"  # exit code 0, of its own accord
    CRASHED = "Crashed"  # any other exit code
    SIGNALLED = "Signalled"  # a signal that did not come from us
    OOM_KILLED = "OOMKilled"  # at the memory limit of the container
    POD_OOM = "PodOutOfMemory"  # at the limit of its pod, or of all pods of its kind
    NODE_OOM = "NodeOutOfMemory"  # no limit was reached: the node had no memory left
    START_ERROR = "StartError"  # the runtime could not start its process
    LOST = "Lost"  # the runtime does not know how it ended

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


class OomScope(enum.StrEnum):
    """Whose memory had run out when the kernel killed a process."""

    CONTAINER = "container"
    POD = "pod"
    PODS = "pods"  # kubepods or a QoS class: what the node grants to pods together
    NODE = "node"


class OomKill(msgspec.Struct, frozen=True, kw_only=True):
    """A process of a container that the kernel killed for want of memory, at Unix time `at`."""

    scope: OomScope
    process: str
    pid: int
    at: float


class EndNote(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one container's end, or of our decision to end it (`at`)."""

    reason: EndReason
    at: float
    text: str = ""
