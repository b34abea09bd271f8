"""Pods that go because the node is short or because they take too much, in virtual time."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.eviction import thresholds_of
from nodeagent.engine.evict import Evictor, EvictParts
from nodeagent.errors import HostError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.eviction import (
    EvictionRules,
    Observed,
    PodUse,
    Signal,
    Space,
)
from nodeagent.model.ids import PodUid
from nodeagent.model.node import Pressure
from tests.fakes.node import Machine, Node, until
from tests.fakes.node import running as node_with
from tests.fakes.pods import UID, a_container, a_pod, an_api_pod

pytestmark = pytest.mark.looptime

MI, GI = 1 << 20, 1 << 30
HARD = {"memory.available": "100Mi", "nodefs.available": "10%", "pid.available": "10%"}


class FakeGauge:
    """A node whose signals tests set; pods use what tests say."""

    def __init__(self) -> None:
        self.signals: dict[Signal, Observed] = {}
        self.uses: dict[str, PodUse] = {}
        self.own_images = False
        self.broken = False
        self.looks = 0

    async def node(self) -> Mapping[Signal, Observed]:
        self.looks += 1
        if self.broken:
            raise HostError(op="read", target="/proc", detail="it is broken")
        return dict(self.signals)

    async def pods(self, pods: Iterable[DesiredPod]) -> Mapping[PodUid, PodUse]:
        return self.disks(pod.uid for pod in pods)

    def disks(self, uids: Iterable[PodUid]) -> Mapping[PodUid, PodUse]:
        return {uid: self.uses[uid] for uid in uids if uid in self.uses}

    def has_own_images(self) -> bool:
        return self.own_images


class Evicting:
    """An evictor beside a node, with what it was asked to free."""

    def __init__(self, node: Node, **rules: Any) -> None:
        self.node, self.gauge = node, FakeGauge()
        self.freed = 0
        self.frees: dict[Signal, Observed] = {}
        self.counted: list[str] = []
        hard = rules.pop("hard", HARD)
        soft, graces = rules.pop("soft", {}), rules.pop("graces", {})
        self.evictor = Evictor(
            EvictParts(
                gauge=self.gauge,
                pods=node.workers,
                node=node.keeper,
                recorder=node.recorder,
                clock=node.machine.clock,
                reclaim=(self._free,),
                ready=node.ready,
                name="n1",
            ),
            rules=lambda: EvictionRules(
                thresholds=thresholds_of(hard, soft, graces, {}, pods_limited=False), **rules
            ),
        )
        self.evictor.on_evicted = lambda signal, _: self.counted.append(signal)
        self.task = asyncio.create_task(self.evictor.run())

    async def _free(self) -> None:
        self.freed += 1
        self.gauge.signals |= self.frees

    def short(self, signal: Signal = Signal.MEMORY) -> None:
        self.gauge.signals[signal] = Observed(available=0, capacity=8 * GI)

    def ample(self, signal: Signal = Signal.MEMORY) -> None:
        self.gauge.signals[signal] = Observed(available=GI, capacity=8 * GI)


def pod(uid: str, **spec: Any) -> DesiredPod:
    return an_api_pod(uid=uid, name=f"pod-{uid}", **spec)


def reason(node: Node, uid: str) -> tuple[str | None, str | None]:
    status = node.status(uid)
    return status.phase, status.reason


def disrupted(node: Node, uid: str) -> v1.PodCondition | None:
    return {c.type: c for c in node.status(uid).conditions or ()}.get("DisruptionTarget")


async def test_one_pod_a_look_goes_while_memory_is_short() -> None:
    async with node_with(pod("a"), pod("b", priority=5), pod("c", priority=9)) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        work.gauge.uses = {uid: PodUse(memory=GI) for uid in "abc"}
        work.short()
        await asyncio.sleep(5)
        assert reason(node, "a") == ("Failed", "Evicted")
        assert node.is_running(uid="b")
        assert node.keeper.facts.pressure == Pressure(memory=True)
        told = disrupted(node, "a")
        assert told is not None
        assert told.reason == "TerminationByKubelet"
        assert told.message == node.status("a").message
        assert (node.status("a").message or "").startswith("The node was low on resource: memory. ")
        assert "Evicted" in node.recorder.reasons("a")
        assert node.recorder.annotations["a", "Evicted"]["starved_resource"] == "memory"
        assert ("Node", "EvictionThresholdMet") in [
            (subject.kind, what) for subject, _, what, _ in node.recorder.told
        ]
        await asyncio.sleep(10)
        assert reason(node, "b") == ("Failed", "Evicted")
        work.ample()
        await asyncio.sleep(60)
        assert node.is_running(uid="c")
        assert work.counted == ["memory.available"] * 2
        work.task.cancel()


async def test_static_and_critical_pods_are_never_evicted() -> None:
    static = a_pod(annotations={"kubernetes.io/config.source": "file"})
    async with node_with(static, pod("vip", priority=2_000_000_000)) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        work.short()
        work.short(Signal.PID)
        await asyncio.sleep(120)
        assert node.is_running(uid=UID)
        assert node.is_running(uid="vip")
        assert node.keeper.facts.pressure == Pressure(memory=True, pid=True)
        work.task.cancel()


async def test_a_full_disk_is_freed_of_what_nobody_needs_before_a_pod_goes() -> None:
    async with node_with(pod("a")) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        work.frees = {Signal.NODE_FS: Observed(available=2 * GI, capacity=8 * GI)}
        work.short(Signal.NODE_FS)
        await asyncio.sleep(5)
        assert (work.freed, node.is_running(uid="a")) == (1, True)
        assert node.keeper.facts.pressure == Pressure(disk=True)
        work.frees = {}
        work.short(Signal.NODE_FS)
        await asyncio.sleep(15)
        assert reason(node, "a") == ("Failed", "Evicted")
        await asyncio.sleep(300)
        assert node.keeper.facts.pressure == Pressure(disk=True)
        work.ample(Signal.NODE_FS)
        await asyncio.sleep(330)
        assert node.keeper.facts.pressure == Pressure()
        work.task.cancel()


async def test_images_elsewhere_are_not_removed_for_the_agents_own_disk() -> None:
    async with node_with(pod("a")) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        work.gauge.own_images = True
        work.short(Signal.NODE_FS)
        await asyncio.sleep(5)
        assert (work.freed, reason(node, "a")[1]) == (0, "Evicted")
        work.task.cancel()


async def test_after_a_soft_threshold_a_pod_has_its_grace_and_after_a_hard_one_a_second() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with node_with(pod("a"), machine=machine) as node:
        await asyncio.sleep(1)
        work = Evicting(
            node,
            hard={},
            soft={"memory.available": "1Gi"},
            graces={"memory.available": 30.0},
            most_grace=20.0,
        )
        work.short()
        await asyncio.sleep(25)
        assert node.memory("a").ending is None
        await asyncio.sleep(8)
        ending = node.memory("a").ending
        assert ending is not None
        assert ending.grace == 20.0
        await until(lambda: reason(node, "a") == ("Failed", "Evicted"), at_most=30)
        work.task.cancel()


async def test_a_new_pod_is_refused_while_the_node_is_short() -> None:
    async with node_with() as node:
        work = Evicting(node)
        work.short()
        await asyncio.sleep(1)
        node.want(pod("late"))
        await asyncio.sleep(1)
        assert reason(node, "late") == ("Failed", "Evicted")
        assert node.status("late").message == (
            "Pod was rejected: The node had condition: [MemoryPressure]. "
        )
        work.task.cancel()


def with_dir(uid: str, limit: str) -> DesiredPod:
    volume = v1.Volume(name="data", emptyDir=v1.EmptyDirVolumeSource(sizeLimit=limit))
    return pod(uid, volumes=[volume])


async def test_everyone_beyond_a_limit_of_its_own_goes_without_disrupting_anyone() -> None:
    async with node_with(with_dir("a", "1Mi"), with_dir("b", "1Mi"), with_dir("c", "1Gi")) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        use = PodUse(volumes={"data": Space(used=2 * MI)}, disk_known=True)
        work.gauge.uses = dict.fromkeys("abc", use)
        await asyncio.sleep(5)
        assert [reason(node, uid)[1] for uid in "ab"] == ["Evicted"] * 2
        assert node.status("a").message == (
            'Usage of EmptyDir volume "data" exceeds the limit "1Mi". '
        )
        assert disrupted(node, "a") is None
        assert node.is_running(uid="c")
        assert node.keeper.facts.pressure == Pressure()
        work.task.cancel()


async def test_limits_of_pods_count_for_nothing_where_local_storage_is_not_isolated() -> None:
    async with node_with(with_dir("a", "1Mi")) as node:
        await asyncio.sleep(1)
        work = Evicting(node, local_limits=False)
        use = PodUse(volumes={"data": Space(used=2 * MI)}, disk_known=True)
        work.gauge.uses = {"a": use}
        await asyncio.sleep(60)
        assert node.is_running(uid="a")
        work.task.cancel()


async def test_a_node_that_cannot_be_measured_evicts_nobody_and_is_looked_at_again() -> None:
    async with node_with(pod("a")) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        work.short()
        work.gauge.broken = True
        await asyncio.sleep(60)
        assert node.is_running(uid="a")
        assert 6 <= work.gauge.looks <= 7
        work.gauge.broken = False
        await asyncio.sleep(15)
        assert reason(node, "a") == ("Failed", "Evicted")
        work.task.cancel()


async def test_an_evicted_pod_stays_ended_over_a_restart_of_the_agent() -> None:
    machine = Machine()
    async with node_with(pod("a"), machine=machine) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        work.short()
        await until(lambda: node.memory("a").torn_down, at_most=30)
        await asyncio.sleep(1)
        work.task.cancel()
    async with node_with(machine=machine) as node:
        await asyncio.sleep(60)
        assert reason(node, "a") == ("Failed", "Evicted")
        assert disrupted(node, "a") is not None


async def test_resources_of_a_pod_are_what_counts_for_its_turn() -> None:
    asking = v1.ResourceRequirements(requests={"memory": "2Gi"})
    big = pod("big")
    modest = an_api_pod(a_container(resources=asking), uid="modest", name="modest")
    async with node_with(big, modest) as node:
        await asyncio.sleep(1)
        work = Evicting(node)
        work.gauge.uses = {"big": PodUse(memory=MI), "modest": PodUse(memory=GI)}
        work.short()
        await asyncio.sleep(5)
        assert reason(node, "big")[1] == "Evicted"
        assert node.is_running(uid="modest")
        work.task.cancel()
