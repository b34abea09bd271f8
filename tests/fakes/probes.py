"""Stand-ins around the probe scheduler: containers that answer by script, events in a list."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from nodeagent.model.events import NOT_ANNOTATED, Annotations, EventType, Subject
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import Health
from nodeagent.model.probes import Check, Outcome, ProbeResult, Target

YES = ProbeResult(outcome=Outcome.SUCCESS)
NO = ProbeResult(outcome=Outcome.FAILURE, output="nope")
BROKEN = ProbeResult(outcome=Outcome.ERROR, output="no runtime")
LATE = ProbeResult(outcome=Outcome.FAILURE, output="too late", timed_out=True)

Answer = ProbeResult | Callable[[float], ProbeResult]


class LoopClock:
    """Unix seconds that follow the loop's own time, so that virtual time moves both."""

    def __init__(self, start: float = 1000.0) -> None:
        self._start = start

    def now(self) -> float:
        return self._start + asyncio.get_running_loop().time()

    def turn(self, seconds: float) -> None:
        """Somebody sets the machine's clock."""
        self._start += seconds


class FakeChecks:
    """Answers by container id, each after `took` seconds; notes when it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.took: dict[str, float] = {}
        self.overrun = 0.0  # how late a passed deadline is noticed
        self.asked: dict[str, list[float]] = defaultdict(list)
        self.now = self.most = self.ended = 0

    async def check(self, check: Check, target: Target, *, limit: float) -> ProbeResult:
        at = asyncio.get_running_loop().time()
        self.asked[target.container_id].append(at)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            took = self.took.get(target.container_id, 0.0)
            await asyncio.sleep(min(took, limit))
            if took > limit:
                await asyncio.sleep(self.overrun)
                return LATE
            answer = self.answers.get(target.container_id, YES)
            return answer if isinstance(answer, ProbeResult) else answer(at)
        finally:
            self.now -= 1
            self.ended += 1


class FakePressure:
    """Pressure as told; counts how often it was read."""

    def __init__(self) -> None:
        self.now: dict[str, float] = {}
        self.reads = 0

    def read(self) -> Mapping[str, float]:
        self.reads += 1
        return self.now


class Notes:
    """A recorder and a listener that keep everything."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, str]] = []
        self.changes: list[tuple[float, PodUid, str, Health]] = []
        self.saves: Counter[PodUid] = Counter()

    def event(
        self,
        subject: Subject,
        type_: EventType,
        reason: str,
        message: str,
        note: Annotations = NOT_ANNOTATED,
    ) -> None:
        self.events.append((subject.field_path, type_.value, reason, message))

    def health_changed(self, uid: PodUid, container: str, health: Health) -> None:
        self.changes.append((asyncio.get_running_loop().time(), uid, container, health))

    def memory_changed(self, uid: PodUid) -> None:
        self.saves[uid] += 1

    def reasons(self) -> list[str]:
        return [reason for _, _, reason, _ in self.events]
