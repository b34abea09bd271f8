"""Ephemeral containers (`kubectl debug`) come beside what runs and never a second time."""

import asyncio

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.observed import Phase
from tests.fakes.node import Node, until
from tests.fakes.node import running as node_with
from tests.fakes.pods import a_container, an_api_pod

pytestmark = pytest.mark.looptime


def a_debugger(target: str | None = None) -> v1.EphemeralContainer:
    return v1.EphemeralContainer(name="debug", image="busybox:1", targetContainerName=target)


def debugged(node: Node) -> v1.ContainerStatus:
    (status,) = node.status().ephemeralContainerStatuses or []
    return status


async def test_a_debugger_starts_beside_the_container_it_looks_into() -> None:
    async with node_with(an_api_pod()) as node:
        await asyncio.sleep(1)
        (web,) = node.of("web")
        debugger = a_debugger("web")
        node.want(an_api_pod(generation=2, ephemeralContainers=[debugger]))
        await asyncio.sleep(1)
        (debug,) = node.of("debug")
        config, _ = node.runtime.containers[debug.id]
        assert (config.security.namespaces.pid, config.security.namespaces.pid_target) == (
            "TARGET",
            web.id,
        )
        assert node.of("web") == [web]
        assert node.is_running("debug")
        assert debugged(node).started is None
        assert (node.status().phase, node.status().observedGeneration) == ("Running", 2)


async def test_a_debugger_that_ended_stays_ended_and_changes_no_phase() -> None:
    pod = an_api_pod(ephemeralContainers=[a_debugger()])
    async with node_with(pod) as node:
        await asyncio.sleep(1)
        node.crash("debug")
        await asyncio.sleep(60)
        assert node.phases("debug") == [Phase.EXITED]
        ended = debugged(node)
        assert ended.state and ended.state.terminated and ended.state.terminated.exitCode == 1
        assert (ended.restartCount, node.status().phase) == (0, "Running")
        assert node.container("web").ready


async def test_a_debugger_does_not_come_back_with_a_new_sandbox() -> None:
    pod = an_api_pod(ephemeralContainers=[a_debugger()])
    async with node_with(pod) as node:
        await asyncio.sleep(1)
        (box,) = node.runtime.boxes
        node.runtime.kill_sandbox(box)
        await until(lambda: node.phases("web")[-1:] == [Phase.RUNNING], at_most=30)
        await asyncio.sleep(120)
        assert Phase.RUNNING not in node.phases("debug")


async def test_a_debugger_starts_while_an_init_container_still_runs() -> None:
    pod = an_api_pod(initContainers=[a_container("init")], ephemeralContainers=[a_debugger()])
    async with node_with(pod) as node:
        await asyncio.sleep(1)
        assert (node.phases("init"), node.phases("debug")) == ([Phase.RUNNING], [Phase.RUNNING])
        assert (node.of("web"), node.status().phase) == ([], "Pending")


async def test_a_debugger_of_a_container_that_is_not_there_says_so() -> None:
    pod = an_api_pod(ephemeralContainers=[a_debugger("other")])
    async with node_with(pod) as node:
        await asyncio.sleep(1)
        state = debugged(node).state
        assert state and state.waiting
        assert state.waiting.message == "unable to find target container other"
        assert (node.is_running(), node.status().phase) == (True, "Running")


async def test_a_pod_that_is_done_ends_its_debugger() -> None:
    pod = an_api_pod(restartPolicy="Never", ephemeralContainers=[a_debugger()])
    async with node_with(pod) as node:
        await asyncio.sleep(1)
        node.crash("web", code=0)
        await until(lambda: node.phases("debug") == [Phase.EXITED], at_most=60)
        assert node.status().phase == "Succeeded"
