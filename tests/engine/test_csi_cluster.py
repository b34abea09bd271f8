"""CSI volumes as a cluster sees them: CSINode, CSIDrivers, attachments, claims that grew."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.csi import MISSING, attachment_name
from nodeagent.engine.claim_growth import ClaimGrowth
from nodeagent.engine.csi_cluster import CsiCluster
from nodeagent.engine.csi_node import NODE_IDS, CsiNode
from nodeagent.engine.tokens import Tokens
from nodeagent.errors import AttachLimitReached, DriverFailed, MountFailed
from nodeagent.model.api import CSI_NODES, NODES, Purpose
from nodeagent.model.csi import CsiDriverRules, CsiNodeInfo, TokenAudience
from nodeagent.model.data import Claim
from tests.apiserver.kinds import kind_at
from tests.apiserver.store import Store
from tests.fakes.api import FakeApi
from tests.fakes.host import FakeRecorder
from tests.fakes.probes import LoopClock

pytestmark = pytest.mark.looptime
INFO = CsiNodeInfo(node_id="id-7", limit=24, topology={"zone": "a"})


async def same() -> CsiNodeInfo:
    """What the driver says stays as it was."""
    return INFO


VOLUME = "kubernetes.io/csi/d^h"


class Member:
    def __init__(self) -> None:
        self.clock = LoopClock(1_700_000_000.0)
        self.api = FakeApi(Store(now=self.clock.now))
        self.troubles: list[str] = []
        self.recorder = FakeRecorder()
        self.node: v1.Node | None = None
        self.csi_node = CsiNode(
            self.api, name="n1", node=lambda: self.node, on_trouble=self.troubles.append
        )
        self.csi = CsiCluster(
            self.api,
            name="n1",
            tokens=Tokens(self.api, self.clock),
            csi_node=self.csi_node,
            node=lambda: self.node,
            growth=ClaimGrowth(self.api, self.clock),
            recorder=self.recorder,
        )

    async def register(self, **labels: str) -> None:
        """The Node is there, and known."""
        self.put("Node", "n1", metadata={"labels": labels})
        await self.look()

    async def look(self) -> None:
        self.node = await self.api.read(NODES, "n1", purpose=Purpose.NODE)

    def put(self, kind: str, name: str, **more: Any) -> None:
        versions = {"Node": "v1", "PersistentVolumeClaim": "v1"}
        meta = {"name": name, **more.pop("metadata", {})}
        api_version = versions.get(kind, "storage.k8s.io/v1")
        self.api.store.put({"apiVersion": api_version, "kind": kind, "metadata": meta, **more})

    def entry(self) -> dict[str, Any] | None:
        kind = kind_at("csinodes", "storage.k8s.io", "v1")
        assert kind is not None
        return self.api.store.find(kind, "n1")

    def drivers(self) -> list[dict[str, Any]]:
        return ((self.entry() or {}).get("spec") or {}).get("drivers") or []

    def node_meta(self) -> dict[str, Any]:
        kind = kind_at("nodes", "", "v1")
        assert kind is not None
        found: dict[str, Any] = (self.api.store.find(kind, "n1") or {})["metadata"]
        return found


@asynccontextmanager
async def running(member: Member) -> AsyncIterator[Member]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(member.csi_node.run()), group.create_task(member.csi.run())]
        yield member
        for task in tasks:
            task.cancel()


async def test_the_node_is_not_ready_before_its_csi_node_is_there() -> None:
    async with running(Member()) as member:
        await asyncio.sleep(5)
        assert member.troubles == ["CSINode is not yet initialized"]
        assert member.entry() is None
        await member.register()
        await asyncio.sleep(2)
        assert member.troubles[-1] == ""
        entry = member.entry()
        assert entry is not None and member.node is not None and member.node.metadata is not None
        (owner,) = entry["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Node", member.node.metadata.uid)


async def test_a_driver_is_told_to_the_cluster_and_taken_back() -> None:
    async with running(Member()) as member:
        await member.register()
        await member.csi.add("d", INFO, same)
        await member.csi.add("e", CsiNodeInfo(node_id="id-8"), same)
        await asyncio.sleep(2)
        assert member.drivers() == [
            {"name": "d", "nodeID": "id-7", "topologyKeys": ["zone"], "allocatable": {"count": 24}},
            {"name": "e", "nodeID": "id-8"},
        ]
        meta = member.node_meta()
        assert json.loads(meta["annotations"][NODE_IDS]) == {"d": "id-7", "e": "id-8"}
        assert meta["labels"]["zone"] == "a"
        await member.look()
        await member.csi.remove("d")
        await asyncio.sleep(2)
        assert [one["name"] for one in member.drivers()] == ["e"]
        assert json.loads(member.node_meta()["annotations"][NODE_IDS]) == {"e": "id-8"}


async def test_a_topology_that_is_not_the_nodes_refuses_the_driver() -> None:
    member = Member()
    await member.register(zone="b")
    with pytest.raises(DriverFailed, match='reported "zone":"a" but existing label is "zone":"b"'):
        await member.csi.add("d", INFO, same)


async def test_an_object_of_an_earlier_node_of_that_name_is_made_anew() -> None:
    async with running(Member()) as member:
        owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "old"}
        spec = {"drivers": [{"name": "x", "nodeID": "y"}]}
        member.put("CSINode", "n1", metadata={"ownerReferences": [owner]}, spec=spec)
        await member.register()
        await asyncio.sleep(2)
        assert member.drivers() == []
        verbs = [one.verb for one in member.api.requests(plural="csinodes")]
        assert verbs.count("delete") == 1


async def test_drivers_of_before_a_restart_stay_and_others_changes_too() -> None:
    async with running(Member()) as member:
        await member.register()
        assert member.node is not None and member.node.metadata is not None
        uid = member.node.metadata.uid
        owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": uid}
        spec = {"drivers": [{"name": "x", "nodeID": "y"}]}
        member.put("CSINode", "n1", metadata={"ownerReferences": [owner]}, spec=spec)
        member.api.fail(409, verb="update", plural="csinodes")
        await member.csi.add("d", INFO, same)
        await asyncio.sleep(5)
        assert [one["name"] for one in member.drivers()] == ["d", "x"]


async def test_an_outage_delays_what_the_cluster_learns_and_nothing_else() -> None:
    async with running(Member()) as member:
        await member.register()
        await asyncio.sleep(2)
        member.api.down = True
        await member.csi.add("d", INFO, same)
        await asyncio.sleep(100)
        member.api.down = False
        await asyncio.sleep(40)
        assert [one["name"] for one in member.drivers()] == ["d"]
        assert await member.api.read(CSI_NODES, "n1", purpose=Purpose.NODE) is not None


async def test_rules_are_those_of_the_object_once_the_server_has_answered() -> None:
    member = Member()
    with pytest.raises(MountFailed, match="not known yet"):
        await member.csi.rules("d")
    tokens = [{"audience": "vault", "expirationSeconds": 600}]
    spec = {"attachRequired": False, "fsGroupPolicy": "File", "tokenRequests": tokens}
    member.put("CSIDriver", "d", spec=spec)
    async with running(member):
        assert await member.csi.rules("d") == CsiDriverRules(
            attach=False,
            group_policy="File",
            tokens=(TokenAudience(audience="vault", seconds=600),),
        )
        assert await member.csi.rules("other") == MISSING
        assert MISSING.attach


def attachment(member: Member, **status: Any) -> None:
    spec = {"attacher": "d", "nodeName": "n1", "source": {"persistentVolumeName": "pv"}}
    name = attachment_name("h", "d", "n1")
    member.put("VolumeAttachment", name, spec=spec, status={"attached": False, **status})


async def test_a_volume_is_used_once_it_is_attached_and_said_to_be_in_use() -> None:
    member = Member()
    await member.register()
    attachment(member, attached=True, attachmentMetadata={"path": "/dev/x"})
    with pytest.raises(MountFailed, match="does not say yet that"):
        await member.csi.attached("d", "h", VOLUME)
    member.put("Node", "n1", status={"volumesInUse": [VOLUME]})
    await member.look()
    assert await member.csi.attached("d", "h", VOLUME) == {"path": "/dev/x"}


async def test_a_volume_that_is_being_detached_is_not_used() -> None:
    member = Member()
    member.put("Node", "n1", status={"volumesInUse": [VOLUME]})
    await member.look()
    spec = {"attacher": "d", "nodeName": "n1", "source": {"persistentVolumeName": "pv"}}
    name, held = attachment_name("h", "d", "n1"), {"finalizers": ["x/y"]}
    member.put("VolumeAttachment", name, metadata=held, spec=spec, status={"attached": True})
    kind = kind_at("volumeattachments", "storage.k8s.io", "v1")
    assert kind is not None
    member.api.store.delete(kind, name)
    with pytest.raises(MountFailed, match="volume attachment is being deleted"):
        await member.csi.attached("d", "h", VOLUME)


async def test_an_attachment_that_the_authorizer_does_not_know_yet_is_asked_for_again() -> None:
    member = Member()
    member.put("Node", "n1", status={"volumesInUse": [VOLUME]})
    await member.look()
    attachment(member, attached=True)
    member.api.fail(403, reason="Forbidden", times=2, plural="volumeattachments")
    assert await member.csi.attached("d", "h", VOLUME) == {}


async def test_what_keeps_a_volume_from_being_attached_is_told() -> None:
    member = Member()
    member.put("Node", "n1", status={"volumesInUse": [VOLUME]})
    await member.look()
    with pytest.raises(MountFailed, match=r"waiting for csi-[0-9a-f]{64}"):
        await member.csi.attached("d", "h", VOLUME)
    attachment(member, attachError={"message": "no such disk", "time": "2026-01-01T00:00:00Z"})
    with pytest.raises(MountFailed, match="no such disk"):
        await member.csi.attached("d", "h", VOLUME)

    async def attach_later() -> None:
        await asyncio.sleep(2)
        attachment(member, attached=True)

    attachment(member, attachError=None)
    async with asyncio.TaskGroup() as group:
        group.create_task(attach_later())
        assert await member.csi.attached("d", "h", VOLUME) == {}


class Shrinking:
    """A driver that has room for fewer volumes at every look."""

    def __init__(self) -> None:
        self.limit = 10
        self.broken = False

    async def info(self) -> CsiNodeInfo:
        if self.broken:
            raise DriverFailed(op="NodeGetInfo", target="d", detail="gone")
        self.limit -= 1
        return CsiNodeInfo(node_id="id-7", limit=self.limit)


def count(member: Member) -> int:
    found: int = member.drivers()[0]["allocatable"]["count"]
    return found


async def test_a_driver_is_asked_for_its_limit_in_the_periods_of_its_object() -> None:
    driver = Shrinking()
    async with running(Member()) as member:
        await member.register()
        member.put("CSIDriver", "d", spec={"nodeAllocatableUpdatePeriodSeconds": 20})
        await member.csi.add("d", await driver.info(), driver.info)
        await asyncio.sleep(15)
        assert count(member) == 9
        await asyncio.sleep(10)
        assert count(member) == 8
        driver.broken = True
        await asyncio.sleep(20)
        driver.broken = False
        await asyncio.sleep(20)
        assert count(member) == 7
        member.put("CSIDriver", "d", spec={})
        await asyncio.sleep(100)
        assert count(member) == 7
        member.put("CSIDriver", "d", spec={"nodeAllocatableUpdatePeriodSeconds": 20})
        await member.csi.remove("d")
        await asyncio.sleep(100)
        assert (driver.limit, member.drivers()) == (7, [])


async def test_a_volume_that_finds_no_room_for_long_refuses_its_pod_and_the_limit_is_told() -> None:
    driver = Shrinking()
    full = {"message": "no slot is free", "errorCode": 8, "time": "2026-01-01T00:00:00Z"}
    async with running(Member()) as member:
        member.put("Node", "n1", status={"volumesInUse": [VOLUME]})
        await member.look()
        member.put("CSIDriver", "d", spec={"nodeAllocatableUpdatePeriodSeconds": 1000})
        await member.csi.add("d", await driver.info(), driver.info)
        attachment(member, attachError=full)
        for _ in range(2):
            with pytest.raises(MountFailed, match="no slot is free") as caught:
                await member.csi.attached("d", "h", VOLUME)
            assert not isinstance(caught.value, AttachLimitReached)
            await asyncio.sleep(60)
        await asyncio.sleep(4)
        with pytest.raises(AttachLimitReached, match="no slot is free"):
            await member.csi.attached("d", "h", VOLUME)
        await asyncio.sleep(2)
        assert count(member) == 8
        attachment(member, attachError={**full, "errorCode": 13})
        with pytest.raises(MountFailed):
            await member.csi.attached("d", "h", VOLUME)


async def test_without_a_period_no_attachment_refuses_a_pod() -> None:
    async with running(Member()) as member:
        member.put("Node", "n1", status={"volumesInUse": [VOLUME]})
        await member.look()
        full = {"message": "full", "errorCode": 8, "time": "2026-01-01T00:00:00Z"}
        attachment(member, attachError=full)
        for _ in range(3):
            with pytest.raises(MountFailed) as caught:
                await member.csi.attached("d", "h", VOLUME)
            assert not isinstance(caught.value, AttachLimitReached)
            await asyncio.sleep(100)


def claim_with(member: Member, *, wanted: str = "2Gi", **status: Any) -> Claim:
    member.api.store.add_namespace("shop")
    member.put(
        "PersistentVolumeClaim",
        "disk",
        metadata={"namespace": "shop"},
        spec={
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": wanted}},
        },
        status={"phase": "Bound", "capacity": {"storage": "1Gi"}, **status},
    )
    return Claim(namespace="shop", name="disk", spec=v1.PersistentVolumeClaimSpec())


def status_of(member: Member) -> dict[str, Any]:
    kind = kind_at("persistentvolumeclaims", "", "v1")
    assert kind is not None
    found: dict[str, Any] = (member.api.store.find(kind, "disk", "shop") or {})["status"]
    return found


async def test_a_claim_says_that_the_node_is_at_work_and_why_it_does_not_grow() -> None:
    member = Member()
    pending = {"storage": "NodeResizePending"}
    claim = claim_with(
        member, allocatedResourceStatuses=pending, allocatedResources={"storage": "2Gi"}
    )
    assert await member.csi.may_grow(claim)
    assert status_of(member)["allocatedResourceStatuses"] == {"storage": "NodeResizeInProgress"}
    await member.csi.not_expanded(claim, "no room", size="2Gi", infeasible=False)
    (condition,) = status_of(member)["conditions"]
    assert (condition["type"], condition["message"]) == (
        "NodeResizeError", "failed to expand pvc with no room")  # fmt: skip
    assert await member.csi.may_grow(claim)
    await member.csi.not_expanded(claim, "too large", size="2Gi", infeasible=True)
    found = status_of(member)
    assert [one["message"] for one in found["conditions"]] == [
        "failed to expand pvc with too large"
    ]
    assert found["allocatedResourceStatuses"] == {"storage": "NodeResizeInfeasible"}
    assert not await member.csi.may_grow(claim)


async def test_a_size_that_failed_and_is_not_wanted_any_more_is_given_up() -> None:
    member = Member()
    claim = claim_with(
        member,
        wanted="2Gi",
        allocatedResourceStatuses={"storage": "NodeResizePending"},
        allocatedResources={"storage": "9Gi"},
    )
    assert await member.csi.may_grow(claim)
    await member.csi.not_expanded(claim, "denied", size="9Gi", infeasible=False)
    assert status_of(member)["allocatedResourceStatuses"] == {"storage": "NodeResizeInProgress"}
    await member.csi.not_expanded(claim, "denied", size="9Gi", infeasible=False)
    assert status_of(member)["allocatedResourceStatuses"] == {"storage": "NodeResizeInfeasible"}


async def test_a_size_that_failed_and_is_still_wanted_is_tried_again() -> None:
    member = Member()
    claim = claim_with(
        member,
        wanted="9216Mi",
        allocatedResourceStatuses={"storage": "NodeResizePending"},
        allocatedResources={"storage": "9Gi"},
    )
    for _ in range(2):
        assert await member.csi.may_grow(claim)
        await member.csi.not_expanded(claim, "denied", size="9Gi", infeasible=False)


async def test_a_claim_of_an_older_controller_may_always_grow() -> None:
    member = Member()
    claim = claim_with(member)
    assert await member.csi.may_grow(claim)
    await member.csi.not_expanded(claim, "no room", size="2Gi", infeasible=True)
    assert "conditions" not in status_of(member)


async def test_the_controllers_part_of_growing_is_waited_for() -> None:
    member = Member()
    assert not await member.csi.may_grow(
        Claim(namespace="shop", name="gone", spec=v1.PersistentVolumeClaimSpec())
    )
    at_work = {"storage": "ControllerResizeInProgress"}
    assert not await member.csi.may_grow(claim_with(member, allocatedResourceStatuses=at_work))


async def test_a_claim_that_grew_says_so() -> None:
    member = Member()
    claim = claim_with(
        member,
        allocatedResourceStatuses={"storage": "NodeResizePending"},
        conditions=[{"type": "FileSystemResizePending", "status": "True"}],
    )
    await member.csi.expanded(claim, "2Gi")
    found = status_of(member)
    assert found["capacity"] == {"storage": "2Gi"}
    assert "conditions" not in found
    assert not found.get("allocatedResourceStatuses")
