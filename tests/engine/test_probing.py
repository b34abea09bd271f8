"""The probe scheduler, in virtual time."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models.meta_v1 import ObjectMeta

from nodeagent.engine.probing import Probing
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.memory import Health
from nodeagent.model.observed import Phase, SeenContainer
from nodeagent.model.probes import ProbeKind, ProbeMemory, ProbeRules
from tests.fakes.probes import (
    BROKEN,
    NO,
    YES,
    FakeChecks,
    FakePressure,
    LoopClock,
    Notes,
)

pytestmark = pytest.mark.looptime
UID = PodUid("u1")
LONG_AGO = 900.0


class Node:
    """One scheduler with everything around it fake."""

    def __init__(self, rules: ProbeRules, clock: LoopClock) -> None:
        self.checks, self.pressure, self.notes = FakeChecks(), FakePressure(), Notes()
        self.probing = Probing(
            checks=self.checks,
            pressure=self.pressure,
            recorder=self.notes,
            clock=clock,
            listener=self.notes,
            rules=rules,
            chance=lambda: 0.5,
        )

    def health(self, uid: PodUid = UID) -> Health:
        return self.probing.health(uid)["web"]


@asynccontextmanager
async def running(rules: ProbeRules | None = None, *, up_for: float = 100.0) -> AsyncIterator[Node]:
    """A node whose scheduler has run for `up_for` seconds."""
    async with asyncio.TaskGroup() as group:
        node = Node(rules or ProbeRules(fast=False), LoopClock())
        task = group.create_task(node.probing.run())
        await asyncio.sleep(up_for)
        yield node
        task.cancel()


def a_pod(uid: str = UID, *, notes: dict[str, str] | None = None, **probes: Any) -> DesiredPod:
    pod = v1.Pod(
        metadata=ObjectMeta(name=uid, namespace="ns", annotations=notes),
        spec=v1.PodSpec(containers=[v1.Container(name="web", **probes)]),
    )
    return DesiredPod(uid=PodUid(uid), source=Source.FILE, origin="", pod=pod)


def a_probe(**more: Any) -> v1.Probe:
    return v1.Probe(**{"tcpSocket": v1.TCPSocketAction(port=80), "periodSeconds": 1, **more})


def seen(
    id_: str = "c1", *, phase: Phase = Phase.RUNNING, started_at: float = LONG_AGO
) -> SeenContainer:
    return SeenContainer(
        id=ContainerId(id_),
        name="web",
        sandbox_id=SandboxId("s1"),
        attempt=0,
        restart_count=0,
        phase=phase,
        created_at=started_at,
        started_at=started_at,
    )


async def test_a_container_is_ready_with_its_first_success() -> None:
    async with running() as node:
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen()], "ip")
        assert node.health() == Health(id="c1", started=True, ready=False)
        await asyncio.sleep(0.01)
        assert node.health() == Health(id="c1")
        assert [(uid, name, h.ready) for _, uid, name, h in node.notes.changes] == [
            (UID, "web", True)
        ]


async def test_a_period_is_kept_to_the_tick() -> None:
    async with running() as node:
        node.checks.took["c1"] = 0.03
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen()], "ip")
        await asyncio.sleep(60)
        asked = node.checks.asked["c1"]
        assert asked == pytest.approx([100.0 + n for n in range(60)], abs=0.002)


async def test_ticks_that_a_slow_answer_missed_are_skipped() -> None:
    async with running() as node:
        node.checks.took["c1"] = 2.5
        node.probing.watch(a_pod(livenessProbe=a_probe(timeoutSeconds=3)), [seen()], "ip")
        await asyncio.sleep(10)
        assert node.checks.asked["c1"] == pytest.approx([100, 103, 106, 109], abs=0.002)


async def test_liveness_fails_after_its_threshold_and_rests_until_a_new_instance() -> None:
    async with running() as node:
        node.checks.answers["c1"] = NO
        pod = a_pod(livenessProbe=a_probe())
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(1.9)
        assert node.health().failed == ""
        await asyncio.sleep(10)
        assert node.health() == Health(id="c1", failed="Liveness", message="nope")
        assert len(node.checks.asked["c1"]) == 3
        at, *_ = node.notes.changes[0]
        assert at == pytest.approx(102.0, abs=0.01)
        assert (
            node.notes.events
            == [("spec.containers{web}", "Warning", "Unhealthy", "Liveness probe failed: nope")] * 3
        )
        node.probing.watch(pod, [seen("c2"), seen(phase=Phase.EXITED)], "ip")
        assert node.health() == Health(id="c2")
        await asyncio.sleep(2)
        assert len(node.checks.asked["c2"]) == 2


async def test_errors_are_tried_three_times_and_then_dropped() -> None:
    async with running() as node:
        node.checks.answers["c1"] = BROKEN
        node.probing.watch(a_pod(livenessProbe=a_probe(failureThreshold=1)), [seen()], "ip")
        await asyncio.sleep(0.5)
        assert len(node.checks.asked["c1"]) == 3
        assert node.health() == Health(id="c1")
        assert [message for *_, message in node.notes.events] == [
            "Liveness probe errored and resulted in unknown state: no runtime"
        ]


async def test_a_port_that_is_not_there_is_an_error_each_time() -> None:
    async with running() as node:
        probe = a_probe(tcpSocket=v1.TCPSocketAction(port="nope"))
        node.probing.watch(a_pod(readinessProbe=probe), [seen()], "ip")
        await asyncio.sleep(1.5)
        assert node.notes.reasons() == ["Unhealthy"] * 2
        assert not node.health().ready


async def test_the_others_wait_for_startup_and_follow_it_at_once() -> None:
    async with running() as node:
        node.checks.answers["c1"] = lambda at: YES if at >= 103 else NO
        pod = a_pod(
            startupProbe=a_probe(failureThreshold=30),
            readinessProbe=a_probe(periodSeconds=10),
            livenessProbe=a_probe(periodSeconds=10),
        )
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(2.9)
        assert len(node.checks.asked["c1"]) == 3
        assert not node.health().started
        await asyncio.sleep(0.2)
        assert node.health() == Health(id="c1")
        await asyncio.sleep(5)
        assert len(node.checks.asked["c1"]) == 6


async def test_a_startup_probe_that_never_passes_fails_the_container() -> None:
    async with running() as node:
        node.checks.answers["c1"] = NO
        node.probing.watch(a_pod(startupProbe=a_probe(failureThreshold=2)), [seen()], "ip")
        await asyncio.sleep(5)
        assert node.health().failed == "Startup"
        assert len(node.checks.asked["c1"]) == 2


async def test_the_first_delay_counts_from_the_start_of_the_container() -> None:
    async with running() as node:
        pod = a_pod(readinessProbe=a_probe(initialDelaySeconds=5))
        node.probing.watch(pod, [seen(started_at=1098.0)], "ip")
        await asyncio.sleep(10)
        assert node.checks.asked["c1"][0] == pytest.approx(103.0, abs=0.01)


async def test_polling_is_quick_until_the_first_success_and_quiet_about_it() -> None:
    async with running(ProbeRules()) as node:
        node.checks.answers["c1"] = lambda at: YES if at >= 112.34 else NO
        pod = a_pod(readinessProbe=a_probe(periodSeconds=10, failureThreshold=1))
        node.probing.watch(pod, [seen(started_at=1100.0)], "ip")
        await asyncio.sleep(40)
        assert [(round(at, 1), h.ready) for at, _, _, h in node.notes.changes] == [
            (100.0, False),  # the message of the first failure
            (112.4, True),
        ]
        asked = node.checks.asked["c1"]
        assert asked[:4] == pytest.approx([100.0, 100.1, 100.2, 100.3], abs=0.01)
        assert asked[-3:] == pytest.approx([112.4, 122.4, 132.4], abs=0.01)
        assert node.notes.reasons() == ["Unhealthy"] * 2


async def test_quick_failures_do_not_use_up_a_startup_threshold() -> None:
    async with running(ProbeRules()) as node:
        node.checks.answers["c1"] = NO
        pod = a_pod(startupProbe=a_probe(periodSeconds=5, failureThreshold=3))
        node.probing.watch(pod, [seen(started_at=1100.0)], "ip")
        await asyncio.sleep(9.5)
        assert node.health().failed == ""
        assert len(node.checks.asked["c1"]) > 80
        await asyncio.sleep(1)
        assert node.health().failed == "Startup"


async def test_many_quick_pollers_share_the_rate_of_the_node() -> None:
    async with running(ProbeRules(fast_rate=100)) as node:
        for number in range(100):
            id_ = f"c{number}"
            node.checks.answers[id_] = NO
            pod = a_pod(f"u{number}", readinessProbe=a_probe(periodSeconds=10))
            node.probing.watch(pod, [seen(id_, started_at=1100.0)], "ip")
        await asyncio.sleep(20)
        tries = sum(len(asked) for asked in node.checks.asked.values())
        assert 1500 < tries < 2600


async def test_milliseconds_from_annotations_are_kept() -> None:
    async with running() as node:
        notes = {"probe.nodeagent.dev/web.readiness.period-ms": "50"}
        node.probing.watch(a_pod(notes=notes, readinessProbe=a_probe()), [seen()], "ip")
        await asyncio.sleep(1)
        assert len(node.checks.asked["c1"]) == pytest.approx(20, abs=1)


async def test_a_bad_annotation_is_told_once() -> None:
    async with running() as node:
        notes = {"probe.nodeagent.dev/web.readiness.period-ms": "x"}
        pod = a_pod(notes=notes, readinessProbe=a_probe())
        for _ in range(3):
            node.probing.watch(pod, [seen()], "ip")
        assert node.notes.reasons() == ["InvalidProbeAnnotation"]


async def test_a_thousand_probes_keep_their_times() -> None:
    async with running() as node:
        for number in range(1000):
            pod = a_pod(f"u{number}", readinessProbe=a_probe())
            node.probing.watch(pod, [seen(f"c{number}")], "ip")
            await asyncio.sleep(0.0017)
        await asyncio.sleep(15)
        for asked in node.checks.asked.values():
            gaps = {round(b - a, 3) for a, b in itertools.pairwise(asked[1:])}
            assert gaps <= {0.999, 1.0, 1.001}
        assert max(node.probing.lateness()) < 0.01


async def test_no_more_commands_run_at_once_than_allowed() -> None:
    async with running(ProbeRules(fast=False, max_execs=3)) as node:
        probe = a_probe(tcpSocket=None, exec=v1.ExecAction(command=["x"]))
        for number in range(20):
            node.checks.took[f"c{number}"] = 0.1
            pod = a_pod(f"u{number}", livenessProbe=probe)
            node.probing.watch(pod, [seen(f"c{number}")], "ip")
        await asyncio.sleep(5.5)
        assert node.checks.most == 3
        assert all(len(asked) >= 5 for asked in node.checks.asked.values())


async def test_another_limit_of_commands_counts_at_once() -> None:
    async with running(ProbeRules(fast=False, max_execs=1)) as node:
        probe = a_probe(tcpSocket=None, exec=v1.ExecAction(command=["x"]))
        for number in range(6):
            node.checks.took[f"c{number}"] = 0.4
            pod = a_pod(f"u{number}", livenessProbe=probe)
            node.probing.watch(pod, [seen(f"c{number}")], "ip")
        await asyncio.sleep(0.1)
        assert node.checks.now == 1
        node.probing.use(ProbeRules(fast=False, max_execs=3))
        await asyncio.sleep(0.01)
        assert node.checks.now == node.checks.most == 3


async def test_quick_polling_switched_on_keeps_verdicts_counts_and_the_next_try() -> None:
    async with running(ProbeRules(fast=False)) as node:
        node.checks.answers["c1"] = NO
        quiet = {"probe.nodeagent.dev/fast-until-ready": "false"}
        node.probing.watch(a_pod(readinessProbe=a_probe(periodSeconds=10)), [seen()], "ip")
        pod = a_pod("u2", readinessProbe=a_probe(periodSeconds=10), notes=quiet)
        node.probing.watch(pod, [seen("c2")], "ip")
        await asyncio.sleep(5)
        node.probing.use(ProbeRules())
        await asyncio.sleep(1)
        assert [len(asked) for asked in node.checks.asked.values()] == [1, 1]
        assert [(c.successful, c.failed) for c in node.probing.counts()] == [(0, 1), (1, 0)]
        await asyncio.sleep(10)
        assert len(node.checks.asked["c1"]) > 10
        assert len(node.checks.asked["c2"]) == 2


async def test_forgetting_a_pod_ends_its_try_and_drops_the_answer() -> None:
    async with running() as node:
        node.checks.took["c1"] = 0.5
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen()], "ip")
        await asyncio.sleep(0.1)
        assert node.checks.now == 1
        node.probing.forget(UID)
        await asyncio.sleep(0.01)
        assert node.checks.now == 0
        await asyncio.sleep(5)
        assert len(node.checks.asked["c1"]) == 1
        assert node.notes.changes == []
        assert node.probing.health(UID) == {}


async def test_an_answer_about_a_replaced_instance_is_dropped() -> None:
    async with running() as node:
        node.checks.took["c1"] = 0.5
        node.checks.answers["c2"] = NO
        pod = a_pod(readinessProbe=a_probe())
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(0.1)
        node.probing.watch(pod, [seen("c2")], "ip")
        await asyncio.sleep(3)
        assert node.health() == Health(id="c2", ready=False, message="nope")


async def test_the_end_of_the_scheduler_ends_every_try() -> None:
    async with running() as node:
        node.checks.took["c1"] = 10
        node.probing.watch(a_pod(readinessProbe=a_probe(timeoutSeconds=20)), [seen()], "ip")
        await asyncio.sleep(0.1)
        assert node.checks.now == 1
    assert node.checks.now == 0


async def test_a_container_that_stops_is_no_longer_asked() -> None:
    async with running() as node:
        pod = a_pod(readinessProbe=a_probe(), livenessProbe=a_probe())
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(1.5)
        asked = len(node.checks.asked["c1"])
        node.probing.watch(pod, [seen(phase=Phase.EXITED)], "ip")
        assert node.health() == Health(id="c1", started=False, ready=False)
        await asyncio.sleep(5)
        assert len(node.checks.asked["c1"]) == asked


async def test_while_the_pod_ends_only_readiness_is_asked() -> None:
    async with running() as node:
        pod = a_pod(readinessProbe=a_probe(), livenessProbe=a_probe(failureThreshold=1))
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(0.5)
        node.checks.answers["c1"] = NO
        node.probing.watch(pod, [seen()], "ip", ending=True)
        await asyncio.sleep(5)
        assert node.health() == Health(id="c1", ready=False, message="nope")
        assert {message.split()[0] for *_, message in node.notes.events} == {"Readiness"}


async def test_looking_again_without_a_change_costs_nothing_and_changes_nothing() -> None:
    async with running() as node:
        pod, containers = a_pod(readinessProbe=a_probe()), (seen(),)
        for _ in range(50):
            node.probing.watch(pod, containers, "ip")
            await asyncio.sleep(0.1)
        assert len(node.checks.asked["c1"]) == 5
        assert node.notes.saves[UID] == 1


async def test_a_new_agent_goes_on_where_the_old_one_stood() -> None:
    pod = a_pod(readinessProbe=a_probe(failureThreshold=3), livenessProbe=a_probe())
    async with running() as old:
        old.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(0.5)
        old.checks.answers["c1"] = NO
        await asyncio.sleep(2)
        kept = old.probing.memory(UID)
        assert old.health().ready
    async with running() as new:
        new.checks.answers["c1"] = NO
        new.probing.restore(UID, kept)
        assert new.probing.memory(UID) == kept
        new.probing.watch(pod, [seen()], "ip")
        assert new.health() == Health(id="c1")
        await asyncio.sleep(0.1)
        assert new.health() == Health(id="c1", ready=False, failed="Liveness", message="nope")


async def test_what_was_kept_of_another_instance_is_of_no_use() -> None:
    async with running() as node:
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen()], "ip")
        await asyncio.sleep(0.1)
        kept = node.probing.memory(UID)
        node.probing.forget(UID)
        node.probing.restore(UID, kept)
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen("c2")], "ip")
        assert node.health() == Health(id="c2", ready=False)


async def test_after_a_start_of_the_agent_tries_are_spread_over_a_period() -> None:
    async with running(up_for=0.5) as node:
        probe = a_probe(periodSeconds=10)
        node.probing.watch(a_pod(livenessProbe=probe), [seen()], "ip")
        await asyncio.sleep(20)
        assert node.checks.asked["c1"][0] == pytest.approx(5.5, abs=0.01)


async def test_a_timeout_while_the_node_starves_does_not_count_a_few_times() -> None:
    async with running() as node:
        node.checks.took["c1"] = 5.0
        node.pressure.now = {"cpu.some": 99.0}
        pod = a_pod(livenessProbe=a_probe(periodSeconds=2, failureThreshold=1))
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(5.9)
        assert node.health().failed == ""
        assert node.notes.events[0][2:] == (
            "ProbeInconclusive",
            "Liveness probe timed out while the node was starved, not counted (1 of at most 3): "
            "cpu pressure (some, avg10) was 99 %",
        )
        await asyncio.sleep(2)
        assert node.health().failed == "Liveness"
        assert node.notes.reasons() == ["ProbeInconclusive"] * 3 + ["Unhealthy"]


async def test_a_timeout_on_a_calm_node_counts_and_pressure_is_read_for_nothing_else() -> None:
    async with running() as node:
        pod = a_pod(livenessProbe=a_probe(failureThreshold=1), readinessProbe=a_probe())
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(2)
        node.checks.answers["c1"] = NO
        assert node.pressure.reads == 0
        node.checks.took["c1"] = 5.0
        await asyncio.sleep(4)
        assert node.pressure.reads == 1
        assert node.health().failed == "Liveness"


async def test_a_timeout_that_we_noticed_late_ourselves_does_not_count() -> None:
    async with running() as node:
        node.checks.took["c1"], node.checks.overrun = 5.0, 0.5
        pod = a_pod(livenessProbe=a_probe(periodSeconds=2, failureThreshold=1))
        node.probing.watch(pod, [seen()], "ip")
        await asyncio.sleep(1.9)
        assert node.notes.reasons() == ["ProbeInconclusive"]
        assert node.notes.events[0][3].endswith("the agent itself was late by 0.50 s")


async def test_errors_of_quick_tries_are_not_told() -> None:
    async with running(ProbeRules()) as node:
        node.checks.answers["c1"] = BROKEN
        pod = a_pod(readinessProbe=a_probe(periodSeconds=10))
        node.probing.watch(pod, [seen(started_at=1100.0)], "ip")
        await asyncio.sleep(5)
        assert len(node.checks.asked["c1"]) > 100
        assert node.notes.reasons() == ["Unhealthy"]


async def test_counters_tell_what_the_metrics_need() -> None:
    async with running() as node:
        node.checks.answers["c1"] = lambda at: NO if at > 103.5 else YES
        node.checks.took["c1"] = 0.02
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen()], "ip")
        await asyncio.sleep(5.9)
        (count,) = node.probing.counts()
        assert (count.kind, count.pod, count.container) == (ProbeKind.READINESS, "u1", "web")
        assert (count.successful, count.failed) == (4, 2)
        assert count.seconds == pytest.approx(0.08, abs=0.001)
        assert count.buckets[:4] == (0, 0, 4, 0)


async def test_a_steady_probe_writes_nothing_down() -> None:
    async with running() as node:
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen()], "ip")
        await asyncio.sleep(1.5)
        saves = node.notes.saves[UID]
        await asyncio.sleep(30)
        assert node.notes.saves[UID] == saves


async def test_a_changed_probe_takes_the_place_of_the_old_one() -> None:
    async with running() as node:
        node.probing.watch(a_pod(readinessProbe=a_probe()), [seen()], "ip")
        await asyncio.sleep(1.5)
        node.probing.watch(a_pod(readinessProbe=a_probe(periodSeconds=5)), [seen()], "ip")
        assert node.health() == Health(id="c1")
        await asyncio.sleep(20)
        assert len(node.checks.asked["c1"]) == 2 + 4
        node.probing.watch(a_pod(), [seen()], "ip")
        assert node.probing.health(UID) == {}
        assert node.probing.memory(UID) == ProbeMemory()


async def test_a_container_that_is_not_there_has_no_health() -> None:
    async with running() as node:
        pod = a_pod(readinessProbe=a_probe())
        assert node.probing.watch(pod, [], "") == {}
        node.probing.watch(pod, [seen()], "ip")
        assert node.probing.watch(pod, [], "") == {}
        await asyncio.sleep(3)
        assert len(node.checks.asked["c1"]) == 0
