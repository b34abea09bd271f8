"""A runtime that hangs, goes away, loses events or answers too late; what must not follow."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from nodeagent.errors import CriUnimplemented
from nodeagent.model.ids import PodUid
from nodeagent.model.observed import EventKind, Phase, RuntimeEvent
from tests.fakes.node import Machine, running, until
from tests.fakes.pods import a_container, a_pod

pytestmark = pytest.mark.looptime


def some_pods(count: int) -> list[str]:
    return [f"u{number}" for number in range(count)]


async def test_a_hung_look_of_one_pod_leaves_the_others_updating() -> None:
    pods = [a_pod(uid=uid, name=uid) for uid in some_pods(4)]
    async with running(*pods) as node:
        await asyncio.sleep(2)
        stuck = node.current(uid="u0")
        node.runtime.hang["look_container"] = lambda target: target == stuck
        node.runtime.hang["look"] = lambda target: target == "u0"
        for pod in pods:
            node.crash(uid=pod.uid)
        await asyncio.sleep(1)
        assert [node.is_running(uid=pod.uid) for pod in pods] == [False, True, True, True]
        await asyncio.sleep(20)
        assert "15 s" in node.state.observed(PodUid("u0")).trouble
        node.runtime.hang.clear()
        await asyncio.sleep(40)
        assert node.is_running(uid="u0")
        assert node.state.observed(PodUid("u0")).trouble == ""


async def test_a_hung_create_of_one_pod_leaves_the_others_starting() -> None:
    machine = Machine()
    machine.runtime.hang["create_sandbox"] = lambda name: name == "u0-n1"
    pods = [a_pod(uid=uid, name=uid) for uid in some_pods(12)]
    async with running(*pods, machine=machine) as node:
        await asyncio.sleep(5)
        assert [node.is_running(uid=pod.uid) for pod in pods[1:]] == [True] * 11


async def test_a_runtime_that_is_away_for_minutes_costs_nothing() -> None:
    pods = [a_pod(uid=uid, name=uid) for uid in some_pods(3)]
    async with running(*pods) as node:
        await asyncio.sleep(5)
        before = {pod.uid: node.status(pod.uid) for pod in pods}
        node.runtime.go_away()
        await asyncio.sleep(300)
        assert {pod.uid: node.status(pod.uid) for pod in pods} == before
        assert not node.keeper.health.runtime_ready
        node.runtime.exit(node.current(uid="u1"), code=1)
        node.unwant("u2")
        await asyncio.sleep(60)
        node.runtime.come_back()
        await asyncio.sleep(20)
        assert node.is_running(uid="u0") and node.is_running(uid="u1")
        assert node.phases(uid="u0") == [Phase.RUNNING]
        assert not node.of(uid="u2") and PodUid("u2") not in node.records.stored
        assert node.keeper.health.runtime_ready


async def test_a_pod_wanted_while_the_runtime_is_away_starts_when_it_is_back() -> None:
    async with running() as node:
        await asyncio.sleep(5)
        node.runtime.go_away()
        node.want(a_pod())
        await asyncio.sleep(120)
        node.runtime.come_back()
        await asyncio.sleep(20)
        assert node.phases() == [Phase.RUNNING]


async def test_an_agent_that_starts_before_its_runtime_ends_nothing() -> None:
    machine = Machine()
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(5)
    machine.runtime.go_away()
    async with running(machine=machine) as node:
        await asyncio.sleep(100)
        machine.runtime.come_back()
        await asyncio.sleep(10)
        assert node.phases() == [Phase.RUNNING]


async def test_lost_events_are_found_by_the_audit_and_counted() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(5)
        node.runtime.mute = True
        node.crash()
        await asyncio.sleep(30)
        assert not node.is_running()
        await asyncio.sleep(40)
        assert node.is_running()
        assert node.observer.missed_events == 1
        node.runtime.mute = False
        await asyncio.sleep(200)
        assert node.observer.missed_events == 1


async def test_events_that_arrive_are_not_counted_as_missed() -> None:
    async with running(a_pod()) as node:
        for _ in range(5):
            await until(node.is_running, at_most=400)
            node.crash()
            await asyncio.sleep(61)
        assert node.observer.missed_events == 0


@pytest.mark.parametrize("late_by", [0.2, 3.0, 30.0])
async def test_a_sandbox_whose_creation_timed_out_is_taken_up_and_not_made_twice(
    late_by: float,
) -> None:
    machine = Machine()
    machine.runtime.late["create_sandbox"] = (lambda _: True, late_by)
    async with running(a_pod(), machine=machine) as node:
        await until(lambda: node.runtime.count("create_sandbox") > 0)
        machine.runtime.late.clear()
        await asyncio.sleep(late_by + 30)
        assert node.is_running()
        assert sum(box.ready for _, box in node.runtime.boxes.values()) == 1
        if late_by < 1:
            assert node.runtime.count("create_sandbox") == 1


@pytest.mark.parametrize("late_by", [0.2, 3.0, 30.0])
async def test_a_container_whose_creation_timed_out_is_adopted_and_never_runs_twice(
    late_by: float,
) -> None:
    machine = Machine()
    machine.runtime.late["create_container"] = (lambda _: True, late_by)
    async with running(a_pod(), machine=machine) as node:
        await until(lambda: node.runtime.count("create_container") > 0)
        machine.runtime.late.clear()
        await asyncio.sleep(late_by + 30)
        assert node.is_running()
        assert node.phases().count(Phase.RUNNING) == 1
        assert node.container().restartCount == 0
        if late_by < 1:
            assert node.runtime.count("create_container") == 1


async def test_after_a_clash_of_names_the_attempt_goes_on_and_the_restart_count_does_not() -> None:
    machine = Machine()
    machine.runtime.late["create_container"] = (lambda _: True, 1e6)
    async with running(a_pod(), machine=machine) as node:
        await until(lambda: node.runtime.count("create_container") > 0)
        machine.runtime.late.clear()
        await until(node.is_running)
        (record,) = node.of()
        assert (record.attempt, record.restart_count) == (1, 0)
        node.crash()
        await asyncio.sleep(0.5)
        assert [(c.attempt, c.restart_count) for c in node.of()] == [(1, 0), (2, 1)]


async def test_a_container_that_cannot_be_made_does_not_hold_up_the_others_of_its_pod() -> None:
    machine = Machine()
    machine.runtime.fail["create_container"] = lambda name: name == "bad"
    async with running(a_pod(a_container("bad"), a_container("good")), machine=machine) as node:
        await asyncio.sleep(30)
        assert node.is_running("good")
        assert node.waiting("bad") == "CreateContainerError"
        assert node.container("bad").restartCount == 0
        machine.runtime.fail.clear()
        await asyncio.sleep(20)
        assert node.is_running("bad") and node.container("bad").restartCount == 0


async def test_an_image_that_vanished_after_it_was_found_is_looked_for_again() -> None:
    machine = Machine()
    image = dict(machine.runtime.images)
    machine.runtime.registry.add("busybox:1")
    machine.runtime.fail["create_container"] = lambda _: not machine.runtime.images
    async with running(machine=machine) as node:
        machine.runtime.hang["create_sandbox"] = lambda _: False
        node.want(a_pod())
        await until(lambda: bool(machine.runtime.boxes))
        machine.runtime.images.clear()
        await asyncio.sleep(60)
        assert node.is_running()
        assert machine.runtime.images.keys() == image.keys()


async def test_a_full_disk_does_not_keep_a_pod_from_ending() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(2)
        node.records.full = True
        node.unwant()
        await asyncio.sleep(5)
        assert not node.of()


async def test_a_stop_that_changes_nothing_is_not_repeated_without_pause() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(2)
        held = node.runtime.containers[node.current()]
        real = node.runtime.stop_container

        async def deaf(container: str, *, grace: float) -> None:
            node.runtime.calls.append(("stop_container", container))

        node.runtime.stop_container = deaf  # type: ignore[method-assign]
        node.unwant()
        await asyncio.sleep(30)
        assert node.runtime.count("stop_container") < 20
        node.runtime.stop_container = real  # type: ignore[method-assign]
        await asyncio.sleep(30)
        assert held[1].id not in node.runtime.containers


async def test_a_runtime_without_events_is_listed_again_and_again() -> None:
    machine = Machine()

    async def none() -> AsyncIterator[RuntimeEvent]:
        if machine.clock.now():
            raise CriUnimplemented(op="GetContainerEvents", target="fake", detail="unknown")
        yield RuntimeEvent(kind=EventKind.LOST, container_id="", at=0.0)

    machine.runtime.events = none  # type: ignore[method-assign]
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(30)
        node.crash()
        await asyncio.sleep(11)
        assert node.is_running()
        assert node.observer.missed_events == 0
