"""However a pod's end goes, it is over at most two seconds after its grace."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import looptime
import msgspec
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.memory import EndRequest, EndWhy
from tests.fakes.node import Machine, Node, running, until
from tests.fakes.pods import a_container, a_pod

HUNG = 10_000.0
SLACK = 0.25  # what the fake runtime, its sandbox and our own steps take
FLOOR = 2.0
PRE_STOP = v1.Lifecycle(preStop=v1.LifecycleHandler())


class Manner(msgspec.Struct, frozen=True):
    """How one container takes its end."""

    deaf: bool  # to the stop signal
    hook: float | None  # seconds that its preStop hook takes


class End(msgspec.Struct, frozen=True):
    """One pod's end. Moments are seconds after it began."""

    grace: int
    regular: tuple[Manner, ...]
    sidecars: tuple[Manner, ...] = ()
    shorter: tuple[float, float] | None = None  # when, and the new grace
    death: tuple[float, float] | None = None  # when the agent dies, and for how long
    asked: float | None = None  # when the node asks for the pod's end on top, with 1 s


manners = st.builds(
    Manner,
    deaf=st.booleans(),
    hook=st.one_of(st.none(), st.floats(0.0, 12.0), st.just(HUNG)),
)
moments = st.floats(0.0, 14.0)
ends = st.builds(
    End,
    grace=st.integers(0, 10),
    regular=st.lists(manners, min_size=1, max_size=3).map(tuple),
    sidecars=st.lists(manners, max_size=2).map(tuple),
    shorter=st.one_of(st.none(), st.tuples(moments, st.floats(0.0, 10.0))),
    death=st.one_of(st.none(), st.tuples(moments, st.floats(0.0, 1.5))),
    asked=st.one_of(st.none(), moments),
)


def the_pod(end: End, machine: Machine) -> DesiredPod:
    def built(name: str, manner: Manner, **more: Any) -> v1.Container:
        if manner.deaf:
            machine.runtime.ignores_term.add(name)
        if manner.hook is not None:
            machine.hooks.takes[name] = manner.hook
        hooked = PRE_STOP if manner.hook is not None else None
        return a_container(name, lifecycle=hooked, **more)

    return a_pod(
        *(built(f"c{number}", manner) for number, manner in enumerate(end.regular)),
        initContainers=[
            built(f"s{number}", manner, restartPolicy="Always")
            for number, manner in enumerate(end.sidecars)
        ],
        terminationGracePeriodSeconds=end.grace,
    )


def due_by(end: End) -> float:
    """Seconds from the beginning within which the pod must be over: never later than asked."""
    deadline = max(float(end.grace), 1.0)
    back = sum(end.death) if end.death is not None else 0.0
    if end.shorter is not None:
        heard = end.shorter[0] if is_heard(end, end.shorter[0]) else max(back, end.shorter[0])
        deadline = min(deadline, heard + max(end.shorter[1], 1.0))
    if end.asked is not None and is_heard(end, end.asked):
        deadline = min(deadline, end.asked + 1.0)
    # A stop that comes back late gives each container one more second to answer its signal.
    return max(deadline + FLOOR, back + 1.0) + SLACK


def is_heard(end: End, moment: float) -> bool:
    """Whether an agent is there at that moment, and lives long enough to write down what it is."""
    if end.death is None:
        return True
    died, gone_for = end.death
    return moment < died - 0.05 or moment > died + gone_for + 0.05


async def carry_out(end: End) -> float:
    """How long the end of the pod took."""
    machine = Machine()
    pod = the_pod(end, machine)
    clock = asyncio.get_running_loop().time

    async def change(node: Node, began: float, last: float) -> None:
        """Do what is to be done in this life of the agent."""
        steps: list[tuple[float, Any]] = []
        if end.shorter is not None:
            wish = msgspec.structs.replace(pod, deleting=True, grace=end.shorter[1])
            steps.append((end.shorter[0], lambda: node.want(wish)))
        if end.asked is not None:
            request = EndRequest(why=EndWhy.NODE_SHUTDOWN, grace=1.0)
            steps.append((end.asked, lambda: node.workers.end(pod.uid, request)))
        for moment, step in sorted(steps, key=lambda one: one[0]):
            late = moment == (end.shorter or (-1.0,))[0] and not is_heard(end, moment)
            if (began + moment >= clock() or late) and began + moment <= last:
                await asyncio.sleep(max(began + moment - clock(), 0.0))
                step()

    async def gone(node: Node) -> None:
        await until(lambda: not node.runtime.containers and not node.runtime.boxes)

    async with running(pod, machine=machine) as node:
        await asyncio.sleep(3.0)
        assert all(c.phase == "Running" for _, c in machine.runtime.containers.values())
        began = clock()
        node.want(msgspec.structs.replace(pod, deleting=True))
        last = began + (end.death[0] if end.death is not None else HUNG)
        changes = asyncio.ensure_future(change(node, began, last))
        over = asyncio.ensure_future(gone(node))
        await asyncio.wait({over}, timeout=last - clock())
        over.cancel()
        changes.cancel()
    if machine.runtime.containers:
        assert end.death is not None
        await asyncio.sleep(end.death[1])
        async with running(machine=machine) as node:
            await asyncio.sleep(0)
            changes = asyncio.ensure_future(change(node, began, HUNG))
            await gone(node)
            changes.cancel()
    return clock() - began


def in_virtual_time(work: Coroutine[Any, Any, float]) -> float:
    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        return runner.run(work)


QUIET, DEAF, STUCK = Manner(False, None), Manner(True, None), Manner(True, HUNG)


@settings(max_examples=60, deadline=None)
@given(end=ends)
@example(end=End(10, (STUCK,), (STUCK, STUCK)))
@example(end=End(0, (STUCK, DEAF)))
@example(end=End(10, (DEAF,), (QUIET, DEAF), shorter=(4.0, 1.0)))
@example(end=End(5, (STUCK,), (DEAF,), death=(4.9, 0.5)))
@example(end=End(5, (STUCK,), (DEAF,), death=(6.5, 1.5)))
@example(end=End(10, (STUCK,), (DEAF,), asked=3.0))
def test_a_pod_is_over_two_seconds_after_its_grace_at_the_latest(end: End) -> None:
    took = in_virtual_time(carry_out(end))
    event("on time" if took <= due_by(end) - FLOOR - SLACK else "in the floor")
    assert took <= due_by(end)


def test_a_stop_that_nothing_delays_is_over_at_once() -> None:
    took = in_virtual_time(carry_out(End(10, (QUIET, Manner(False, 0.0)), (QUIET,))))
    assert took < 0.5


def test_an_agent_that_dies_in_the_middle_of_a_stop_keeps_the_deadline() -> None:
    took = in_virtual_time(carry_out(End(10, (DEAF,), death=(4.0, 2.0))))
    assert 9.9 <= took <= 10.0 + SLACK + 1.0


async def _end_of_a_long_sleep(*, deaf: bool) -> float:
    machine = Machine()
    machine.hooks.takes["web"] = 50.0
    if deaf:
        machine.runtime.ignores_term.add("web")
    sleeps = v1.LifecycleHandler(sleep=v1.SleepAction(seconds=50))
    pod = a_pod(a_container(lifecycle=v1.Lifecycle(preStop=sleeps)))
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(1)
        began = machine.clock.now()
        node.unwant()
        await until(lambda: not node.is_running(), at_most=60)
        return machine.clock.now() - began


def test_a_hook_that_sleeps_too_long_has_its_pods_whole_grace_and_the_end_is_in_time() -> None:
    assert 30.0 <= in_virtual_time(_end_of_a_long_sleep(deaf=False)) < 30.5
    assert 30.5 < in_virtual_time(_end_of_a_long_sleep(deaf=True)) < 30.0 + FLOOR + SLACK
