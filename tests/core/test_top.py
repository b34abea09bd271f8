"""Rows of `nodeagent top` from summaries and pods."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.top import (
    By,
    Look,
    Traffic,
    Use,
    headers,
    node_line,
    ordered,
    pod_lines,
    top_of,
    traffic_cells,
    use_cells,
    uses,
)
from nodeagent.model.summary import (
    ContainerStats,
    CpuStats,
    InterfaceStats,
    MemoryStats,
    NetworkStats,
    NodeStats,
    PodRef,
    PodStats,
    Summary,
)

MI = 1 << 20
TIME = "2026-11-27T12:00:00Z"


def stats(name: str, cpu: int | None = 5_000_000, memory: int = 8 * MI) -> ContainerStats:
    return ContainerStats(
        name=name,
        startTime=TIME,
        cpu=CpuStats(time=TIME, usageNanoCores=cpu),
        memory=MemoryStats(time=TIME, workingSetBytes=memory),
    )


def network(rx: int, tx: int) -> NetworkStats:
    shown = (InterfaceStats(name="eth0", rxBytes=rx, txBytes=tx),)
    return NetworkStats(time=TIME, name="eth0", interfaces=shown)


def pod_stats(
    name: str,
    *containers: ContainerStats,
    cpu: int | None = 5_000_000,
    memory: int = 8 * MI,
    traffic: NetworkStats | None = None,
    namespace: str = "default",
) -> PodStats:
    return PodStats(
        podRef=PodRef(name=name, namespace=namespace, uid=f"uid-{name}"),
        startTime=TIME,
        containers=list(containers),
        cpu=CpuStats(time=TIME, usageNanoCores=cpu),
        memory=MemoryStats(time=TIME, workingSetBytes=memory),
        network=traffic,
    )


def look(*pods: PodStats, at: float = 100.0, traffic: NetworkStats | None = None) -> Look:
    node = NodeStats(
        nodeName="node1",
        startTime=TIME,
        cpu=CpuStats(time=TIME, usageNanoCores=500_000_000),
        memory=MemoryStats(time=TIME, workingSetBytes=512 * MI),
        network=traffic,
    )
    return Look(at=at, summary=Summary(node=node, pods=list(pods)))


def pod(name: str, *containers: v1.Container, namespace: str = "default") -> v1.Pod:
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace=namespace),
        spec=v1.PodSpec(containers=list(containers) or [container("main")]),
    )


def container(
    name: str,
    *,
    limits: dict[str, str] | None = None,
    requests: dict[str, str] | None = None,
) -> v1.Container:
    resources = v1.ResourceRequirements(limits=limits, requests=requests)
    return v1.Container(name=name, resources=resources)


NODE = v1.Node(status=v1.NodeStatus(allocatable={"cpu": "2", "memory": "1Gi"}))


def test_the_node_is_told_against_what_it_can_give() -> None:
    top = top_of(look(), None, pods=(), node=NODE)
    line = node_line(top.node, namespaces=False, containers=False)
    assert line.cells == ["node1", "500m", "25%", "512Mi", "50%", "-", "-", ""]


def test_shares_are_of_limits_and_of_requests_where_only_those_are_set() -> None:
    limits, requests = {"cpu": "10m", "memory": "16Mi"}, {"cpu": "20m", "memory": "4Mi"}
    pods = [
        pod("limited", container("main", limits=limits, requests=requests)),
        pod("asking", container("main", requests=requests)),
        pod("free"),
    ]
    seen = look(*(pod_stats(name) for name in ("limited", "asking", "free")))
    top = top_of(seen, None, pods=pods, node=None)
    assert {row.name: use_cells(row.use) for row in top.pods} == {
        "limited": ["5m", "50%", "8Mi", "50%"],
        "asking": ["5m", "25%R", "8Mi", "200%R"],
        "free": ["5m", "-", "8Mi", "-"],
    }
    assert top.node.use.cpu_limit_milli is None


def test_a_pod_is_limited_only_if_every_container_is_or_the_pod_as_a_whole() -> None:
    half = pod("half", container("one", limits={"cpu": "10m"}), container("two"))
    whole = pod("whole", container("one"), container("two"))
    assert whole.spec is not None
    whole.spec.resources = v1.ResourceRequirements(limits={"cpu": "50m"})
    both = pod("both", *(container(n, limits={"cpu": "10m"}) for n in ("one", "two")))
    seen = look(*(pod_stats(name) for name in ("half", "whole", "both")))
    rows = {row.name: row for row in top_of(seen, None, pods=[half, whole, both], node=None).pods}
    assert rows["half"].use.cpu_limit_milli is None
    assert rows["whole"].use.cpu_limit_milli == 50
    assert rows["both"].use.cpu_limit_milli == 20


def test_containers_have_figures_limits_and_restarts_of_their_own() -> None:
    web = pod("web", container("app", limits={"memory": "16Mi"}), container("side"))
    web.status = v1.PodStatus(
        containerStatuses=[
            v1.ContainerStatus(name="app", image="i", imageID="i", ready=True, restartCount=2),
            v1.ContainerStatus(name="side", image="i", imageID="i", ready=True, restartCount=1),
        ]
    )
    seen = look(pod_stats("web", stats("app", cpu=4_000_001), stats("side", cpu=None)))
    (row,) = top_of(seen, None, pods=[web], node=None).pods
    assert row.restarts == 3
    lines = pod_lines([row], namespaces=False, containers=True)
    assert [line.cells for line in lines] == [
        ["web", "app", "5m", "-", "8Mi", "50%", "2"],
        ["web", "side", "-", "-", "8Mi", "-", "1"],
    ]
    assert [line.key for line in lines] == ["uid-web/app", "uid-web/side"]


def test_network_rates_are_those_between_two_readings() -> None:
    before = look(pod_stats("web", traffic=network(1000, 500)), traffic=network(0, 0))
    now = look(
        pod_stats("web", traffic=network(3000, 500)), at=102.0, traffic=network(8192, 2 * MI)
    )
    top = top_of(now, before, pods=[pod("web")], node=None)
    assert top.pods[0].network == Traffic(rx_bytes_per_second=1000, tx_bytes_per_second=0)
    assert traffic_cells(top.node.network) == ["4.0Ki", "1.0Mi"]


@pytest.mark.parametrize(
    ("before", "now", "at"),
    [
        (None, network(5, 5), 102.0),  # it has just come
        (network(5, 5), None, 102.0),  # its sandbox is gone
        (network(50, 5), network(5, 5), 102.0),  # a new sandbox
        (network(5, 5), network(5, 5), 100.0),
    ],
)
def test_there_is_no_rate_without_two_readings_of_one_network(
    before: NetworkStats | None, now: NetworkStats | None, at: float
) -> None:
    first = look(pod_stats("web", traffic=before))
    second = look(pod_stats("web", traffic=now), at=at)
    top = top_of(second, first, pods=[pod("web")], node=None)
    assert top.pods[0].network is None
    assert traffic_cells(None) == ["-", "-"]


def test_only_pods_that_were_chosen_are_told() -> None:
    seen = look(pod_stats("web"), pod_stats("web", namespace="other"), pod_stats("new"))
    top = top_of(seen, None, pods=[pod("web"), pod("ended")], node=None)
    assert [(row.namespace, row.name) for row in top.pods] == [("default", "web")]


def test_rows_are_in_the_order_that_was_asked_for_unknown_ones_last() -> None:
    seen = look(
        pod_stats("a", stats("x", 1), stats("y", 2), cpu=3, memory=MI),
        pod_stats("b", cpu=9, memory=3 * MI),
        pod_stats("c", cpu=None, memory=2 * MI),
        pod_stats("d", cpu=9, memory=0),
    )
    pods = top_of(seen, None, pods=[pod(name) for name in "abcd"], node=None).pods
    assert [row.name for row in ordered(pods, By.CPU)] == ["b", "d", "a", "c"]
    assert [row.name for row in ordered(pods, By.MEMORY)] == ["b", "c", "a", "d"]
    assert [row.name for row in ordered(pods, By.NAME)] == ["a", "b", "c", "d"]
    assert [one.name for one in ordered(pods, By.CPU)[2].containers] == ["y", "x"]


def test_headers_have_as_many_cells_as_rows() -> None:
    top = top_of(look(pod_stats("web", stats("main"))), None, pods=[pod("web")], node=NODE)
    for namespaces in (False, True):
        for containers in (False, True):
            shape = {"namespaces": namespaces, "containers": containers}
            wide = len(headers(**shape))
            assert len(node_line(top.node, **shape).cells) == wide
            assert [len(line.cells) for line in pod_lines(top.pods, **shape)] == [wide]


def test_history_is_kept_by_what_stays_the_same() -> None:
    top = top_of(look(pod_stats("web", stats("main"))), None, pods=[pod("web")], node=NODE)
    assert list(uses(top)) == ["", "uid-web", "uid-web/main"]


def test_amounts_are_short() -> None:
    cells = traffic_cells(Traffic(rx_bytes_per_second=999, tx_bytes_per_second=5 << 30))
    assert cells == ["999", "5.0Gi"]
    assert use_cells(Use(cpu_nano_cores=0, memory_bytes=0)) == ["0m", "-", "0Mi", "-"]
    assert use_cells(Use(cpu_nano_cores=1)) == ["1m", "-", "-", "-"]
