"""What of one pod is to be counted: its passes, the ends of its containers, its being Running."""

import time
from collections.abc import Mapping

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, find_container
from nodeagent.core.ends import shown_reason
from nodeagent.core.image_volumes import image_keys
from nodeagent.engine.pod_meter import PodMeter
from nodeagent.errors import AgentError
from nodeagent.model.memory import ImageOutcome, ImageState, PodMemory
from nodeagent.model.observed import ObservedPod, Phase

_TYPES = {
    Kind.INIT: "init_container",
    Kind.SIDECAR: "init_container",
    Kind.EPHEMERAL: "ephemeral_container",
}
_NO_IMAGE_VOLUME = "ImageVolumeMountFailed"  # as the CRI has runtimes say it


def container_type(spec: v1.PodSpec, name: str) -> str:
    """What a kubelet's metrics call the kind of a container."""
    known = find_container(spec, name)
    return _TYPES.get(known[0], "container") if known is not None else "container"


class PodTally:
    """Tells the meter what became of one pod, each thing once."""

    def __init__(self, meter: PodMeter) -> None:
        self._meter = meter
        self._before: PodMemory | None = None
        self._began = 0.0
        self._judged = -1  # the sandbox whose first container did or did not start
        self._known = False  # to an earlier run of the agent
        self._ended: frozenset[str] | None = None  # containers that were seen to have ended

    def begin(self, memory: PodMemory, *, now: float, known: bool) -> None:
        """A pass of its worker begins, `now` in Unix time."""
        if self._before is None:
            self._known = known
            self._judged = memory.sandbox_attempt if known else -1
            waited = None if known else max(now - memory.seen_at, 0.0)
            self._meter.began(len(memory.pod.spec.containers), waited)
        self._began = time.monotonic()

    def end(self, memory: PodMemory, *, forgotten: bool) -> None:
        """It is over, whatever came of it."""
        before, self._before = self._before, memory
        self._meter.stepped(_purpose(before, memory, forgotten), time.monotonic() - self._began)

    def look(self, memory: PodMemory, seen: ObservedPod) -> None:
        """Its containers are so now. What had ended before the first look is none of ours, but
        for what ended while nobody looked: such an end has no note yet in what was remembered."""
        ended = frozenset(c.id for c in seen.containers if c.phase is Phase.EXITED)
        if self._ended is None:
            self._ended = ended & memory.ends.keys() if self._known else ended
        fresh, self._ended = ended - self._ended, ended
        for container in seen.containers if fresh else ():
            if container.id in fresh:
                self._meter.ended(
                    container_type(memory.pod.spec, container.name),
                    container.exit_code,
                    shown_reason(container, memory.ends.get(container.id)),
                )

    def brought(self, memory: PodMemory, images: Mapping[str, ImageOutcome]) -> None:
        """Its images are so now. One that is not to be had keeps its container from starting."""
        for name, outcome in images.items():
            if outcome.state is ImageState.FAILED and outcome != memory.images.get(name):
                name = name.partition("/")[0]
                self._meter.container(container_type(memory.pod.spec, name), outcome.reason)
                self._judge(memory, failed=True)

    def turned(self, memory: PodMemory, status: v1.PodStatus, *, now: float) -> None:
        """Its status is another now than the memory has."""
        before = memory.status.phase if memory.status is not None else None
        if before == "Pending" and status.phase == "Running":
            self._meter.runs(max(now - memory.seen_at, 0.0))

    def started(self, memory: PodMemory, name: str, error: AgentError | None = None) -> None:
        """A container was started, or was to be."""
        spec = memory.pod.spec
        self._meter.container(container_type(spec, name), error.reason if error else "")
        self._judge(memory, failed=error is not None)
        known = find_container(spec, name)
        images = len(image_keys(memory.pod, known[1])) - 1 if known is not None else 0
        if images:
            failed = error is not None and _NO_IMAGE_VOLUME in error.detail
            self._meter.image_volumes(images, failed=failed)

    def _judge(self, memory: PodMemory, *, failed: bool) -> None:
        """User ids of a pod's own show in its first container whether they can be had."""
        fresh, self._judged = memory.sandbox_attempt != self._judged, memory.sandbox_attempt
        if fresh and failed and memory.pod.spec.hostUsers is False:
            self._meter.user_pod_failed()


def _purpose(before: PodMemory | None, memory: PodMemory, forgotten: bool) -> str:
    if forgotten or (memory.torn_down and before is not None and not before.torn_down):
        return "terminated"
    if memory.ending is not None:
        return "kill"
    if before is None:
        return "create"
    return "sync" if before.pod is memory.pod or before.pod == memory.pod else "update"
