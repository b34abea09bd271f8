"""Should an ended container run again, and when. Numbers as Kubernetes documents them."""

import enum
from collections.abc import Mapping

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind
from nodeagent.model.desired import DesiredPod
from nodeagent.model.memory import Backoff
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import SeenContainer

ANNOTATION = "crashloop.nodeagent.dev/"


class Decision(enum.Enum):
    """What an exit asks for."""

    STAY = enum.auto()
    RESTART = enum.auto()
    RESTART_ALL = enum.auto()


class CrashLoop(msgspec.Struct, frozen=True, kw_only=True):
    """Delays in seconds: the first, the longest, and the running time that forgets them."""

    initial: float = 10.0
    longest: float = 300.0
    reset: float = 600.0


def restart_decision(
    spec: v1.PodSpec, kind: Kind, container: v1.Container, *, exit_code: int, reason: str
) -> Decision:
    """What the policies say after an exit: the container's rules, its own policy, the pod's.

    An out-of-memory kill counts as a failure even where the exit code is 0. A plain init
    container that succeeded never runs again under a pod's Always (pod lifecycle page, KEP-5307).
    """
    failed = exit_code != 0 or reason == "OOMKilled"
    if kind is Kind.EPHEMERAL:
        return Decision.STAY
    if container.restartPolicy:
        ruled = _first_rule(container, exit_code)
        if ruled is not None:
            return ruled
    policy = container.restartPolicy or spec.restartPolicy or "Always"
    if kind is Kind.INIT and policy == "Always":
        policy = "OnFailure"
    restart = policy == "Always" or (policy == "OnFailure" and failed)
    return Decision.RESTART if restart else Decision.STAY


def _first_rule(container: v1.Container, exit_code: int) -> Decision | None:
    for rule in container.restartPolicyRules or ():
        codes = rule.exitCodes
        if codes is None:
            continue
        listed = exit_code in (codes.values or ())
        if listed is (codes.operator == "In"):
            everyone = rule.action == "RestartAllContainers"
            return Decision.RESTART_ALL if everyone else Decision.RESTART
    return None


def may_restart(spec: v1.PodSpec, kind: Kind, container: v1.Container, seen: SeenContainer) -> bool:
    """Whether this ended container will run again some time."""
    decision = restart_decision(spec, kind, container, exit_code=seen.exit_code, reason=seen.reason)
    return decision is not Decision.STAY


def may_fail(spec: v1.PodSpec, kind: Kind, container: v1.Container) -> bool:
    """Whether the policies answer a plain failure, without regard to exit codes, by a restart."""
    plain = msgspec.structs.replace(container, restartPolicyRules=None)
    decision = restart_decision(spec, kind, plain, exit_code=1, reason="")
    return decision is not Decision.STAY


def crash_loop(rules: NodeRules, annotations: Mapping[str, str]) -> CrashLoop:
    """The delays for one pod: the node's, changed by the pod's `crashloop.nodeagent.dev/*`.

    `initial`, `max` and `reset` are seconds ("0.5") or durations with one unit ("500ms", "2m");
    what cannot be read is ignored here and reported by validation.
    """
    initial = parse_seconds(annotations.get(f"{ANNOTATION}initial", ""))
    longest = parse_seconds(annotations.get(f"{ANNOTATION}max", ""))
    reset = parse_seconds(annotations.get(f"{ANNOTATION}reset", ""))
    most = rules.crash_max if longest is None else longest
    return CrashLoop(
        initial=min(rules.crash_initial if initial is None else initial, most),
        longest=most,
        reset=rules.crash_reset if reset is None else reset,
    )


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def parse_seconds(text: str) -> float | None:
    """Seconds of "10", "1.5s", "500ms", "2m", "1h"; None for anything else or below zero."""
    number = text.strip().rstrip("msh")
    unit = text.strip()[len(number) :]
    try:
        value = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        return None
    return value if 0 <= value < 1e9 else None


def backoff_key(pod: DesiredPod, container: v1.Container) -> str:
    """What the delay belongs to: a changed image or changed resources start afresh."""
    resources = container.resources
    parts = (
        pod.uid,
        container.name,
        container.image or "",
        repr(sorted((resources.limits or {}).items())) if resources else "",
        repr(sorted((resources.requests or {}).items())) if resources else "",
    )
    return "|".join(parts)


TROUBLE_SHOWN = 1.0  # seconds that why a start failed is told, before the crash loop it is part of


def restart_at(
    entry: Backoff | None, key: str, last: SeenContainer, *, loop: CrashLoop, now: float
) -> float:
    """The moment from which the end of `last` may be answered by a restart.

    The first failure restarts at once; a container that ran long enough is forgiven. An answer
    once given holds, also where the start then failed. A finish time in the future (the clock
    was set back) does not hold the container.
    """
    finished_at = last.finished_at
    if entry is None or entry.key != key or finished_at > now + 1.0:
        return min(finished_at, now)
    if entry.after == last.id:
        return finished_at
    if finished_at - entry.at > loop.reset:
        return finished_at
    return finished_at + min(entry.delay, loop.longest)


def next_backoff(
    entry: Backoff | None, key: str, last: SeenContainer, *, loop: CrashLoop, now: float
) -> Backoff:
    """What to remember when the end of `last` is answered by a start at `now`."""
    if entry is None or entry.key != key:
        return Backoff(key=key, delay=loop.initial, at=now, after=last.id)
    if entry.after == last.id:
        return entry
    fresh = last.finished_at - entry.at > loop.reset
    delay = loop.initial if fresh else min(entry.delay * 2, loop.longest)
    return Backoff(key=key, delay=delay, at=now, after=last.id)
