"""Somebody sets the machine's clock while pods run: nothing waits for it to catch up."""

import asyncio

import pytest
from lightkube.models import core_v1 as v1

from tests.fakes.node import Machine, running, until
from tests.fakes.pods import a_container, a_pod

pytestmark = pytest.mark.looptime
DAY, YEARS = 86_400.0, 5 * 365 * 86_400.0
JUMPS = (-1_699_999_000.0, -YEARS, -DAY, -100.0, DAY, YEARS)
SIDECAR = a_container("side", restartPolicy="Always")


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_crash_loop_goes_on(jump: float) -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(1)
        for _ in range(3):
            node.crash()
            await until(node.is_running, at_most=60)
        node.machine.clock.turn(jump)
        node.crash()
        await until(node.is_running, at_most=60)
        assert node.bugs == 0


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_container_that_failed_to_start_is_tried_again(jump: float) -> None:
    machine = Machine()
    machine.runtime.fail["start_container"] = lambda _: True
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(30)
        machine.runtime.fail.clear()
        machine.clock.turn(jump)
        await until(node.is_running, at_most=90)
        assert node.bugs == 0


@pytest.mark.parametrize("jump", JUMPS)
async def test_an_image_is_pulled_again(jump: float) -> None:
    machine = Machine()
    async with running(a_pod(a_container(image="app:3")), machine=machine) as node:
        await asyncio.sleep(15)
        machine.runtime.registry.add("app:3")
        machine.clock.turn(jump)
        await until(node.is_running, at_most=90)


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_pod_that_ends_gets_its_grace_and_no_more(jump: float) -> None:
    machine = Machine()
    machine.runtime.ignores_term.update(("web", "side"))
    pod = a_pod(initContainers=[SIDECAR], terminationGracePeriodSeconds=20)
    loop = asyncio.get_running_loop()
    async with running(pod, machine=machine) as node:
        await until(node.is_running)
        node.unwant()
        await asyncio.sleep(5)
        began = loop.time() - 5
        machine.clock.turn(jump)
        await until(lambda: not node.workers.memories(), at_most=60)
        assert 19.0 <= loop.time() - began <= 25.0
        assert node.bugs == 0


async def test_a_grace_longer_than_any_calendar_does_no_harm() -> None:
    web = a_container(lifecycle=v1.Lifecycle(preStop=v1.LifecycleHandler()))
    async with running(a_pod(web, terminationGracePeriodSeconds=2**63 - 1)) as node:
        await asyncio.sleep(1)
        node.unwant()
        await until(lambda: not node.workers.memories(), at_most=60)
        assert node.bugs == 0
