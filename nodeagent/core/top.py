"""Who uses what now: rows made of /stats/summary and of the pods, in order, as cells.

Columns and units are those of `kubectl top`, with what the node knows beside them.
"""

import enum
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.core.pod_state import state_of
from nodeagent.core.resources import (
    Amounts,
    all_limited,
    amounts,
    limits_of,
    pod_limits,
    pod_requests,
    requests_of,
)
from nodeagent.model.summary import (
    ContainerStats,
    CpuStats,
    MemoryStats,
    NetworkStats,
    PodStats,
    Summary,
)

HEADERS: Final = ("NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)")
TRAFFIC_HEADERS: Final = ("RX(bytes/s)", "TX(bytes/s)")
UNKNOWN: Final = "-"
_MI: Final = 1 << 20
_MILLI: Final = 1_000_000  # nanocores


class By(enum.StrEnum):
    """What rows are ordered by: the largest first, or names."""

    CPU = "cpu"
    MEMORY = "memory"
    NAME = "name"


class Use(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody uses, and may use. None is what is not known or not set.

    For the node, limits are what it can give to pods (allocatable).
    """

    cpu_nano_cores: int | None = None
    cpu_request_milli: int | None = None
    cpu_limit_milli: int | None = None
    memory_bytes: int | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None


class Traffic(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Bytes a second since the reading before."""

    rx_bytes_per_second: int
    tx_bytes_per_second: int


class ContainerRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One container."""

    name: str
    use: Use
    restarts: int = 0


class PodRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One running pod with its containers."""

    namespace: str
    name: str
    uid: str
    use: Use
    network: Traffic | None = None
    restarts: int = 0
    containers: tuple[ContainerRow, ...] = ()


class NodeRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The node."""

    name: str
    use: Use
    network: Traffic | None = None


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """One reading as it is shown."""

    node: NodeRow
    pods: tuple[PodRow, ...]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A summary, and when it was asked for, in seconds of a clock that only goes forward."""

    at: float
    summary: Summary


def top_of(look: Look, before: Look | None, *, pods: Iterable[v1.Pod], node: v1.Node | None) -> Top:
    """One reading, of those pods that are in `pods`; network rates are those since `before`."""
    known = {(p.metadata.namespace, p.metadata.name): p for p in pods if p.metadata}
    old = before.summary if before else None
    span = look.at - before.at if before else 0.0
    traffic = {one.podRef.uid: one.network for one in old.pods} if old else {}
    rows = [
        _pod_row(one, pod, _traffic(one.network, traffic.get(one.podRef.uid), span))
        for one in look.summary.pods
        if (pod := known.get((one.podRef.namespace, one.podRef.name))) is not None
    ]
    whole = look.summary.node
    status = node.status if node else None
    can_give = amounts(status.allocatable) if status else {}
    return Top(
        node=NodeRow(
            name=whole.nodeName,
            use=_use(whole.cpu, whole.memory, limits=can_give, requests={}),
            network=_traffic(whole.network, old.node.network if old else None, span),
        ),
        pods=tuple(rows),
    )


def _pod_row(stats: PodStats, pod: v1.Pod, network: Traffic | None) -> PodRow:
    spec = pod.spec or v1.PodSpec(containers=[])
    status = pod.status or v1.PodStatus()
    asked = {container.name: container for _, container in each_container(spec)}
    restarts = {
        one.name: one.restartCount
        for some in (status.initContainerStatuses, status.containerStatuses)
        for one in some or ()
    }

    def row(one: ContainerStats) -> ContainerRow:
        container = asked.get(one.name)
        limits = limits_of(container) if container else {}
        requests = requests_of(container) if container else {}
        use = _use(one.cpu, one.memory, limits=limits, requests=requests)
        return ContainerRow(name=one.name, use=use, restarts=restarts.get(one.name, 0))

    return PodRow(
        namespace=stats.podRef.namespace,
        name=stats.podRef.name,
        uid=stats.podRef.uid,
        use=_use(stats.cpu, stats.memory, limits=_held_limits(spec), requests=pod_requests(spec)),
        network=network,
        restarts=state_of(pod).restarts,
        containers=tuple(row(one) for one in stats.containers),
    )


def _held_limits(spec: v1.PodSpec) -> Amounts:
    """Limits that hold the pod as a whole: a container without one may use what it likes."""
    return {name: value for name, value in pod_limits(spec).items() if all_limited(spec, name)}


def _use(
    cpu: CpuStats | None, memory: MemoryStats | None, *, limits: Amounts, requests: Amounts
) -> Use:
    return Use(
        cpu_nano_cores=cpu.usageNanoCores if cpu else None,
        cpu_request_milli=requests.get("cpu"),
        cpu_limit_milli=limits.get("cpu"),
        memory_bytes=memory.workingSetBytes if memory else None,
        memory_request_bytes=requests.get("memory"),
        memory_limit_bytes=limits.get("memory"),
    )


def _traffic(now: NetworkStats | None, before: NetworkStats | None, span: float) -> Traffic | None:
    """None without two readings of the same interfaces; a counter that went back is a new one."""
    if now is None or before is None or span <= 0:
        return None
    (rx, tx), (old_rx, old_tx) = _counted(now), _counted(before)
    if rx < old_rx or tx < old_tx:
        return None
    return Traffic(
        rx_bytes_per_second=round((rx - old_rx) / span),
        tx_bytes_per_second=round((tx - old_tx) / span),
    )


def _counted(network: NetworkStats) -> tuple[int, int]:
    shown = network.interfaces or ()
    return sum(one.rxBytes or 0 for one in shown), sum(one.txBytes or 0 for one in shown)


def ordered(pods: Iterable[PodRow], by: By) -> tuple[PodRow, ...]:
    """Pods with their containers in that order; what is not known comes last."""

    def place(row: PodRow | ContainerRow) -> tuple[int, str, str]:
        namespace = row.namespace if isinstance(row, PodRow) else ""
        return -_weight(row.use, by), namespace, row.name

    return tuple(
        msgspec.structs.replace(pod, containers=tuple(sorted(pod.containers, key=place)))
        for pod in sorted(pods, key=place)
    )


def _weight(use: Use, by: By) -> int:
    if by is By.NAME:
        return 0
    value = measure(use, by)
    return -1 if value is None else value


def measure(use: Use, by: By) -> int | None:
    """What history is drawn of: memory where rows are ordered by it, else CPU."""
    return use.memory_bytes if by is By.MEMORY else use.cpu_nano_cores


def use_cells(use: Use) -> list[str]:
    """Cells of HEADERS but the name: rounded as `kubectl top` rounds."""
    cpu, memory = use.cpu_nano_cores, use.memory_bytes
    return [
        UNKNOWN if cpu is None else f"{-(-cpu // _MILLI)}m",
        _percent(cpu, use.cpu_limit_milli, use.cpu_request_milli, unit=_MILLI),
        UNKNOWN if memory is None else f"{memory // _MI}Mi",
        _percent(memory, use.memory_limit_bytes, use.memory_request_bytes, unit=1),
    ]


def _percent(value: int | None, limit: int | None, request: int | None, *, unit: int) -> str:
    """Of the limit; where only a request is set, of that, marked with an R."""
    of, mark = (limit, "") if limit else (request, "R")
    return f"{value * 100 // (of * unit)}%{mark}" if of and value is not None else UNKNOWN


def traffic_cells(traffic: Traffic | None) -> list[str]:
    """Cells of TRAFFIC_HEADERS."""
    if traffic is None:
        return [UNKNOWN, UNKNOWN]
    return [_short(traffic.rx_bytes_per_second), _short(traffic.tx_bytes_per_second)]


def _short(number: float) -> str:
    """Bytes in few characters: 950, 1.5Ki, 23Mi."""
    for unit in ("", "Ki", "Mi"):
        if number < 1000:
            return f"{number:.1f}{unit}" if unit and number < 10 else f"{number:.0f}{unit}"
        number /= 1024
    return f"{number:.1f}Gi"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table; `key` is whose history it has."""

    key: str
    cells: list[str]


def headers(*, namespaces: bool, containers: bool) -> list[str]:
    """Headers of `pod_lines` and `node_line`; traffic belongs to pods, not to single containers."""
    before = [*(["NAMESPACE"] if namespaces else []), *(["POD"] if containers else [])]
    return [*before, *HEADERS, *(() if containers else TRAFFIC_HEADERS), "RESTARTS"]


def pod_lines(pods: Iterable[PodRow], *, namespaces: bool, containers: bool) -> list[Line]:
    """A line for each pod, or for each container."""
    lines = []
    for pod in pods:
        space = [pod.namespace] if namespaces else []
        if not containers:
            cells = [pod.name, *use_cells(pod.use), *traffic_cells(pod.network), str(pod.restarts)]
            lines.append(Line(key=pod.uid, cells=[*space, *cells]))
            continue
        for one in pod.containers:
            cells = [pod.name, one.name, *use_cells(one.use), str(one.restarts)]
            lines.append(Line(key=f"{pod.uid}/{one.name}", cells=[*space, *cells]))
    return lines


def node_line(node: NodeRow, *, namespaces: bool, containers: bool) -> Line:
    """The node in the columns of the pods."""
    before = [""] * (namespaces + containers)
    traffic = [] if containers else traffic_cells(node.network)
    return Line(key="", cells=[*before, node.name, *use_cells(node.use), *traffic, ""])


def uses(top: Top) -> Mapping[str, Use]:
    """By key, what the node ("" is its key), pods and containers use."""
    found = {"": top.node.use}
    for pod in top.pods:
        found[pod.uid] = pod.use
        found |= {f"{pod.uid}/{one.name}": one.use for one in pod.containers}
    return found
