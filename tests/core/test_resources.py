"""Sums of requests and limits, and the cgroup values that follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core import resources as res
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup, Resources
from nodeagent.model.node import NodeFacts, NodeRules

GI, MI = 2**30, 2**20
UID = PodUid("u-1")
NODE = NodeFacts(name="n", capacity={"memory": 10 * GI}, page_sizes=("2Mi", "1Gi"))
V2 = NodeFacts(name="n", capacity={"memory": 10 * GI}, cgroup_v2=True, swap=True, swap_bytes=4 * GI)
RULES = NodeRules()
LIMITED = NodeRules(limited_swap=True)
NO_PAGES = (("2MB", 0), ("1GB", 0))


def a_container(
    requests: dict[str, str] | None = None,
    limits: dict[str, str] | None = None,
    *,
    name: str = "c",
    sidecar: bool = False,
) -> v1.Container:
    return v1.Container(
        name=name,
        restartPolicy="Always" if sidecar else None,
        resources=v1.ResourceRequirements(requests=requests, limits=limits),
    )


def cpu(milli: int, *, sidecar: bool = False) -> v1.Container:
    return a_container({"cpu": f"{milli}m"}, {"cpu": f"{milli}m"}, sidecar=sidecar)


def a_pod(*containers: v1.Container, priority: int | None = None, **more: object) -> v1.Pod:
    spec = v1.PodSpec(containers=list(containers), priority=priority, **more)  # type: ignore[arg-type]
    return v1.Pod(metadata=meta_v1.ObjectMeta(name="p"), spec=spec)


def spec_of(pod: v1.Pod) -> v1.PodSpec:
    assert pod.spec is not None
    return pod.spec


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ([], 300),
        ([cpu(200)], 300),
        ([cpu(500)], 500),
        ([cpu(100, sidecar=True)], 400),
        ([cpu(50, sidecar=True), cpu(600)], 650),
        ([cpu(600), cpu(50, sidecar=True)], 600),
        ([cpu(50, sidecar=True), cpu(200, sidecar=True), cpu(10)], 550),
    ],
)
def test_a_pod_asks_for_its_highest_point(init: list[v1.Container], expected: int) -> None:
    spec = spec_of(a_pod(cpu(100), cpu(200), initContainers=init))
    assert res.pod_requests(spec) == {"cpu": expected}
    assert res.pod_limits(spec) == {"cpu": expected}


def test_pod_level_amounts_replace_the_sum_and_overhead_comes_on_top() -> None:
    spec = spec_of(
        a_pod(
            a_container({"cpu": "1", "memory": "1Gi", "x.io/gpu": "1"}, {"memory": "2Gi"}),
            resources=v1.ResourceRequirements(
                requests={"cpu": "3", "x.io/gpu": "7"}, limits={"hugepages-2Mi": "4Mi"}
            ),
            overhead={"cpu": "250m", "memory": "1Mi"},
        )
    )
    assert res.pod_requests(spec) == {"cpu": 3250, "memory": GI + MI, "x.io/gpu": 1}
    assert res.pod_limits(spec) == {"memory": 2 * GI + MI, "hugepages-2Mi": 4 * MI}
    assert res.container_requests(spec) == {"cpu": 1000, "memory": GI, "x.io/gpu": 1}


@given(st.lists(st.tuples(st.integers(0, 4000), st.booleans()), max_size=6), st.integers(0, 4000))
def test_requests_cover_every_moment_of_the_start(init: list[tuple[int, bool]], main: int) -> None:
    spec = spec_of(a_pod(cpu(main), initContainers=[cpu(m, sidecar=s) for m, s in init]))
    running, moments = 0, []
    for milli, stays in init:
        moments.append(running + milli)
        running += milli if stays else 0
    moments.append(running + main)
    assert res.pod_requests(spec)["cpu"] == max(moments)


@pytest.mark.parametrize(
    ("milli", "shares"), [(0, 2), (1, 2), (100, 102), (1000, 1024), (10**6, 262144)]
)
def test_shares_stay_in_range(milli: int, shares: int) -> None:
    assert res.cpu_shares(milli) == shares


@pytest.mark.parametrize(("milli", "quota"), [(0, 0), (1, 1000), (500, 50_000), (2500, 250_000)])
def test_quota_has_a_floor_and_no_limit_is_zero(milli: int, quota: int) -> None:
    assert res.cpu_quota(milli, 100_000) == quota


@pytest.mark.parametrize(
    ("size", "name"), [("2Mi", "2MB"), ("1Gi", "1GB"), ("64Ki", "64KB"), ("16Gi", "16GB")]
)
def test_page_sizes_get_their_kernel_name(size: str, name: str) -> None:
    assert res.page_size_name(size) == name


def test_a_container_gets_shares_quota_memory_and_page_limits() -> None:
    pod = a_pod(
        a_container(
            {"cpu": "250m", "memory": "1Gi"},
            {"cpu": "500m", "memory": "2Gi", "hugepages-2Mi": "8Mi"},
        )
    )
    got = res.container_resources(pod, spec_of(pod).containers[0], node=NODE, rules=RULES)
    assert got == Resources(
        cpu_period=100_000,
        cpu_quota=50_000,
        cpu_shares=256,
        memory_limit_bytes=2 * GI,
        oom_score_adj=900,
        hugepages=(("2MB", 8 * MI), ("1GB", 0)),
    )


def test_a_container_without_resources_has_the_least_shares_and_no_limits() -> None:
    pod = a_pod(v1.Container(name="c"))
    got = res.container_resources(pod, spec_of(pod).containers[0], node=NODE, rules=RULES)
    assert got == Resources(
        cpu_period=100_000, cpu_shares=2, oom_score_adj=1000, hugepages=NO_PAGES
    )


def test_a_cpu_limit_stands_in_for_a_missing_request() -> None:
    pod = a_pod(a_container(None, {"cpu": "1"}))
    got = res.container_resources(pod, spec_of(pod).containers[0], node=NODE, rules=RULES)
    assert got.cpu_shares == 1024


def test_quota_can_be_switched_off() -> None:
    pod = a_pod(a_container(None, {"cpu": "1"}))
    off = NodeRules(cpu_cfs_quota=False)
    got = res.container_resources(pod, spec_of(pod).containers[0], node=NODE, rules=off)
    assert (got.cpu_quota, got.cpu_period) == (0, 0)


def test_pod_level_limits_hold_containers_without_their_own() -> None:
    whole = v1.ResourceRequirements(
        requests={"memory": "5Gi"}, limits={"cpu": "2", "memory": "6Gi"}
    )
    pod = a_pod(a_container({"memory": "1Gi"}, {"cpu": "1"}), cpu(1), resources=whole)
    got = res.container_resources(pod, spec_of(pod).containers[0], node=NODE, rules=RULES)
    assert (got.cpu_quota, got.memory_limit_bytes) == (100_000, 6 * GI)
    assert got.oom_score_adj == 1000 - 100 - 200  # own request, and half of the unused 4Gi


def test_v1_memory_plus_swap_equals_memory_where_swap_can_be_limited() -> None:
    pod = a_pod(a_container(None, {"memory": "1Gi"}))
    node = NodeFacts(name="n", swap=True, capacity={"memory": 10 * GI})
    got = res.container_resources(pod, spec_of(pod).containers[0], node=node, rules=RULES)
    assert got.memory_swap_limit_bytes == GI
    assert got.unified == ()


@pytest.mark.parametrize(
    ("node", "rules", "unified"),
    [
        (V2, RULES, (("memory.oom.group", "1"), ("memory.swap.max", "0"))),
        (V2, LIMITED, (("memory.oom.group", "1"), ("memory.swap.max", str(2 * GI)))),
        (V2, NodeRules(single_process_oom_kill=True), (("memory.swap.max", "0"),)),
        (NodeFacts(name="n", cgroup_v2=True), LIMITED, (("memory.oom.group", "1"),)),
        (NodeFacts(name="n", cgroup_v2=True, swap=True), LIMITED,
         (("memory.oom.group", "1"), ("memory.swap.max", "0"))),
    ],
)  # fmt: skip
def test_v2_files_say_how_to_kill_and_how_much_to_swap(
    node: NodeFacts, rules: NodeRules, unified: tuple[tuple[str, str], ...]
) -> None:
    pod = a_pod(a_container({"memory": "5Gi"}, {"memory": "6Gi"}))
    got = res.container_resources(pod, spec_of(pod).containers[0], node=node, rules=rules)
    assert got.unified == unified
    assert got.memory_swap_limit_bytes == 0


SAME = {"memory": "5Gi"}


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(a_container(SAME, SAME)),
        a_pod(a_container({"cpu": "1"})),
        a_pod(v1.Container(name="c")),
        a_pod(a_container(SAME), priority=2_000_000_000),
    ],
)
def test_no_swap_for_pods_that_are_not_plain_burstable(pod: v1.Pod) -> None:
    got = res.container_resources(pod, spec_of(pod).containers[0], node=V2, rules=LIMITED)
    assert ("memory.swap.max", "0") in got.unified


WHOLE = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (
            a_pod(a_container(WHOLE, WHOLE)),
            PodCgroup(
                path="/kubepods/podu-1",
                resources=Resources(
                    cpu_shares=1024,
                    cpu_period=100_000,
                    cpu_quota=100_000,
                    memory_limit_bytes=GI,
                    hugepages=NO_PAGES,
                ),
            ),
        ),
        (
            a_pod(a_container({"cpu": "1"}, {"memory": "1Gi"}), a_container(None, WHOLE)),
            PodCgroup(
                path="/kubepods/burstable/podu-1",
                resources=Resources(cpu_shares=1024, memory_limit_bytes=2 * GI, hugepages=NO_PAGES),
            ),
        ),
        (
            a_pod(a_container({"cpu": "1", "hugepages-2Mi": "4Mi"}, {"cpu": "2"})),
            PodCgroup(
                path="/kubepods/burstable/podu-1",
                resources=Resources(
                    cpu_shares=1024,
                    cpu_period=100_000,
                    cpu_quota=200_000,
                    hugepages=(("2MB", 4 * MI), ("1GB", 0)),
                ),
            ),
        ),
        (
            a_pod(v1.Container(name="c")),
            PodCgroup(
                path="/kubepods/besteffort/podu-1",
                resources=Resources(cpu_shares=2, hugepages=NO_PAGES),
            ),
        ),
        (
            a_pod(
                a_container({"cpu": "1"}),
                resources=v1.ResourceRequirements(limits={"memory": "3Gi"}),
            ),
            PodCgroup(
                path="/kubepods/burstable/podu-1",
                resources=Resources(cpu_shares=1024, memory_limit_bytes=3 * GI, hugepages=NO_PAGES),
            ),
        ),
    ],
)
def test_a_pod_is_limited_only_where_all_its_containers_are(
    pod: v1.Pod, expected: PodCgroup
) -> None:
    assert res.pod_cgroup(pod, UID, node=NODE, rules=RULES) == expected


def test_pids_and_the_cgroup_root_are_taken_from_the_rules() -> None:
    rules = NodeRules(pids_limit=512, cgroup_root="/top/", cpu_cfs_quota=False)
    got = res.pod_cgroup(a_pod(a_container(WHOLE, WHOLE)), UID, node=NODE, rules=rules)
    assert (got.path, got.pids_max) == ("/top/kubepods/podu-1", 512)
    assert (got.resources.cpu_quota, got.resources.cpu_period) == (0, 0)


def test_the_sandbox_is_told_the_sum_of_its_containers() -> None:
    pod = a_pod(cpu(100), cpu(400), overhead={"cpu": "1"})
    assert res.sandbox_resources(spec_of(pod), rules=RULES) == Resources(
        cpu_period=100_000, cpu_quota=50_000, cpu_shares=512
    )
    off = NodeRules(cpu_cfs_quota=False)
    assert res.sandbox_resources(spec_of(pod), rules=off) == Resources(cpu_shares=512)


def test_the_burstable_parent_has_the_shares_of_its_pods() -> None:
    specs = [
        spec_of(a_pod(a_container({"cpu": "1"}))),
        spec_of(a_pod(a_container({"cpu": "500m"}))),
        spec_of(a_pod(a_container(WHOLE, WHOLE))),
        spec_of(a_pod(v1.Container(name="c"))),
    ]
    pages = (("2MB", 1 << 62), ("1GB", 1 << 62))
    assert res.qos_cgroups(specs, node=NODE, rules=NodeRules(cgroup_root="/r")) == (
        PodCgroup(
            path="/r/kubepods/burstable", resources=Resources(cpu_shares=1536, hugepages=pages)
        ),
        PodCgroup(
            path="/r/kubepods/besteffort", resources=Resources(cpu_shares=2, hugepages=pages)
        ),
    )


def test_the_root_gets_what_is_enforced() -> None:
    enforced = {"cpu": 2000, "memory": 3 * GI, "pid": 1000}
    assert res.root_cgroup(enforced, rules=RULES) == PodCgroup(
        path="/kubepods",
        resources=Resources(cpu_shares=2048, memory_limit_bytes=3 * GI),
        pids_max=1000,
    )
    assert res.root_cgroup({}, rules=RULES) == PodCgroup(path="/kubepods")


def test_no_amount_is_more_than_the_kernel_takes() -> None:
    huge = a_container({"memory": "1Mi"}, {"memory": "8Ei", "cpu": "9E"})
    spec = v1.PodSpec(containers=[huge, huge], overhead={"memory": "8Ei"})
    for got in (
        res.sandbox_resources(spec, rules=RULES),
        res.pod_cgroup(v1.Pod(spec=spec), UID, node=NODE, rules=RULES).resources,
        res.container_resources(v1.Pod(spec=spec), huge, node=NODE, rules=RULES),
    ):
        assert (got.memory_limit_bytes, got.cpu_quota) == (res.MOST, res.MOST)
