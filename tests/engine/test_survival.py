"""The agent dies at any call it makes, and the next one goes on as if nothing had been."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.observed import Phase
from tests.fakes.node import Machine, Node, running
from tests.fakes.pods import UID, a_container, a_pod

pytestmark = pytest.mark.looptime
Drive = Callable[[Node], None]


def kill_at_call(node: Node, number: int) -> None:
    """End the agent at its so-manieth call to the runtime or the disk from now on."""
    left = number

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            node.kill()

    node.runtime.on_call = count
    node.records.on_save = lambda _: count("save")


@asynccontextmanager
async def reborn(machine: Machine) -> AsyncIterator[Node]:
    """The next agent on the machine, which nobody kills."""
    machine.runtime.on_call = lambda _: None
    machine.records.on_save = lambda _: None
    async with running(machine=machine) as node:
        yield node


async def drive(node: Node, seconds: float, step: Drive = lambda _: None) -> None:
    """Let time pass while the world does its part."""
    for _ in range(round(seconds / 0.1)):
        step(node)
        await asyncio.sleep(0.1)


def end_init(node: Node) -> None:
    if node.is_running("init"):
        node.crash("init", code=0)


WHOLE = a_pod(
    a_container("web"),
    a_container("log"),
    initContainers=[a_container("init"), a_container("side", restartPolicy="Always")],
)
NAMES = ("init", "side", "web", "log")


@pytest.mark.parametrize("number", range(1, 45))
async def test_killed_while_a_pod_starts(number: int) -> None:
    machine = Machine()
    async with running(machine=machine) as node:
        await asyncio.sleep(1)
        kill_at_call(node, number)
        node.want(WHOLE)
        await drive(node, 3, end_init)
    async with reborn(machine) as node:
        await drive(node, 10, end_init)
        assert [node.phases(n) for n in NAMES] == [[Phase.EXITED]] + [[Phase.RUNNING]] * 3
        assert [node.container(n).restartCount for n in NAMES] == [0, 0, 0, 0]
        assert len(node.runtime.boxes) == 1
        assert node.status().phase == "Running"


@pytest.mark.parametrize("number", [*range(1, 12), 0])
@pytest.mark.parametrize("down", [0.0, 4.0, 20.0])
async def test_killed_while_a_pod_ends_keeps_its_deadline(number: int, down: float) -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with running(a_pod(terminationGracePeriodSeconds=10), machine=machine) as node:
        await asyncio.sleep(1)
        kill_at_call(node, number)
        node.unwant()
        await asyncio.sleep(2)
        assert machine.records.of(UID).ending is not None
    await asyncio.sleep(down)
    async with reborn(machine) as node:
        if down < 8:
            await asyncio.sleep(8 - down - 0.2)
            assert node.is_running()
        await asyncio.sleep(0.7 if down < 8 else 2.5)
        assert not node.runtime.containers
        assert not machine.records.stored and not machine.files.pods


@pytest.mark.parametrize("number", range(1, 12))
async def test_killed_while_a_crashed_container_comes_back(number: int) -> None:
    machine = Machine()
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1)
        kill_at_call(node, number)
        node.crash()
        await asyncio.sleep(1)
    async with reborn(machine) as node:
        await asyncio.sleep(1)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        assert node.container().restartCount == 1
        node.crash()
        await asyncio.sleep(9.5)
        assert not node.is_running()
        await asyncio.sleep(1)
        assert node.is_running() and node.container().restartCount == 2


@pytest.mark.parametrize("down", [0.0, 3.0, 30.0])
@pytest.mark.parametrize("waited", [0.0, 2.0, 7.0])
async def test_killed_during_a_back_off_keeps_its_time(waited: float, down: float) -> None:
    machine = Machine()
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1)
        node.crash()
        await asyncio.sleep(1)
        node.crash()
        await asyncio.sleep(waited)
    await asyncio.sleep(down)
    async with reborn(machine) as node:
        left = 10 - waited - down
        if left > 0:
            await asyncio.sleep(left - 0.3)
            assert node.waiting() == "CrashLoopBackOff"
        await asyncio.sleep(0.8)
        assert node.is_running() and node.container().restartCount == 2


@pytest.mark.parametrize("number", range(1, 14))
async def test_killed_while_a_finished_pod_is_taken_down(number: int) -> None:
    machine = Machine()
    async with running(a_pod(restartPolicy="Never"), machine=machine) as node:
        await asyncio.sleep(1)
        kill_at_call(node, number)
        node.crash(code=0)
        await asyncio.sleep(1)
    async with reborn(machine) as node:
        await asyncio.sleep(2)
        assert (node.status().phase, node.phases()) == ("Succeeded", [Phase.EXITED])
        assert not machine.cgroups.pods and not machine.volumes.mounted
        assert len(machine.runtime.boxes) == 1
        assert not any(box.ready for _, box in machine.runtime.boxes.values())


@pytest.mark.parametrize("number", range(1, 22))
async def test_killed_while_an_edited_container_is_replaced(number: int) -> None:
    machine = Machine()
    machine.runtime.registry.add("busybox:2")
    async with running(a_pod(restartPolicy="Never"), machine=machine) as node:
        await asyncio.sleep(1)
        kill_at_call(node, number)
        node.want(a_pod(a_container(image="busybox:2"), restartPolicy="Never"))
        await asyncio.sleep(2)
    async with reborn(machine) as node:
        await asyncio.sleep(5)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        assert (node.status().phase, node.container().restartCount) == ("Running", 1)


@pytest.mark.parametrize("number", range(1, 30))
async def test_killed_while_all_containers_are_restarted(number: int) -> None:
    rule = v1.ContainerRestartRule(
        action="RestartAllContainers",
        exitCodes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=[7]),
    )
    pod = a_pod(a_container(restartPolicy="Never", restartPolicyRules=[rule]), a_container("log"))
    machine = Machine()
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(1)
        kill_at_call(node, number)
        node.crash(code=7)
        await asyncio.sleep(2)
    async with reborn(machine) as node:
        await asyncio.sleep(5)
        assert node.phases("web") == node.phases("log") == [Phase.RUNNING]
        assert [node.container(n).restartCount for n in ("web", "log")] == [1, 1]


async def test_a_quiet_restart_of_the_agent_changes_nothing() -> None:
    machine = Machine()
    async with running(WHOLE, machine=machine) as node:
        await drive(node, 3, end_init)
        before, ids = node.status(), {n: node.current(n) for n in NAMES}
    calls = len(machine.runtime.calls)
    async with reborn(machine) as node:
        await asyncio.sleep(90)
        assert node.status() == before
        assert {n: node.current(n) for n in NAMES} == ids
        made = {call for call, _ in machine.runtime.calls[calls:]}
        assert made <= {"health", "list_pods", "look", "image_status"}


async def test_a_reboot_brings_pods_back_with_their_counts() -> None:
    machine = Machine()
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1)
        node.crash()
        await asyncio.sleep(1)
        assert node.container().restartCount == 1
    machine.runtime.boxes.clear()
    machine.runtime.containers.clear()
    async with reborn(machine) as node:
        await asyncio.sleep(5)
        assert node.phases() == [Phase.RUNNING]
        assert node.container().restartCount == 2


@pytest.mark.parametrize("number", range(1, 30, 2))
async def test_a_pod_edited_while_the_agent_was_dead(number: int) -> None:
    machine = Machine()
    async with running(machine=machine) as node:
        await asyncio.sleep(1)
        kill_at_call(node, number)
        node.want(a_pod(uid="old"))
        await asyncio.sleep(2)
    machine.wanted = {PodUid("new"): renamed(a_pod(), "new")}
    async with reborn(machine) as node:
        await asyncio.sleep(5)
        assert node.phases(uid="new") == [Phase.RUNNING]
        assert {c.uid for c, _ in node.runtime.boxes.values()} == {"new"}
        assert set(machine.records.stored) == {"new"}


def renamed(pod: DesiredPod, uid: str) -> DesiredPod:
    return msgspec.structs.replace(pod, uid=PodUid(uid))
