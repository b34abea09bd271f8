"""The Node object of the local API."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.node_object import Software, node_object
from nodeagent.core.times import as_time
from nodeagent.model.node import NodeFacts
from nodeagent.model.observed import RuntimeHealth, RuntimeInfo

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


def a_node(health: RuntimeHealth) -> v1.Node:
    return node_object(
        FACTS,
        software=Software(kubelet_version="v1.36.2+nodeagent.0"),
        info=INFO,
        health=health,
        since=100.0,
        changed_at=200.0,
    )


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
    [ready] = node.status.conditions or []
    assert ready.status == status
    assert message in (ready.message or "")
    assert ready.lastTransitionTime == as_time(200)
