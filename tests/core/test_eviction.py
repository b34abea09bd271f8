"""When the node is short, whose turn it is, and what is said of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1

from nodeagent.core.eviction import (
    eviction_told,
    is_relieved,
    judge,
    quantity,
    ranked,
    thresholds_of,
)
from nodeagent.core.local_limits import Violation, has_local_limits, violation
from nodeagent.core.signals import signals_of
from nodeagent.model.eviction import (
    EvictionState,
    EvictionTold,
    FileSystem,
    HostSight,
    Observed,
    PodUse,
    Signal,
    Space,
    Threshold,
)
from nodeagent.model.memory_use import MemoryUse
from nodeagent.model.node import Pressure
from tests.fakes.pods import a_container, a_pod, an_api_pod

MI = 1 << 20
GI = 1 << 30
HARD = Threshold(signal=Signal.MEMORY, value="100Mi")
SOFT = Threshold(signal=Signal.MEMORY, value="300Mi", grace=60.0)
NONE = EvictionState()


def memory(available: int) -> dict[Signal, Observed]:
    return {Signal.MEMORY: Observed(available=available, capacity=8 * GI)}


# --- thresholds -------------------------------------------------------------------------------


def test_the_defaults_with_what_pods_have_together_are_six_thresholds() -> None:
    hard = {
        "memory.available": "100Mi",
        "nodefs.available": "10%",
        "nodefs.inodesFree": "5%",
        "imagefs.available": "15%",
        "imagefs.inodesFree": "5%",
    }
    found = thresholds_of(hard, {}, {}, {"memory.available": "1Gi"}, pods_limited=True)
    assert [one.signal for one in found] == [
        Signal.MEMORY,
        Signal.PODS_MEMORY,
        Signal.NODE_FS,
        Signal.NODE_INODES,
        Signal.IMAGE_FS,
        Signal.IMAGE_INODES,
    ]
    assert {one.reclaim for one in found[:2]} == {"1Gi"}
    assert len(thresholds_of(hard, {}, {}, {}, pods_limited=False)) == 5


def test_a_threshold_of_nothing_or_all_is_none_and_containerfs_has_none_of_its_own() -> None:
    off = {"nodefs.available": "0%", "imagefs.available": "100%", "containerfs.available": "10%"}
    assert thresholds_of(off, {}, {}, {}, pods_limited=True) == ()


def test_soft_thresholds_have_their_grace_and_do_not_hold_for_pods_as_a_whole() -> None:
    soft = {"memory.available": "300Mi", "pid.available": "10%"}
    graces = {"memory.available": 60.0, "pid.available": 5.0}
    found = thresholds_of({}, soft, graces, {}, pods_limited=True)
    assert found == (SOFT, Threshold(signal=Signal.PID, value="10%", grace=5.0))


# --- looks at the node ------------------------------------------------------------------------


def test_a_hard_threshold_acts_at_once_and_its_condition_lasts_five_minutes() -> None:
    seen = judge((HARD,), memory(99 * MI), NONE, transition=300.0, now=1000.0)
    assert (seen.acting, seen.pressure) == ((HARD,), Pressure(memory=True))
    later = judge((HARD,), memory(GI), seen.state, transition=300.0, now=1010.0)
    assert (later.acting, later.pressure) == ((), Pressure(memory=True))
    last = judge((HARD,), memory(GI), later.state, transition=300.0, now=1299.9)
    assert last.pressure.memory
    assert (
        judge((HARD,), memory(GI), last.state, transition=300.0, now=1300.0).pressure == Pressure()
    )


def test_exactly_the_threshold_is_enough() -> None:
    assert not judge((HARD,), memory(100 * MI), NONE, transition=300.0, now=0.0).acting


def test_a_soft_threshold_acts_only_when_it_was_met_for_its_whole_grace() -> None:
    state = NONE
    for now, acts in ((0.0, False), (59.0, False), (60.0, True), (70.0, True)):
        seen = judge((SOFT,), memory(200 * MI), state, transition=300.0, now=now)
        assert bool(seen.acting) is acts
        assert seen.pressure.memory
        state = seen.state
    free = judge((SOFT,), memory(GI), state, transition=300.0, now=80.0)
    again = judge((SOFT,), memory(200 * MI), free.state, transition=300.0, now=90.0)
    assert not again.acting


def test_a_clock_that_is_set_back_makes_no_condition_last_for_ever() -> None:
    seen = judge((HARD,), memory(0), NONE, transition=300.0, now=10_000.0)
    back = judge((HARD,), memory(GI), seen.state, transition=300.0, now=100.0)
    assert back.pressure.memory
    assert not judge((HARD,), memory(GI), back.state, transition=300.0, now=400.0).pressure.memory


def test_what_was_short_is_so_until_the_goal_of_reclaiming_is_reached() -> None:
    one = Threshold(signal=Signal.MEMORY, value="100Mi", reclaim="50Mi")
    assert not judge((one,), memory(120 * MI), NONE, transition=300.0, now=0.0).acting
    short = judge((one,), memory(90 * MI), NONE, transition=300.0, now=0.0)
    still = judge((one,), memory(120 * MI), short.state, transition=300.0, now=10.0)
    assert still.acting == (one,)
    assert not judge((one,), memory(150 * MI), still.state, transition=300.0, now=20.0).acting
    assert is_relieved((one,), memory(150 * MI))
    assert not is_relieved((one,), memory(149 * MI))


def test_memory_goes_before_all_others() -> None:
    thresholds = thresholds_of(
        {"nodefs.available": "10%", "memory.available": "1Gi", "pid.available": "10%"},
        {},
        {},
        {},
        pods_limited=True,
    )
    sight = {signal: Observed(available=0, capacity=100) for signal in Signal}
    seen = judge(thresholds, sight, NONE, transition=300.0, now=0.0)
    assert [one.signal for one in seen.acting][:2] == [Signal.MEMORY, Signal.PODS_MEMORY]
    assert seen.pressure == Pressure(memory=True, disk=True, pid=True)


def test_a_signal_that_is_not_known_is_not_short() -> None:
    assert judge((HARD,), {}, NONE, transition=300.0, now=0.0).pressure == Pressure()


@given(
    looks=st.lists(st.tuples(st.integers(0, 600), st.floats(0.1, 400)), max_size=20),
)
def test_pressure_lasts_for_the_transition_and_no_longer(looks: list[tuple[int, float]]) -> None:
    state, now, short_at = NONE, 0.0, -1e9
    for available, pause in looks:
        now += pause
        seen = judge((HARD,), memory(available * MI), state, transition=300.0, now=now)
        state = seen.state
        if available < 100:
            short_at = now
        assert seen.pressure.memory is (now - short_at < 300.0)


# --- signals ----------------------------------------------------------------------------------

HOST = HostSight(
    memory=8 * GI,
    memory_free=GI,
    memory_inactive=2 * GI,
    tasks=1000,
    most_tasks=4000,
    file_systems={
        "/k": FileSystem(device=1, capacity=100, available=30, inodes=0, inodes_free=0),
        "/i": FileSystem(device=2, capacity=200, available=20, inodes=50, inodes_free=5),
    },
)


def test_signals_are_what_the_kernel_tells() -> None:
    found = signals_of(
        HOST,
        root=MemoryUse(used_bytes=6 * GI, working_set_bytes=3 * GI),
        pods=MemoryUse(used_bytes=5 * GI, working_set_bytes=2 * GI),
        pods_limit=4 * GI,
        places=("/k", "/i"),
    )
    assert found == {
        Signal.MEMORY: Observed(available=5 * GI, capacity=8 * GI),
        Signal.PODS_MEMORY: Observed(available=2 * GI, capacity=4 * GI),
        Signal.NODE_FS: Observed(available=30, capacity=100),
        Signal.IMAGE_FS: Observed(available=20, capacity=200),
        Signal.IMAGE_INODES: Observed(available=5, capacity=50),
        Signal.PID: Observed(available=3000, capacity=4000),
    }


def test_without_a_cgroup_of_the_host_what_is_not_free_is_used() -> None:
    found = signals_of(HOST, root=None, pods=None, pods_limit=0, places=("/gone", ""))
    assert found == {
        Signal.MEMORY: Observed(available=3 * GI, capacity=8 * GI),
        Signal.PID: Observed(available=3000, capacity=4000),
    }


# --- whose turn it is -------------------------------------------------------------------------


def asking(uid: str, priority: int = 0, *, static: bool = False, **requests: str) -> v1.Pod:
    resources = v1.ResourceRequirements(requests=requests)
    make = a_pod if static else an_api_pod
    annotations = {"kubernetes.io/config.source": "file"} if static else None
    return make(
        a_container(resources=resources),
        uid=uid,
        name=uid,
        priority=priority,
        annotations=annotations,
    ).pod


def uids(pods: list[v1.Pod]) -> list[str | None]:
    return [pod.metadata.uid if pod.metadata else None for pod in pods]


def test_memory_takes_who_uses_more_than_asked_then_low_priority_then_the_largest_excess() -> None:
    pods = [
        asking("calm", memory="1Gi"),
        asking("high", 10, memory="1Mi"),
        asking("more", memory="100Mi"),
        asking("most", memory="100Mi"),
        asking("fresh", 99),
        asking("static", static=True),
        asking("vip", 2_000_000_000),
    ]
    uses = {
        "calm": PodUse(memory=GI),
        "high": PodUse(memory=4 * GI),
        "more": PodUse(memory=200 * MI),
        "most": PodUse(memory=300 * MI),
        "static": PodUse(memory=8 * GI),
        "vip": PodUse(memory=8 * GI),
    }
    order = ranked(pods, uses, Signal.MEMORY, own_images=False)
    assert uids(order) == ["fresh", "most", "more", "high", "calm"]


def test_pids_take_low_priority_first_then_the_most_processes() -> None:
    pods = [asking("few"), asking("many"), asking("high", 5)]
    uses = {"few": PodUse(tasks=2), "many": PodUse(tasks=9), "high": PodUse(tasks=100)}
    assert uids(ranked(pods, uses, Signal.PID, own_images=False)) == ["many", "few", "high"]


DISKS = {
    "layer": PodUse(disk_known=True, layers={"web": Space(used=90, inodes=1)}),
    "logs": PodUse(disk_known=True, logs={"web": Space(used=50, inodes=3)}),
    "dir": PodUse(disk_known=True, volumes={"v": Space(used=70, inodes=2)}),
}


@pytest.mark.parametrize(
    ("signal", "own_images", "order"),
    [
        (Signal.NODE_FS, False, ["layer", "dir", "logs"]),
        (Signal.IMAGE_FS, False, ["layer", "dir", "logs"]),
        (Signal.NODE_FS, True, ["dir", "logs", "layer"]),
        (Signal.IMAGE_FS, True, ["layer", "logs", "dir"]),
        (Signal.NODE_INODES, False, ["logs", "dir", "layer"]),
    ],
)
def test_disk_counts_what_lies_on_the_file_system_that_is_full(
    signal: Signal, own_images: bool, order: list[str]
) -> None:
    pods = [asking(name) for name in ("logs", "dir", "layer")]
    assert uids(ranked(pods, DISKS, signal, own_images=own_images)) == order


def test_a_pod_whose_disk_is_not_measured_goes_first() -> None:
    pods = [asking("layer"), asking("new")]
    uses = {**DISKS, "new": PodUse(memory=1)}
    assert uids(ranked(pods, uses, Signal.NODE_FS, own_images=False)) == ["new", "layer"]


# --- what is said -----------------------------------------------------------------------------


def test_the_message_names_threshold_and_containers_above_their_request() -> None:
    containers = [
        a_container(name, resources=v1.ResourceRequirements(requests={"memory": "1Mi"}))
        for name in ("web", "side")
    ]
    pod = an_api_pod(*containers).pod
    use = PodUse(memory=5 * MI, containers_memory={"web": 2 * MI, "side": MI // 2})
    told = eviction_told(pod, use, (HARD,), memory(50 * MI))
    assert told.annotations == {
        "offending_containers": "web",
        "offending_containers_usage": "2Mi",
        "starved_resource": "memory",
    }
    assert told.message == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container web was using 2Mi, request is 1Mi, has larger consumption of memory. "
    )


def test_the_message_names_a_pod_with_a_request_of_its_own() -> None:
    whole = v1.ResourceRequirements(requests={"memory": "1Gi"})
    pod = an_api_pod(a_container(), resources=whole).pod
    told = eviction_told(pod, PodUse(memory=2 * GI), (HARD,), memory(0))
    words = "Pod web was using 2Gi, request is 1Gi, has larger consumption of memory. "
    assert words in told.message
    assert told.annotations == {
        "offending_containers": "",
        "offending_containers_usage": "",
        "offending_pod": "web",
        "offending_pod_usage": "2Gi",
        "starved_resource": "memory",
    }


def test_the_message_of_a_disk_counts_layer_and_log_and_without_figures_says_less() -> None:
    one = Threshold(signal=Signal.NODE_FS, value="10%")
    sight = {Signal.NODE_FS: Observed(available=5 * MI, capacity=100 * MI)}
    use = PodUse(disk_known=True, layers={"web": Space(used=MI)}, logs={"web": Space(used=1024)})
    pod = an_api_pod(a_container()).pod
    start = (
        "The node was low on resource: ephemeral-storage. "
        "Threshold quantity: 10Mi, available: 5Mi. "
    )
    assert eviction_told(pod, use, (one,), sight).message == (
        f"{start}Container web was using 1025Ki, request is 0, "
        "has larger consumption of ephemeral-storage. "
    )
    assert eviction_told(pod, None, (one,), sight) == EvictionTold(message=start)
    inodes = Threshold(signal=Signal.NODE_INODES, value="10%")
    sight = {Signal.NODE_INODES: Observed(available=1500, capacity=20_000)}
    assert eviction_told(pod, use, (inodes,), sight).message == (
        "The node was low on resource: inodes. Threshold quantity: 2k, available: 1500. "
    )


def test_a_share_is_rounded_as_a_kubelet_rounds_it() -> None:
    assert quantity("2%", 270553174016) == 5411063359
    assert quantity("10%", 100 * MI) == 10 * MI


# --- a pod's own limits -----------------------------------------------------------------------


def limited(limit: str | None = None, **dirs: str) -> v1.PodSpec:
    resources = v1.ResourceRequirements(limits={"ephemeral-storage": limit} if limit else None)
    volumes = [
        v1.Volume(name=name, emptyDir=v1.EmptyDirVolumeSource(sizeLimit=size))
        for name, size in dirs.items()
    ]
    return an_api_pod(a_container(resources=resources), volumes=volumes).spec


@pytest.mark.parametrize(
    ("spec", "use", "own_images", "text"),
    [
        (
            limited(data="1024Ki"),
            {"volumes": {"data": Space(used=MI + 1)}},
            False,
            'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
        ),
        (limited(data="1Mi"), {"volumes": {"data": Space(used=MI)}}, False, ""),
        (limited(data="0"), {"volumes": {"data": Space(used=MI)}}, False, ""),
        (
            limited("10Mi"),
            {"volumes": {"x": Space(used=6 * MI)}, "logs": {"web": Space(used=5 * MI)}},
            False,
            "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ",
        ),
        (limited("10Mi"), {"layers": {"web": Space(used=9 * MI)}}, False, ""),
    ],
)
def test_who_takes_more_than_it_may_is_told_so(
    spec: v1.PodSpec, use: dict[str, Any], own_images: bool, text: str
) -> None:
    assert has_local_limits(spec) or not text
    broken = violation(spec, PodUse(disk_known=True, **use), own_images=own_images)
    assert (broken.text if broken is not None else "") == text


def test_one_container_may_be_beyond_its_limit_while_the_pod_is_within() -> None:
    spec = an_api_pod(
        *(
            a_container(
                name, resources=v1.ResourceRequirements(limits={"ephemeral-storage": "10Mi"})
            )
            for name in ("a", "b")
        )
    ).spec
    use = PodUse(layers={"a": Space(used=8 * MI)}, logs={"a": Space(used=4 * MI)}, disk_known=True)
    assert violation(spec, use, own_images=False) == Violation(
        "ephemeralcontainerfs.limit",
        'Container a exceeded its local ephemeral storage limit "10Mi". ',
    )
    assert violation(spec, use, own_images=True) is None


def test_a_pod_without_limits_need_not_be_measured() -> None:
    assert not has_local_limits(an_api_pod(volumes=[v1.Volume(name="a")]).spec)
