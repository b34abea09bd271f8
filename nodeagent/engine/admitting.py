"""Admission of one pod: asked once, before its first action, and never of what runs already."""

import msgspec
import structlog

from nodeagent.core.resize import with_first_grant
from nodeagent.core.subject import subject_of
from nodeagent.engine.pod_meter import PodMeter
from nodeagent.engine.ports import Recorder
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.model.events import EventType
from nodeagent.model.memory import PodMemory, Rejected
from nodeagent.model.observed import ObservedPod

log = structlog.get_logger()


class Admitting:
    """Asks the other pods for leave. What runs is adopted, also where it would not fit."""

    def __init__(self, tools: WorkerTools) -> None:
        self._tools = tools
        self.has_asked = False

    def is_held(self, memory: PodMemory, seen: ObservedPod) -> bool:
        """Whether the pod has to wait: for an older one that has not asked yet, or for an end."""
        neighbours = self._tools.neighbours
        if _asks(memory, seen) and neighbours.comes_later(memory):
            return True
        self.let_pass(memory)
        if neighbours.is_blocked(memory):
            return True
        return _asks(memory, seen) and neighbours.must_wait(memory)

    def let_pass(self, memory: PodMemory) -> None:
        """This pod asks now, or cannot: younger ones need not wait for it any more."""
        if not self.has_asked:
            self.has_asked = True
            self._tools.neighbours.ring_next(memory)

    def decide(self, memory: PodMemory, seen: ObservedPod) -> PodMemory:
        """The memory of a pod that is admitted, or refused for good."""
        if not _asks(memory, seen):
            fresh = memory.ending is None and not memory.admitted
            return with_first_grant(memory) if fresh else memory
        refused = self._tools.neighbours.refuse(memory)
        if refused is None:
            user = self._tools.neighbours.id_range(memory)
            return msgspec.structs.replace(with_first_grant(memory), user=user)
        refused = self._tools.neighbours.as_told(memory, refused)
        return rejected(memory, refused, self._tools.recorder, self._tools.meter)


def rejected(
    memory: PodMemory, refused: Rejected, recorder: Recorder, meter: PodMeter
) -> PodMemory:
    """The memory of a pod that is refused for good, and the event that says so."""
    meter.refused(refused.reason)
    recorder.event(subject_of(memory.pod), EventType.WARNING, refused.reason, refused.message)
    log.warning("pod refused", pod=memory.pod.key, reason=refused.reason, message=refused.message)
    return msgspec.structs.replace(memory, rejected=refused)


def _asks(memory: PodMemory, seen: ObservedPod) -> bool:
    """Whether this pod never ran here."""
    return not memory.admitted and memory.ending is None and seen.is_gone
