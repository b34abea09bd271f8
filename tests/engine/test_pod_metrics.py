"""What happens to pods changes the metrics by just as much, by the whole engine on fakes."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.engine.pod_counts import PodCounts
from nodeagent.engine.pod_tally import PodTally
from nodeagent.errors import CriError
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import DesiredPod
from nodeagent.model.eviction import PodUse, Signal, Space
from nodeagent.model.launch import VolumePlace
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import NodeRules
from tests.engine.test_evict import GI, Evicting
from tests.engine.test_image_gc import Store, made
from tests.fakes.figures import total, value
from tests.fakes.node import EPOCH, FACTS, Machine, Node, running, until
from tests.fakes.pods import UID, a_container, a_pod, an_api_pod

pytestmark = pytest.mark.looptime

STARTED, ERRORS = "kubelet_started_containers_total", "kubelet_started_containers_errors_total"
ENDED = "kubelet_terminated_containers_total"


def counted(node: Node) -> None:
    """Serve what is counted at scrape time too."""
    node.metrics.add(PodCounts(node.state, node.workers.memories, node="n1", mirrors=lambda: 3))


async def test_each_pod_and_container_that_starts_is_counted_once() -> None:
    init = a_container("first")
    pods = [a_pod(initContainers=[init]), a_pod(uid="u2", name="two")]
    machine = Machine()
    async with running(*pods, machine=machine) as node:
        await until(lambda: bool(node.of("first")))
        node.crash("first", code=0)
        await until(lambda: node.is_running() and node.is_running(uid="u2"))
        await asyncio.sleep(5)
        metrics = node.metrics
        assert value(metrics, "kubelet_started_pods_total") == 2
        assert value(metrics, "kubelet_started_pods_errors_total") == 0
        assert value(metrics, STARTED, container_type="container") == 2
        assert value(metrics, STARTED, container_type="init_container") == 1
        assert total(metrics, ERRORS) == 0
        sandboxes = "kubelet_run_podsandbox_duration_seconds_count"
        assert value(metrics, sandboxes, runtime_handler="") == 2
        assert value(metrics, "kubelet_containers_per_pod_count_sum") == 2
        assert value(metrics, "kubelet_pod_worker_start_duration_seconds_count") == 2
        assert value(metrics, "kubelet_pod_start_duration_seconds_count") == 2
        ended = {"container_type": "init_container", "exit_code": "0", "reason": "Completed"}
        assert value(metrics, ENDED, **ended) == total(metrics, ENDED) == 1


async def test_ends_of_containers_are_counted_by_exit_code_and_reason() -> None:
    async with running(a_pod()) as node:
        await until(node.is_running)
        node.crash(code=7)
        await asyncio.sleep(1)
        await until(node.is_running)
        node.runtime.exit(node.current(), code=137, reason="OOMKilled")
        await asyncio.sleep(1)
        of_kind = {"container_type": "container"}
        assert value(node.metrics, ENDED, **of_kind, exit_code="7", reason="Error") == 1
        assert value(node.metrics, ENDED, **of_kind, exit_code="137", reason="OOMKilled") == 1
        await until(node.is_running)
        node.unwant()
        await until(lambda: not node.workers.memories())
        assert total(node.metrics, ENDED) == 3


async def test_an_end_is_not_counted_again_by_the_next_run_of_the_agent() -> None:
    machine = Machine()
    async with running(a_pod(restartPolicy="Never"), machine=machine) as node:
        await until(node.is_running)
        node.crash(code=3)
        await asyncio.sleep(5)
        assert total(node.metrics, ENDED) == 1
    async with running(machine=machine) as node:
        await asyncio.sleep(5)
        assert total(node.metrics, ENDED) == 0
        assert value(node.metrics, "kubelet_pod_worker_start_duration_seconds_count") == 0


async def test_an_end_while_no_agent_ran_is_counted_by_the_next() -> None:
    machine = Machine()
    async with running(a_pod(restartPolicy="Never"), machine=machine) as node:
        await until(node.is_running)
        running_one = node.current()
    machine.runtime.exit(running_one, code=4)
    async with running(machine=machine) as node:
        await asyncio.sleep(5)
        assert total(node.metrics, ENDED, exit_code="4") == 1


async def test_starts_that_fail_are_counted_by_the_reason_that_status_shows() -> None:
    machine = Machine()
    machine.runtime.fail["start_container"] = lambda _: True
    async with running(a_pod(restartPolicy="Never"), machine=machine) as node:
        await asyncio.sleep(1)
        code = node.waiting() or "RunContainerError"
        failed = value(node.metrics, ERRORS, container_type="container", code=code)
        assert failed == total(node.metrics, ERRORS) >= 1
        assert value(node.metrics, STARTED, container_type="container") == failed


async def test_an_image_that_is_not_to_be_had_counts_as_a_start_that_failed() -> None:
    pod = a_pod(a_container(image="app:3", imagePullPolicy="Never"))
    async with running(pod) as node:
        await asyncio.sleep(1)
        assert node.waiting() == "ErrImageNeverPull"
        labels = {"container_type": "container", "code": "ErrImageNeverPull"}
        assert value(node.metrics, ERRORS, **labels) == 1
        asked = {"pull_policy": "never", "present_locally": "false", "pull_required": "false"}
        name = "kubelet_image_manager_ensure_image_requests_total"
        assert value(node.metrics, name, **asked) == 1


async def test_sandboxes_that_cannot_be_made_are_counted() -> None:
    machine = Machine()
    machine.runtime.fail["create_sandbox"] = lambda _: True
    async with running(a_pod(), machine=machine) as node:
        await until(lambda: value(node.metrics, "kubelet_started_pods_errors_total") == 2)
        assert value(node.metrics, "kubelet_started_pods_total") == 2
        assert value(node.metrics, "kubelet_run_podsandbox_errors_total", runtime_handler="") == 2
        assert value(node.metrics, "kubelet_started_user_namespaced_pods_total") == 0


async def test_a_pod_whose_users_the_runtime_cannot_map_is_counted_apart() -> None:
    async with running(a_pod(hostUsers=False)) as node:
        failed = "kubelet_started_user_namespaced_pods_errors_total"
        await until(lambda: value(node.metrics, failed) == 2)
        assert value(node.metrics, "kubelet_started_user_namespaced_pods_total") == 2
        assert total(node.metrics, "kubelet_run_podsandbox_errors_total") == 0


@pytest.mark.parametrize(("known", "host_users", "counted"), [
    (False, False, 1), (True, False, 0), (False, None, 0),
])  # fmt: skip
def test_a_first_container_that_fails_tells_that_users_cannot_be_had(
    known: bool, host_users: bool | None, counted: int
) -> None:
    metrics = AgentMetrics()
    tally = PodTally(metrics.pods)
    pod = a_pod(a_container(), a_container("two"), hostUsers=host_users)
    memory = PodMemory(pod=pod, seen_at=1.0, sandbox_attempt=1)
    tally.begin(memory, now=1.0, known=known)
    for name in ("app", "app", "two"):
        tally.started(memory, name, CriError(op="start", target=name, detail="no ids"))
    failed = "kubelet_started_user_namespaced_pods_errors_total"
    assert value(metrics, failed) == counted
    after = msgspec.structs.replace(memory, sandbox_attempt=2)
    tally.started(after, "app")
    tally.started(after, "two", CriError(op="start", target="two", detail="no file"))
    assert value(metrics, failed) == counted


async def test_a_pull_is_counted_by_the_size_of_its_image_and_taken_off_the_start() -> None:
    machine = Machine()
    machine.runtime.registry.add("app:3")
    machine.runtime.pull_takes = 7.0
    made_at = datetime.fromtimestamp(EPOCH - 2, UTC)
    pod = an_api_pod(a_container(image="app:3"))
    assert pod.pod.metadata is not None
    metadata = msgspec.structs.replace(pod.pod.metadata, creationTimestamp=made_at)
    pod = msgspec.structs.replace(pod, pod=msgspec.structs.replace(pod.pod, metadata=metadata))
    async with running(pod, machine=machine) as node:
        await until(node.is_running)
        await asyncio.sleep(1)
        metrics = node.metrics
        pulls = "kubelet_image_pull_duration_seconds"
        assert value(metrics, f"{pulls}_count", image_size_in_bytes="0-10MB") == 1
        assert value(metrics, f"{pulls}_sum", image_size_in_bytes="0-10MB") == pytest.approx(7.0)
        took = value(metrics, "kubelet_pod_start_total_duration_seconds_sum")
        assert 9.0 <= took < 11.0
        assert value(metrics, "kubelet_pod_start_total_duration_seconds_count") == 1
        own = value(metrics, "kubelet_pod_start_sli_duration_seconds_sum")
        assert own == pytest.approx(took - 7.0)
        first = value(metrics, "kubelet_first_network_pod_start_sli_duration_seconds")
        assert first == pytest.approx(own)
        asked = {"pull_policy": "ifnotpresent", "present_locally": "false", "pull_required": "true"}
        name = "kubelet_image_manager_ensure_image_requests_total"
        assert value(metrics, name, **asked) == 1
        records = (node.access.pulls_begun, node.access.pulls_recorded)
        assert records == (0, 1)


async def test_the_start_of_a_pod_is_measured_once_and_not_for_pods_of_an_earlier_run() -> None:
    machine = Machine()
    name = "kubelet_pod_start_total_duration_seconds_count"
    async with running(a_pod(), machine=machine) as node:
        await until(node.is_running)
        node.crash()
        await asyncio.sleep(30)
        assert value(node.metrics, name) == 1
        node.crash()
        await asyncio.sleep(1)
    async with running(machine=machine) as node:
        await asyncio.sleep(60)
        assert node.is_running()
        assert value(node.metrics, name) == 0


def test_a_clock_of_the_server_that_is_ahead_makes_no_time_negative() -> None:
    metrics = AgentMetrics()
    metrics.pods.started(1.0, without=7.0, stateful=False, first_with_network=True)
    assert value(metrics, "kubelet_pod_start_sli_duration_seconds_sum") == 0
    assert value(metrics, "kubelet_first_network_pod_start_sli_duration_seconds") == 0


async def test_a_pod_with_storage_of_its_own_is_no_part_of_the_goal() -> None:
    claim = v1.PersistentVolumeClaimVolumeSource(claimName="c")
    volume = v1.Volume(name="v", persistentVolumeClaim=claim)
    async with running(a_pod(volumes=[volume])) as node:
        await until(node.is_running)
        await asyncio.sleep(1)
        assert value(node.metrics, "kubelet_pod_start_total_duration_seconds_count") == 1
        assert value(node.metrics, "kubelet_pod_start_sli_duration_seconds_count") == 0


async def test_image_volumes_are_counted_with_the_container_that_mounts_them() -> None:
    volume = v1.Volume(name="data", image=v1.ImageVolumeSource(reference="busybox:1"))
    mount = v1.VolumeMount(name="data", mountPath="/data")
    machine = Machine()
    machine.volumes.places = {"data": VolumePlace(image="busybox:1", read_only=True)}
    async with running(
        a_pod(a_container(volumeMounts=[mount]), volumes=[volume]), machine=machine
    ) as node:
        await until(node.is_running)
        await asyncio.sleep(1)
        assert value(node.metrics, "kubelet_image_volume_requested_total") == 1
        assert value(node.metrics, "kubelet_image_volume_mounted_succeed_total") == 1
        assert value(node.metrics, "kubelet_image_volume_mounted_errors_total") == 0


async def test_passes_of_a_worker_are_told_apart_by_what_they_are_for() -> None:
    steps = "kubelet_pod_worker_duration_seconds_count"
    async with running(an_api_pod()) as node:
        await until(node.is_running)
        assert value(node.metrics, steps, operation_type="create") == 1
        before = value(node.metrics, steps, operation_type="update")
        node.want(an_api_pod(generation=2, annotations={"a": "b"}))
        await asyncio.sleep(1)
        assert value(node.metrics, steps, operation_type="update") == before + 1
        node.unwant()
        await until(lambda: not node.workers.memories())
        assert value(node.metrics, steps, operation_type="kill") > 0
        assert value(node.metrics, steps, operation_type="terminated") > 0
        assert value(node.metrics, steps, operation_type="sync") > 0


async def test_refusals_are_counted_by_reason_and_rare_ones_together() -> None:
    huge = v1.ResourceRequirements(requests={"cpu": "1000"})
    name = "kubelet_admission_rejections_total"
    async with running(an_api_pod(a_container(resources=huge))) as node:
        await until(lambda: total(node.metrics, name) == 1)
        assert value(node.metrics, name, reason="OutOfcpu") == 1
        for reason in ("OutOfexample.com/gpu", "OutOfexample.com/fpga", "NobodyKnows"):
            node.metrics.pods.refused(reason)
        assert value(node.metrics, name, reason="OutOfExtendedResources") == 2
        assert value(node.metrics, name, reason="Other") == 1


async def test_a_preemption_is_counted_by_what_was_short() -> None:
    half = v1.ResourceRequirements(requests={"cpu": "3"})
    async with running(an_api_pod(a_container(resources=half))) as node:
        await until(node.is_running)
        pod = an_api_pod(a_container(resources=half), uid="vip", name="vip", priority=2_000_000_000)
        node.want(pod)
        await until(lambda: node.is_running(uid="vip"), at_most=90)
        assert value(node.metrics, "kubelet_preemptions", preemption_signal="cpu") == 1


async def test_a_pod_that_comes_again_and_one_that_nobody_wants_are_counted() -> None:
    machine = Machine()
    async with running(a_pod(), machine=machine) as node:
        await until(node.is_running)
        node.unwant()
        await asyncio.sleep(0.01)
        node.want(a_pod())
        await until(lambda: value(node.metrics, "kubelet_restarted_pods_total", static="true") == 1)
        await until(node.is_running)
    machine.records.stored.clear()
    machine.runtime.ignores_term.add("web")
    machine.wanted = {}
    async with running(machine=machine) as node:
        await until(lambda: value(node.metrics, "kubelet_orphaned_runtime_pods_total") == 1)
        counted(node)
        found = {"config": "runtime_only", "static": "unknown"}
        assert total(node.metrics, "kubelet_working_pods", **found) == 1


async def test_looks_at_the_runtime_are_timed() -> None:
    async with running(a_pod()) as node:
        await until(node.is_running)
        await asyncio.sleep(130)
        metrics = node.metrics
        lists = value(metrics, "kubelet_pleg_relist_duration_seconds_count")
        assert lists == node.runtime.count("list_pods") >= 3
        assert value(metrics, "kubelet_pleg_relist_interval_seconds_count") == lists - 1
        assert value(metrics, "kubelet_pleg_pod_relist_duration_seconds_count") > 0
        assert value(metrics, "kubelet_pleg_last_seen_seconds") > EPOCH


async def test_an_eviction_is_counted_by_its_signal_with_the_age_of_the_look() -> None:
    async with running(an_api_pod()) as node:
        await until(node.is_running)
        work = Evicting(node)
        work.evictor.on_evicted = node.metrics.node.evicted
        work.gauge.uses = {UID: PodUse(memory=GI)}
        work.short(Signal.MEMORY)
        await until(lambda: node.status().reason == "Evicted")
        work.task.cancel()
        signal = {"eviction_signal": "memory.available"}
        assert value(node.metrics, "kubelet_evictions", **signal) == 1
        assert value(node.metrics, "kubelet_eviction_stats_age_seconds_count", **signal) == 1


async def test_a_pod_beyond_its_own_limit_is_counted_by_the_kind_of_limit() -> None:
    volume = v1.Volume(name="x", emptyDir=v1.EmptyDirVolumeSource(sizeLimit="10Mi"))
    async with running(an_api_pod(volumes=[volume])) as node:
        await until(node.is_running)
        work = Evicting(node)
        work.evictor.on_evicted = node.metrics.node.evicted
        work.gauge.uses = {UID: PodUse(volumes={"x": Space(used=GI)}, disk_known=True)}
        await until(lambda: node.status().reason == "Evicted")
        work.task.cancel()
        signal = {"eviction_signal": "emptydirfs.limit"}
        assert value(node.metrics, "kubelet_evictions", **signal) == 1
        assert value(node.metrics, "kubelet_eviction_stats_age_seconds_count", **signal) == 0


async def test_images_collected_are_counted_by_why() -> None:
    async with running() as node:
        gc = made(node, Store("a", "b", available=0))
        gc.on_removed = node.metrics.images.removed
        await gc.collect(everything=True)
        name = "kubelet_image_garbage_collected_total"
        assert value(node.metrics, name, reason="space") == 2


async def test_a_change_of_resources_is_counted_from_the_wish_to_its_end() -> None:
    def asking(cpu: str, generation: int, uid: str = UID) -> DesiredPod:
        resources = v1.ResourceRequirements(requests={"cpu": cpu})
        container = a_container(resources=resources)
        return an_api_pod(container, generation=generation, uid=uid, name=f"web-{uid}")

    async with running(asking("1", 1), asking("2", 1, "u2")) as node:
        await until(lambda: node.is_running() and node.is_running(uid="u2"))
        counted(node)
        node.want(asking("3", 2))
        await asyncio.sleep(1)
        metrics = node.metrics
        wish = {"resource": "cpu", "requirement": "requests", "operation": "increase"}
        assert value(metrics, "kubelet_container_requested_resizes_total", **wish) == 1
        assert value(metrics, "kubelet_pod_pending_resizes", reason="deferred") == 1
        node.unwant("u2")
        done = "kubelet_pod_resize_duration_milliseconds_count"
        await until(lambda: value(metrics, done, success="true") == 1, at_most=90)
        assert value(metrics, "kubelet_pod_pending_resizes", reason="deferred") == 0
        accepted = "kubelet_pod_deferred_accepted_resizes_total"
        assert total(metrics, accepted) == 1
        assert total(metrics, "kubelet_container_requested_resizes_total") == 1


async def test_pods_at_work_are_counted_by_how_far_they_are() -> None:
    machine = Machine()
    machine.runtime.ignores_term.add("web")
    box = v1.EphemeralContainer(name="look", image="busybox:1")
    pods = [a_pod(), an_api_pod(uid="u2", name="two", ephemeralContainers=[box])]
    async with running(*pods, machine=machine) as node:
        await until(lambda: node.is_running() and node.is_running(uid="u2"))
        counted(node)
        metrics, name = node.metrics, "kubelet_working_pods"
        assert value(metrics, name, lifecycle="sync", config="desired", static="true") == 1
        assert value(metrics, name, lifecycle="sync", config="desired", static="") == 1
        assert value(metrics, "kubelet_managed_ephemeral_containers") == 1
        assert value(metrics, "kubelet_mirror_pods") == 3
        node.unwant(UID)
        await asyncio.sleep(1)
        orphan = {"lifecycle": "terminating", "config": "orphan", "static": "true"}
        assert value(metrics, name, **orphan) == 1


async def test_looks_at_the_right_to_an_image_are_counted_by_their_outcome() -> None:
    machine = Machine()
    machine.runtime.registry.add("app:3")
    mine = a_pod(a_container(image="app:3"))
    again = a_pod(a_container(image="app:3"), uid="u2", name="two")
    async with running(mine, machine=machine) as node:
        await until(node.is_running)
        metrics, access = node.metrics, node.access
        metrics.images.count_records(lambda: access.pulls_begun, lambda: access.pulls_recorded)
        assert value(metrics, "kubelet_imagemanager_ondisk_pulledrecords") == 1
        assert value(metrics, "kubelet_imagemanager_ondisk_pullintents") == 0
        node.want(again)
        await until(lambda: node.is_running(uid="u2"))
        checks = "kubelet_imagemanager_image_mustpull_checks_total"
        assert value(metrics, checks, result="credentialRecordFound") == total(metrics, checks) == 1


async def test_a_change_under_way_and_one_that_never_can_be_are_counted() -> None:
    limits = v1.ResourceRequirements(requests={"memory": "64Mi"}, limits={"memory": "128Mi"})
    more = v1.ResourceRequirements(requests={"memory": "65Mi"}, limits={"memory": "128Mi"})
    machine = Machine()
    machine.runtime.fail["update_resources"] = lambda _: True
    async with running(an_api_pod(a_container(resources=limits)), machine=machine) as node:
        await until(node.is_running)
        counted(node)
        node.want(an_api_pod(a_container(resources=more), generation=2))
        done = "kubelet_pod_resize_duration_milliseconds_count"
        await until(lambda: value(node.metrics, done, success="false") >= 1)
        assert value(node.metrics, "kubelet_pod_in_progress_resizes") == 1
        machine.runtime.fail.clear()
        await until(lambda: value(node.metrics, "kubelet_pod_in_progress_resizes") == 0)
    facts = msgspec.structs.replace(FACTS, cgroup_v2=True, swap=True, swap_bytes=1 << 30)
    rules = NodeRules(limited_swap=True)
    async with running(an_api_pod(a_container(resources=limits)), rules=rules) as node:
        node.keeper.facts = facts
        await until(node.is_running)
        node.want(an_api_pod(a_container(resources=more), generation=2))
        name = "kubelet_pod_infeasible_resizes_total"
        await until(lambda: value(node.metrics, name, reason_detail="swap_limitation") == 1)
