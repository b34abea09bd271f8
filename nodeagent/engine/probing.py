"""Run every probe of the node from one schedule, and say at once what they decide.

At rest a probe is an entry in a heap. Due tries are clumped: they fall on a grid of 100 ms, because
waking up costs more than asking (figures in docs/decisions/0010-http-probes.md).
"""

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from nodeagent.aio.bell import Bell
from nodeagent.aio.slots import Slots
from nodeagent.core.probe_spec import pod_probes
from nodeagent.core.probes import (
    FAST_PAUSE,
    absorb,
    absorb_early,
    excuse,
    fast_pause,
    health_of,
    is_fast,
    may_run_from,
    settle,
    starved,
    why_not,
)
from nodeagent.core.subject import subject_of
from nodeagent.engine.ports import Clock, Recorder
from nodeagent.engine.probe_ports import Checks, Listener, Pressure
from nodeagent.engine.probe_seats import PodSeat, ProbeSeat
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import Health
from nodeagent.model.observed import Phase, SeenContainer
from nodeagent.model.probes import (
    ExecCheck,
    Look,
    Outcome,
    ProbeCount,
    ProbeKind,
    ProbeMemory,
    ProbeResult,
    ProbeRules,
    Target,
)

TRIES = 3  # of one probe in a row while it errs
_GRID = 0.1  # seconds; a tenth of the period where that is shorter
_SPREAD = 1.0  # seconds over which commands begun together are spread from their second try on
_SOON = 0.001  # seconds; what is due so soon is started along
_LATENESS_KEPT = 4096


class Probing:
    """All probes of the node. `watch` says what to probe; everything else follows from it."""

    def __init__(
        self,
        *,
        checks: Checks,
        pressure: Pressure,
        recorder: Recorder,
        clock: Clock,
        listener: Listener,
        rules: ProbeRules,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._checks, self._pressure = checks, pressure
        self._recorder, self._clock, self._listener = recorder, clock, listener
        self._rules, self._chance = rules, chance
        self._began_at = clock.now()
        self._pods: dict[PodUid, PodSeat] = {}
        self._restored: dict[PodUid, ProbeMemory] = {}
        self._heap: list[tuple[float, int, ProbeSeat]] = []
        self._order = itertools.count()
        self._bell = Bell()
        self._execs = Slots(rules.max_execs)
        self._polling: set[ProbeSeat] = set()
        self._lags: deque[tuple[float, float]] = deque(maxlen=64)
        self._lateness: deque[float] = deque(maxlen=_LATENESS_KEPT)

    async def run(self) -> None:
        """Start each try when it is due; never returns."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._start_due(group)
                await self._bell.wait(at_most=self._until_next())

    def watch(
        self,
        pod: DesiredPod,
        containers: Sequence[SeenContainer],
        ip: str,
        *,
        ending: bool = False,
    ) -> Mapping[str, Health]:
        """Take in how the pod is now and return the health of its probed containers by name.

        `containers` are newest first, `ip` is the pod's address ("" while it has none). Call it on
        every look: nothing happens where nothing changed. `ending`: the pod is being stopped for
        whatever reason. A container without probes is not in the answer. The listener is not
        called: whoever calls this takes `memory` afterwards.
        """
        seat = self._pods.get(pod.uid)
        if seat is None:
            seat = self._pods[pod.uid] = PodSeat(self._restored.pop(pod.uid, ProbeMemory()))
        seen = (ip, ending or pod.deleting, tuple(containers))
        if seat.desired is pod and seat.seen == seen:
            return seat.health
        if seat.desired is not pod:
            self._read_specs(seat, pod)
        seat.desired, seat.seen, seat.ip = pod, seen, ip
        for name, probes in seat.by_container.items():
            newest = next((c for c in containers if c.name == name), None)
            self._see(seat, name, probes, newest, ending=seen[1])
        return seat.health

    def forget(self, uid: PodUid) -> None:
        """Stop probing the pod; tries under way end, their answers are dropped."""
        seat = self._pods.pop(uid, None)
        self._restored.pop(uid, None)
        for probe in seat.probes() if seat else ():
            self._rest(probe)

    def health(self, uid: PodUid) -> Mapping[str, Health]:
        """What `watch` returned, as it is now; empty for an unknown pod."""
        seat = self._pods.get(uid)
        return seat.health if seat else {}

    def memory(self, uid: PodUid) -> ProbeMemory:
        """What to keep on disk of the pod's probes."""
        seat = self._pods.get(uid)
        return seat.memory() if seat else self._restored.get(uid, ProbeMemory())

    def restore(self, uid: PodUid, memory: ProbeMemory) -> None:
        """Hand back what was kept, before the pod's first `watch`."""
        self._restored[uid] = memory

    def use(self, rules: ProbeRules) -> None:
        """Go on with other rules. Every probe keeps its verdict, its counters and its next try."""
        again = rules.fast != self._rules.fast
        self._rules = rules
        self._execs.resize(rules.max_execs)
        for seat in self._pods.values() if again else ():
            pod, seen = seat.desired, seat.seen
            assert pod is not None and seen is not None
            seat.desired = None
            self.watch(pod, seen[2], seen[0], ending=seen[1])

    def counts(self) -> tuple[ProbeCount, ...]:
        """Counters of every probe, for metrics."""
        return tuple(probe.count() for seat in self._pods.values() for probe in seat.probes())

    def lateness(self) -> tuple[float, ...]:
        """By how many seconds the latest tries began after they were due."""
        return tuple(self._lateness)

    def _read_specs(self, seat: PodSeat, pod: DesiredPod) -> None:
        found = pod_probes(pod, self._rules)
        for probe in seat.take_specs(found.probes):
            self._rest(probe)
        subject = subject_of(pod)
        for problem in found.problems:
            self._recorder.event(subject, EventType.WARNING, "InvalidProbeAnnotation", problem)

    def _see(
        self,
        seat: PodSeat,
        name: str,
        probes: Iterable[ProbeSeat],
        newest: SeenContainer | None,
        *,
        ending: bool,
    ) -> None:
        if newest is None:
            seat.health = {k: v for k, v in seat.health.items() if k != name}
            for probe in probes:
                self._rest(probe)
            return
        look = Look(
            id=newest.id,
            running=newest.phase is Phase.RUNNING,
            started_at=newest.started_at,
            ending=ending,
        )
        for probe in probes:
            state = settle(probe.spec, probe.state, look)
            if probe.look is not None and probe.look.id != look.id:
                self._rest(probe)
            probe.state, probe.look = state, look
        self._refresh(seat, name)

    def _refresh(self, seat: PodSeat, name: str) -> bool:
        """Derive the container's health anew and arrange its probes; whether health changed."""
        probes = seat.by_container[name]
        look = probes[0].look
        assert look is not None
        health = health_of(look, (probe.state for probe in probes if probe.state))
        changed = seat.health.get(name) != health
        if changed:
            seat.health = {**seat.health, name: health}  # the old one may be in others' hands
        for probe in probes:
            probe.look = replace(look, started=health.started)
            self._arrange(probe)
        return changed

    def _arrange(self, probe: ProbeSeat) -> None:
        """Give an idle probe its first due time, or send one that must not run to rest."""
        assert probe.state is not None and probe.look is not None
        start = may_run_from(probe.spec, probe.state, probe.look)
        if start is None:
            self._rest(probe)
        elif probe.due is None and probe.task is None:
            now = self._clock.now()
            delay = min(max(0.0, start - now), probe.spec.initial_delay)
            probe.aligned = False
            probe.tick_at = asyncio.get_running_loop().time() + delay + self._jitter(probe, now)
            self._push(probe, probe.tick_at)

    def _jitter(self, probe: ProbeSeat, now: float) -> float:
        """After a start of the agent, tries are spread over one period (or one quick pause)."""
        if now - self._began_at >= probe.spec.period:
            return 0.0
        assert probe.state is not None
        quick = is_fast(probe.spec, probe.state)
        return self._chance() * (FAST_PAUSE if quick else probe.spec.period)

    def _rest(self, probe: ProbeSeat) -> None:
        probe.due = None
        self._polling.discard(probe)
        if probe.task is not None and probe.task is not asyncio.current_task():
            probe.task.cancel()
        probe.task = None

    def _push(self, probe: ProbeSeat, due: float) -> None:
        probe.due = due
        heapq.heappush(self._heap, (due, next(self._order), probe))
        if self._heap[0][2] is probe:
            self._bell.ring()

    def _until_next(self) -> float | None:
        while self._heap and self._heap[0][2].due != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        return max(0.0, self._heap[0][0] - asyncio.get_running_loop().time())

    def _start_due(self, group: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        while self._heap and self._heap[0][0] <= now + _SOON:
            due, _, probe = heapq.heappop(self._heap)
            if probe.due != due:
                continue  # arranged anew since, or at rest
            if now - due >= self._rules.lag_limit:
                self._lags.append((now, now - due))
            probe.due = None
            probe.task = group.create_task(self._once(probe, due))

    async def _once(self, probe: ProbeSeat, due: float) -> None:
        assert probe.look is not None
        target = Target(container_id=probe.look.id, ip=self._pods[probe.uid].ip)
        if isinstance(probe.spec.check, ExecCheck):
            async with self._execs:
                result, took = await self._ask(probe, target, due)
        else:
            result, took = await self._ask(probe, target, due)
        self._take(probe, result, took=took, due=due)

    async def _ask(self, probe: ProbeSeat, target: Target, due: float) -> tuple[ProbeResult, float]:
        """The answer and how long its try took; errors are tried again at once."""
        check, now = probe.spec.check, asyncio.get_running_loop().time
        self._lateness.append(now() - due)
        why = why_not(check, target)
        if why:
            return ProbeResult(outcome=Outcome.ERROR, output=why), 0.0
        for left in reversed(range(TRIES)):
            began = now()
            result = await self._checks.check(check, target, limit=probe.spec.timeout)
            if result.outcome is not Outcome.ERROR or not left:
                break
        return result, now() - began

    def _take(self, probe: ProbeSeat, result: ProbeResult, *, took: float, due: float) -> None:
        """Sum up one answer, tell who must know, and arrange the next try."""
        before, probe.task = probe.state, None
        declared = due >= probe.tick_at
        if declared or result.outcome in (Outcome.SUCCESS, Outcome.WARNING):
            self._absorb(probe, result, took=took, declared=declared)
        assert before is not None and probe.state is not None
        if declared or probe.state.met != before.met:
            self._next_tick(probe, due)
        self._plan_next(probe, took=took)
        if probe.state == before:
            return
        seat = self._pods[probe.uid]
        name = probe.spec.container
        changed = self._refresh(seat, name)
        if changed:
            self._listener.health_changed(probe.uid, name, seat.health[name])
        self._listener.memory_changed(probe.uid)

    def _absorb(
        self, probe: ProbeSeat, result: ProbeResult, *, took: float, declared: bool
    ) -> None:
        assert probe.state is not None
        kind, spec = probe.spec.kind, probe.spec
        match result.outcome:
            case Outcome.ERROR:
                words = f"{kind} probe errored and resulted in {result.state} state"
                self._tell(probe, "Unhealthy", f"{words}: {result.output}")
            case Outcome.FAILURE:
                why = self._excuse_for(probe, result, took)
                if why:
                    probe.state = excuse(probe.state)
                    bound = f"({probe.state.excused} of at most {self._rules.excuses})"
                    words = f"{kind} probe timed out while the node was starved"
                    self._tell(probe, "ProbeInconclusive", f"{words}, not counted {bound}: {why}")
                    return
                self._tell(probe, "Unhealthy", f"{kind} probe failed: {result.output}")
                probe.note_failure()
                probe.state = absorb(spec, probe.state, ok=False, output=result.output)
            case Outcome.SUCCESS | Outcome.WARNING:
                if result.outcome is Outcome.WARNING:
                    self._tell(probe, "ProbeWarning", f"{kind} probe warning: {result.output}")
                probe.note_success(took)
                add = absorb if declared else absorb_early
                probe.state = add(spec, probe.state, ok=True)

    def _excuse_for(self, probe: ProbeSeat, result: ProbeResult, took: float) -> str:
        """Why this failure does not count; "" if it does."""
        assert probe.state is not None
        if probe.spec.kind is not ProbeKind.LIVENESS or not result.timed_out:
            return ""
        if probe.state.excused >= self._rules.excuses:
            return ""
        began = asyncio.get_running_loop().time() - took
        lag = max((lag for at, lag in self._lags if at >= began), default=0.0)
        lag = max(lag, took - probe.spec.timeout)
        return starved(self._rules, self._pressure.read(), lag=lag)

    def _tell(self, probe: ProbeSeat, reason: str, message: str) -> None:
        assert probe.look is not None
        message = message.replace(probe.look.id, probe.spec.container)
        self._recorder.event(probe.spec.subject, EventType.WARNING, reason, message)

    def _next_tick(self, probe: ProbeSeat, due: float) -> None:
        """One period after this try, the first time on the grid; missed ticks are skipped."""
        now, period = asyncio.get_running_loop().time(), probe.spec.period
        if due != probe.tick_at or not probe.aligned:
            if not probe.aligned and isinstance(probe.spec.check, ExecCheck):
                due += self._chance() * min(period, _SPREAD)
            probe.aligned = True
            grid = _grid(period)
            due = round(due / grid) * grid
        missed = max(0.0, now - due) // period
        probe.tick_at = due + period * (1 + missed)

    def _plan_next(self, probe: ProbeSeat, *, took: float) -> None:
        assert probe.state is not None and probe.look is not None
        now, spec = asyncio.get_running_loop().time(), probe.spec
        grid = _grid(spec.period)
        if not is_fast(spec, probe.state):
            self._polling.discard(probe)
            self._push(probe, probe.tick_at)
            return
        self._polling.add(probe)
        pause = fast_pause(
            spec,
            took=took,
            waited=self._clock.now() - probe.look.started_at,
            crowd=len(self._polling) / self._rules.fast_rate,
        )
        soon = max(now + pause / 2, (now + pause + _SOON) // grid * grid)
        self._push(probe, min(soon, probe.tick_at))


def _grid(period: float) -> float:
    return min(_GRID, period / 10)
