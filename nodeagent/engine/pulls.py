"""Images for containers about to start: found or pulled, one pull for each image at a time."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.bucket import Bucket
from nodeagent.core.images import normalize_image
from nodeagent.core.subject import subject_of
from nodeagent.core.times import short_duration
from nodeagent.engine.bring import Bringer
from nodeagent.engine.image_access import ImageAccess
from nodeagent.engine.image_meter import ImageMeter
from nodeagent.engine.ports import Clock, Images, Recorder
from nodeagent.errors import (
    AgentError,
    ImageError,
    ImageInspectFailed,
    ImageNeverPresent,
    ImagePullFailed,
)
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import ImageOutcome, ImageState
from nodeagent.model.observed import SeenImage

FIRST_DELAY, LONGEST_DELAY = 10.0, 300.0
PARALLEL_PULLS = 4
SHOW_ERROR = 2.0  # how long ErrImagePull shows before ImagePullBackOff does
TRUST_PRESENT = 10.0  # seconds for which a found image needs no second look


class _Delay(msgspec.Struct):
    """Back-off of one image for one pod."""

    delay: float
    at: float
    reason: str
    error: str

    def left(self, now: float) -> float:
        """Seconds still to wait at `now`; none where the clock was set back."""
        return max(self.at + self.delay - now, 0.0) if self.at <= now else 0.0


class _Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One container attempt's question."""

    pod: DesiredPod
    container: v1.Container
    attempt: int
    image: str


class Pulls:
    """Answers EnsureImage without ever blocking a pod's worker.

    Outcomes are read with `of`; `on_done` is called with a pod's uid when one of its changed,
    `on_pulled` with it and when a pull for it was asked for and was done.
    """

    def __init__(
        self,
        *,
        images: Images,
        recorder: Recorder,
        clock: Clock,
        on_done: Callable[[PodUid], None],
        access: ImageAccess,
        bucket: Bucket,
        meter: ImageMeter,
        parallel: int = PARALLEL_PULLS,
    ) -> None:
        self._images, self._recorder, self._clock, self._on_done = images, recorder, clock, on_done
        self._access, self._meter = access, meter
        self._bringer = Bringer(images=images, access=access, bucket=bucket, clock=clock)
        self._places = asyncio.Semaphore(parallel)
        self._outcomes: dict[PodUid, dict[str, ImageOutcome]] = {}
        self._delays: dict[tuple[PodUid, str], _Delay] = {}
        self._present: dict[str, tuple[float, SeenImage]] = {}
        self._pulling: dict[tuple[str, ...], asyncio.Future[SeenImage]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.on_pulled: Callable[[PodUid, float, float], None] = lambda uid, asked, done: None

    async def run(self) -> None:
        """Hold the group in which questions are worked on, for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    def of(self, uid: PodUid) -> Mapping[str, ImageOutcome]:
        """The present outcomes of a pod's containers, by name."""
        return self._outcomes.get(uid, {})

    def forget(self, uid: PodUid) -> None:
        """The pod is over."""
        self._outcomes.pop(uid, None)
        for key in [key for key in self._delays if key[0] == uid]:
            del self._delays[key]

    def doubt(self, uid: PodUid, container: str) -> None:
        """A start failed: its images are asked for anew at the next, as they may be gone."""
        outcomes = self._outcomes.get(uid, {})
        for name in [key for key in outcomes if key.partition("/")[0] == container]:
            self._present.pop(outcomes.pop(name).image, None)

    def ask(self, pod: DesiredPod, container: v1.Container, *, attempt: int) -> None:
        """Bring the container's image for this attempt; the outcome appears in `of`."""
        name = container.name
        present = self._outcomes.get(pod.uid, {}).get(name)
        if present is not None and present.attempt == attempt:
            if present.state is ImageState.PULLING:
                return
        try:
            image = normalize_image(container.image or "")
        except ImageError as error:
            self._fail_name(pod, container, attempt, error)
            return
        ask = _Ask(pod=pod, container=container, attempt=attempt, image=image)
        found = None if container.imagePullPolicy == "Always" else self._trusted(image)
        if found is not None and self._access.is_open(image, found.ref):
            self._meter.asked(container.imagePullPolicy or "IfNotPresent", True, False)
            self._tell_present(ask)
            self._set_ready(ask, found)
            return
        self._set(ask, _asked(ask, present))
        assert self._group is not None, "pulls are asked for before they run"
        self._group.create_task(self._work(ask), name=f"image-{pod.uid}-{name}")

    def _trusted(self, image: str) -> SeenImage | None:
        at, found = self._present.get(image, (0.0, None))
        fresh = 0 <= self._clock.now() - at <= TRUST_PRESENT
        return found if fresh else None

    async def _work(self, ask: _Ask) -> None:
        try:
            found = await self._find(ask)
        except AgentError as error:
            self._tell_failed(ask, error.reason)
            if self._is_asked(ask):
                soon = SHOW_ERROR if isinstance(error, ImagePullFailed) else FIRST_DELAY
                self._set_failed(ask, error.reason, error.detail, soon=soon)
        else:
            if self._is_asked(ask):
                self._set_ready(ask, found)
        self._on_done(ask.pod.uid)

    def _is_asked(self, ask: _Ask) -> bool:
        """Whether the answer is still waited for: the pod may be over, or have asked anew."""
        present = self._outcomes.get(ask.pod.uid, {}).get(ask.container.name)
        return (
            present is not None
            and present.state is ImageState.PULLING
            and (present.attempt, present.image) == (ask.attempt, ask.image)
        )

    async def _find(self, ask: _Ask) -> SeenImage:
        policy = ask.container.imagePullPolicy or "IfNotPresent"
        shown = ask.container.image or ""
        found = None if policy == "Always" else await self._status(ask)
        is_usable = found is not None and await self._access.may_use(ask.pod, ask.image, found.ref)
        present = None if policy == "Always" else found is not None
        self._meter.asked(policy, present, policy != "Never" and not is_usable)
        if found is not None and is_usable:
            self._tell_present(ask)
            return found
        if policy == "Never":
            detail = f'Container image "{shown}" is not present with pull policy of Never'
            self._event(ask, EventType.WARNING, "ErrImageNeverPull", detail)
            raise ImageNeverPresent(op="find image", target=shown, detail=detail)
        self._check_delay(ask)
        return await self._pull(ask)

    def _tell_present(self, ask: _Ask) -> None:
        where = "already present on machine and can be accessed by the pod"
        text = f'Container image "{ask.container.image}" {where}'
        self._event(ask, EventType.NORMAL, "Pulled", text)

    async def _status(self, ask: _Ask) -> SeenImage | None:
        try:
            found = await self._images.image_status(ask.image)
        except AgentError as error:
            detail = f'Failed to inspect image "{ask.container.image}": {error.detail}'
            self._event(ask, EventType.WARNING, "InspectFailed", detail)
            raise ImageInspectFailed(op="inspect image", target=ask.image, detail=detail) from error
        if found is not None:
            self._present[ask.image] = (self._clock.now(), found)
        return found

    def _check_delay(self, ask: _Ask) -> None:
        delay = self._delays.get((ask.pod.uid, ask.image))
        if delay is None or not delay.left(self._clock.now()):
            return
        shown = f'Back-off pulling image "{ask.container.image}"'
        self._event(ask, EventType.NORMAL, "BackOff", shown)
        raise ImageError(
            op="pull image",
            target=ask.image,
            detail=f"{shown}: {delay.reason}: {delay.error}",
            reason="ImagePullBackOff",
        )

    async def _pull(self, ask: _Ask) -> SeenImage:
        shown = ask.container.image or ""
        self._event(ask, EventType.NORMAL, "Pulling", f'Pulling image "{shown}"')
        asked_at = self._clock.now()
        try:
            found, began_at = await self._pull_once(ask)
        except AgentError as error:
            reason = error.reason if isinstance(error, ImagePullFailed) else "ErrImagePull"
            self._grow_delay(ask, reason, error.detail)
            detail = f'Failed to pull image "{shown}": {error.detail}'
            self._event(ask, EventType.WARNING, "Failed", detail)
            raise ImagePullFailed(
                op="pull image", target=ask.image, detail=error.detail, reason=reason
            ) from error
        self._delays.pop((ask.pod.uid, ask.image), None)
        now = self._clock.now()
        self._meter.pulled(found.size_bytes, max(now - asked_at, 0.0))
        self.on_pulled(ask.pod.uid, asked_at, now)
        took, waited = short_duration(now - began_at), short_duration(now - asked_at)
        text = f'Successfully pulled image "{shown}" in {took} ({waited} including waiting).'
        self._event(
            ask, EventType.NORMAL, "Pulled", f"{text} Image size: {found.size_bytes} bytes."
        )
        return found

    async def _pull_once(self, ask: _Ask) -> tuple[SeenImage, float]:
        """Join a pull of the same image with the same credentials, or start one."""
        credentials = await self._access.candidates(ask.pod, ask.image)
        key = (ask.image, *(credential.digest for credential in credentials))
        began_at = self._clock.now()
        under_way = self._pulling.get(key)
        if under_way is not None:
            self._show_pull(ask, queued=False)
            return await asyncio.shield(under_way), began_at
        answer: asyncio.Future[SeenImage] = asyncio.get_running_loop().create_future()
        self._pulling[key] = answer
        try:
            self._show_pull(ask, queued=self._places.locked())
            async with self._places:
                self._show_pull(ask, queued=False)
                began_at = self._clock.now()
                found = await self._bringer.bring(ask.pod, ask.image, credentials)
                self._present[ask.image] = (self._clock.now(), found)
                answer.set_result(found)
        except AgentError as error:
            answer.set_exception(error)
            answer.exception()  # told to whoever joined; nobody need have
            raise
        finally:
            del self._pulling[key]
            answer.cancel()
        return found, began_at

    def _show_pull(self, ask: _Ask, *, queued: bool) -> None:
        outcome = self._outcomes.get(ask.pod.uid, {}).get(ask.container.name)
        if outcome is None or not self._is_asked(ask):
            return
        shown = msgspec.structs.replace(outcome, begun=True, queued=queued)
        if shown != outcome:
            self._set(ask, shown)
            self._on_done(ask.pod.uid)

    def _grow_delay(self, ask: _Ask, reason: str, error: str) -> None:
        key = (ask.pod.uid, ask.image)
        old, now = self._delays.get(key), self._clock.now()
        forgotten = old is None or now - old.at - old.delay > LONGEST_DELAY * 2
        delay = FIRST_DELAY if forgotten or old is None else min(old.delay * 2, LONGEST_DELAY)
        self._delays[key] = _Delay(delay, now, reason, error)

    def _fail_name(
        self,
        pod: DesiredPod,
        container: v1.Container,
        attempt: int,
        error: ImageError,
    ) -> None:
        ask = _Ask(pod=pod, container=container, attempt=attempt, image="")
        text = f'Failed to apply default image tag "{container.image}": {error.detail}'
        self._event(ask, EventType.WARNING, "InspectFailed", text)
        self._tell_failed(ask, "InvalidImageName")
        self._set_failed(ask, "InvalidImageName", text, soon=FIRST_DELAY)

    def _tell_failed(self, ask: _Ask, reason: str) -> None:
        """What went wrong is told already; this is what it means for the container."""
        self._event(ask, EventType.WARNING, "Failed", f"Error: {reason}")

    def _set_failed(self, ask: _Ask, reason: str, message: str, *, soon: float) -> None:
        now = self._clock.now()
        delay = self._delays.get((ask.pod.uid, ask.image))
        left = delay.left(now) if delay is not None else FIRST_DELAY
        outcome = ImageOutcome(
            attempt=ask.attempt,
            state=ImageState.FAILED,
            image=ask.image,
            reason=reason,
            message=message,
            at=now,
            retry_at=now + min(left, soon),
        )
        self._set(ask, outcome)

    def _set_ready(self, ask: _Ask, found: SeenImage) -> None:
        outcome = ImageOutcome(
            attempt=ask.attempt,
            state=ImageState.READY,
            image=ask.image,
            ref=found.ref,
            uid=found.uid,
            username=found.username,
        )
        self._set(ask, outcome)

    def _set(self, ask: _Ask, outcome: ImageOutcome) -> None:
        self._outcomes.setdefault(ask.pod.uid, {})[ask.container.name] = outcome

    def _event(self, ask: _Ask, type_: EventType, reason: str, message: str) -> None:
        subject = subject_of(ask.pod, ask.container.name.partition("/")[0])
        self._recorder.event(subject, type_, reason, message)


def _asked(ask: _Ask, before: ImageOutcome | None) -> ImageOutcome:
    """An image that failed goes on telling why until there is another answer."""
    outcome = ImageOutcome(attempt=ask.attempt, state=ImageState.PULLING, image=ask.image)
    if before is None or before.image != ask.image or before.state is ImageState.READY:
        return outcome
    return msgspec.structs.replace(outcome, reason=before.reason, message=before.message)
