"""The page `/metrics/resource`: CPU, memory and swap of containers, pods and the node.

Source: the kubelet's resource metrics, which metrics-server reads (KEP-727).
"""

from collections.abc import Callable, Iterable

from nodeagent.core.exposition import END, Family, head, label_text, stamp
from nodeagent.model.observed import ObservedPod, Phase
from nodeagent.model.usage import CgroupKind, Group, Reading, Use

GROUPS = {
    CgroupKind.ROOT: frozenset((Group.CPU, Group.MEMORY, Group.SWAP)),
    CgroupKind.POD: frozenset((Group.CPU, Group.MEMORY, Group.SWAP)),
    CgroupKind.CONTAINER: frozenset((Group.CPU, Group.MEMORY, Group.SWAP, Group.LIMITS)),
}
"""What is read for the page."""


def _family(name: str, type_: str, text: str) -> Family:
    return Family(name=name, type=type_, help=text)


def _cpu(use: Use) -> float | None:
    return None if use.cpu_ns is None else use.cpu_ns / 1e9


_CPU = "cpu_usage_seconds_total", "counter", "CPU time used by the {}, in seconds.", _cpu
_MEMORY = (
    "memory_working_set_bytes",
    "gauge",
    "Memory in use by the {} without inactive page cache.",
    lambda use: use.working_set,
)
_SWAP = "swap_usage_bytes", "gauge", "Swap in use by the {}, in bytes.", lambda use: use.swap
_LIMIT = (
    "swap_limit_bytes",
    "gauge",
    "Swap that the {} may use, where it is limited.",
    lambda use: use.swap_limit,
)
_SERIES: dict[str, tuple[tuple[str, str, str, Callable[[Use], float | None]], ...]] = {
    "node": (_CPU, _MEMORY, _SWAP),
    "container": (_CPU, _MEMORY, _SWAP, _LIMIT),
    "pod": (_CPU, _MEMORY, _SWAP),
}
START = _family(
    "container_start_time_seconds", "gauge", "When the container was started, as Unix time."
)
ERROR = _family("resource_scrape_error", "gauge", "1 where cgroups could not be read.")


def resource_page(
    reading: Reading, pods: Iterable[ObservedPod], *, failed: bool, openmetrics: bool
) -> str:
    """The text of the page. No label tells pods of one name apart: while the one before still ends,
    the newest is told."""
    newest = {(pod.namespace, pod.name): pod for pod in sorted(pods, key=_made_at)}
    known = {str(pod.uid): pod for pod in newest.values()}
    rows: dict[str, list[tuple[str, Use, str]]] = {"node": [], "container": [], "pod": []}
    started = []
    for one in reading.cgroups:
        cgroup, pod = one.cgroup, known.get(one.cgroup.uid)
        end = f" {stamp(one.use.at, openmetrics=openmetrics)}\n"
        if cgroup.kind is CgroupKind.ROOT:
            rows["node"].append(("", one.use, end))
        if pod is None:
            continue
        where = [("namespace", pod.namespace), ("pod", pod.name)]
        if cgroup.kind is CgroupKind.POD:
            rows["pod"].append((f"{{{label_text(where)}}}", one.use, end))
        container = next((c for c in pod.containers if c.id == cgroup.id), None)
        if container is not None and container.phase is not Phase.EXITED:
            labels = f"{{{label_text([('container', container.name), *where])}}}"
            rows["container"].append((labels, one.use, end))
            started.append(f"{START.name}{labels} {container.created_at:.3f}\n")
    parts = []
    for what, series in _SERIES.items():
        for suffix, type_, text, value in series:
            name = f"{what}_{suffix}"
            lines = [
                f"{name}{labels} {told}{end}"
                for labels, use, end in rows[what]
                if (told := value(use)) is not None
            ]
            if lines:
                family = _family(name, type_, text.format(what))
                parts += [head(family, openmetrics=openmetrics), *lines]
    if started:
        parts += [head(START, openmetrics=openmetrics), *started]
    parts += [head(ERROR, openmetrics=openmetrics), f"{ERROR.name} {int(failed)}\n"]
    return "".join(parts) + (END if openmetrics else "")


def _made_at(pod: ObservedPod) -> float:
    return pod.sandbox.created_at if pod.sandbox is not None else 0.0
