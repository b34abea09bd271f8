"""What a failure costs: the wait before the next try, of a pod or of one container."""

import random

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.core.restart import backoff_key, crash_loop, may_restart, restart_at
from nodeagent.core.subject import subject_of
from nodeagent.engine.ports import Recorder
from nodeagent.errors import AgentError, Retry
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.memory import PodMemory, Trouble
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer

FIRST, LONGEST = 0.5, 10.0
JITTER = 0.5
FOREVER = 3600.0


def grown(count: int) -> float:
    """Seconds to wait after so many failures in a row, with jitter on the longest waits."""
    delay: float = min(FIRST * 2 ** min(count - 1, 10), LONGEST)
    return delay * (1 + random.random() * JITTER) if delay >= LONGEST else delay


class Setback:
    """A pod's failed steps. A changed wish does not wait for what an older one caused."""

    def __init__(self) -> None:
        self._pod: DesiredPod | None = None
        self._count = 0
        self._until = 0.0
        self.delay = 0.0

    def grow(self, pod: DesiredPod, now: float) -> None:
        """One more failure with this wish."""
        self._count = self._count + 1 if pod == self._pod else 1
        self._pod = pod
        self.delay = grown(self._count)
        self._until = now + self.delay

    def left(self, pod: DesiredPod, now: float) -> float:
        """Seconds that this wish still has to wait; a clock that was set back does not count."""
        if pod != self._pod:
            return 0.0
        return min(max(self._until - now, 0.0), LONGEST * (1 + JITTER))

    @property
    def count(self) -> int:
        """Failures in a row."""
        return self._count

    def clear(self) -> None:
        """A step went well."""
        self._pod, self._count, self._until = None, 0, 0.0


def container_trouble(before: Trouble | None, error: AgentError, *, now: float) -> Trouble:
    """The waiting reason of a container that failed to start, and when to try again."""
    count = before.count + 1 if before is not None and before.reason == error.reason else 1
    wait = FOREVER if error.retry is Retry.NEVER else grown(count)
    return Trouble(
        reason=error.reason, message=error.detail, at=now, count=count, retry_at=now + wait
    )


class BackoffTeller:
    """Tells of containers that wait out a crash loop, once for each exit."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._told: dict[str, str] = {}

    def tell(self, memory: PodMemory, seen: ObservedPod, *, rules: NodeRules, now: float) -> None:
        """Emit what has not been told yet."""
        if memory.ending is not None or not memory.backoffs:
            return
        for kind, container in each_container(memory.pod.spec):
            newest = seen.newest(container.name)
            if newest is None or newest.phase is not Phase.EXITED:
                continue
            if self._told.get(container.name) == newest.id:
                continue
            if not may_restart(memory.pod.spec, kind, container, newest):
                continue
            if self._is_held(memory, container, newest, rules=rules, now=now):
                self._told[container.name] = newest.id
                self._emit(memory, container)

    def _is_held(
        self,
        memory: PodMemory,
        container: v1.Container,
        newest: SeenContainer,
        *,
        rules: NodeRules,
        now: float,
    ) -> bool:
        entry = memory.backoffs.get(container.name)
        loop = crash_loop(rules, memory.pod.annotations)
        key = backoff_key(memory.pod, container)
        return restart_at(entry, key, newest, loop=loop, now=now) > now

    def _emit(self, memory: PodMemory, container: v1.Container) -> None:
        pod = memory.pod
        subject = subject_of(pod, container.name)
        self._recorder.event(
            subject,
            EventType.WARNING,
            "BackOff",
            f"Back-off restarting failed container {container.name} "
            f"in pod {pod.name}_{pod.namespace}({pod.uid})",
        )
