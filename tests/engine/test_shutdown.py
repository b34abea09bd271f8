"""The machine goes down: pods end in order within their time, new ones are refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nodeagent.build import taken_up
from nodeagent.core.shutdown import Group, groups_of
from nodeagent.engine.shutdown import Shutdown
from nodeagent.errors import HostError
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import DesiredPod
from tests.fakes.figures import value
from tests.fakes.node import Machine, Node, running, until
from tests.fakes.pods import a_container, a_pod

pytestmark = pytest.mark.looptime
GROUPS = groups_of(total=15.0, critical=5.0, by_priority=())


class FakePower:
    """A service manager that says what the test wants."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[bool] = asyncio.Queue()
        self.missing = False
        self.stopping = False
        self.needs: list[float] = []
        self.released = 0

    async def shutdowns(self, *, need: float) -> AsyncIterator[bool]:
        self.needs.append(need)
        if self.missing:
            raise HostError(op="follow", target="logind", detail="no such socket")
        while True:
            yield await self.told.get()

    async def release(self) -> None:
        self.released += 1

    async def is_stopping(self) -> bool:
        return self.stopping


class Going:
    """A node with its shutdown."""

    def __init__(self, node: Node, groups: tuple[Group, ...]) -> None:
        self.node, self.power = node, FakePower()
        self.stopped = asyncio.Event()
        self.asked_for: list[float] = []
        self.shutdown = Shutdown(
            power=self.power,
            pods=node.workers,
            groups=groups,
            recorder=node.recorder,
            node="n1",
            stop=self.stopped.set,
            more_time=self.asked_for.append,
        )


@asynccontextmanager
async def going(
    *pods: DesiredPod, machine: Machine | None = None, groups: tuple[Group, ...] = GROUPS
) -> AsyncIterator[Going]:
    async with running(*pods, machine=machine) as node, asyncio.TaskGroup() as group:
        found = Going(node, groups)
        task = group.create_task(found.shutdown.run())
        await asyncio.sleep(2)
        yield found
        task.cancel()


def pods(**criticals: bool) -> list[DesiredPod]:
    made = []
    for name, critical in criticals.items():
        spec: dict[str, Any] = {"priorityClassName": "system-node-critical"} if critical else {}
        made.append(a_pod(a_container(name), uid=name, name=name, **spec))
    return made


async def test_pods_end_as_failed_and_the_machine_is_let_go_at_once() -> None:
    async with going(*pods(a=False, b=True)) as here:
        assert here.power.needs == [15.0]
        here.power.told.put_nowait(True)
        await asyncio.sleep(1)
        assert here.power.released == 1
        for uid in ("a", "b"):
            status = here.node.status(uid)
            assert (status.phase, status.reason) == ("Failed", "Terminated")
            assert status.message == "Pod was terminated in response to imminent node shutdown."
            disrupted = [c for c in status.conditions or () if c.type == "DisruptionTarget"]
            assert [c.reason for c in disrupted] == ["TerminationByKubelet"]
        assert here.node.recorder.messages("Shutdown") == [
            "Shutdown manager detected shutdown event"
        ]


async def test_critical_pods_outlive_the_others_and_all_fit_into_the_time() -> None:
    machine = Machine()
    machine.runtime.ignores_term |= {"a", "b"}
    async with going(*pods(a=False, b=True), machine=machine) as here:
        here.power.told.put_nowait(True)
        await asyncio.sleep(9.8)
        assert here.node.is_running("a", "a") and here.node.is_running("b", "b")
        await asyncio.sleep(0.4)
        assert not here.node.is_running("a", "a") and here.node.is_running("b", "b")
        await asyncio.sleep(5)
        assert not here.node.is_running("b", "b")
        assert here.power.released == 1


async def test_new_pods_are_refused_while_the_machine_goes_down() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("a")
    async with going(*pods(a=False), machine=machine) as here:
        here.power.told.put_nowait(True)
        await asyncio.sleep(1)
        here.node.want(*pods(late=False))
        await asyncio.sleep(1)
        status = here.node.status("late")
        assert (status.phase, status.reason) == ("Failed", "NodeShutdown")
        assert not here.node.of("late", "late")


async def test_a_shutdown_that_is_called_off_lets_pods_in_again() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("a")
    async with going(*pods(a=False, b=True), machine=machine) as here:
        here.power.told.put_nowait(True)
        await asyncio.sleep(2)
        here.power.told.put_nowait(False)
        await asyncio.sleep(20)
        assert here.node.is_running("b", "b")
        assert here.power.released == 0
        here.node.want(*pods(late=False))
        await asyncio.sleep(2)
        assert here.node.is_running("late", "late")


async def test_where_nobody_tells_the_end_of_the_service_does_if_the_system_stops() -> None:
    machine = Machine()
    async with going(*pods(a=False), machine=machine) as here:
        here.power.stopping = True
        here.shutdown.terminate()
        await asyncio.sleep(1)
        assert here.stopped.is_set()
        assert here.asked_for == [25.0]
        assert here.node.status("a").reason == "Terminated"


async def test_an_agent_that_is_only_restarted_leaves_its_pods_alone() -> None:
    async with going(*pods(a=False)) as here:
        here.shutdown.terminate()
        await asyncio.sleep(1)
        assert here.stopped.is_set() and here.node.is_running("a", "a")


async def test_told_twice_the_agent_ends_in_the_middle_of_a_shutdown() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("a")
    async with going(*pods(a=False), machine=machine) as here:
        here.power.stopping = True
        here.shutdown.terminate()
        await asyncio.sleep(2)
        assert not here.stopped.is_set()
        here.shutdown.terminate()
        assert here.stopped.is_set()


async def test_without_a_period_nothing_is_held_back_and_no_pod_ends() -> None:
    async with going(*pods(a=False), groups=()) as here:
        assert here.power.needs == []
        here.shutdown.terminate()
        assert here.stopped.is_set()


async def test_a_missing_logind_is_looked_for_again() -> None:
    async with running(*pods(a=False)) as node, asyncio.TaskGroup() as group:
        here = Going(node, GROUPS)
        here.power.missing = True
        task = group.create_task(here.shutdown.run())
        await asyncio.sleep(10)
        assert len(here.power.needs) > 2
        here.power.missing = False
        await asyncio.sleep(10)
        here.power.told.put_nowait(True)
        await asyncio.sleep(1)
        assert node.status("a").reason == "Terminated"
        task.cancel()


async def test_after_the_reboot_the_pods_run_again() -> None:
    machine = Machine()
    async with going(*pods(a=False), machine=machine) as here:
        here.power.told.put_nowait(True)
        await asyncio.sleep(1)
    for memory in await taken_up(await machine.records.load_all()):
        await machine.records.save(memory)
    async with running(machine=machine) as node:
        await until(lambda: node.is_running("a", "a"))
        assert node.status("a").phase == "Running"


async def test_the_begin_and_the_end_of_a_shutdown_are_told() -> None:
    machine, metrics = Machine(), AgentMetrics()
    machine.runtime.ignores_term.add("a")
    began = "kubelet_graceful_shutdown_start_time_seconds"
    ended = "kubelet_graceful_shutdown_end_time_seconds"
    async with going(*pods(a=False), machine=machine) as here:
        here.shutdown.on_turn = lambda going: metrics.node.shutdown(going=going)
        here.power.told.put_nowait(True)
        await asyncio.sleep(1)
        assert value(metrics, began) > 0
        assert value(metrics, ended) == 0
        await asyncio.sleep(20)
        assert value(metrics, ended) >= value(metrics, began)
