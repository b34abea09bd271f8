"""The Node object of the local API."""

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.node_object import (
    NodeReading,
    Software,
    biggest_images,
    is_ready,
    node_object,
    node_status,
)
from nodeagent.core.times import as_time
from nodeagent.model.ids import ImageRef
from nodeagent.model.node import NodeFacts, Pressure
from nodeagent.model.observed import RuntimeHealth, RuntimeInfo, SeenImage

FACTS = NodeFacts(
    name="n1",
    ips=("192.0.2.1",),
    labels={"kubernetes.io/os": "linux"},
    capacity={"cpu": 2000, "memory": 8 << 30, "pods": 110},
    allocatable={"cpu": 1500, "memory": 7 << 30, "pods": 110},
)
INFO = RuntimeInfo(
    name="containerd", version="2.1.9", features={"": ("userNamespaces",)}, handlers=("",)
)


WELL = RuntimeHealth(runtime_ready=True, network_ready=True)


def reading(health: RuntimeHealth = WELL, *, facts: NodeFacts = FACTS) -> NodeReading:
    return NodeReading(
        facts=facts,
        software=Software(kubelet_version="v1.36.2+nodeagent.0"),
        info=INFO,
        health=health,
    )


def a_node(health: RuntimeHealth) -> v1.Node:
    return node_object(reading(health), before=None, since=100.0, now=200.0)


def conditions(status: v1.NodeStatus) -> dict[str, v1.NodeCondition]:
    return {one.type: one for one in status.conditions or ()}


def test_the_node_tells_what_it_has_and_what_runs_on_it() -> None:
    node = a_node(RuntimeHealth(runtime_ready=True, network_ready=True))
    assert node.status is not None and node.metadata is not None
    assert node.status.capacity == {"cpu": "2", "memory": "8Gi", "pods": "110"}
    assert (node.status.allocatable or {})["cpu"] == "1500m"
    assert node.status.nodeInfo is not None
    assert node.status.nodeInfo.containerRuntimeVersion == "containerd://2.1.9"
    assert [a.address for a in node.status.addresses or ()] == ["192.0.2.1", "n1"]
    [handler] = node.status.runtimeHandlers or []
    assert handler.features is not None and handler.features.userNamespaces
    assert not handler.features.recursiveReadOnlyMounts
    assert node.metadata.creationTimestamp == as_time(100)


@pytest.mark.parametrize(
    ("health", "status", "message"),
    [
        (RuntimeHealth(runtime_ready=True, network_ready=True), "True", "posting ready"),
        (RuntimeHealth(message="no socket"), "False", "no socket"),
        (
            RuntimeHealth(runtime_ready=True, network_message="cni config uninitialized"),
            "False",
            "network not ready: cni config uninitialized",
        ),
    ],
)
def test_ready_says_what_is_wrong(health: RuntimeHealth, status: str, message: str) -> None:
    node = a_node(health)
    assert node.status is not None
    ready = conditions(node.status)["Ready"]
    assert ready.status == status
    assert message in (ready.message or "")
    assert ready.lastTransitionTime == as_time(200)


def test_what_keeps_the_node_from_being_ready_is_told_beside_the_runtime() -> None:
    troubled = msgspec.structs.replace(FACTS, troubles={"csi": "CSINode is not yet initialized"})
    ready = conditions(node_status(reading(facts=troubled), before=None, now=1.0))["Ready"]
    assert (ready.status, ready.message) == ("False", "CSINode is not yet initialized")
    bare = msgspec.structs.replace(FACTS, capacity={"cpu": 1000, "memory": 1})
    ready = conditions(node_status(reading(facts=bare), before=None, now=1.0))["Ready"]
    assert ready.message == "missing node capacity for resources: pods"


def test_conditions_come_in_order_and_say_what_the_node_is_short_of() -> None:
    short = msgspec.structs.replace(FACTS, pressure=Pressure(memory=True, pid=True))
    status = node_status(reading(facts=short), before=None, now=1.0)
    assert [(c.type, c.status, c.reason) for c in status.conditions or ()] == [
        ("MemoryPressure", "True", "KubeletHasInsufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "True", "KubeletHasInsufficientPID"),
        ("Ready", "True", "KubeletReady"),
    ]


def test_a_condition_keeps_its_time_until_its_status_turns() -> None:
    first = node_status(reading(), before=None, now=100.0)
    second = node_status(reading(), before=first, now=200.0)
    third = node_status(reading(RuntimeHealth()), before=second, now=300.0)
    assert is_ready(second) and not is_ready(third) and not is_ready(None)
    assert conditions(second)["Ready"].lastTransitionTime == as_time(100)
    assert conditions(second)["Ready"].lastHeartbeatTime == as_time(200)
    assert conditions(third)["Ready"].lastTransitionTime == as_time(300)
    assert conditions(third)["DiskPressure"].lastTransitionTime == as_time(100)


def test_the_biggest_images_are_listed_with_five_names_each() -> None:
    small = SeenImage(ref=ImageRef("a"), tags=("t",), size_bytes=1)
    many = SeenImage(ref=ImageRef("b"), digests=("d",), tags=tuple("123456"), size_bytes=9)
    assert biggest_images([small, many], most=1) == (many,)
    assert biggest_images([small, many], most=-1) == (many, small)
    facts = msgspec.structs.replace(FACTS, volumes_in_use=("v",))
    shown = msgspec.structs.replace(reading(facts=facts), images=(many,), port=10250)
    status = node_status(shown, before=None, now=1.0)
    [image] = status.images or []
    assert (image.names, image.sizeBytes) == (["d", "1", "2", "3", "4"], 9)
    assert status.volumesInUse == ["v"]
    assert status.daemonEndpoints is not None
    assert status.daemonEndpoints.kubeletEndpoint == v1.DaemonEndpoint(Port=10250)


def test_addresses_are_left_to_a_cloud_provider_where_there_is_one() -> None:
    status = node_status(msgspec.structs.replace(reading(), addresses=False), before=None, now=1.0)
    assert status.addresses is None
