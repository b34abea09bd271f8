"""The page that metrics-server reads, as text."""

from typing import Any

import msgspec

from nodeagent.core.resource_metrics import resource_page
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenSandbox
from nodeagent.model.usage import CgroupKind, CgroupReading, Reading, SeenCgroup, Use

AT = 1_800_000_000.25
UID = PodUid("u1")
RUNNING = SeenContainer(
    id=ContainerId("c1"),
    name="main",
    sandbox_id=SandboxId("s1"),
    attempt=0,
    restart_count=0,
    phase=Phase.RUNNING,
    created_at=AT - 60,
    started_at=AT - 50,
)
POD = ObservedPod(uid=UID, name="web", namespace="shop", containers=(RUNNING,))


def reading(**container: int) -> Reading:
    def one(kind: CgroupKind, id_: str = "", **use: Any) -> CgroupReading:
        uid = "" if kind is CgroupKind.ROOT else UID
        cgroup = SeenCgroup(path=f"/{kind}/{id_}", kind=kind, uid=uid, id=id_)
        return CgroupReading(cgroup=cgroup, use=Use(at=AT, **use))

    return Reading(
        at=AT,
        cgroups=(
            one(CgroupKind.ROOT, cpu_ns=9_000_000_000, working_set=900),
            one(CgroupKind.POD, cpu_ns=2_500_000_000, working_set=80),
            one(CgroupKind.CONTAINER, "c1", **container),
        ),
    )


def samples(page: str) -> set[str]:
    return {line for line in page.splitlines() if not line.startswith("#")}


def test_values_have_the_time_of_their_reading_and_start_times_none() -> None:
    page = resource_page(
        reading(cpu_ns=1_500_000_000, working_set=70, swap=0), [POD], failed=False,
        openmetrics=False,
    )  # fmt: skip
    main = 'container="main",namespace="shop",pod="web"'
    assert samples(page) == {
        "node_cpu_usage_seconds_total 9.0 1800000000250",
        "node_memory_working_set_bytes 900 1800000000250",
        'pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 2.5 1800000000250',
        'pod_memory_working_set_bytes{namespace="shop",pod="web"} 80 1800000000250',
        f"container_cpu_usage_seconds_total{{{main}}} 1.5 1800000000250",
        f"container_memory_working_set_bytes{{{main}}} 70 1800000000250",
        f"container_swap_usage_bytes{{{main}}} 0 1800000000250",
        f"container_start_time_seconds{{{main}}} 1799999940.250",
        "resource_scrape_error 0",
    }


def test_times_are_seconds_in_openmetrics() -> None:
    page = resource_page(reading(), [POD], failed=False, openmetrics=True)
    assert "node_cpu_usage_seconds_total 9.0 1800000000.250\n" in page
    assert page.endswith("# EOF\n")


def test_containers_that_ended_or_that_nobody_knows_are_left_out() -> None:
    ended = msgspec.structs.replace(RUNNING, phase=Phase.EXITED)
    for containers in ((), (ended,)):
        pod = msgspec.structs.replace(POD, containers=containers)
        page = resource_page(reading(cpu_ns=1), [pod], failed=False, openmetrics=False)
        assert "container_cpu" not in page and "container_start" not in page
        assert "pod_cpu_usage_seconds_total" in page
    nobody = resource_page(reading(cpu_ns=1), [], failed=False, openmetrics=False)
    assert "pod_" not in nobody and "node_cpu_usage_seconds_total" in nobody


def test_of_two_pods_of_one_name_the_newest_is_told() -> None:
    def made(uid: str, at: float) -> ObservedPod:
        box = SeenSandbox(id=SandboxId(f"s-{uid}"), attempt=0, ready=True, created_at=at)
        container = msgspec.structs.replace(RUNNING, id=ContainerId(f"c-{uid}"))
        return msgspec.structs.replace(
            POD, uid=PodUid(uid), sandboxes=(box,), containers=(container,)
        )

    def used(uid: str, kind: CgroupKind, id_: str, cpu: int) -> CgroupReading:
        cgroup = SeenCgroup(path=f"/{uid}/{id_}", kind=kind, uid=uid, id=id_)
        return CgroupReading(cgroup=cgroup, use=Use(at=AT, cpu_ns=cpu * 1_000_000_000))

    both = Reading(
        at=AT,
        cgroups=tuple(
            used(uid, kind, id_, cpu)
            for uid, cpu in (("new", 1), ("old", 7))
            for kind, id_ in ((CgroupKind.POD, ""), (CgroupKind.CONTAINER, f"c-{uid}"))
        ),
    )
    for pods in ([made("new", AT), made("old", AT - 60)], [made("old", AT - 60), made("new", AT)]):
        told = samples(resource_page(both, pods, failed=False, openmetrics=False))
        assert {line.split()[1] for line in told if "cpu_usage" in line} == {"1.0"}
        assert len(told) == 4
