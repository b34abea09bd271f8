"""Pods of the API: how they are told, and let go."""

import asyncio

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.ids import PodUid
from nodeagent.model.memory import EndRequest, EndWhy
from nodeagent.model.observed import Phase
from tests.fakes.api import FakeApi
from tests.fakes.figures import value
from tests.fakes.member import Member, joined, pod_kind
from tests.fakes.node import Machine, until

pytestmark = pytest.mark.looptime


async def test_a_pod_of_the_api_is_told_running_with_few_requests() -> None:
    async with joined() as member:
        await asyncio.sleep(1)
        member.create()
        await until(lambda: member.phase() == "Running", at_most=2)
        await asyncio.sleep(30)
        assert len(member.patches()) <= 3
        status = member.status()
        assert status.podIP and status.startTime and status.observedGeneration == 1
        [web] = status.containerStatuses or []
        assert web.ready and web.state is not None and web.state.running is not None


async def test_a_deleted_pod_ends_gracefully_and_its_object_goes_at_the_end() -> None:
    async with joined() as member:
        member.create()
        await until(lambda: member.phase() == "Running")
        member.delete(grace=20)
        await asyncio.sleep(0)
        assert member.pod() is not None
        await until(lambda: member.pod() is None, at_most=5)
        [delete] = member.api.requests("delete", "pods")
        assert delete.body["gracePeriodSeconds"] == 0 and delete.body["uid"]
        await until(lambda: not member.node.workers.memories())
        assert member.node.runtime.boxes == {}
        phases = [p["status"]["phase"] for p in member.patches() if "phase" in p["status"]]
        assert phases[-1] in ("Failed", "Succeeded")


async def test_the_end_of_a_deleted_pod_is_told_once() -> None:
    async with joined() as member:
        member.create()
        await until(lambda: member.phase() == "Running")
        await asyncio.sleep(2)
        told = len(member.patches())
        member.delete(grace=20)
        await until(lambda: member.pod() is None, at_most=5)
        last = [patch["status"] for patch in member.patches()[told:]]
        assert [one.get("phase") for one in last if "phase" in one] == ["Failed"]
        assert len(last) == 1


async def test_volumes_are_gone_before_the_object_is() -> None:
    async with joined() as member:
        member.create()
        await until(lambda: member.phase() == "Running")
        member.node.machine.volumes.stuck = True
        member.delete(grace=1)
        await asyncio.sleep(60)
        assert member.pod() is not None
        member.node.machine.volumes.stuck = False
        await until(lambda: member.pod() is None, at_most=400)


async def test_a_shorter_grace_counts_and_a_longer_one_does_not() -> None:
    async with joined() as member:
        member.node.runtime.ignores_term.add("web")
        member.create()
        await until(lambda: member.phase() == "Running")
        member.delete(grace=60)
        await asyncio.sleep(5)
        assert member.node.is_running(uid=member.uid())
        member.delete(grace=100)
        await asyncio.sleep(5)
        member.delete(grace=3)
        await until(lambda: member.pod() is None, at_most=6)


async def test_a_forced_delete_ends_the_pod_in_seconds() -> None:
    async with joined() as member:
        member.node.runtime.ignores_term.add("web")
        member.create()
        await until(lambda: member.phase() == "Running")
        member.delete(grace=0)
        assert member.pod() is None
        await until(lambda: not member.node.workers.memories(), at_most=5)
        assert member.api.requests("delete", "pods") == []


@pytest.mark.parametrize(("begun", "lasts"), [(None, 20), (40, 40), (5, 5)])
async def test_a_pod_that_vanished_during_an_outage_has_the_grace_it_was_promised(
    begun: int | None, lasts: int
) -> None:
    async with joined() as member:
        member.node.runtime.ignores_term.add("web")
        member.create(terminationGracePeriodSeconds=20)
        await until(lambda: member.phase() == "Running")
        uid = member.uid()
        if begun is not None:
            member.delete(grace=begun)
            await until(lambda: _is_ending(member, uid))
        member.api.down = True
        member.delete(grace=0)
        member.api.down = False
        await asyncio.sleep(lasts - 2)
        assert member.node.is_running(uid=uid)
        await until(lambda: not member.node.workers.memories(), at_most=12)


async def test_a_forced_delete_shortens_an_end_that_has_begun() -> None:
    async with joined() as member:
        member.node.runtime.ignores_term.add("web")
        member.create()
        await until(lambda: member.phase() == "Running")
        member.delete(grace=60)
        await asyncio.sleep(5)
        member.delete(grace=0)
        await until(lambda: not member.node.workers.memories(), at_most=5)


async def test_a_pod_that_vanished_while_no_agent_ran_ends_in_seconds() -> None:
    machine, api = Machine(), FakeApi()
    async with joined(machine=machine, api=api) as member:
        member.node.runtime.ignores_term.add("web")
        member.create()
        await until(lambda: member.phase() == "Running")
    member.delete(grace=0)
    machine.wanted = {}
    async with joined(machine=machine, api=api) as member:
        await until(lambda: not member.node.runtime.boxes, at_most=5)


async def test_a_name_used_again_is_another_pod() -> None:
    async with joined() as member:
        member.create()
        await until(lambda: member.phase() == "Running")
        first = member.uid()
        member.delete(grace=0)
        member.create()
        assert member.uid() != first
        await until(lambda: member.phase() == "Running", at_most=10)
        assert [m.pod.uid for m in member.node.workers.memories()] == [member.uid()]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_a_pod_that_was_over_before_is_never_run(phase: str) -> None:
    async with joined() as member:
        member.create(status={"phase": phase, "startTime": "2023-11-14T22:13:20Z"})
        await asyncio.sleep(120)
        assert member.node.runtime.containers == {}
        assert member.phase() == phase
        member.delete(grace=30)
        await until(lambda: member.pod() is None, at_most=5)


async def test_a_pod_without_a_record_goes_on_from_what_the_api_knows() -> None:
    running = {
        "name": "web",
        "image": "busybox:1",
        "imageID": "",
        "ready": True,
        "restartCount": 4,
        "containerID": "fake://gone",
        "state": {"running": {"startedAt": "2023-11-14T22:13:20Z"}},
        "lastState": {},
    }
    async with joined() as member:
        member.create(
            status={
                "phase": "Running",
                "startTime": "2020-01-01T00:00:00Z",
                "containerStatuses": [running],
            }
        )
        await until(lambda: member.node.is_running(uid=member.uid()))
        await asyncio.sleep(1)
        [web] = member.status().containerStatuses or []
        assert web.restartCount == 5
        started = member.status().startTime
        assert started is not None and started.year == 2020


async def test_a_refused_pod_is_told_failed_with_the_reason() -> None:
    async with joined() as member:
        member.create(nodeSelector={"disk": "ssd"})
        await until(lambda: member.phase() == "Failed", at_most=2)
        assert member.status().reason == "NodeAffinity"
        await asyncio.sleep(60)
        assert len(member.patches()) == 1
        member.delete(grace=30)
        await until(lambda: member.pod() is None, at_most=5)


async def test_a_finished_pod_stays_known_until_its_object_is_gone() -> None:
    async with joined() as member:
        member.create(restartPolicy="Never")
        await until(lambda: member.phase() == "Running")
        member.node.crash(uid=member.uid(), code=0)
        await until(lambda: member.phase() == "Succeeded")
        await asyncio.sleep(3600)
        assert len(member.node.of(uid=member.uid())) == 1
        member.delete(grace=0)
        await until(lambda: not member.node.workers.memories(), at_most=5)


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
async def test_a_pod_that_somebody_else_declares_over_is_ended(phase: str) -> None:
    async with joined() as member:
        member.node.runtime.ignores_term.add("web")
        member.create(terminationGracePeriodSeconds=20)
        await until(lambda: member.phase() == "Running")
        _write(member, {"phase": phase, "reason": "Fenced", "message": "by an operator"})
        await until(lambda: _condition(member, "Ready") == "False", at_most=2)
        assert member.node.is_running(uid=member.uid()), "it has the grace of its spec"
        await until(lambda: not member.node.is_running(uid=member.uid()), at_most=25)
        await until(lambda: _ended(member), at_most=5)
        status = member.status()
        assert (status.phase, status.reason, status.message) == (phase, "Fenced", "by an operator")
        told = [patch["status"] for patch in member.patches()]
        assert "Running" not in [one["phase"] for one in told[2:] if "phase" in one]
        await asyncio.sleep(600)
        assert len(member.node.of(uid=member.uid())) == 1, "it is never run again"
        member.delete(grace=0)
        await until(lambda: not member.node.workers.memories(), at_most=5)


async def test_an_evicted_pod_is_over_but_stays_an_object() -> None:
    async with joined() as member:
        made = member.create()
        await until(lambda: member.phase() == "Running")
        uid = made["metadata"]["uid"]
        member.node.workers.end(uid, EndRequest(why=EndWhy.EVICTED, grace=1, message="low"))
        await until(lambda: member.phase() == "Failed", at_most=10)
        assert member.status().reason == "Evicted"
        await asyncio.sleep(60)
        assert member.pod() is not None


async def test_conditions_of_others_stay_and_gates_wait_for_them() -> None:
    async with joined() as member:
        member.create(readinessGates=[{"conditionType": "example.com/lb"}])
        await until(lambda: member.phase() == "Running")
        await asyncio.sleep(1)
        assert _condition(member, "Ready") == "False"
        gate = [{"type": "example.com/lb", "status": "True"}]
        _write(member, {"conditions": gate})
        await until(lambda: _condition(member, "Ready") == "True", at_most=2)
        assert _condition(member, "example.com/lb") == "True"


async def test_what_others_wrote_into_our_fields_is_put_right() -> None:
    async with joined() as member:
        member.create()
        await until(lambda: member.phase() == "Running")
        await asyncio.sleep(1)
        _write(member, {"phase": "Pending", "podIP": "203.0.113.9"})
        await until(lambda: member.phase() == "Running", at_most=2)
        assert member.status().podIP != "203.0.113.9"
        told = len(member.patches())
        await asyncio.sleep(60)
        assert len(member.patches()) == told


async def test_an_outage_costs_little_and_is_made_up_for_in_ten_seconds() -> None:
    async with joined() as member:
        for index in range(30):
            member.create(f"p{index}")
        await until(lambda: all(member.phase(f"p{i}") == "Running" for i in range(30)))
        member.api.down = True
        asked = len(member.api.asked)
        uids = [member.uid(f"p{i}") for i in range(30)]
        for _ in range(5):
            for uid in uids:
                member.node.crash(uid=uid)
            await asyncio.sleep(720)
        assert len(member.api.asked) - asked < 1500, "one asks for all"
        member.api.down = False
        patches = len(member.patches())
        await until(
            lambda: all(
                [c.restartCount for c in member.status(f"p{i}").containerStatuses or ()] == [5]
                for i in range(30)
            ),
            at_most=10,
        )
        assert len(member.patches()) - patches <= 61


@pytest.mark.parametrize("code", [422, 403])
async def test_a_refusal_of_one_pods_status_does_not_stop_the_others(code: int) -> None:
    async with joined() as member:
        member.api.fail(code, verb="patch", plural="pods", times=1)
        member.create("one")
        member.create("two")
        await until(
            lambda: member.phase("one") == "Running" and member.phase("two") == "Running",
            at_most=30,
        )


@pytest.mark.parametrize("code", [404, 409, 429, 500, 503])
async def test_a_failed_patch_is_made_up_for(code: int) -> None:
    async with joined() as member:
        member.api.fail(code, verb="patch", plural="pods", times=2, retry_after=1.0)
        member.create()
        await until(lambda: member.phase() == "Running", at_most=25)


async def test_an_agent_that_starts_again_tells_nothing_that_is_told() -> None:
    machine, api = Machine(), FakeApi()
    async with joined(machine=machine, api=api) as member:
        member.create()
        await until(lambda: member.phase() == "Running")
        await asyncio.sleep(2)
    before = len(api.requests("patch", "pods"))
    async with joined(machine=machine, api=api) as member:
        await asyncio.sleep(30)
        assert len(api.requests("patch", "pods")) == before
        assert [c.phase for c in member.node.of(uid=member.uid())] == [Phase.RUNNING]


async def test_the_end_goes_on_after_the_agent_was_killed_in_it() -> None:
    machine, api = Machine(), FakeApi()
    async with joined(machine=machine, api=api) as member:
        member.create()
        await until(lambda: member.phase() == "Running")
        api.fail(503, verb="delete", plural="pods", times=1000)
        member.delete(grace=1)
        await asyncio.sleep(10)
        assert member.pod() is not None
    api.faults.clear()
    async with joined(machine=machine, api=api) as member:
        await until(lambda: member.pod() is None, at_most=10)
        await until(lambda: not member.node.workers.memories(), at_most=10)


def _is_ending(member: Member, uid: str) -> bool:
    memory = member.node.workers.memory(PodUid(uid))
    return memory is not None and memory.ending is not None


def _ended(member: Member) -> bool:
    [web] = member.status().containerStatuses or []
    return web.state is not None and web.state.terminated is not None


def _condition(member: Member, type_: str) -> str:
    conditions: list[v1.PodCondition] = list(member.status().conditions or ())
    return next((c.status for c in conditions if c.type == type_), "")


def _write(member: Member, status: object) -> None:
    how = "application/strategic-merge-patch+json"
    member.api.store.patch(
        pod_kind(), "web", {"status": status}, "default", how=how, subresource="status"
    )


async def test_how_long_a_change_takes_to_reach_the_server_is_counted() -> None:
    async with joined() as member:
        metrics = member.node.metrics
        member.report.on_told = metrics.pods.told
        member.create()
        await until(lambda: member.phase() == "Running")
        await asyncio.sleep(5)
        name = "kubelet_pod_status_sync_duration_seconds"
        told = value(metrics, f"{name}_count")
        assert told == len(member.patches()) > 0
        before = value(metrics, f"{name}_sum")
        member.api.down = True
        member.node.crash(uid=member.node.workers.memories()[0].pod.uid)
        await asyncio.sleep(60)
        assert value(metrics, f"{name}_count") == told
        member.api.down = False
        await until(lambda: value(metrics, f"{name}_count") > told)
        assert value(metrics, f"{name}_sum") - before >= 60
