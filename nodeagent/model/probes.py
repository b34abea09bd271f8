"""Probes as values: what to ask, how often, what was answered, and what is remembered of it."""

import enum
from typing import TypeAlias

import msgspec

from nodeagent.model.events import Subject

PERIOD_FLOOR = 0.05  # seconds; the shortest period and timeout an annotation can ask for


class ProbeKind(enum.StrEnum):
    """The three kinds, as events and `Health.failed` spell them."""

    LIVENESS = "Liveness"
    READINESS = "Readiness"
    STARTUP = "Startup"


class Verdict(enum.StrEnum):
    """What the probes of one kind have decided about one container instance."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class HttpCheck(msgspec.Struct, frozen=True, kw_only=True, tag="http"):
    """A GET. `host` "" is the pod's address; `path` may carry a query."""

    port: int
    host: str = ""
    path: str = "/"
    tls: bool = False
    headers: tuple[tuple[str, str], ...] = ()


class TcpCheck(msgspec.Struct, frozen=True, kw_only=True, tag="tcp"):
    """Connect, then close. `host` "" is the pod's address."""

    port: int
    host: str = ""


class GrpcCheck(msgspec.Struct, frozen=True, kw_only=True, tag="grpc"):
    """Ask `grpc.health.v1.Health/Check` about a service."""

    port: int
    service: str = ""
    tls: bool = False


class ExecCheck(msgspec.Struct, frozen=True, kw_only=True, tag="exec"):
    """Run a command inside the container; `$(VAR)` is already replaced."""

    command: tuple[str, ...]


class BrokenCheck(msgspec.Struct, frozen=True, kw_only=True, tag="broken"):
    """A check that cannot be made from the spec: every try is this error."""

    detail: str


Check: TypeAlias = HttpCheck | TcpCheck | GrpcCheck | ExecCheck | BrokenCheck


class ProbeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One probe of one container with all defaults applied. Times are seconds.

    `fast` asks for quick polling until the first success of an instance.
    """

    container: str
    kind: ProbeKind
    subject: Subject
    check: Check
    period: float = 10.0
    timeout: float = 1.0
    initial_delay: float = 0.0
    success_threshold: int = 1
    failure_threshold: int = 3
    fast: bool = False


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a check is for: the container instance and the pod's address."""

    container_id: str
    ip: str


class Outcome(enum.StrEnum):
    """What one try gave. A warning counts as success, an error counts as nothing."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    ERROR = "error"


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `state` is what an error's event names; `timed_out` marks a passed deadline."""

    outcome: Outcome
    output: str = ""
    timed_out: bool = False
    state: Verdict = Verdict.UNKNOWN


class ProbeState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one probe for the container instance `id`.

    `streak` counts equal results in a row (`last`: True for success), no further than its
    threshold, so that a steady probe does not change this value. `held`: no more tries for this
    instance. `met`: it has succeeded once. `excused`: timeouts not counted since the last success.
    """

    container: str
    kind: ProbeKind
    id: str
    verdict: Verdict
    last: bool | None = None
    streak: int = 0
    held: bool = False
    met: bool = False
    excused: int = 0
    message: str = ""  # output of the try that decided for failure


class ProbeMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The probes of one pod as kept in its record, so that a new agent goes on where we stood."""

    states: tuple[ProbeState, ...] = ()


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe must know of its container now. `started`: the startup probe has passed."""

    id: str
    running: bool
    started_at: float
    started: bool = True
    ending: bool = False


class ProbeRules(msgspec.Struct, frozen=True, kw_only=True):
    """Node-wide settings of probes.

    `max_execs`: commands at once. `fast`: poll quickly until the first success. `fast_rate`: such
    tries per second on the whole node. A liveness timeout is excused, at most `excuses` times
    without a success between, when our own loop was late by `lag_limit` seconds or the kernel's
    pressure averages over ten seconds are at least these percentages.
    """

    max_execs: int = 8
    fast: bool = True
    fast_rate: float = 500.0
    excuses: int = 3
    lag_limit: float = 0.25
    cpu_some: float = 80.0
    memory_some: float = 60.0
    memory_full: float = 10.0


class ProbeCount(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one probe since it is watched, for metrics. `seconds` and `buckets` (upper
    bounds `BUCKETS`, not cumulative, the last without bound) cover successes only."""

    namespace: str
    pod: str
    pod_uid: str
    container: str
    kind: ProbeKind
    successful: int
    failed: int
    unknown: int
    seconds: float
    buckets: tuple[int, ...]


BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HookReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook's request gave: `error` "" if there was any answer at all.

    `plain_answer`: TLS was asked for and the server speaks plain HTTP.
    """

    error: str = ""
    plain_answer: bool = False
