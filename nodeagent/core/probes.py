"""Sum up probe results: when a probe may run, when its verdict turns, what a container is then.

Source: behaviour of a kubelet, "Probes". No clock, no I/O."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from nodeagent.model.memory import Health
from nodeagent.model.probes import (
    BrokenCheck,
    Check,
    GrpcCheck,
    HttpCheck,
    Look,
    ProbeKind,
    ProbeRules,
    ProbeSpec,
    ProbeState,
    Target,
    TcpCheck,
    Verdict,
)

FAST_PAUSE = 0.1  # seconds between tries while nothing has succeeded yet
_FAST_FULL_RATE = 60.0  # seconds of waiting during which that pause does not grow
_INITIAL = {
    ProbeKind.LIVENESS: Verdict.SUCCESS,
    ProbeKind.READINESS: Verdict.FAILURE,
    ProbeKind.STARTUP: Verdict.UNKNOWN,
}


def fresh(spec: ProbeSpec, id_: str) -> ProbeState:
    """The state of a probe that has not been asked yet for this instance."""
    return ProbeState(container=spec.container, kind=spec.kind, id=id_, verdict=_INITIAL[spec.kind])


def settle(spec: ProbeSpec, state: ProbeState | None, look: Look) -> ProbeState:
    """Take in how the container is now; repeating it changes nothing.

    A new instance starts afresh. One that does not run is not ready. While the pod ends, liveness
    and startup count as passed and stop for good; readiness goes on.
    """
    if state is None or state.id != look.id:
        state = fresh(spec, look.id)
    if not look.running:
        if spec.kind is ProbeKind.READINESS and state.verdict is not Verdict.FAILURE:
            return replace(state, verdict=Verdict.FAILURE, last=None, streak=0)
        return state
    if look.ending and spec.kind is not ProbeKind.READINESS:
        return replace(state, verdict=Verdict.SUCCESS, held=True, message="")
    return state


def may_run_from(spec: ProbeSpec, state: ProbeState, look: Look) -> float | None:
    """The Unix time from which the probe may run; None: not before something changes."""
    if state.held or not look.running:
        return None
    if spec.kind is not ProbeKind.STARTUP and not look.started:
        return None
    return look.started_at + spec.initial_delay


def is_fast(spec: ProbeSpec, state: ProbeState) -> bool:
    """Whether the probe polls quickly now: it has never succeeded for this instance."""
    return spec.fast and not state.met and not state.held


def fast_pause(spec: ProbeSpec, *, took: float, waited: float, crowd: float) -> float:
    """Seconds until the next quick try.

    100 ms, but never more than a fifth of the time spent asking (`took`: the last answer), slowly
    more once `waited` exceeds a minute, and no more tries than the node's share allows (`crowd`:
    the pause at which all that poll quickly keep the node's rate).
    """
    slow = FAST_PAUSE * max(1.0, waited / _FAST_FULL_RATE)
    return min(spec.period, max(slow, 4 * took, crowd))


def absorb(spec: ProbeSpec, state: ProbeState, *, ok: bool, output: str = "") -> ProbeState:
    """Add one counted result; the verdict turns only once the streak is long enough.

    A liveness or startup probe that decided for failure, and a startup probe that passed, are
    held until the next instance.
    """
    need = spec.success_threshold if ok else spec.failure_threshold
    streak = min(need, state.streak + 1) if state.last is ok else 1
    state = replace(
        state,
        last=ok,
        streak=streak,
        met=state.met or ok,
        excused=0 if ok else state.excused,
    )
    if streak < need:
        return state
    verdict = Verdict.SUCCESS if ok else Verdict.FAILURE
    told = state.message if verdict is state.verdict else ""
    return _hold(spec, replace(state, verdict=verdict, message="" if ok else told or output))


def absorb_early(spec: ProbeSpec, state: ProbeState, *, ok: bool) -> ProbeState:
    """Add the result of a quick try between two declared ones: only a success counts."""
    return absorb(spec, state, ok=True) if ok else state


def excuse(state: ProbeState) -> ProbeState:
    """Note a timeout that does not count; streak and verdict stay."""
    return replace(state, excused=state.excused + 1)


def why_not(check: Check, target: Target) -> str:
    """Why the check cannot even be tried; "" if it can."""
    match check:
        case BrokenCheck():
            return check.detail
        case HttpCheck(host="") | TcpCheck(host="") | GrpcCheck() if not target.ip:
            return "the pod has no address yet"
        case _:
            return ""


def starved(rules: ProbeRules, pressure: Mapping[str, float], *, lag: float) -> str:
    """Why a timeout may be the node's fault and not the container's; "" if nothing says so.

    `pressure` holds percentages by "<resource>.<some|full>", `lag` is how late our own loop was.
    """
    if lag >= rules.lag_limit:
        return f"the agent itself was late by {lag:.2f} s"
    limits = {
        "cpu.some": rules.cpu_some,
        "memory.some": rules.memory_some,
        "memory.full": rules.memory_full,
    }
    for name, limit in limits.items():
        if pressure.get(name, 0.0) >= limit:
            resource, share = name.split(".")
            return f"{resource} pressure ({share}, avg10) was {pressure[name]:.0f} %"
    return ""


def health_of(look: Look, states: Iterable[ProbeState]) -> Health:
    """What the probes say of one container instance; a kind without a probe has passed."""
    by_kind = {state.kind: state for state in states if state.id == look.id}
    startup = by_kind.get(ProbeKind.STARTUP)
    readiness = by_kind.get(ProbeKind.READINESS)
    started = look.running and _passed(startup)
    failed = next(
        (
            state
            for kind in (ProbeKind.STARTUP, ProbeKind.LIVENESS)
            if (state := by_kind.get(kind)) and state.verdict is Verdict.FAILURE
        ),
        None,
    )
    ready = started and _passed(readiness)
    told = failed or (readiness if readiness and not ready else None)
    return Health(
        id=look.id,
        started=started,
        ready=ready,
        failed=failed.kind.value if failed else "",
        message=told.message if told else "",
    )


def _passed(state: ProbeState | None) -> bool:
    return state is None or state.verdict is Verdict.SUCCESS


def _hold(spec: ProbeSpec, state: ProbeState) -> ProbeState:
    decided = state.verdict is Verdict.FAILURE or spec.kind is ProbeKind.STARTUP
    if spec.kind is ProbeKind.READINESS or not decided:
        return state
    return replace(state, held=True, streak=0)
