"""The Node in the API: registered, kept, reported; and its Lease."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from nodeagent.core.node_object import NodeReading, Software
from nodeagent.core.node_patch import ATTACHED, NodeWish
from nodeagent.engine.lease import NAMESPACE, LeaseKeeper
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.node_report import NodeReport, ReportRules, ReportTools
from nodeagent.engine.node_startup import NodeStartup
from nodeagent.metrics import AgentMetrics
from nodeagent.model.api import NODES, Purpose
from nodeagent.model.node import Pressure
from nodeagent.model.observed import RuntimeHealth
from tests.apiserver.kinds import kind_at
from tests.apiserver.problems import Document
from tests.apiserver.store import Store
from tests.fakes.api import FakeApi
from tests.fakes.figures import value
from tests.fakes.host import FakeRecorder
from tests.fakes.node import EPOCH, FACTS, until
from tests.fakes.probes import LoopClock
from tests.fakes.runtime import FakeRuntime

pytestmark = pytest.mark.looptime
WELL = RuntimeHealth(runtime_ready=True, network_ready=True)


class Member:
    """The node's report and lease over an API server in memory."""

    def __init__(self, *, registers: bool = True) -> None:
        clock = LoopClock(EPOCH)
        self.api = FakeApi(Store(now=clock.now))
        self.recorder, self.runtime = FakeRecorder(), FakeRuntime(clock.now)
        self.keeper = NodeKeeper(runtime=self.runtime, facts=FACTS, on_change=lambda: None)
        self.keeper.health, self.metrics = WELL, AgentMetrics()
        wish = NodeWish(
            name="n1", labels={"kubernetes.io/os": "linux"}, annotations={ATTACHED: "true"}
        )
        self.report = NodeReport(
            ReportTools(
                api=self.api,
                keeper=self.keeper,
                runtime=self.runtime,
                recorder=self.recorder,
                clock=clock,
                startup=NodeStartup(
                    self.metrics.node, clock, booted_at=EPOCH - 60, began_at=EPOCH - 20
                ),
                reading=self.reading,
            ),
            ReportRules(wish=wish, registers=registers),
        )
        self.lease = LeaseKeeper(
            api=self.api, clock=clock, name="n1", seconds=40, node=lambda: self.report.node
        )

    def reading(self) -> NodeReading:
        keeper = self.keeper
        return NodeReading(
            facts=keeper.facts,
            software=Software(kubelet_version="v1"),
            info=keeper.info,
            health=keeper.health,
        )

    def node(self) -> Document | None:
        kind = kind_at("nodes", "", "v1")
        assert kind is not None
        return self.api.store.find(kind, "n1")

    def condition(self, type_: str) -> str:
        node = self.node()
        conditions = (node or {}).get("status", {}).get("conditions", [])
        return next((str(c["status"]) for c in conditions if c["type"] == type_), "")

    def writes(self) -> list[str]:
        return [a.verb for a in self.api.requests(plural="nodes") if a.verb not in ("watch", "get")]

    def events(self) -> list[str]:
        return self.recorder.reasons()


@asynccontextmanager
async def reporting(member: Member | None = None) -> AsyncIterator[Member]:
    member = member or Member()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(member.report.run()), group.create_task(member.lease.run())]
        yield member
        for task in tasks:
            task.cancel()


async def test_a_node_registers_and_is_ready_at_once() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        assert member.condition("Ready") == "True"
        assert member.report.known.is_set()
        assert member.writes() == ["create"]
        assert "NodeReady" in member.events() and "Starting" in member.events()


async def test_a_quiet_node_is_told_in_whole_every_five_minutes_only() -> None:
    async with reporting() as member:
        await asyncio.sleep(3600)
        told = len(member.writes())
        assert 12 <= told <= 14, "one registration, then every five minutes"


async def test_a_turn_of_health_or_pressure_is_told_at_once() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        member.keeper.press(Pressure(disk=True))
        await asyncio.sleep(0.1)
        assert member.condition("DiskPressure") == "True"
        facts = msgspec.structs.replace(member.keeper.facts, volumes_in_use=("csi/v",))
        member.keeper.learn(facts)
        await asyncio.sleep(0.1)
        node = member.node()
        assert node is not None and node["status"]["volumesInUse"] == ["csi/v"]
        member.keeper.trouble("shutdown", "node is shutting down")
        await asyncio.sleep(0.1)
        assert member.condition("Ready") == "False"
        assert "NodeHasDiskPressure" in member.events() and "NodeNotReady" in member.events()


async def test_a_node_stays_ready_while_its_agent_starts_again() -> None:
    member = Member()
    async with reporting(member):
        await asyncio.sleep(1)
    told = len(member.writes())
    member.keeper.health = RuntimeHealth(message="the container runtime has not answered yet")
    member.keeper.trouble("csi", "CSINode is not yet initialized")
    async with reporting(member):
        await asyncio.sleep(2)
        member.keeper.health = WELL
        member.keeper.trouble("csi", "")
        await asyncio.sleep(60)
    assert member.condition("Ready") == "True"
    assert "NodeNotReady" not in member.events()
    assert len(member.writes()) <= told + 1


async def test_a_runtime_that_is_away_when_the_agent_starts_is_told_within_seconds() -> None:
    member = Member()
    async with reporting(member):
        await asyncio.sleep(1)
    member.keeper.health = RuntimeHealth(message="connection refused")
    async with reporting(member):
        await asyncio.sleep(4)
        assert member.condition("Ready") == "True"
        await asyncio.sleep(2)
        assert member.condition("Ready") == "False"


async def test_what_can_wait_is_told_with_the_next_look() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        more = {**FACTS.capacity, "memory": 1 << 34}
        member.keeper.facts = msgspec.structs.replace(FACTS, capacity=more)
        await asyncio.sleep(11)
        node = member.node()
        assert node is not None and node["status"]["capacity"]["memory"] == "16Gi"
        assert member.writes() == ["create", "patch"]


async def test_a_node_that_exists_keeps_what_is_not_ours() -> None:
    member = Member()
    member.api.store.put(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "n1", "labels": {"theirs": "1"}},
            "spec": {"unschedulable": True, "podCIDRs": ["10.1.0.0/24"], "podCIDR": "10.1.0.0/24"},
        }
    )
    async with reporting(member):
        await asyncio.sleep(1)
        node = member.node()
        assert node is not None
        assert node["metadata"]["labels"] == {"theirs": "1", "kubernetes.io/os": "linux"}
        assert node["spec"]["unschedulable"] is True
        assert member.keeper.facts.labels["theirs"] == "1"
        assert ("use_pod_range", "10.1.0.0/24") in member.runtime.calls


async def test_a_node_that_was_deleted_registers_again() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        await member.api.delete(NODES, "n1", purpose=Purpose.NODE)
        await asyncio.sleep(1)
        assert member.condition("Ready") == "True"


async def test_a_node_that_may_not_register_waits_for_its_object() -> None:
    async with reporting(Member(registers=False)) as member:
        await asyncio.sleep(60)
        assert member.writes() == []
        member.api.store.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
        await asyncio.sleep(1)
        assert member.condition("Ready") == "True"


async def test_labels_taken_away_by_others_come_back() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        patch = {"metadata": {"labels": {"kubernetes.io/os": "plan9"}}}
        await member.api.patch(NODES, "n1", patch, purpose=Purpose.NODE)
        await asyncio.sleep(1)
        node = member.node()
        assert node is not None and node["metadata"]["labels"]["kubernetes.io/os"] == "linux"


async def test_taints_of_the_cluster_become_facts() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        patch = {"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}}
        await member.api.patch(NODES, "n1", patch, purpose=Purpose.NODE)
        await asyncio.sleep(1)
        assert [t.key for t in member.keeper.facts.taints] == ["k"]


async def test_after_an_outage_node_and_lease_are_told_within_ten_seconds() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        member.api.down = True
        member.keeper.press(Pressure(memory=True))
        before = len(member.api.asked)
        await asyncio.sleep(3600)
        assert len(member.api.asked) - before < 2000
        member.api.down = False
        back_at = asyncio.get_running_loop().time() + EPOCH
        await until(lambda: member.condition("MemoryPressure") == "True", at_most=10)
        await until(lambda: _renewed(member) >= back_at, at_most=10)


async def test_the_lease_is_renewed_every_ten_seconds_and_owned_by_the_node() -> None:
    async with reporting() as member:
        await asyncio.sleep(101)
        writes = [a for a in member.api.requests(plural="leases") if a.verb != "get"]
        assert [a.verb for a in writes][:2] == ["create", "update"]
        assert 10 <= len(writes) <= 11
        lease = _lease(member)
        assert lease["spec"]["holderIdentity"] == "n1"
        assert lease["spec"]["leaseDurationSeconds"] == 40
        [owner] = lease["metadata"]["ownerReferences"]
        node = member.node()
        assert node is not None and owner["uid"] == node["metadata"]["uid"]


async def test_a_lease_that_others_changed_or_deleted_is_taken_again() -> None:
    async with reporting() as member:
        await asyncio.sleep(1)
        lease = {**_lease(member), "metadata": {"name": "n1", "namespace": NAMESPACE}}
        member.api.store.put({**lease, "spec": {"holderIdentity": "other"}})
        await asyncio.sleep(12)
        assert _lease(member)["spec"]["holderIdentity"] == "n1"
        kind = kind_at("leases", "coordination.k8s.io", "v1")
        assert kind is not None
        member.api.store.delete(kind, "n1", NAMESPACE)
        await asyncio.sleep(12)
        assert _lease(member)["spec"]["holderIdentity"] == "n1"


def _lease(member: Member) -> Document:
    kind = kind_at("leases", "coordination.k8s.io", "v1")
    assert kind is not None
    found = member.api.store.find(kind, "n1", NAMESPACE)
    assert found is not None
    return found


def _renewed(member: Member) -> float:

    text = _lease(member)["spec"]["renewTime"]
    return datetime.datetime.fromisoformat(text).timestamp()


async def test_how_long_a_new_node_took_to_be_ready_is_told_once() -> None:
    member = Member()
    member.keeper.health = RuntimeHealth(runtime_ready=False, network_ready=False)
    member.api.down = True
    async with reporting(member):
        await asyncio.sleep(5)
        member.api.down = False
        await until(lambda: member.node() is not None)
        await asyncio.sleep(30)
        member.keeper.health = WELL
        await until(lambda: member.condition("Ready") == "True")
        metrics = member.metrics
        assert value(metrics, "kubelet_node_startup_pre_kubelet_duration_seconds") == 40
        assert 25 <= value(metrics, "kubelet_node_startup_pre_registration_duration_seconds") < 40
        assert 0 <= value(metrics, "kubelet_node_startup_registration_duration_seconds") < 10
        ready = value(metrics, "kubelet_node_startup_post_registration_duration_seconds")
        assert 30 <= ready < 45
        total = value(metrics, "kubelet_node_startup_duration_seconds")
        assert total == pytest.approx(
            EPOCH + asyncio.get_running_loop().time() - (EPOCH - 60), abs=1
        )
