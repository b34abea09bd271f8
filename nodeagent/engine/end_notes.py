"""Why containers ended, noted and told once for each."""

from msgspec.structs import replace

from nodeagent.core.ends import event_of_exit, take_ends
from nodeagent.core.subject import subject_of
from nodeagent.engine.ports import Recorder
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import ObservedPod


def noted(memory: PodMemory, seen: ObservedPod, recorder: Recorder) -> PodMemory:
    """The memory with a note of each end; those that were not our doing are told as events."""
    notes = dict(take_ends(memory, seen))
    for container in seen.containers:
        if container.id in notes and container.id not in memory.ends:
            told = event_of_exit(container, notes[container.id])
            recorder.event(subject_of(memory.pod, container.name), *told)
    return memory if notes == memory.ends else replace(memory, ends=notes)
