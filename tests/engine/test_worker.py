"""Pods that start, crash, come back and finish, by the whole engine in virtual time."""

import asyncio
import itertools

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import ObservedPod, Phase
from tests.fakes.node import EPOCH, Machine, running, until
from tests.fakes.pods import UID, a_container, a_pod
from tests.fakes.probes import NO

pytestmark = pytest.mark.looptime


def restart_all_on(code: int) -> v1.ContainerRestartRule:
    return v1.ContainerRestartRule(
        action="RestartAllContainers",
        exitCodes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=[code]),
    )


async def test_a_wanted_pod_is_running_and_ready() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(1)
        assert node.is_running()
        assert (node.status().phase, node.container().ready) == ("Running", True)
        assert node.recorder.reasons(UID) == ["Pulled", "Created", "Started"]
        seen = node.state.observed(UID)  # what metrics label it with
        assert (seen.name, seen.namespace) == (a_pod().name, a_pod().namespace)


async def test_a_crashed_container_is_back_at_once_then_after_ten_and_twenty_seconds() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(5)
        node.crash()
        await asyncio.sleep(0.5)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        for number, delay in enumerate((10, 20, 40, 80, 160, 300, 300), start=2):
            node.crash()
            await asyncio.sleep(delay - 0.2)
            assert not node.is_running()
            assert node.waiting() == "CrashLoopBackOff"
            await asyncio.sleep(0.6)
            assert node.is_running()
            assert node.container().restartCount == number


async def test_a_crash_loop_keeps_one_dead_record_and_tells_each_wait_once() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(5)
        for _ in range(4):
            node.crash()
            await until(node.is_running, at_most=100)
            await asyncio.sleep(0.2)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        assert node.recorder.reasons().count("BackOff") == 3
        last = node.container().lastState
        assert last is not None and last.terminated is not None
        assert (last.terminated.exitCode, last.terminated.reason) == (1, "Error")


async def test_ten_minutes_of_running_forgive_the_crashes_before() -> None:
    async with running(a_pod()) as node:
        for _ in range(3):
            await until(node.is_running, at_most=100)
            node.crash()
        await until(node.is_running, at_most=100)
        await asyncio.sleep(700)
        node.crash()
        await asyncio.sleep(0.5)
        assert node.is_running()


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (3, "Failed")])
async def test_a_pod_that_never_restarts_ends_with_its_container_and_stays_ended(
    code: int, phase: str
) -> None:
    async with running(a_pod(restartPolicy="Never")) as node:
        await asyncio.sleep(1)
        node.crash(code=code)
        await asyncio.sleep(1)
        assert node.status().phase == phase
        assert not node.machine.cgroups.pods and not node.machine.volumes.mounted
        assert not any(box.ready for _, box in node.runtime.boxes.values())
        calls = len(node.runtime.calls)
        await asyncio.sleep(3600)
        later = [c for c, _ in node.runtime.calls[calls:] if c not in ("health", "list_pods")]
        assert later == []
        assert node.phases() == [Phase.EXITED]


async def test_a_finished_pod_stays_finished_over_restarts_of_the_agent() -> None:
    machine = Machine()
    async with running(a_pod(restartPolicy="Never"), machine=machine) as node:
        await asyncio.sleep(1)
        node.crash(code=0)
        await asyncio.sleep(1)
    async with running(machine=machine) as node:
        await asyncio.sleep(100)
        assert (node.status().phase, node.phases()) == ("Succeeded", [Phase.EXITED])


async def test_an_edited_image_replaces_the_container_under_any_policy() -> None:
    machine = Machine()
    machine.runtime.registry.add("busybox:2")
    async with running(a_pod(restartPolicy="Never"), machine=machine) as node:
        await asyncio.sleep(1)
        node.want(a_pod(a_container(image="busybox:2"), restartPolicy="Never"))
        await asyncio.sleep(2)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        assert (node.status().phase, node.container().restartCount) == ("Running", 1)


async def test_init_containers_run_in_order_and_sidecars_stay() -> None:
    pod = a_pod(initContainers=[a_container("first"), a_container("side", restartPolicy="Always")])
    async with running(pod) as node:
        await asyncio.sleep(1)
        assert (node.is_running("first"), node.of("side"), node.of()) == (True, [], [])
        assert node.waiting() == "PodInitializing"
        node.crash("first", code=0)
        await asyncio.sleep(1)
        assert node.is_running("side") and node.is_running()
        node.crash("side", code=1)
        await asyncio.sleep(1)
        assert node.phases("side") == [Phase.EXITED, Phase.RUNNING]
        assert node.phases("first") == [Phase.EXITED]


async def test_restart_all_containers_begins_anew_in_the_same_sandbox() -> None:
    ruled = a_container(restartPolicy="Never", restartPolicyRules=[restart_all_on(7)])
    pod = a_pod(ruled, a_container("other"), initContainers=[a_container("init")])
    async with running(pod) as node:
        await asyncio.sleep(1)
        node.crash("init", code=0)
        await asyncio.sleep(1)
        node.crash(code=7)
        await asyncio.sleep(0.5)
        assert node.is_running("init") and not node.of() and not node.of("other")
        node.crash("init", code=0)
        await asyncio.sleep(1)
        assert node.is_running() and node.is_running("other")
        assert [node.container(n).restartCount for n in ("init", "web", "other")] == [1, 1, 1]
        assert len(node.runtime.boxes) == 1


async def test_restart_all_containers_backs_off_when_it_does_not_help() -> None:
    ruled = a_container(restartPolicy="Never", restartPolicyRules=[restart_all_on(7)])
    async with running(a_pod(ruled)) as node:
        await asyncio.sleep(1)
        for _ in range(600):
            if node.is_running():
                node.crash(code=7)
            await asyncio.sleep(0.1)
        assert node.runtime.count("create_container") <= 6


async def test_an_operators_restart_skips_the_back_off_and_kills_what_runs() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(1)
        node.crash()
        await asyncio.sleep(1)
        node.crash()
        await asyncio.sleep(1)
        assert node.waiting() == "CrashLoopBackOff"
        node.workers.restart(PodUid(UID), "web", EPOCH + asyncio.get_running_loop().time())
        await asyncio.sleep(0.5)
        assert node.is_running() and node.container().restartCount == 2
        old = node.current()
        node.workers.restart(PodUid(UID), "", EPOCH + asyncio.get_running_loop().time())
        await asyncio.sleep(0.5)
        assert node.is_running() and node.current() != old


async def test_an_operators_restart_asked_during_a_start_is_not_lost() -> None:
    pod = a_pod(a_container(lifecycle=v1.Lifecycle(postStart=v1.LifecycleHandler())))
    machine = Machine()
    machine.hooks.takes["web"] = 3.0
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(1)
        assert node.is_running()
        node.workers.restart(PodUid(UID), "web", EPOCH + asyncio.get_running_loop().time())
        await asyncio.sleep(10)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]


async def test_a_failed_post_start_hook_ends_the_container_and_says_so() -> None:
    pod = a_pod(a_container(lifecycle=v1.Lifecycle(postStart=v1.LifecycleHandler())))
    machine = Machine()
    machine.hooks.fails.add("web")
    async with running(pod, machine=machine) as node:
        ready: list[bool] = []
        node.publisher.listen(lambda uid: ready.append(node.container().ready))
        await asyncio.sleep(0.3)
        assert node.waiting() == "PostStartHookError"
        assert node.phases()[-1] is Phase.EXITED
        await asyncio.sleep(5)
        assert node.waiting() == "CrashLoopBackOff", "in which it is from the second failure on"
        assert True not in ready


async def test_a_failed_liveness_probe_restarts_the_container() -> None:
    probe = v1.Probe(tcpSocket=v1.TCPSocketAction(port=80), periodSeconds=1, failureThreshold=2)
    async with running(a_pod(a_container(livenessProbe=probe))) as node:
        await asyncio.sleep(5)
        node.machine.checks.answers[node.current()] = NO
        await asyncio.sleep(5)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        assert any("failed liveness probe" in m for m in node.recorder.messages("Killing"))


async def test_a_dead_sandbox_is_replaced_with_the_next_attempt() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(1)
        node.runtime.kill_sandbox(next(iter(node.runtime.boxes)))
        await asyncio.sleep(2)
        assert node.is_running()
        assert sorted(b.attempt for _, b in node.runtime.boxes.values()) == [0, 1]
        assert node.container().restartCount == 1


async def test_each_change_of_status_is_told_once() -> None:
    async with running(a_pod()) as node:
        await asyncio.sleep(200)
        told = [status for _, status in node.shown]
        assert all(a != b for a, b in itertools.pairwise(told))
        assert len(told) <= 5
        count = len(told)
        node.workers.ring_all()
        await asyncio.sleep(1)
        assert len(node.shown) == count


async def test_the_record_is_saved_before_anything_is_made() -> None:
    machine = Machine()
    made: list[int] = []
    machine.records.on_save = lambda _: made.append(len(machine.runtime.boxes))
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(1)
        assert node.is_running()
        assert made[0] == 0
        assert machine.records.of(UID).admitted


async def test_a_bug_in_one_pod_leaves_the_others_alone() -> None:
    async with running() as node:
        good = node.publisher.publish

        def publish(memory: PodMemory, seen: ObservedPod) -> None:
            if memory.pod.uid == "bad":
                raise ZeroDivisionError
            good(memory, seen)

        node.publish = publish
        node.want(a_pod(uid="bad", name="bad"), a_pod())
        await asyncio.sleep(30)
        assert node.is_running()
        assert 4 <= node.bugs <= 12
        node.crash()
        await asyncio.sleep(1)
        assert node.is_running()


async def test_a_hundred_rings_after_a_failure_are_one_try() -> None:
    machine = Machine()
    machine.volumes.broken.add(UID)
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(20)
        tries = len(node.plans)
        await until(lambda: len(node.plans) > tries)
        tries = len(node.plans)
        for _ in range(100):
            node.workers.ring(PodUid(UID))
            await asyncio.sleep(0.01)
        assert len(node.plans) == tries
        machine.volumes.broken.clear()
        await asyncio.sleep(20)
        assert node.is_running()


async def test_a_changed_wish_does_not_wait_for_the_setback_of_the_old_one() -> None:
    machine = Machine()
    machine.volumes.broken.add(UID)
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(60)
        machine.volumes.broken.clear()
        node.want(a_pod(annotations={"edited": "yes"}))
        await asyncio.sleep(0.5)
        assert node.is_running()


async def test_a_refused_pod_fails_for_good_with_its_reason() -> None:
    machine = Machine()
    machine.volumes.refused["web-n1"] = 'volume "data" is of kind nfs'
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(100)
        status = node.status()
        assert (status.phase, status.reason) == ("Failed", "VolumeNotSupported")
        assert status.message == 'Pod was rejected: volume "data" is of kind nfs'
        assert node.recorder.reasons() == ["VolumeNotSupported"]
        assert not node.runtime.boxes


async def test_a_pod_waits_for_the_port_of_one_that_is_leaving() -> None:
    port = v1.ContainerPort(containerPort=80, hostPort=8080, protocol="TCP")
    old = a_pod(a_container(ports=[port]), name="old", terminationGracePeriodSeconds=20)
    new = a_pod(a_container(ports=[port]), name="new", uid="u2")
    async with running(old) as node:
        node.machine.runtime.ignores_term.add("web")
        await asyncio.sleep(2)
        node.unwant(UID)
        node.want(new)
        await asyncio.sleep(10)
        assert node.of(uid="u2") == []
        assert node.status("u2").phase == "Pending"
        await asyncio.sleep(15)
        assert node.is_running(uid="u2")


async def test_a_pod_whose_port_is_taken_by_one_that_stays_is_refused() -> None:
    port = v1.ContainerPort(containerPort=80, hostPort=8080, protocol="TCP")
    old = a_pod(a_container(ports=[port]), name="old")
    async with running(old) as node:
        await asyncio.sleep(2)
        node.want(a_pod(a_container(ports=[port]), name="new", uid="u2"))
        await asyncio.sleep(2)
        assert (node.status("u2").phase, node.status("u2").reason) == ("Failed", "NodePorts")


async def test_restart_counts_go_on_by_the_logs_where_every_record_is_lost() -> None:
    machine = Machine()
    machine.files.log_counts = {"web": 6}
    async with running(a_pod(), machine=machine) as node:
        await asyncio.sleep(2)
        assert node.container().restartCount == 7
