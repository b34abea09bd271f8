"""Carry out one action of a plan: a few port calls, then what changed in the pod's memory."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import msgspec
import structlog
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import find_container
from nodeagent.core.image_volumes import as_container
from nodeagent.core.refresh import LATER as REFRESH_LATER
from nodeagent.core.refresh import RETRY as REFRESH_RETRY
from nodeagent.core.refresh import earliest, shown
from nodeagent.core.resources import pod_cgroup
from nodeagent.core.subject import subject_of
from nodeagent.engine.admitting import rejected
from nodeagent.engine.configs import Configs
from nodeagent.engine.gate import Gate
from nodeagent.engine.observe import Observer
from nodeagent.engine.pod_meter import PodMeter
from nodeagent.engine.ports import (
    Cgroups,
    Clock,
    Containers,
    Hooks,
    PodFiles,
    Recorder,
    Volumes,
)
from nodeagent.engine.pulls import Pulls
from nodeagent.engine.resizing import carry_out
from nodeagent.engine.sandbox_ports import Sandboxes
from nodeagent.engine.stops import Stopper
from nodeagent.errors import (
    AgentError,
    AttachLimitReached,
    CriError,
    CriUnavailable,
    Retry,
    VolumeError,
)
from nodeagent.model.actions import (
    Action,
    CreateSandbox,
    EnsureImage,
    ForgetPod,
    PreparePod,
    RefreshVolumes,
    RemoveContainer,
    RemoveSandbox,
    ResizePod,
    StartContainer,
    StopContainers,
    StopSandbox,
    TearDownPod,
)
from nodeagent.model.events import EventType
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.launch import VolumePlace
from nodeagent.model.memory import PodMemory, Rejected
from nodeagent.model.observed import ObservedPod

log = structlog.get_logger()

RANK_CONTAINER, RANK_SANDBOX, RANK_REMOVAL = (
    0,
    1,
    2,
)  # a pod that has begun is finished before another begins


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The ports and parts that actions use."""

    sandboxes: Sandboxes
    containers: Containers
    volumes: Volumes
    cgroups: Cgroups
    files: PodFiles
    hooks: Hooks
    recorder: Recorder
    clock: Clock
    observer: Observer
    pulls: Pulls
    configs: Configs
    gate: Gate
    meter: PodMeter
    forget_probes: Callable[[PodUid], None]


class Executor:
    """Carries out the actions of one pod; keeps where its volumes are."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._places: Mapping[str, VolumePlace] = {}
        self._stopper = Stopper(
            containers=tools.containers,
            hooks=tools.hooks,
            recorder=tools.recorder,
        )

    async def execute(self, action: Action, memory: PodMemory, seen: ObservedPod) -> PodMemory:
        """Do it, look at what it touched, and return what is to be remembered.

        AgentError says that it failed; what it left half-done the next plan takes up.
        """
        match action:
            case PreparePod():
                return await self._prepare(memory)
            case RefreshVolumes():
                return await self._refresh(memory)
            case EnsureImage():
                return self._ensure_image(action, memory)
            case CreateSandbox():
                return await self._create_sandbox(action, memory, seen)
            case StartContainer():
                return await self._start_container(action, memory, seen)
            case StopContainers():
                return await self._stop_containers(action, memory, seen)
            case ResizePod():
                return await carry_out(self._tools, action, memory, seen)
            case _:
                return await self._take_away(action, memory, seen)

    async def _take_away(self, action: Action, memory: PodMemory, seen: ObservedPod) -> PodMemory:
        match action:
            case StopSandbox():
                return await self._stop_sandbox(action.id, memory, seen)
            case RemoveSandbox():
                async with self._tools.gate.hold(rank=RANK_REMOVAL):
                    await self._tools.sandboxes.remove_sandbox(action.id)
                self._tools.observer.forget(memory.pod.uid, (action.id,))
            case RemoveContainer():
                await self._remove_container(action, memory, seen)
            case TearDownPod():
                return await self._tear_down(memory)
            case ForgetPod():
                await self._forget(memory)
            case _:
                raise AssertionError(f"unknown action {action!r}")
        return memory

    async def used_restart_counts(self, memory: PodMemory) -> Mapping[str, int]:
        """By container, the highest restart count that its log files show."""
        tools = self._tools
        return await tools.files.used_restart_counts(tools.configs.log_directory(memory.pod))

    # --- beginnings -------------------------------------------------------------------------

    async def _prepare(self, memory: PodMemory) -> PodMemory:
        tools, pod = self._tools, memory.pod
        try:
            await tools.files.make_pod_dirs(pod.uid, tools.configs.log_directory(pod))
        except AgentError as error:
            self._event(memory, "Failed", f"error making pod data directories: {error}")
            raise
        await self._make_cgroup(memory)
        try:
            self._places = await tools.volumes.set_up(pod)
        except AttachLimitReached as error:
            refused = Rejected(reason=error.reason, message=str(error))
            return rejected(memory, refused, tools.recorder, tools.meter)
        except AgentError as error:
            self._event(memory, _mount_reason(error), str(error))
            raise
        due = earliest(place.again_at for place in self._places.values())
        return msgspec.structs.replace(shown(memory, due=due), prepared=True, torn_down=False)

    async def _refresh(self, memory: PodMemory) -> PodMemory:
        """What cannot be shown anew stays as it is: containers that run need it no less."""
        try:
            due = await self._tools.volumes.refresh(memory.pod)
        except AgentError as error:
            self._event(memory, _mount_reason(error), str(error))
            now = self._tools.clock.now()
            if error.retry is Retry.BACKOFF:
                return msgspec.structs.replace(memory, refresh_at=now + REFRESH_RETRY)
            due = now + REFRESH_LATER if memory.refresh_due else 0.0
        return shown(memory, due=due)

    async def _make_cgroup(self, memory: PodMemory) -> None:
        configs = self._tools.configs
        cgroup = pod_cgroup(memory.pod.pod, memory.pod.uid, node=configs.node, rules=configs.rules)
        try:
            await self._tools.cgroups.ensure_pod(cgroup)
        except AgentError as error:
            text = f"unable to ensure pod container exists: {error}"
            self._event(memory, "FailedCreatePodContainer", text)
            raise

    def _ensure_image(self, action: EnsureImage, memory: PodMemory) -> PodMemory:
        known = find_container(memory.pod.spec, action.name.partition("/")[0])
        assert known is not None, "the plan names a container of the spec"
        _, container = known
        if action.name != container.name:
            container = as_container(memory.pod, action.name)
        self._tools.pulls.ask(memory.pod, container, attempt=action.attempt)
        return memory

    async def _create_sandbox(
        self, action: CreateSandbox, memory: PodMemory, seen: ObservedPod
    ) -> PodMemory:
        tools, pod = self._tools, memory.pod
        self._check_network(memory)
        if seen.sandboxes:
            text = "Pod sandbox changed, it will be killed and re-created."
            self._event(memory, "SandboxChanged", text, EventType.NORMAL)
        for warning in tools.configs.dns_warnings(memory.pod):
            self._event(memory, warning.reason, warning.message)
        own_users = pod.spec.hostUsers is False
        try:
            config = tools.configs.sandbox(memory, attempt=action.attempt, places=self._places)
            async with tools.gate.hold(rank=RANK_SANDBOX):
                with self._timed(config.runtime_handler):
                    sandbox = await tools.sandboxes.create_sandbox(config)
                await tools.observer.look_sandbox(pod.uid, sandbox)
            tools.meter.pod(failed=False, own_users=own_users)
        except AgentError as error:
            tools.meter.pod(failed=True, own_users=own_users)
            self._event(
                memory, "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error.detail}"
            )
            raise
        return msgspec.structs.replace(
            memory, sandbox_attempt=max(memory.sandbox_attempt, action.attempt + 1)
        )

    @contextmanager
    def _timed(self, handler: str) -> Iterator[None]:
        began, failed = time.monotonic(), True
        try:
            yield
            failed = False
        finally:
            self._tools.meter.sandbox(handler, time.monotonic() - began, failed=failed)

    def _check_network(self, memory: PodMemory) -> None:
        """A pod with a network of its own waits until the runtime can give it one."""
        trouble = self._tools.configs.node.network_trouble
        if trouble and not memory.pod.spec.hostNetwork:
            self._event(memory, "NetworkNotReady", f"network is not ready: {trouble}")
            raise CriUnavailable(
                op="make sandbox of",
                target=memory.pod.key,
                detail=f"network is not ready: {trouble}",
            )

    async def _start_container(
        self, action: StartContainer, memory: PodMemory, seen: ObservedPod
    ) -> PodMemory:
        known = find_container(memory.pod.spec, action.name)
        assert known is not None, "the plan names a container of the spec"
        _, container = known
        async with self._tools.gate.hold(rank=RANK_CONTAINER):
            id_ = action.adopt or await self._create(action, container, memory, seen)
            await self._start(id_, container, memory)
            await self._tools.observer.look_container(memory.pod.uid, id_)
        await self._link_log(memory, container.name, id_, action.restart_count)
        return memory

    async def _link_log(self, memory: PodMemory, name: str, id_: ContainerId, count: int) -> None:
        """The container runs, whether or not there is a link to its log."""
        try:
            await self._tools.configs.link_log(memory.pod, name, id_, count)
        except AgentError as error:
            log.warning("no link to a log", pod=memory.pod.key, container=name, error=str(error))

    async def _create(
        self,
        action: StartContainer,
        container: v1.Container,
        memory: PodMemory,
        seen: ObservedPod,
    ) -> ContainerId:
        tools = self._tools
        box = seen.sandbox
        assert box is not None, "the plan starts containers only in a sandbox"
        config = await tools.configs.container(memory, container, action, seen, self._places)
        sandbox_config = tools.configs.sandbox(memory, attempt=box.attempt, places=self._places)
        try:
            id_ = await tools.containers.create_container(box.id, config, sandbox_config)
        except CriError as error:
            error.reason = "CreateContainerError"
            raise
        self._container_event(memory, action.name, "Created", "Container created")
        return id_

    async def _start(self, id_: ContainerId, container: v1.Container, memory: PodMemory) -> None:
        tools, pod = self._tools, memory.pod
        try:
            await tools.containers.start_container(id_)
        except CriError as error:
            error.reason = "RunContainerError"
            with suppress(AgentError):  # the first error counts
                await tools.observer.look_container(pod.uid, id_)
            raise
        self._container_event(memory, container.name, "Started", "Container started")

    async def look(self, uid: PodUid) -> None:
        """Look at the whole pod now. CriError where the runtime does not answer."""
        await self._tools.observer.look(uid)

    async def post_start(self, name: str, memory: PodMemory, seen: ObservedPod) -> None:
        """Run the hook of a container that was just started, if it has one. HookFailed."""
        pod = memory.pod
        known, newest = find_container(pod.spec, name), seen.newest(name)
        if known is None or newest is None:
            return
        _, container = known
        if container.lifecycle is None or container.lifecycle.postStart is None:
            return
        ip = seen.sandbox.ips[0] if seen.sandbox and seen.sandbox.ips else ""
        await self._tools.hooks.post_start(pod, container, newest.id, ip)

    # --- ends -------------------------------------------------------------------------------

    async def _stop_containers(
        self, action: StopContainers, memory: PodMemory, seen: ObservedPod
    ) -> PodMemory:
        try:
            await self._stopper.stop(action, memory.pod, seen)
        finally:
            for stop in action.stops:
                self._tools.observer.look_soon(memory.pod.uid, stop.id)
        for stop in action.stops:
            await self._tools.observer.look_container(memory.pod.uid, stop.id)
        return memory

    async def _stop_sandbox(
        self, sandbox: SandboxId, memory: PodMemory, seen: ObservedPod
    ) -> PodMemory:
        async with self._tools.gate.hold(rank=RANK_SANDBOX):
            await self._tools.sandboxes.stop_sandbox(sandbox)
        await self._tools.observer.look_sandbox(memory.pod.uid, sandbox)
        known = {box.id for box in seen.sandboxes}
        stopped = (*(s for s in memory.stopped_sandboxes if s in known and s != sandbox), sandbox)
        return msgspec.structs.replace(memory, stopped_sandboxes=stopped)

    async def _remove_container(
        self, action: RemoveContainer, memory: PodMemory, seen: ObservedPod
    ) -> None:
        tools = self._tools
        record = next((c for c in seen.containers if c.id == action.id), None)
        if action.with_logs and record is not None:
            path = tools.configs.log_path(memory.pod, record.name, record.restart_count)
            await tools.files.remove_log(path, container_id=action.id)
        await tools.containers.remove_container(action.id)
        tools.observer.forget(memory.pod.uid, (action.id,))

    async def _tear_down(self, memory: PodMemory) -> PodMemory:
        self._tools.forget_probes(memory.pod.uid)
        await self._tools.volumes.tear_down(memory.pod.uid)
        await self._tools.cgroups.remove_pod(memory.pod.uid)
        self._places = {}
        return msgspec.structs.replace(memory, torn_down=True, prepared=False)

    async def _forget(self, memory: PodMemory) -> None:
        tools = self._tools
        tools.pulls.forget(memory.pod.uid)
        tools.forget_probes(memory.pod.uid)
        log_directory = tools.configs.log_directory(memory.pod)
        await tools.files.remove_pod_dirs(memory.pod.uid, log_directory)

    # --- events -----------------------------------------------------------------------------

    def _event(
        self, memory: PodMemory, reason: str, message: str, type_: EventType = EventType.WARNING
    ) -> None:
        self._tools.recorder.event(subject_of(memory.pod), type_, reason, message)

    def _container_event(self, memory: PodMemory, name: str, reason: str, message: str) -> None:
        subject = subject_of(memory.pod, name)
        self._tools.recorder.event(subject, EventType.NORMAL, reason, message)


def _mount_reason(error: AgentError) -> str:
    return error.reason if isinstance(error, VolumeError) else "FailedMount"
