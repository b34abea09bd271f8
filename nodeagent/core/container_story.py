"""Why one container holds its pod: image, configuration, volumes, crash, probe."""

from collections.abc import Callable, Iterator

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.catalogue import code_for
from nodeagent.core.containers import Kind, each_container, field_path
from nodeagent.core.ends import OURS
from nodeagent.core.exits import end_code, end_text, one_line
from nodeagent.core.pod_state import short_age
from nodeagent.core.story import Case, Finding
from nodeagent.core.times import as_seconds
from nodeagent.model.ends import EndNote, EndReason
from nodeagent.model.events import SeenEvent
from nodeagent.model.memory import ImageState

# Events that tell why a pod's first container is not even created yet.
_BEFORE_CONTAINERS = (
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedCreatePodSandBox",
    "FailedCreatePodContainer",
    "FailedPrepareDynamicResources",
    "NetworkNotReady",
    "FailedSync",
)
_KILL_SLACK = 90.0  # seconds a stop may take between its event and the container's end
_FIXES = {
    "ErrImagePull": "Check the image's name and that its registry can be reached from this node.",
    "ErrImageNeverPull": "Bring the image to the node, or set imagePullPolicy to IfNotPresent.",
    "InvalidImageName": "Correct the image's name in the manifest.",
    "CreateContainerConfigError": "Correct what the message names in the manifest or on the node.",
    "CreateContainerError": "The runtime refused the container: correct what its message names.",
    "RunContainerError": "Check command and args: they must exist and be executable in the image.",
}
_FIXES["ImagePullBackOff"] = _FIXES["ErrImagePull"]


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One container of the case: what is wanted and what its status says."""

    case: Case
    kind: Kind
    spec: v1.Container
    status: v1.ContainerStatus

    @classmethod
    def all_of(cls, case: Case) -> Iterator["Story"]:
        """Every container that has a status, in the spec's order."""
        status = case.status
        groups = (
            status.initContainerStatuses,
            status.containerStatuses,
            status.ephemeralContainerStatuses,
        )
        by_name = {s.name: s for group in groups for s in group or ()}
        for kind, spec in each_container(case.pod.spec) if case.pod.spec else ():
            if spec.name in by_name:
                yield cls(case=case, kind=kind, spec=spec, status=by_name[spec.name])

    @classmethod
    def regular_of(cls, case: Case) -> Iterator["Story"]:
        """The regular containers only."""
        return (story for story in cls.all_of(case) if story.kind is Kind.REGULAR)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def field_path(self) -> str:
        return field_path(self.kind, self.name)

    @property
    def state(self) -> v1.ContainerState:
        return self.status.state or v1.ContainerState()

    @property
    def running(self) -> v1.ContainerStateRunning | None:
        return self.state.running

    @property
    def waiting(self) -> v1.ContainerStateWaiting | None:
        return self.state.waiting

    @property
    def ended(self) -> v1.ContainerStateTerminated | None:
        return self.state.terminated

    @property
    def last(self) -> v1.ContainerStateTerminated | None:
        return self.status.lastState.terminated if self.status.lastState else None

    @property
    def limit(self) -> str:
        """The memory limit as the manifest writes it."""
        limits = (self.spec.resources.limits if self.spec.resources else None) or {}
        return str(limits.get("memory", ""))

    def note(self, ended: v1.ContainerStateTerminated | None) -> EndNote | None:
        """What the agent noted of that end, if it remembers."""
        if ended is None or self.case.memory is None:
            return None
        return self.case.memory.ends.get((ended.containerID or "").partition("://")[2])

    def reason(self, ended: v1.ContainerStateTerminated | None) -> str:
        """The end's reason out of the closed set, "" where nothing was noted."""
        note = self.note(ended)
        return note.reason.value if note is not None else ""

    def was_stopped(self, ended: v1.ContainerStateTerminated) -> bool:
        """Whether we ended it, and not only because nothing of its pod was left to do."""
        note = self.note(ended)
        return note is not None and note.reason in OURS - {EndReason.POD_FINISHED}

    def how_ended(self, ended: v1.ContainerStateTerminated) -> str:
        """How that instance ended, and by whom."""
        note = self.note(ended)
        if note is not None and note.reason in OURS:
            return f"was stopped by the agent ({note.reason}): {one_line(note.text)}"
        if note is not None and note.reason in (EndReason.POD_OOM, EndReason.NODE_OOM):
            return f"was killed ({note.reason}, exit code {ended.exitCode}): {note.text}"
        told = self._killed_by_event(ended) if note is None else ""
        return told or end_text(ended, memory_limit=self.limit)

    def _killed_by_event(self, ended: v1.ContainerStateTerminated) -> str:
        event = self.newest("Killing")
        if event is None or event.message.startswith("Stopping container"):
            return ""
        finished = as_seconds(ended.finishedAt)
        if not finished - _KILL_SLACK <= event.last_at <= finished + 1:
            return ""
        return f"was stopped by the agent: {event.message}{self._probe_words(event)}"

    def _probe_words(self, kill: SeenEvent) -> str:
        probe = self.newest("Unhealthy")
        if probe is None or "probe" not in kill.message:
            return ""
        return f" ({one_line(probe.message)})"

    def newest(self, *reasons: str) -> SeenEvent | None:
        """The last event of these reasons about this container."""
        return self.case.newest(reasons, field_path=self.field_path)

    def retry(self) -> str:
        """When the agent tries again, as far as it remembers; "" if unknown."""
        memory = self.case.memory
        if memory is None:
            return ""
        trouble, image = memory.troubles.get(self.name), memory.images.get(self.name)
        at = max(trouble.retry_at if trouble else 0.0, image.retry_at if image else 0.0)
        if at:
            return self._from_now(at)
        backoff, over = memory.backoffs.get(self.name), self.last or self.ended
        if backoff is None or over is None:
            return ""
        again = self._from_now(as_seconds(over.finishedAt) + backoff.delay)
        return f"{again} (back-off {short_age(backoff.delay)})"

    def _from_now(self, at: float) -> str:
        return f"in {short_age(at - self.case.now)}" if at > self.case.now else "now"


def container_findings(case: Case) -> Iterator[Finding | None]:
    """What each container has to say, init containers first; None for one that is well."""
    for story in Story.all_of(case):
        if story.kind is not Kind.EPHEMERAL:
            yield _finding(story)


def _finding(story: Story) -> Finding | None:
    if story.waiting:
        return _waiting(story, story.waiting)
    if story.ended:
        return _ended(story, story.ended)
    if story.running:
        return _running(story, story.running)
    return None


def _waiting(story: Story, waiting: v1.ContainerStateWaiting) -> Finding | None:
    reason = waiting.reason or "ContainerCreating"
    return _WAITS.get(reason, _failed_start)(story, waiting)


def _crashed(story: Story, waiting: v1.ContainerStateWaiting) -> Finding:
    ended = story.last
    what = story.how_ended(ended) if ended else "failed"
    times = story.status.restartCount + 1
    retry = story.retry()
    return Finding(
        cause=f"Container {story.name} {what}" + (f" ({times} runs so far)" if times > 1 else ""),
        next=f"It is started again {retry}."
        if retry
        else "It is started again after its back-off.",
        fix=_crash_fix(story, ended),
        code=end_code(ended) or code_for("CrashLoopBackOff"),
        reason=story.reason(ended),
    )


def _crash_fix(story: Story, ended: v1.ContainerStateTerminated | None) -> str:
    if ended and ended.reason == "OOMKilled":
        return f"Raise resources.limits.memory of container {story.name}, or make it use less."
    metadata = story.case.pod.metadata
    name = metadata.name if metadata else ""
    return f"See what it wrote: nodeagent logs {name} -c {story.name} -p"


def _failed_start(story: Story, waiting: v1.ContainerStateWaiting) -> Finding:
    reason = waiting.reason or ""
    detail = one_line(waiting.message or "") or _event_words(story) or reason
    retry = story.retry()
    final = reason in ("ErrImageNeverPull", "InvalidImageName")
    return Finding(
        cause=f"Container {story.name} cannot start ({reason}): {detail}",
        next=f"It is tried again {retry}."
        if retry
        else ("Nothing changes until the manifest or the image does." if final else ""),
        fix=_FIXES.get(reason, ""),
        code=code_for(reason),
    )


def _image_back_off(story: Story, waiting: v1.ContainerStateWaiting) -> Finding:
    """The back-off's own message says little: the failed pull before it says why."""
    failed = story.newest("Failed")
    if failed is None or "pull" not in failed.message:
        return _failed_start(story, waiting)
    words = msgspec.structs.replace(waiting, message=failed.message)
    return _failed_start(story, words)


def _event_words(story: Story) -> str:
    event = story.newest("Failed", "ErrImageNeverPull", "InspectFailed")
    return one_line(event.message) if event else ""


def _creating(story: Story, waiting: v1.ContainerStateWaiting) -> Finding | None:
    case = story.case
    event = case.newest(_BEFORE_CONTAINERS)
    if event is not None:
        return Finding(
            cause=f"Nothing can start yet ({event.reason}): {one_line(event.message)}",
            next="It is tried again and again, with growing waits.",
            code=code_for(event.reason),
        )
    image = case.memory.images.get(story.name) if case.memory else None
    if image and image.state is ImageState.PULLING:
        pulling = story.newest("Pulling")
        since = f" for {short_age(case.now - pulling.last_at)}" if pulling else ""
        how = "whose pull has waited for its turn" if image.queued else "being pulled"
        return Finding(
            cause=f"Container {story.name} waits for its image {story.spec.image}, {how}{since}",
            next="It starts as soon as the image is there.",
        )
    if waiting.message:
        return Finding(
            cause=f"Container {story.name} is being created: {one_line(waiting.message)}"
        )
    started = as_seconds(case.status.startTime)
    since = f" for {short_age(case.now - started)}" if started else ""
    return Finding(cause=f"The pod is being started{since}; container {story.name} is next")


def _initializing(story: Story, waiting: v1.ContainerStateWaiting) -> Finding | None:
    """It waits for an init container, which speaks for itself if it has come so far."""
    return _creating(story, waiting)


_WAITS: dict[str, Callable[[Story, v1.ContainerStateWaiting], Finding | None]] = {
    "CrashLoopBackOff": _crashed,
    "ContainerCreating": _creating,
    "PodInitializing": _initializing,
    "ImagePullBackOff": _image_back_off,
}


def _ended(story: Story, ended: v1.ContainerStateTerminated) -> Finding | None:
    if story.case.status.phase in ("Succeeded", "Failed"):
        return None
    if story.kind is Kind.INIT and ended.exitCode == 0:
        return None
    retry = story.retry()
    what = story.how_ended(ended)
    if ended.exitCode == 0 and not retry and story.case.policy != "Always":
        return None
    return Finding(
        cause=f"Container {story.name} {what}",
        next=f"It is started again {retry}." if retry else f"restartPolicy is {story.case.policy}.",
        fix=_crash_fix(story, ended) if ended.exitCode else "",
        code=end_code(ended),
        reason=story.reason(ended),
    )


def _running(story: Story, running: v1.ContainerStateRunning) -> Finding | None:
    since = short_age(story.case.now - as_seconds(running.startedAt))
    if story.kind is Kind.INIT:
        return Finding(
            cause=f"Init container {story.name} has been running for {since}; "
            "the rest of the pod waits for its end",
        )
    if story.status.started and story.status.ready:
        return None
    unhealthy = story.newest("Unhealthy")
    if unhealthy is None and not (story.spec.readinessProbe or story.spec.startupProbe):
        return None
    probe = "startup" if not story.status.started else "readiness"
    words = one_line(unhealthy.message) if unhealthy else f"its {probe} probe has not succeeded yet"
    return Finding(
        cause=f"Container {story.name} runs for {since} but is not ready: {words}",
        next="It gets ready as soon as the probe succeeds."
        if probe == "readiness"
        else "It is restarted if the probe keeps failing.",
        code=code_for("Unhealthy") if unhealthy else "",
    )
