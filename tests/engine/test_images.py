"""Images of containers about to start: policies, failures, back-off, joined pulls."""

import asyncio

import pytest

from nodeagent.core.image_wait import PULLING
from tests.fakes.node import Machine, running, until
from tests.fakes.pods import UID, a_container, a_pod

pytestmark = pytest.mark.looptime


def image(name: str, policy: str = "IfNotPresent", container: str = "web"):  # type: ignore[no-untyped-def]
    return a_container(container, image=name, imagePullPolicy=policy)


async def test_a_present_image_is_used_and_told() -> None:
    async with running(a_pod(image("busybox:1"))) as node:
        await asyncio.sleep(1)
        assert node.is_running() and node.runtime.count("pull_image") == 0
        assert node.recorder.messages("Pulled") == [
            'Container image "busybox:1" already present on machine and can be accessed by the pod'
        ]


async def test_every_start_tells_of_its_image_even_when_it_was_just_looked_up() -> None:
    pods = [a_pod(image("busybox:1"), uid=f"u{n}", name=f"p{n}") for n in range(3)]
    async with running(*pods) as node:
        await asyncio.sleep(2)
        assert node.recorder.reasons().count("Pulled") == 3
        assert node.runtime.count("image_status") < 3 + 1


async def test_a_missing_image_is_pulled() -> None:
    machine = Machine()
    machine.runtime.registry.add("app:3")
    async with running(a_pod(image("app:3")), machine=machine) as node:
        await asyncio.sleep(2)
        assert node.is_running()
        assert node.recorder.reasons() == ["Pulling", "Pulled", "Created", "Started"]
        (pulled,) = node.recorder.messages("Pulled")
        assert pulled.startswith('Successfully pulled image "app:3" in 200ms')


async def test_policy_always_pulls_at_every_start() -> None:
    machine = Machine()
    machine.runtime.registry.add("busybox:1")
    async with running(a_pod(image("busybox:1", "Always")), machine=machine) as node:
        await asyncio.sleep(2)
        node.crash()
        await asyncio.sleep(2)
        assert node.is_running() and node.runtime.count("pull_image") == 2


async def test_policy_never_waits_until_the_image_is_there() -> None:
    machine = Machine()
    async with running(a_pod(image("app:3", "Never")), machine=machine) as node:
        await asyncio.sleep(5)
        assert node.waiting() == "ErrImageNeverPull"
        assert node.runtime.count("pull_image") == 0
        machine.runtime.registry.add("app:3")
        await machine.runtime.pull_image("app:3", annotations={})
        await asyncio.sleep(15)
        assert node.is_running()


async def test_a_failed_pull_shows_its_error_and_then_its_back_off() -> None:
    machine = Machine()
    async with running(a_pod(image("app:3")), machine=machine) as node:
        shown: list[str] = []
        node.publisher.listen(lambda uid: shown.append(node.waiting()))
        await asyncio.sleep(1)
        assert node.waiting() == "ErrImagePull"
        await asyncio.sleep(5)
        state = node.container().state
        assert state is not None and state.waiting is not None
        assert state.waiting.reason == "ImagePullBackOff"
        start = 'Back-off pulling image "app:3": ErrImagePull: '
        assert (state.waiting.message or "").startswith(start)
        assert "not found in the registry" in (state.waiting.message or "")
        assert list(dict.fromkeys(shown)) == [
            "ContainerCreating",
            "ErrImagePull",
            "ImagePullBackOff",
        ], "it goes on telling why while it looks again"
        assert node.runtime.count("pull_image") == 1
        await asyncio.sleep(6)
        assert node.runtime.count("pull_image") == 2
        await asyncio.sleep(20)
        assert node.runtime.count("pull_image") == 3
        machine.runtime.registry.add("app:3")
        await asyncio.sleep(42)
        assert node.is_running()
        assert node.container().restartCount == 0


async def test_what_a_missing_image_means_for_its_container_is_told_with_each_reason() -> None:
    pods = [a_pod(image("app:3")), a_pod(image("b:1", "Never"), uid="u2", name="never")]
    async with running(*pods) as node:
        await asyncio.sleep(5)
        told = node.recorder.messages("Failed")
        assert told[-1] == "Error: ImagePullBackOff" and "Error: ErrImagePull" in told
        assert "Error: ErrImageNeverPull" in told
        assert node.recorder.reasons("u2") == ["ErrImageNeverPull", "Failed"]


async def test_a_clock_set_back_does_not_hold_up_a_pull() -> None:
    machine = Machine()
    async with running(a_pod(image("app:3")), machine=machine) as node:
        await asyncio.sleep(15)
        machine.runtime.registry.add("app:3")
        machine.clock.turn(-86400.0)
        await until(node.is_running, at_most=90)


async def test_pods_that_want_one_image_share_its_pull() -> None:
    machine = Machine()
    machine.runtime.registry.add("app:3")
    machine.runtime.pull_takes = 30.0
    pods = [a_pod(image("app:3"), uid=f"u{n}", name=f"p{n}") for n in range(5)]
    async with running(*pods, machine=machine) as node:
        await asyncio.sleep(35)
        assert all(node.is_running(uid=pod.uid) for pod in pods)
        assert node.runtime.count("pull_image") == 1


async def test_pods_that_share_a_pull_share_its_failure() -> None:
    machine = Machine()
    machine.runtime.pull_takes = 3.0
    pods = [a_pod(image("app:3"), uid=f"u{n}", name=f"p{n}") for n in range(3)]
    async with running(*pods, machine=machine) as node:
        await asyncio.sleep(4)
        assert [node.waiting(uid=pod.uid) for pod in pods] == ["ErrImagePull"] * 3
        assert node.runtime.count("pull_image") == 1


async def test_a_slow_pull_does_not_hold_up_the_other_containers_of_the_pod() -> None:
    machine = Machine()
    machine.runtime.pull_takes = 600.0
    pod = a_pod(image("big:1"), image("busybox:1", container="small"))
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(2)
        assert node.is_running("small")
        assert node.waiting() == "ContainerCreating"


async def test_a_pull_shows_in_the_status_while_it_goes_on_and_not_before() -> None:
    machine = Machine()
    machine.runtime.registry.add("app:3")
    machine.runtime.pull_takes = 30.0
    pods = [
        *(a_pod(image("app:3"), uid=f"u{n}", name=f"p{n}") for n in range(2)),
        a_pod(image("busybox:1"), uid="there", name="there"),
    ]
    messages = set()
    async with running(*pods, machine=machine) as node:
        for _ in range(100):
            await asyncio.sleep(0.01)
            state = node.container(uid="there").state
            messages.add(state.waiting.message if state and state.waiting else None)
        await asyncio.sleep(4)
        for pod in pods[:2]:
            state = node.container(uid=pod.uid).state
            assert state and state.waiting
            assert state.waiting.reason == "ContainerCreating"
            assert state.waiting.message == PULLING
        assert messages == {None}
        await asyncio.sleep(40)
        assert all(node.is_running(uid=pod.uid) for pod in pods)


async def test_a_name_that_is_no_image_says_so() -> None:
    async with running(a_pod(image("Not A Name"))) as node:
        await asyncio.sleep(2)
        assert node.waiting() == "InvalidImageName"
        assert "InspectFailed" in node.recorder.reasons()
        assert "Error: InvalidImageName" in node.recorder.messages("Failed")


async def test_an_image_that_cannot_be_inspected_says_so_and_is_tried_again() -> None:
    machine = Machine()
    machine.runtime.fail["image_status"] = lambda _: True
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(2)
        assert node.waiting() == "ImageInspectError"
        machine.runtime.fail.clear()
        await asyncio.sleep(15)
        assert node.is_running()


async def test_the_sandbox_is_made_while_the_image_is_pulled() -> None:
    machine = Machine()
    machine.runtime.registry.add("app:3")
    machine.runtime.pull_takes = 30.0
    async with running(a_pod(image("app:3")), machine=machine) as node:
        await asyncio.sleep(1)
        ready = {c.type: c.status for c in node.status().conditions or ()}
        assert ready["PodReadyToStartContainers"] == "True"
        await until(node.is_running)
        assert UID in node.machine.cgroups.pods
