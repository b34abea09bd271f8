"""A whole engine on fakes, so that tests of it read like sentences."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from lightkube.models import core_v1 as v1

from nodeagent.core.bucket import Bucket
from nodeagent.core.image_access import AccessRules
from nodeagent.engine.configs import Configs, HostTexts
from nodeagent.engine.execute import Tools
from nodeagent.engine.gate import Gate
from nodeagent.engine.image_access import ImageAccess
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.observe import Observer
from nodeagent.engine.pod_starts import PodStarts
from nodeagent.engine.probing import Probing
from nodeagent.engine.publish import Publisher
from nodeagent.engine.pulls import Pulls
from nodeagent.engine.state import NodeState
from nodeagent.engine.timed_sight import TimedSight
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.engine.workers import Workers
from nodeagent.metrics import AgentMetrics
from nodeagent.model.actions import Plan
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.memory import Health, PodMemory
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer
from nodeagent.model.probes import ProbeRules
from tests.fakes.host import (
    FakeCgroups,
    FakeData,
    FakeFiles,
    FakeHooks,
    FakeOoms,
    FakeRecorder,
    FakeRecords,
    FakeVolumes,
)
from tests.fakes.keys import FakeKeys, FakePullFiles
from tests.fakes.pods import UID
from tests.fakes.probes import FakeChecks, FakePressure, LoopClock
from tests.fakes.runtime import FakeRuntime

FACTS = NodeFacts(
    name="n1",
    ips=("192.0.2.1",),
    capacity={"cpu": 4000, "memory": 1 << 33, "pods": 110},
    allocatable={"cpu": 4000, "memory": 1 << 33, "pods": 110},
)
EPOCH = 1_700_000_000.0


class Machine:
    """What outlives an agent: the runtime, the disk, the kernel, the world outside."""

    def __init__(self) -> None:
        self.clock = LoopClock(EPOCH)
        self.runtime = FakeRuntime(self.clock.now)
        self.records = FakeRecords()
        self.files = FakeFiles(self.records)
        self.volumes, self.cgroups = FakeVolumes(), FakeCgroups()
        self.recorder, self.hooks = FakeRecorder(), FakeHooks()
        self.data = FakeData()
        self.keys, self.pull_files = FakeKeys(), FakePullFiles()
        self.checks, self.ooms = FakeChecks(), FakeOoms()
        self.wanted: dict[PodUid, DesiredPod] = {}


class Node:
    """One life of an agent on a machine."""

    def __init__(self, machine: Machine, rules: NodeRules) -> None:
        self.machine, self.rules = machine, rules
        self.runtime, self.recorder = machine.runtime, machine.recorder
        self.records, self.hooks = machine.records, machine.hooks
        clock, runtime = machine.clock, machine.runtime
        self.plans: list[Plan] = []
        self.bugs = 0
        self.shown: list[tuple[PodUid, v1.PodStatus | None]] = []
        self.ready = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.state, self.metrics = NodeState(), AgentMetrics()
        self.observer = Observer(
            runtime=runtime,
            sight=TimedSight(runtime, self.metrics.runtime),
            state=self.state,
            files=machine.files,
            ooms=machine.ooms,
        )
        self.workers = Workers(
            state=self.state, executor_tools=self._executor_tools, ready=self.ready
        )
        self.access = ImageAccess(
            data=lambda: machine.data,
            keys=machine.keys,
            files=machine.pull_files,
            clock=clock,
            rules=AccessRules(),
            checked=self.metrics.images.checked,
        )
        self.starts = PodStarts(self.metrics.pods, memory=self.workers.memory, clock=clock)
        self.pulls = Pulls(
            images=runtime,
            recorder=machine.recorder,
            clock=clock,
            on_done=self.workers.ring,
            access=self.access,
            bucket=Bucket(rate=50, burst=100),
            meter=self.metrics.images,
        )
        self.keeper = NodeKeeper(runtime=runtime, facts=FACTS, on_change=self.workers.ring_all)
        self.configs = Configs(
            node=lambda: self.keeper.facts,
            rules=lambda: rules,
            dirs=PodDirs(root="/var/lib/kubelet", logs="/var/log/pods"),
            texts=lambda: HostTexts(resolv="nameserver 192.0.2.53\n"),
            files=machine.files,
            volumes=machine.volumes,
            data=machine.data,
        )
        machine.data.on_change = self.workers.ring
        self.gate = Gate(8)
        self.publisher = Publisher()
        self.probing = Probing(
            checks=machine.checks,
            pressure=FakePressure(),
            recorder=machine.recorder,
            clock=clock,
            listener=self,
            rules=ProbeRules(),
        )
        self.pulls.on_pulled = self.starts.pulled
        self.publisher.listen(self._note_shown)
        self.publisher.listen(lambda uid: self.starts.hear(uid, self.publisher.pod(uid)))
        self.workers.on_forgotten = self._forgotten
        self.publish: Callable[[PodMemory, ObservedPod], None] = self.publisher.publish
        self.workers.equip(self._worker_tools())

    def _executor_tools(self) -> Tools:
        machine = self.machine
        return Tools(
            sandboxes=machine.runtime,
            containers=machine.runtime,
            volumes=machine.volumes,
            cgroups=machine.cgroups,
            files=machine.files,
            hooks=machine.hooks,
            recorder=machine.recorder,
            clock=machine.clock,
            observer=self.observer,
            pulls=self.pulls,
            configs=self.configs,
            meter=self.metrics.pods,
            gate=self.gate,
            forget_probes=self.probing.forget,
        )

    def _worker_tools(self) -> WorkerTools:
        return WorkerTools(
            state=self.state,
            records=self.machine.records,
            probing=self.probing,
            pulls=self.pulls,
            data=self.machine.data,
            recorder=self.machine.recorder,
            clock=self.machine.clock,
            node=lambda: self.keeper.facts,
            rules=lambda: self.rules,
            neighbours=self.workers.neighbours,
            meter=self.metrics.pods,
            publish=lambda memory, seen: self.publish(memory, seen),
            count_plan=self.plans.append,
            count_bug=self._count_bug,
            look_soon=self.observer.look_soon,
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.keeper.run())
            group.create_task(self.observer.run())
            group.create_task(self.pulls.run())
            group.create_task(self.probing.run())
            group.create_task(self.workers.run())
            group.create_task(self._get_ready())

    async def _get_ready(self) -> None:
        self.workers.restore(await self.machine.records.load_all())
        await self.access.load()
        self.state.want(self.machine.wanted)
        await self.observer.first_look.wait()
        self.ready.set()

    # --- what the engine calls --------------------------------------------------------------

    def health_changed(self, uid: PodUid, container: str, health: Health) -> None:
        self.workers.ring(uid)

    def memory_changed(self, uid: PodUid) -> None:
        self.workers.ring(uid)

    def _count_bug(self) -> None:
        self.bugs += 1

    def _forgotten(self, memory: PodMemory) -> None:
        self.publisher.forget(memory.pod.uid)

    def _note_shown(self, uid: PodUid) -> None:
        pod = next((p for p in self.publisher.pods() if p.metadata and p.metadata.uid == uid), None)
        self.shown.append((uid, pod.status if pod else None))

    def kill(self) -> None:
        """The agent ends here and now, in the middle of whatever it does."""
        if self.task is not None:
            self.task.cancel()

    # --- what tests say ---------------------------------------------------------------------

    def want(self, *pods: DesiredPod) -> None:
        """These pods are wanted, beside those that already are."""
        self.machine.wanted = {**self.machine.wanted, **{pod.uid: pod for pod in pods}}
        self.state.want(self.machine.wanted)

    def unwant(self, *uids: str) -> None:
        """Their manifests are gone; without uids all are."""
        gone = set(uids) or set(self.machine.wanted)
        self.machine.wanted = {k: v for k, v in self.machine.wanted.items() if k not in gone}
        self.state.want(self.machine.wanted)

    def status(self, uid: str = UID) -> v1.PodStatus:
        """The status as shown."""
        found = [p for p in self.publisher.pods() if p.metadata and p.metadata.uid == uid]
        assert found and found[0].status is not None, f"pod {uid} is not shown"
        return found[0].status

    def container(self, name: str = "web", uid: str = UID) -> v1.ContainerStatus:
        """The status of one container as shown."""
        status = self.status(uid)
        every: list[v1.ContainerStatus] = [
            *(status.containerStatuses or ()),
            *(status.initContainerStatuses or ()),
            *(status.ephemeralContainerStatuses or ()),
        ]
        return next(c for c in every if c.name == name)

    def waiting(self, name: str = "web", uid: str = UID) -> str:
        """Why a container waits; "" if it does not."""
        state = self.container(name, uid).state
        return (state.waiting.reason or "") if state and state.waiting else ""

    def of(self, name: str = "web", uid: str = UID) -> list[SeenContainer]:
        """The runtime's records of a pod's container, oldest first."""
        boxes = {b.id for c, b in self.runtime.boxes.values() if c.uid == uid}
        return [c for c in self.runtime.of(name) if c.sandbox_id in boxes]

    def phases(self, name: str = "web", uid: str = UID) -> list[Phase]:
        return [c.phase for c in self.of(name, uid)]

    def current(self, name: str = "web", uid: str = UID) -> ContainerId:
        """The newest instance."""
        return self.of(name, uid)[-1].id

    def is_running(self, name: str = "web", uid: str = UID) -> bool:
        return self.phases(name, uid)[-1:] == [Phase.RUNNING]

    def crash(self, name: str = "web", *, uid: str = UID, code: int = 1) -> None:
        """The newest instance ends by itself."""
        self.runtime.exit(self.current(name, uid), code=code)

    def memory(self, uid: str = UID) -> PodMemory:
        return next(m for m in self.workers.memories() if m.pod.uid == uid)


@asynccontextmanager
async def running(
    *pods: DesiredPod, machine: Machine | None = None, rules: NodeRules | None = None
) -> AsyncIterator[Node]:
    """An agent that runs until the block is left, which kills it in the middle of anything.

    What it was doing is not finished; a second agent may be started on the same machine.
    """
    machine = machine or Machine()
    machine.wanted = {**machine.wanted, **{pod.uid: pod for pod in pods}}
    async with asyncio.TaskGroup() as group:
        node = Node(machine, rules or NodeRules())
        node.task = group.create_task(node.run())
        yield node
        node.kill()


async def until(check: Callable[[], bool], *, at_most: float = 60.0) -> None:
    """Wait in small steps of virtual time until something holds."""
    clock = asyncio.get_running_loop().time
    end = clock() + at_most
    while not check():
        assert clock() < end, f"not so after {at_most} s"
        await asyncio.sleep(0.05)


def uids(pods: Iterable[DesiredPod]) -> list[PodUid]:
    """Their uids."""
    return [pod.uid for pod in pods]
