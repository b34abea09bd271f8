"""One pod's task: look, plan, act, look again, until the pod is forgotten."""

import asyncio
from contextlib import suppress

import msgspec
import structlog

from nodeagent.aio.bell import Bell
from nodeagent.core.broken_start import free_attempts, without_broken_off
from nodeagent.core.ending import deadline_of, ending_due
from nodeagent.core.ends import is_over, without_plans
from nodeagent.core.plan import outline, plan_pod, with_wake
from nodeagent.core.remember import (
    as_unwanted,
    with_counts,
    with_failed_hook,
    with_restart_all,
    with_restarts,
    with_stops,
    with_trouble,
    with_try,
    with_used_counts,
    without_trouble,
)
from nodeagent.core.status import derive_status
from nodeagent.core.subject import subject_of
from nodeagent.engine.admitting import Admitting
from nodeagent.engine.data import PodData
from nodeagent.engine.end_notes import noted
from nodeagent.engine.execute import Executor
from nodeagent.engine.pod_tally import PodTally
from nodeagent.engine.record import PodRecord
from nodeagent.engine.resizing import Resizer
from nodeagent.engine.setback import BackoffTeller, Setback, container_trouble
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.errors import AgentError, ConfigError, HookFailed
from nodeagent.model.actions import (
    Action,
    CreateSandbox,
    EnsureImage,
    ForgetPod,
    Plan,
    PreparePod,
    RefreshVolumes,
    ResizePod,
    RestartAll,
    StartContainer,
    StopContainers,
    TearDownPod,
)
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.memory import Ending, EndRequest, EndWhy, PodMemory
from nodeagent.model.observed import ObservedPod

log = structlog.get_logger()

_CREATING = (CreateSandbox, StartContainer)
_MAY_REPEAT = (EnsureImage, RefreshVolumes, ResizePod, StartContainer)  # with nothing new in sight
SAVE_AGAIN = 10.0  # seconds until a record that the disk refused is tried again
RESYNC = 60.0  # a look at the clock even if nothing happens, for deadlines and lost wishes


class PodWorker:
    """The only task that acts on its pod, so its actions never race each other."""

    def __init__(self, memory: PodMemory, tools: WorkerTools, executor: Executor) -> None:
        self.memory = memory
        self._tools, self._executor = tools, executor
        self._uid, self._key = memory.pod.uid, memory.pod.key
        self._bell = Bell()
        self._heard = tools.state.desired(self._uid)
        self._record = PodRecord(tools.records)
        self._has_record = False
        self._setback = Setback()
        self._teller = BackoffTeller(tools.recorder)
        self._tally = PodTally(tools.meter)
        self._data = PodData(tools.data)
        self._admitting, self._resizer = Admitting(tools), Resizer(tools)
        self._breakable: asyncio.Timeout | None = None
        self._hooked = ""  # the container whose postStart hook runs
        self._asked_end: EndRequest | None = None
        self._unsure = False  # a create failed that may have worked all the same
        self._acted: tuple[list[str], ObservedPod] | None = None
        self._restarts: dict[str, float] = {}
        self.first_round = asyncio.Event()  # it came to rest once
        self.forgotten = False

    def restored(self) -> None:
        """The memory came from disk as it is."""
        self._record.is_current(self.memory)
        self._has_record = True

    def ring(self) -> None:
        """Something of the pod may have changed. A hook of a container that is over ends too."""
        self._bell.ring()
        if self._hooked and is_over(self._seen(), self._hooked):
            self._break_off()

    def hear_wish(self) -> None:
        """The wish changed: what may be broken off ends by a nearer end."""
        self._bell.ring()
        self._heard = self._tools.state.desired(self._uid) or self._heard
        if self._breakable is not None and self._ends_sooner():
            self._break_off()

    @property
    def is_to_end(self) -> bool:
        """Whether the pod ends, or was told to."""
        return self.memory.ending is not None or self._asked_end is not None

    @property
    def has_asked(self) -> bool:
        """Whether the pod has asked for admission."""
        return self._admitting.has_asked

    def end(self, request: EndRequest) -> None:
        """End the pod for a reason of the node; a later end than that in force changes nothing."""
        self._asked_end = request
        self.hear_wish()

    def _break_off(self) -> None:
        breakable, self._breakable = self._breakable, None
        if breakable is not None:
            breakable.reschedule(asyncio.get_running_loop().time())

    def _ends_sooner(self) -> bool:
        wish = self._tools.state.desired(self._uid)
        memory = msgspec.structs.replace(self.memory, pod=wish or self._unwanted())
        now = self._tools.clock.now()
        return ending_due(memory, now=now, request=self._asked_end) != self.memory.ending

    def restart(self, container: str, at: float) -> None:
        """Restart one container ("" for all) now, its back-off forgotten."""
        names = [c.name for c in self.memory.pod.spec.containers]
        self._restarts |= {name: at for name in names if container in ("", name)}
        self._bell.ring()

    async def run(self) -> None:
        """Work until the pod is forgotten."""
        if not self._has_record:
            await self._count_by_logs()
        pause: float | None = 0.0
        while not self.forgotten:
            await self._bell.wait(at_most=RESYNC if pause is None else min(pause, RESYNC))
            self._tally.begin(self.memory, now=self._tools.clock.now(), known=self._has_record)
            pause = await self._try()
            self._tally.end(self.memory, forgotten=self.forgotten)
            if pause != 0.0:
                self.first_round.set()

    async def _count_by_logs(self) -> None:
        """Restart counts of a pod without a record go on where its log files end."""
        with suppress(AgentError):
            counts = await self._executor.used_restart_counts(self.memory)
            self.memory = with_used_counts(self.memory, counts)

    async def _try(self) -> float | None:
        """One step; an error becomes a setback of this pod only. Seconds until the next."""
        try:
            pause = await self._step()
        except AgentError as error:
            self._setback.grow(self.memory.pod, self._tools.clock.now())
            if self.memory.ending is not None:
                self._event(EventType.WARNING, "FailedKillPod", f"error killing pod: {error}")
            again_in = round(self._setback.delay, 1)
            log.warning("pod step failed", pod=self._key, error=str(error), again_in=again_in)
            return self._setback.delay
        except Exception:  # a bug here must not stop the other pods
            self._tools.count_bug()
            self._admitting.let_pass(self.memory)
            self._setback.grow(self.memory.pod, self._tools.clock.now())
            log.exception("bug while working on a pod", pod=self._key)
            return self._setback.delay
        return pause

    async def _step(self) -> float | None:
        """Take in what changed, plan, act. None: nothing to do until a ring."""
        now = self._tools.clock.now()
        self._take_in(now)
        held = self._setback.left(self.memory.pod, now)
        if held > 0:
            return held
        seen = self._seen()
        if self._admitting.is_held(self.memory, seen):
            return None
        self.memory = self._admitting.decide(self.memory, seen)
        if self.memory.rejected is not None and self.memory.ending is None:
            return 0.0
        plan = plan_pod(self.memory, seen, rules=self._tools.rules(), now=now)
        plan = with_wake(plan, deadline_of(self.memory) if self.memory.ending is None else None)
        if plan.restart_all is not RestartAll.NO_CHANGE:
            self.memory = with_restart_all(self.memory, plan, now=now)
            return 0.0
        if not any(isinstance(action, StopContainers) for action in plan.actions):
            self.memory = without_plans(self.memory, seen)
        self._teller.tell(self.memory, seen, rules=self._tools.rules(), now=now)
        if not plan.actions:
            saved = await self._record.save(self.memory)
            left = None if plan.wake_at is None else max(plan.wake_at - now, 0.0)
            return left if saved else min(SAVE_AGAIN, left or SAVE_AGAIN)
        if self._unsure and any(isinstance(a, _CREATING) for a in plan.actions):
            await self._executor.look(self._uid)
            self._unsure = False
            return 0.0
        await self._record.save_before_acting(self.memory)
        self._tools.count_plan(plan)
        log.debug("plan", pod=self._key, why=plan.why, actions=outline(plan))
        await self._act(plan)
        return self._pause_after(plan, seen, now)

    def _pause_after(self, plan: Plan, seen: ObservedPod, now: float) -> float:
        """None, unless the same was done to the same sight before: then it did not help."""
        acted = (outline(plan), seen)
        again, self._acted = acted == self._acted, acted
        if again and not any(isinstance(a, _MAY_REPEAT) for a in plan.actions):
            self._setback.grow(self.memory.pod, now)
            log.warning("actions change nothing", pod=self._key, actions=outline(plan))
            return self._setback.delay
        self._setback.clear()
        return 0.0

    def _seen(self) -> ObservedPod:
        seen = self._tools.state.observed(self._uid)
        return seen if self.memory.ending is not None else without_broken_off(seen)

    def _take_in(self, now: float) -> None:
        """Wish, images, probes and sight into the memory; the status anew; published if other."""
        tools, seen = self._tools, without_broken_off(self._seen())
        wish = tools.state.desired(self._uid)
        self.memory = self._resizer.take(self.memory, wish or self._unwanted(), seen)
        pod, box = self.memory.pod, seen.sandbox
        health = tools.probing.watch(
            pod,
            seen.containers,
            box.ips[0] if box is not None and box.ips else tools.host_ip(pod),
            ending=self.memory.ending is not None,
        )
        images = dict(tools.pulls.of(self._uid))
        self._tally.brought(self.memory, images)
        self.memory = msgspec.structs.replace(
            self.memory,
            images=images,
            health=dict(health),
            probes=tools.probing.memory(self._uid),
            attempts=free_attempts(self.memory.attempts, tools.state.observed(self._uid)),
        )
        self.memory = with_restarts(with_counts(self.memory, seen), self._restarts)
        self._restarts = {}
        self._tally.look(self.memory, seen)
        self.memory = noted(self.memory, seen, tools.recorder)
        self._take_data()
        self._refresh_status(seen, now)
        ending = ending_due(self.memory, now=now, request=self._asked_end)
        self._asked_end = None
        if ending is not None and ending != self.memory.ending:
            self._begin_end(ending, seen, now)
        tools.publish(self.memory, seen)

    def _take_data(self) -> None:
        """What the volumes are to show; a changed object ends the waits it may have caused."""
        self.memory, changed = self._data.take(self.memory)
        if changed:
            self._setback.clear()

    def _unwanted(self) -> DesiredPod:
        heard = self._heard
        return as_unwanted(heard or self.memory.pod, was_heard=heard is not None)

    def _refresh_status(self, seen: ObservedPod, now: float) -> None:
        tools = self._tools
        status = derive_status(self.memory, seen, node=tools.node(), rules=tools.rules(), now=now)
        if status != self.memory.status:
            self._tally.turned(self.memory, status, now=now)
            self.memory = msgspec.structs.replace(self.memory, status=status)

    def _begin_end(self, ending: Ending, seen: ObservedPod, now: float) -> None:
        self.memory = msgspec.structs.replace(self.memory, ending=ending)
        self._refresh_status(seen, now)
        told = self.memory.status.message if self.memory.status else None
        if ending.why is EndWhy.DEADLINE and told:
            self._event(EventType.NORMAL, ending.why.value, told)
        log.info("pod ends", pod=self._key, why=ending.why.value, grace=round(ending.grace, 1))

    # --- acting -----------------------------------------------------------------------------

    async def _act(self, plan: Plan) -> None:
        """Each action in order; the first failure ends the round, but for a failed container."""
        for action in plan.actions:
            if not await self._do(action):
                return
            if isinstance(action, TearDownPod):
                self._tools.neighbours.ring_waiting("pod_terminated")
            if isinstance(action, ForgetPod):
                self.forgotten = True
                return

    async def _do(self, action: Action) -> bool:
        """One action; False where the round ends with it."""
        if isinstance(action, StartContainer):
            return await self._start(action)
        if isinstance(action, StopContainers):
            self.memory = with_stops(self.memory, action, now=self._tools.clock.now())
            await self._record.save_before_acting(self.memory)
        if isinstance(action, PreparePod | RefreshVolumes | StopContainers):
            return await self._breakably(action)
        if isinstance(action, CreateSandbox):
            await self._create_sandbox(action)
        else:
            self.memory = await self._executor.execute(action, self.memory, self._seen())
        return True

    async def _breakably(self, action: PreparePod | RefreshVolumes | StopContainers) -> bool:
        """Act; False where a nearer end broke it off, so that it is planned again."""
        if self._ends_sooner():  # asked since the plan was made
            return False
        try:
            async with asyncio.timeout(self._until_deadline()) as self._breakable:
                self.memory = await self._executor.execute(action, self.memory, self._seen())
        except TimeoutError:
            return False
        finally:
            self._breakable = None
        return True

    async def _create_sandbox(self, action: CreateSandbox) -> None:
        """Make the sandbox; after two failures the next has a number of its own.

        The runtime may hold the name of one that it never finished (or will show it yet).
        """
        try:
            self.memory = await self._executor.execute(action, self.memory, self._seen())
        except AgentError:
            self._unsure = True
            if self._setback.count > 0:
                self.memory = msgspec.structs.replace(
                    self.memory, sandbox_attempt=action.attempt + 1
                )
            raise

    async def _start(self, action: StartContainer) -> bool:
        """Start a container; its failure is its own, and the others of the pod go on.

        False where it must be planned anew: its postStart hook failed or was broken off.
        """
        self.memory = with_try(self.memory, action)
        if action.backoff is not None:
            await self._record.save_before_acting(self.memory)
        name = action.name
        try:
            memory = await self._executor.execute(action, self.memory, self._seen())
            done = await self._run_hook(name, memory)
        except AgentError as error:
            now = self._tools.clock.now()
            trouble = container_trouble(self.memory.troubles.get(name), error, now=now)
            self._unsure = not isinstance(error, (ConfigError, HookFailed))
            self._tools.pulls.doubt(self._uid, name)
            self._tally.started(self.memory, name, error)
            self.memory = with_trouble(self.memory, action, trouble)
            if not isinstance(error, HookFailed):  # whose event is told
                self._event(EventType.WARNING, "Failed", f"Error: {error.detail}", name)
            text = str(error)
            log.warning("container does not start", pod=self._key, container=name, error=text)
            return not isinstance(error, HookFailed)
        self.memory = without_trouble(memory, name)
        self._tally.started(memory, name)
        return done

    async def _run_hook(self, name: str, memory: PodMemory) -> bool:
        """Run the postStart hook; False where the end of pod or container broke it off."""
        newest = self._seen().newest(name)
        if self._ends_sooner():
            return False
        self._hooked = newest.id if newest is not None else ""
        try:
            async with asyncio.timeout(self._until_deadline()) as self._breakable:
                await self._executor.post_start(name, memory, self._seen())
        except TimeoutError:
            return False
        except HookFailed as error:
            now = self._tools.clock.now()
            self.memory = with_failed_hook(memory, self._hooked, error.detail, now=now)
            raise
        finally:
            self._breakable, self._hooked = None, ""
        return True

    def _until_deadline(self) -> float | None:
        """Seconds until the pod's own deadline, None once the pod ends or without one."""
        due = deadline_of(self.memory) if self.memory.ending is None else None
        return None if due is None else max(due - self._tools.clock.now(), 0.0)

    def _event(self, type_: EventType, reason: str, message: str, container: str = "") -> None:
        subject = subject_of(self.memory.pod, container)
        self._tools.recorder.event(subject, type_, reason, message)
