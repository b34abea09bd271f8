"""A node that lacks something: what is told of it, and that the rest goes on."""

import asyncio

import pytest
from lightkube.models import core_v1 as v1

from tests.fakes.node import Machine, running, until
from tests.fakes.pods import a_container, a_pod

pytestmark = pytest.mark.looptime


async def test_a_pod_waits_for_the_network_and_says_so() -> None:
    machine = Machine()
    machine.runtime.network_trouble = "NetworkPluginNotReady: cni plugin not initialized"
    pods = [a_pod(), a_pod(uid="u2", name="host", hostNetwork=True)]
    async with running(*pods, machine=machine) as node:
        await asyncio.sleep(5)
        assert node.is_running(uid="u2")
        assert not machine.runtime.count("create_sandbox") > 1
        assert node.recorder.messages("NetworkNotReady")[0] == (
            "network is not ready: NetworkPluginNotReady: cni plugin not initialized"
        )
        machine.runtime.network_trouble = ""
        await until(node.is_running, at_most=20)


async def test_a_second_sandbox_is_told() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(2)
        assert "SandboxChanged" not in node.recorder.reasons()
        await node.runtime.stop_sandbox(next(iter(node.runtime.boxes)))
        await until(lambda: len(node.runtime.boxes) == 2 and node.is_running())
        assert node.recorder.messages("SandboxChanged") == [
            "Pod sandbox changed, it will be killed and re-created."
        ]


async def test_a_sandbox_that_cannot_be_described_is_told() -> None:
    async with running(a_pod(hostUsers=False)) as node:
        await asyncio.sleep(2)
        (text,) = set(node.recorder.messages("FailedCreatePodSandBox"))
        assert text.startswith("Failed to create pod sandbox: can't set `spec.hostUsers: false`")


async def test_folders_that_cannot_be_made_are_told() -> None:
    machine = Machine()
    machine.files.full = True
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(2)
        (text,) = set(node.recorder.messages("Failed"))
        assert text.startswith("error making pod data directories: make pod folders u1: no space")
        machine.files.full = False
        await until(node.is_running, at_most=20)


async def test_a_container_runs_without_a_link_to_its_log() -> None:
    hook = v1.LifecycleHandler(exec=v1.ExecAction(command=["true"]))
    web = a_container(lifecycle=v1.Lifecycle(postStart=hook))
    machine = Machine()
    async with running(a_pod(web), machine=machine) as node:
        await asyncio.sleep(2)
        machine.files.full = True
        node.crash()
        await asyncio.sleep(2)
        assert node.is_running() and node.waiting() == ""
        assert node.recorder.messages("Failed") == []
        assert machine.hooks.ran == [("postStart", "web")] * 2


async def test_an_end_is_seen_even_where_its_message_cannot_be_read() -> None:
    machine = Machine()
    machine.files.unreadable = True
    web = a_container(terminationMessagePath="/dev/termination-log")
    async with running(a_pod(web, restartPolicy="Never"), machine=machine) as node:
        await asyncio.sleep(2)
        node.crash(code=3)
        await until(lambda: node.status().phase == "Failed", at_most=5)


async def test_an_event_of_an_init_container_points_at_the_init_containers() -> None:
    machine = Machine()
    machine.runtime.fail["start_container"] = lambda _: True
    pod = a_pod(initContainers=[a_container("first")])
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(2)
        paths = {s.field_path for s, _, reason, _ in node.recorder.told if reason == "Failed"}
        assert paths == {"spec.initContainers{first}"}


async def test_a_pod_past_its_deadline_says_so() -> None:
    async with running(a_pod(activeDeadlineSeconds=5)) as node:
        await asyncio.sleep(20)
        assert node.recorder.messages("DeadlineExceeded") == [
            "Pod was active on the node longer than the specified deadline"
        ]


async def test_an_end_that_fails_is_told() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(2)
        node.runtime.fail["stop_container"] = lambda _: True
        node.unwant()
        await asyncio.sleep(5)
        assert node.recorder.messages("FailedKillPod")[0].startswith("error killing pod: ")
        node.runtime.fail.clear()
        await until(lambda: not node.workers.memories(), at_most=30)


async def test_a_full_disk_does_not_keep_a_container_from_being_replaced() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(2)
        node.records.full = True
        node.crash()
        await asyncio.sleep(1)
        assert node.is_running()
        node.crash()
        await asyncio.sleep(9)
        assert not node.is_running()
        await asyncio.sleep(2)
        assert node.is_running()
        node.records.full = False
        await asyncio.sleep(15)
        assert node.records.of("u1").restart_counts == {"web": 2}


async def test_a_handler_of_the_runtime_is_a_class_of_its_name() -> None:
    pods = [
        a_pod(runtimeClassName="boxed"),
        a_pod(uid="u2", name="other", runtimeClassName="unknown"),
    ]
    async with running(*pods) as node:
        await asyncio.sleep(2)
        ((config, _),) = node.runtime.boxes.values()
        assert config.runtime_handler == "boxed"
        assert node.status("u2").reason == "RuntimeClass"


async def test_the_first_error_of_a_start_counts() -> None:
    machine = Machine()
    machine.runtime.fail["start_container"] = lambda _: True
    machine.runtime.fail["look_container"] = lambda _: True
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(2)
        assert node.waiting() == "RunContainerError"
