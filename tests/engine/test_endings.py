"""Pods that are taken away: at any moment, with any grace, in the right order."""

import asyncio

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.observed import Phase
from tests.fakes.node import Machine, Node, running, until
from tests.fakes.pods import UID, a_container, a_pod

pytestmark = pytest.mark.looptime
HOOKED = v1.Lifecycle(preStop=v1.LifecycleHandler(), postStart=v1.LifecycleHandler())


def deleting(pod: DesiredPod, grace: float | None = None) -> DesiredPod:
    return msgspec.structs.replace(pod, deleting=True, grace=grace)


def is_clean(node: Node) -> bool:
    """Nothing of any pod is left anywhere."""
    machine = node.machine
    left = (
        *machine.runtime.boxes,
        *machine.runtime.containers,
        *machine.records.stored,
        *machine.files.pods,
        *machine.files.links,
        *machine.volumes.mounted,
        *machine.cgroups.pods,
        *node.publisher.pods(),
        *node.workers.memories(),
    )
    return not left


async def test_a_pod_whose_manifest_went_leaves_nothing_behind() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(1)
        node.unwant()
        await asyncio.sleep(1)
        assert is_clean(node)
        assert node.probing.counts() == () and not node.probing._pods


async def test_a_pod_whose_volumes_never_come_is_let_go_at_once() -> None:
    machine = Machine()
    machine.volumes.hanging.add(UID)
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1000)
        assert node.waiting() == "ContainerCreating"
        node.unwant()
        await asyncio.sleep(1)
        assert is_clean(node)


async def test_a_pods_own_deadline_ends_the_wait_for_its_volumes() -> None:
    machine = Machine()
    machine.volumes.hanging.add(UID)
    async with running(a_pod(activeDeadlineSeconds=30), machine=machine) as node:
        await asyncio.sleep(40)
        status = node.status()
        assert (status.phase, status.reason) == ("Failed", "DeadlineExceeded")


@pytest.mark.parametrize("after", [0.0, 0.01, 0.02, 0.05, 0.06, 0.1, 0.2, 0.5])
async def test_a_pod_deleted_at_any_moment_of_its_start_leaves_nothing_behind(
    after: float,
) -> None:
    machine = Machine()
    machine.runtime.registry.add("busybox:2")
    async with running(machine=machine) as node:
        await asyncio.sleep(1)
        node.want(a_pod(a_container(image="busybox:2")))
        await asyncio.sleep(after)
        node.unwant()
        await asyncio.sleep(3)
        assert is_clean(node)


async def test_a_pod_deleted_while_its_image_is_pulled_does_not_wait_for_it() -> None:
    machine = Machine()
    machine.runtime.pull_takes = 600.0
    async with running(a_pod(a_container(image="big:1")), machine=machine) as node:
        await asyncio.sleep(5)
        assert node.runtime.count("pull_image") == 1
        node.unwant()
        await asyncio.sleep(2)
        assert is_clean(node)
        await asyncio.sleep(700)
        assert node.pulls.of(PodUid(UID)) == {}


async def test_a_pod_deleted_while_its_post_start_hook_hangs_ends_all_the_same() -> None:
    machine = Machine()
    machine.hooks.takes["web"] = 3600.0
    pod = a_pod(a_container(lifecycle=v1.Lifecycle(postStart=v1.LifecycleHandler())))
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(5)
        assert node.hooks.ran == [("postStart", "web")]
        node.unwant()
        await asyncio.sleep(5)
        assert is_clean(node)


async def test_a_container_that_ignores_the_signal_gets_all_its_grace_and_no_more() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1)
        node.unwant()
        await asyncio.sleep(29.9)
        assert node.is_running()
        await asyncio.sleep(0.3)
        assert not node.of()


async def test_a_shorter_grace_breaks_off_a_running_stop() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1)
        node.want(deleting(a_pod()))
        await asyncio.sleep(5)
        node.want(deleting(a_pod(), 3.0))
        node.want(deleting(a_pod(), 2.0))
        await asyncio.sleep(1.9)
        assert node.is_running()
        await asyncio.sleep(0.3)
        assert not node.is_running() and node.bugs == 0


async def test_a_longer_grace_changes_nothing() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1)
        node.want(deleting(a_pod(), 10.0))
        await asyncio.sleep(5)
        node.want(deleting(a_pod(), 300.0))
        await asyncio.sleep(5.3)
        assert not node.is_running()
        assert node.runtime.count("stop_container") == 1


async def test_another_change_of_the_wish_does_not_begin_a_stop_anew() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    machine.runtime.registry.add("busybox:2")
    async with running(a_pod(a_container(lifecycle=HOOKED)), machine=machine) as node:
        await asyncio.sleep(1)
        node.want(a_pod(a_container(image="busybox:2", lifecycle=HOOKED)))
        await asyncio.sleep(10)
        node.want(
            a_pod(a_container(image="busybox:2", lifecycle=HOOKED), annotations={"more": "1"})
        )
        await asyncio.sleep(20.5)
        assert node.hooks.ran.count(("preStop", "web")) == 1
        assert node.phases()[0] is Phase.EXITED


async def test_pre_stop_hooks_spend_from_the_grace() -> None:
    machine = Machine()
    machine.hooks.takes["web"] = 20.0
    pod = a_pod(a_container(lifecycle=v1.Lifecycle(preStop=v1.LifecycleHandler())))
    machine.runtime.ignores_term.add("web")
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(1)
        node.unwant()
        await asyncio.sleep(29.9)
        assert node.is_running()
        await asyncio.sleep(0.3)
        assert not node.of()


async def test_a_hook_that_takes_all_the_grace_leaves_two_seconds_for_the_signal() -> None:
    machine = Machine()
    machine.hooks.takes["web"] = 1000.0
    pod = a_pod(a_container(lifecycle=v1.Lifecycle(preStop=v1.LifecycleHandler())))
    machine.runtime.ignores_term.add("web")
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(1)
        node.unwant()
        await asyncio.sleep(30.9)
        assert node.is_running()
        await asyncio.sleep(0.3)
        assert not node.of()


async def test_sidecars_end_last_and_in_reverse_order() -> None:
    machine = Machine()
    machine.runtime.ignores_term |= {"web", "s2"}
    sides = [a_container(name, restartPolicy="Always") for name in ("s1", "s2")]
    pod = a_pod(initContainers=sides, terminationGracePeriodSeconds=10)
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(2)
        node.unwant()
        await asyncio.sleep(5)
        assert [node.is_running(n) for n in ("web", "s2", "s1")] == [True, True, True]
        node.crash(code=0)
        await asyncio.sleep(1)
        assert [node.is_running(n) for n in ("web", "s2", "s1")] == [False, True, True]
        node.crash("s2", code=0)
        await asyncio.sleep(0.5)
        assert not node.is_running("s1")
        order = [
            name.split("-")[0] for call, name in node.runtime.calls if call == "stop_container"
        ]
        assert order == ["web", "s2", "s1"]


async def test_sidecars_share_the_one_grace_of_the_pod() -> None:
    machine = Machine()
    machine.runtime.ignores_term |= {"web", "s1", "s2"}
    sides = [a_container(name, restartPolicy="Always") for name in ("s1", "s2")]
    pod = a_pod(initContainers=sides, terminationGracePeriodSeconds=10)
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(2)
        node.unwant()
        await asyncio.sleep(12.5)
        assert not node.runtime.containers


async def test_a_finished_job_ends_its_sidecars() -> None:
    pod = a_pod(
        initContainers=[a_container("side", restartPolicy="Always")], restartPolicy="OnFailure"
    )
    async with running(pod) as node:
        await asyncio.sleep(2)
        node.crash(code=0)
        await asyncio.sleep(2)
        assert node.status().phase == "Succeeded"
        assert not node.is_running("side")


async def test_the_pods_own_deadline_ends_it_as_failed() -> None:
    async with running(a_pod(activeDeadlineSeconds=60)) as node:
        await asyncio.sleep(55)
        assert node.is_running()
        await asyncio.sleep(10)
        status = node.status()
        assert (status.phase, status.reason) == ("Failed", "DeadlineExceeded")
        assert not node.is_running()


async def test_removed_and_added_again_a_hundred_times_ends_in_the_right_state() -> None:
    async with running() as node:
        for number in range(100):
            node.want(a_pod())
            await asyncio.sleep(number % 10 * 0.013)
            node.unwant()
            await asyncio.sleep(number % 7 * 0.004)
        node.want(a_pod())
        await asyncio.sleep(3)
        assert node.phases()[-1] is Phase.RUNNING
        assert node.phases().count(Phase.RUNNING) == 1
        assert sum(box.ready for _, box in node.runtime.boxes.values()) == 1
        node.unwant()
        await asyncio.sleep(3)
        assert is_clean(node) and node.bugs == 0


async def test_two_pods_of_one_full_name_never_overlap() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with running(a_pod(uid="old"), machine=machine) as node:
        await asyncio.sleep(1)
        node.unwant("old")
        node.want(a_pod(uid="new"))
        await asyncio.sleep(29)
        assert node.is_running(uid="old") and not node.of(uid="new")
        await asyncio.sleep(3)
        assert node.is_running(uid="new") and not node.of(uid="old")


async def test_an_edit_of_an_edit_ends_with_the_last_one() -> None:
    async with running(a_pod(uid="v0")) as node:
        for number in range(1, 30):
            node.machine.wanted = {}
            node.want(a_pod(uid=f"v{number}"))
            await asyncio.sleep(number % 5 * 0.03)
            boxes = [c.uid for c, b in node.runtime.boxes.values() if b.ready]
            assert len(boxes) <= 1
        await asyncio.sleep(3)
        assert node.is_running(uid="v29")
        assert {c.uid for c, _ in node.runtime.boxes.values()} == {"v29"}


async def test_pods_that_nobody_wants_are_ended_with_one_second_of_grace() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with running(a_pod(), machine=machine):
        await asyncio.sleep(1)
    machine.records.stored.clear()
    machine.wanted.clear()
    async with running(machine=machine) as node:
        await asyncio.sleep(4)
        assert not node.runtime.containers and not node.runtime.boxes


async def test_an_orphan_ends_before_a_pod_of_its_name_begins() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    async with running(a_pod(uid="old"), machine=machine):
        await asyncio.sleep(1)
    machine.records.stored.clear()
    machine.wanted.clear()
    async with running(a_pod(uid="new"), machine=machine) as node:
        for _ in range(50):
            await asyncio.sleep(0.1)
            assert not (node.is_running(uid="old") and node.is_running(uid="new"))
        await until(lambda: node.is_running(uid="new"))
        assert not node.of(uid="old")


async def test_a_container_that_ends_while_it_is_waited_for_is_not_started_again() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(1)
        node.runtime.hang["stop_container"] = lambda _: True
        node.unwant()
        await asyncio.sleep(5)
        node.runtime.exit(ContainerId(node.current()), code=0)
        await asyncio.sleep(5)
        assert node.phases() == [Phase.EXITED]
