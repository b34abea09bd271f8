"""Critical pods make room for themselves; admission waits for those who leave."""

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.node import Pressure
from tests.fakes.node import Machine, Node, until
from tests.fakes.node import running as node_with
from tests.fakes.pods import UID, a_container, an_api_pod

pytestmark = pytest.mark.looptime

CRITICAL = 2_000_000_000


def asking(cpu: str, *, uid: str = UID, **spec: Any) -> DesiredPod:
    resources = v1.ResourceRequirements(requests={"cpu": cpu})
    return an_api_pod(a_container(resources=resources), uid=uid, name=f"pod-{uid}", **spec)


def phase(node: Node, uid: str) -> tuple[str | None, str | None]:
    status = node.status(uid)
    return status.phase, status.reason


async def test_a_critical_pod_ends_one_that_is_not_and_then_starts() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with node_with(asking("3"), asking("500m", uid="small"), machine=machine) as node:
        await asyncio.sleep(1)
        node.want(asking("2", uid="vip", priority=CRITICAL))
        await asyncio.sleep(10)
        assert not node.is_running(uid="vip")
        assert node.is_running(uid="small")
        await until(lambda: node.is_running(uid="vip"), at_most=30)
        assert phase(node, UID) == ("Failed", "Preempting")
        assert node.status(UID).message == "Preempted in order to admit critical pod"
        told = {c.type: c for c in node.status(UID).conditions or ()}["DisruptionTarget"]
        assert (told.status, told.reason) == ("True", "TerminationByKubelet")
        assert told.message == "Pod was preempted by Kubelet to accommodate a critical pod."
        assert node.recorder.reasons(UID).count("Preempting") == 1
        assert node.is_running(uid="small")


async def test_a_pod_that_is_not_critical_ends_nobody() -> None:
    async with node_with(asking("3")) as node:
        await asyncio.sleep(1)
        node.want(asking("2", uid="late", priority=CRITICAL - 1))
        await asyncio.sleep(1)
        assert phase(node, "late") == ("Failed", "OutOfcpu")
        assert node.is_running()


async def test_nobody_ends_for_a_pod_that_would_be_refused_all_the_same() -> None:
    async with node_with(asking("3")) as node:
        await asyncio.sleep(1)
        node.want(
            asking("2", uid="vip", priority=CRITICAL, nodeSelector={"disk": "ssd"}),
            asking("9", uid="huge", priority=CRITICAL),
        )
        await asyncio.sleep(5)
        assert phase(node, "vip") == ("Failed", "NodeAffinity")
        assert phase(node, "huge") == ("Failed", "UnexpectedAdmissionError")
        assert (node.status("huge").message or "").endswith(
            "no set of running pods found to reclaim resources: [(res: cpu, q: 5000), ]"
        )
        assert node.is_running()


async def test_what_runs_is_not_asked_again_after_a_restart_of_the_agent() -> None:
    machine = Machine()
    async with node_with(asking("3"), machine=machine) as node:
        await asyncio.sleep(1)
    async with node_with(machine=machine) as node:
        taint = v1.Taint(key="away", effect="NoExecute")
        node.keeper.learn(
            msgspec.structs.replace(
                node.keeper.facts,
                taints=(taint,),
                allocatable={"cpu": 1, "memory": 1, "pods": 1},
                pressure=Pressure(disk=True),
            )
        )
        await asyncio.sleep(60)
        assert node.is_running()
        node.want(asking("1m", uid="late"))
        await asyncio.sleep(1)
        assert phase(node, "late") == ("Failed", "Evicted")


async def test_a_no_execute_taint_refuses_who_does_not_tolerate_it() -> None:
    async with node_with() as node:
        taint = v1.Taint(key="away", value="now", effect="NoExecute")
        node.keeper.learn(msgspec.structs.replace(node.keeper.facts, taints=(taint,)))
        tolerant = [v1.Toleration(key="away", value="now")]
        node.want(asking("1", uid="a"), asking("1", uid="b", tolerations=tolerant))
        await asyncio.sleep(1)
        assert phase(node, "a") == ("Failed", "TaintToleration")
        assert node.is_running(uid="b")


def is_refused(node: Node, uid: str) -> bool:
    return phase(node, uid) == ("Failed", "NodePorts")


def exposed(uid: str) -> DesiredPod:
    port = v1.ContainerPort(containerPort=80, hostPort=8080)
    return an_api_pod(a_container(ports=[port]), uid=uid, name=f"pod-{uid}")


@pytest.mark.parametrize("together", [True, False])
async def test_of_pods_that_want_the_same_the_one_that_came_first_gets_it(
    *, together: bool
) -> None:
    machine = Machine()
    machine.files.slow = {"z1": 2.0, "c3": 1.0}
    pods = [exposed(uid) for uid in ("z1", "b2", "c3", "a4")]
    async with node_with(machine=machine) as node:
        if together:
            node.want(*pods)
        for pod in pods:
            node.want(pod)
        await until(lambda: node.is_running(uid="z1"), at_most=5)
        for uid in ("b2", "c3", "a4"):
            await until(partial(is_refused, node, uid), at_most=5)


async def test_a_pod_that_cannot_ask_holds_up_nobody() -> None:
    machine = Machine()
    machine.files.slow = {"stuck": 3600.0}
    async with node_with(machine=machine) as node:
        node.want(exposed("stuck"))
        node.want(asking("1m", uid="late"))
        await until(lambda: node.is_running(uid="late"), at_most=70)
