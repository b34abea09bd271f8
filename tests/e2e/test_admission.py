"""Pods that do not fit here are refused with Kubernetes' reasons, and nothing of them is made."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import Document, container, phase, pod, ready
from tests.e2e.runtime import Runtime


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime, kubelet={"maxPods": 5}) as agent:
        yield agent


def asking(**amounts: str) -> Document:
    """A container with these requests."""
    return container(resources={"requests": amounts})


ISCSI = {"targetPortal": "192.0.2.1", "iqn": "iqn.2026-01.test:x", "lun": 0}
CASES: dict[str, tuple[Document, str, str]] = {
    "cpu": (pod("cpu", asking(cpu="500")), "OutOfcpu", "resource: cpu, requested: 500000, used:"),
    "memory": (pod("memory", asking(memory="500Ti")), "OutOfmemory", "resource: memory"),
    "selector": (
        pod("selector", nodeSelector={"disk": "none"}),
        "NodeAffinity",
        "Predicate NodeAffinity failed",
    ),
    "runtimeclass": (
        pod("runtimeclass", runtimeClassName="unknown"),
        "RuntimeClass",
        'RuntimeClass "unknown" not found',
    ),
    "sysctl": (
        pod("sysctl", securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
        "SysctlForbidden",
        'forbidden sysctl: "kernel.msgmax" not allowlisted',
    ),
    "os": (pod("os", os={"name": "windows"}), "PodOSNotSupported", "OS field"),
    "volume": (
        pod(
            "volume",
            container(volumeMounts=[{"name": "data", "mountPath": "/data"}]),
            volumes=[{"name": "data", "iscsi": ISCSI}],
        ),
        "VolumeNotSupported",
        "iscsi",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_pod_that_cannot_run_here_is_refused_with_its_reason(agent: Agent, name: str) -> None:
    document, reason, words = CASES[name]
    agent.write(document)
    view = agent.wait(name, phase("Failed"))
    assert view.reason == reason
    assert view.message.startswith("Pod was rejected: ")
    assert words in view.message
    assert (reason, view.message.removeprefix("Pod was rejected: ")) in agent.events(name)
    assert view.qos
    assert not view.ip
    agent.remove(name)
    agent.wait_gone(name)
    agent.assert_no_trace()


def test_a_host_port_that_is_taken_is_refused_until_it_is_free_for_a_new_pod(
    agent: Agent,
) -> None:
    def holder(name: str, **port: Any) -> Document:
        return pod(name, container(ports=[{"containerPort": 80, "hostPort": 18431, **port}]))

    agent.write(holder("first"))
    agent.wait("first", ready)
    agent.write(holder("second"), holder("udp", protocol="UDP"))
    view = agent.wait("second", phase("Failed"))
    assert view.reason == "NodePorts"
    agent.wait("udp", ready)
    agent.remove("first", "second")
    agent.wait_gone("first", "second")
    agent.write(holder("second"))
    agent.wait("second", ready)
    agent.remove("second", "udp")
    agent.wait_gone("second", "udp")


def test_more_pods_than_the_node_takes_are_refused(agent: Agent) -> None:
    names = [f"pod{number}" for number in range(6)]
    for name in names[:5]:
        agent.write(pod(name))
    for name in names[:5]:
        agent.wait(name, ready)
    agent.write(pod(names[5]))
    view = agent.wait(names[5], phase("Failed"))
    assert view.reason == "OutOfpods"
    assert "resource: pods, requested: 1, used: 5, capacity: 5" in view.message
    agent.restart()
    assert all(agent.wait(name, ready).restarts() == 0 for name in names[:5])
    assert agent.wait(names[5], phase("Failed")).reason == "OutOfpods"
