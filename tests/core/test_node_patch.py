"""What of a Node is told to the API, and when."""

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.node_object import NodeReading, Software, node_status
from nodeagent.core.node_patch import (
    ATTACHED,
    NodeWish,
    new_node,
    reconciled,
    status_change,
    turns,
)
from nodeagent.model.events import EventType
from nodeagent.model.ids import ImageRef
from nodeagent.model.node import Pressure
from nodeagent.model.observed import RuntimeHealth, RuntimeInfo, SeenImage
from tests.fakes.node import FACTS

WELL = RuntimeHealth(runtime_ready=True, network_ready=True)
READING = NodeReading(
    facts=FACTS,
    software=Software(kubelet_version="v1", boot_id="b1"),
    info=RuntimeInfo(name="containerd"),
    health=WELL,
)
WISH = NodeWish(
    name="n1",
    labels={"kubernetes.io/os": "linux"},
    annotations={ATTACHED: "true"},
    taints=(v1.Taint(key="new", effect="NoSchedule"),),
    provider_id="cloud://1",
)


def pressed(**what: bool) -> NodeReading:
    facts = msgspec.structs.replace(FACTS, pressure=Pressure(**what))
    return msgspec.structs.replace(READING, facts=facts)


def told(reading: NodeReading, before: v1.Node) -> v1.Node:
    assert before.status is not None
    status = node_status(reading, before=before.status, now=9.0)
    return msgspec.structs.replace(before, status=status)


def test_a_new_node_has_labels_taints_and_a_status_at_once() -> None:
    node = new_node(WISH, READING, now=5.0)
    assert node.metadata is not None and node.spec is not None and node.status is not None
    assert node.metadata.labels == {"kubernetes.io/os": "linux"}
    assert [t.key for t in node.spec.taints or ()] == ["new"]
    assert (node.spec.providerID, node.spec.unschedulable) == ("cloud://1", None)
    assert node.status.capacity
    cordoned = new_node(msgspec.structs.replace(WISH, schedulable=False), READING, now=5.0)
    assert cordoned.spec is not None and cordoned.spec.unschedulable is True


def test_a_node_that_exists_gets_what_it_lacks_and_keeps_the_rest() -> None:
    theirs = v1.Node(
        metadata=meta_v1.ObjectMeta(name="n1", labels={"mine": "1", "kubernetes.io/os": "plan9"}),
        spec=v1.NodeSpec(),
    )
    assert reconciled(theirs, WISH) == {
        "metadata": {
            "labels": {"kubernetes.io/os": "linux"},
            "annotations": {ATTACHED: "true"},
        },
        "spec": {"providerID": "cloud://1"},
    }
    assert reconciled(new_node(WISH, READING, now=1.0), WISH) == {}
    without = msgspec.structs.replace(WISH, annotations={})
    patch = reconciled(new_node(WISH, READING, now=1.0), without)
    assert patch == {"metadata": {"annotations": {ATTACHED: None}}}


def test_a_heartbeat_alone_is_told_only_with_the_whole() -> None:
    node = new_node(WISH, READING, now=5.0)
    assert status_change(node, READING, now=60.0, whole=False) == {}
    patch = status_change(node, READING, now=60.0, whole=True)
    assert [c["type"] for c in patch["status"]["conditions"]] == [
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "Ready",
    ]
    assert list(patch["status"]) == ["conditions"]


def test_others_conditions_volumes_and_resources_stay() -> None:
    node = new_node(WISH, READING, now=5.0)
    assert node.status is not None
    network = v1.NodeCondition(type="NetworkUnavailable", status="False")
    status = msgspec.structs.replace(
        node.status,
        conditions=[*(node.status.conditions or ()), network],
        volumesAttached=[v1.AttachedVolume(name="v", devicePath="")],
        capacity={**(node.status.capacity or {}), "example.com/thing": "4"},
        allocatable={**(node.status.allocatable or {}), "example.com/thing": "4"},
    )
    node = msgspec.structs.replace(node, status=status)
    patch = status_change(node, pressed(disk=True), now=60.0, whole=False)["status"]
    assert list(patch) == ["conditions"]
    assert "NetworkUnavailable" not in {c["type"] for c in patch["conditions"]}
    cloud = msgspec.structs.replace(READING, addresses=False)
    assert status_change(node, cloud, now=60.0, whole=False) == {}


def test_what_turned_is_worth_an_event() -> None:
    first = new_node(WISH, READING, now=5.0)
    fresh = v1.Node(metadata=first.metadata, spec=first.spec)
    assert [reason for _, reason, _ in turns(fresh, first, name="n1")] == [
        "NodeHasSufficientMemory",
        "NodeHasNoDiskPressure",
        "NodeHasSufficientPID",
        "NodeReady",
    ]
    assert turns(first, first, name="n1") == ()
    sick = told(msgspec.structs.replace(READING, health=RuntimeHealth()), first)
    [(_, reason, message)] = turns(first, sick, name="n1")
    assert (reason, message) == ("NodeNotReady", "Node n1 status is now: NodeNotReady")
    short = told(pressed(memory=True), first)
    assert [r for _, r, _ in turns(first, short, name="n1")] == ["NodeHasInsufficientMemory"]


def test_a_reboot_and_a_cordon_are_worth_an_event() -> None:
    first = new_node(WISH, READING, now=5.0)
    software = Software(kubelet_version="v1", boot_id="b2")
    rebooted = told(msgspec.structs.replace(READING, software=software), first)
    assert turns(first, rebooted, name="n1") == (
        (EventType.WARNING, "Rebooted", "Node n1 has been rebooted, boot id: b2"),
    )
    cordoned = msgspec.structs.replace(first, spec=v1.NodeSpec(unschedulable=True))
    assert [r for _, r, _ in turns(first, cordoned, name="n1")] == ["NodeNotSchedulable"]
    assert [r for _, r, _ in turns(cordoned, first, name="n1")] == ["NodeSchedulable"]


def test_an_image_without_a_name_or_a_size_is_no_change_once_it_was_told() -> None:
    images = (SeenImage(ref=ImageRef("a"), size_bytes=7), SeenImage(ref=ImageRef("b")))
    reading = msgspec.structs.replace(READING, images=images)
    node = told(reading, new_node(WISH, READING, now=5.0))
    assert node.status is not None
    given_back = [v1.ContainerImage(names=None, sizeBytes=7), v1.ContainerImage(names=None)]
    status = msgspec.structs.replace(node.status, images=given_back)
    node = msgspec.structs.replace(node, status=status)
    assert status_change(node, reading, now=20.0, whole=False) == {}
