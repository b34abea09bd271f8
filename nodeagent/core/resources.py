"""Requests and limits: what pods ask for in sum, and what that means in cgroup values."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from lightkube.models import core_v1 as v1

from nodeagent.core.cgroups import BEST_EFFORT, BURSTABLE, KUBEPODS, pod_cgroup_path
from nodeagent.core.containers import AnyContainer, is_sidecar
from nodeagent.core.qos import QosClass, is_critical, oom_score_adj, qos_class
from nodeagent.core.quantity import amount, as_bytes
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup, Resources
from nodeagent.model.node import NodeFacts, NodeRules

MIN_SHARES: Final = 2
MAX_SHARES: Final = 262_144
MIN_QUOTA: Final = 1000  # microseconds, the least the kernel takes
HUGE_PAGES: Final = "hugepages-"
MOST: Final = 2**63 - 1  # the largest number that the kernel and CRI take
NO_HUGETLB_LIMIT: Final = 1 << 62

Amounts: TypeAlias = dict[str, int]  # "cpu" in milli-units, everything else in whole units
_Of: TypeAlias = Callable[[AnyContainer], Amounts]


def requests_of(container: AnyContainer) -> Amounts:
    """What one container requests."""
    return amounts(container.resources.requests) if container.resources else {}


def limits_of(container: AnyContainer) -> Amounts:
    """What one container is limited to."""
    return amounts(container.resources.limits) if container.resources else {}


def pod_requests(spec: v1.PodSpec) -> Amounts:
    """What the pod as a whole requests ("Init Containers", "Pod Overhead", KEP-753, KEP-2837).

    The larger of all regular containers together with the sidecars, and the highest point while
    init containers run; pod-level requests replace it; overhead comes on top.
    """
    total = container_requests(spec)
    total.update(_pod_level(spec.resources.requests if spec.resources else None))
    _add(total, amounts(spec.overhead))
    return total


def pod_limits(spec: v1.PodSpec) -> Amounts:
    """The pod's limits by the same rules; overhead is added only where there is a limit."""
    total = _aggregate(spec, limits_of)
    total.update(_pod_level(spec.resources.limits if spec.resources else None))
    for name, value in amounts(spec.overhead).items():
        if total.get(name):
            total[name] = min(total[name] + value, MOST)
    return total


def container_requests(spec: v1.PodSpec) -> Amounts:
    """What the containers request together, without pod-level requests and overhead."""
    return _aggregate(spec, requests_of)


def cpu_shares(milli: int) -> int:
    """cpu.shares of that much CPU, in the kernel's range."""
    return min(max(milli * 1024 // 1000, MIN_SHARES), MAX_SHARES)


def cpu_quota(milli: int, period: int) -> int:
    """cpu.cfs_quota_us for that much CPU; 0 means no limit. `period` is in microseconds."""
    return min(max(milli * period // 1000, MIN_QUOTA), MOST) if milli > 0 else 0


def page_size_name(size: str) -> str:
    """A huge page size the way the kernel and CRI write it: "2Mi" is "2MB"."""
    value, units = as_bytes(size), ("B", "KB", "MB", "GB", "TB", "PB")
    step = 0
    while value % 1024 == 0 and value and step < len(units) - 1:
        value, step = value // 1024, step + 1
    return f"{value}{units[step]}"


def container_resources(
    pod: v1.Pod, container: AnyContainer, *, node: NodeFacts, rules: NodeRules
) -> Resources:
    """cgroup values of a container ("Resource Management for Pods and Containers").

    A container without limits of its own is held by the pod-level ones.
    """
    assert pod.spec is not None
    requests, limits = requests_of(container), limits_of(container)
    whole = amounts(pod.spec.resources.limits) if pod.spec.resources else {}
    cpu_limit = limits.get("cpu") or whole.get("cpu", 0)
    memory_limit = limits.get("memory") or whole.get("memory", 0)
    capacity = node.capacity.get("memory", 0)
    return Resources(
        cpu_period=rules.cpu_cfs_period if rules.cpu_cfs_quota else 0,
        cpu_quota=cpu_quota(cpu_limit, rules.cpu_cfs_period) if rules.cpu_cfs_quota else 0,
        cpu_shares=cpu_shares(requests["cpu"] if "cpu" in requests else cpu_limit),
        memory_limit_bytes=memory_limit,
        memory_swap_limit_bytes=memory_limit if node.swap and not node.cgroup_v2 else 0,
        oom_score_adj=oom_score_adj(
            pod, container, memory_capacity=capacity, share=_memory_share(pod.spec)
        ),
        hugepages=_huge_pages(limits, node.page_sizes),
        unified=_unified(pod, container, node=node, rules=rules) if node.cgroup_v2 else (),
    )


def may_swap(pod: v1.Pod, container: AnyContainer, *, node: NodeFacts, rules: NodeRules) -> bool:
    """Whether a container of this pod has a share of the node's swap."""
    limited = node.cgroup_v2 and node.swap
    return limited and _swap(pod, container, node=node, rules=rules) > 0


def pod_cgroup(pod: v1.Pod, uid: PodUid, *, node: NodeFacts, rules: NodeRules) -> PodCgroup:
    """The pod's cgroup with its limits.

    CPU and memory are limited only where every container has that limit, or the pod itself.
    """
    assert pod.spec is not None
    spec = pod.spec
    qos = qos_class(spec)
    requests, limits = pod_requests(spec), pod_limits(spec)
    burstable = qos is QosClass.BURSTABLE
    cpu = limits.get("cpu", 0) if not burstable or all_limited(spec, "cpu") else 0
    memory = limits.get("memory", 0) if not burstable or all_limited(spec, "memory") else 0
    best_effort = qos is QosClass.BEST_EFFORT
    return PodCgroup(
        path=pod_cgroup_path(uid, qos, root=rules.cgroup_root),
        resources=Resources(
            cpu_shares=MIN_SHARES if best_effort else cpu_shares(requests.get("cpu", 0)),
            cpu_period=rules.cpu_cfs_period if cpu and rules.cpu_cfs_quota else 0,
            cpu_quota=cpu_quota(cpu, rules.cpu_cfs_period) if rules.cpu_cfs_quota else 0,
            memory_limit_bytes=memory,
            hugepages=_huge_pages(requests, node.page_sizes),
        ),
        pids_max=max(rules.pids_limit, 0),
    )


def sandbox_resources(spec: v1.PodSpec, *, rules: NodeRules) -> Resources:
    """What the pod's containers are given together, as the sandbox is told."""
    requests, limits = container_requests(spec), _aggregate(spec, limits_of)
    requests.update(_pod_level(spec.resources.requests if spec.resources else None))
    limits.update(_pod_level(spec.resources.limits if spec.resources else None))
    return plain_resources(requests, limits, rules=rules)


def overhead_resources(spec: v1.PodSpec, *, rules: NodeRules) -> Resources | None:
    """What the pod takes beside its containers; None where it is said to take nothing."""
    overhead = amounts(spec.overhead)
    return plain_resources(overhead, overhead, rules=rules) if overhead else None


def plain_resources(requests: Amounts, limits: Amounts, *, rules: NodeRules) -> Resources:
    """CPU and memory values of these amounts, nothing else."""
    cpu = limits.get("cpu", 0)
    return Resources(
        cpu_period=rules.cpu_cfs_period if rules.cpu_cfs_quota else 0,
        cpu_quota=cpu_quota(cpu, rules.cpu_cfs_period) if rules.cpu_cfs_quota else 0,
        cpu_shares=cpu_shares(requests.get("cpu", cpu)),
        memory_limit_bytes=limits.get("memory", 0),
    )


def qos_cgroups(
    pods: Iterable[v1.PodSpec], *, node: NodeFacts, rules: NodeRules
) -> tuple[PodCgroup, PodCgroup]:
    """The Burstable and BestEffort parents for the pods that run; huge pages are not limited."""
    burstable = sum(
        pod_requests(spec).get("cpu", 0) for spec in pods if qos_class(spec) is QosClass.BURSTABLE
    )
    pages = tuple((page_size_name(size), NO_HUGETLB_LIMIT) for size in node.page_sizes)
    root = rules.cgroup_root.rstrip("/")
    return (
        PodCgroup(
            path=f"{root}/{KUBEPODS}/{BURSTABLE}",
            resources=Resources(cpu_shares=cpu_shares(burstable), hugepages=pages),
        ),
        PodCgroup(
            path=f"{root}/{KUBEPODS}/{BEST_EFFORT}",
            resources=Resources(cpu_shares=MIN_SHARES, hugepages=pages),
        ),
    )


def root_cgroup(enforced: Mapping[str, int], *, rules: NodeRules) -> PodCgroup:
    """kubepods itself. `enforced` is capacity minus reservations ("Node Allocatable").

    Keys are "cpu" (milli), "memory" and "pid"; eviction thresholds are not subtracted.
    """
    return PodCgroup(
        path=f"{rules.cgroup_root.rstrip('/')}/{KUBEPODS}",
        resources=Resources(
            cpu_shares=cpu_shares(enforced["cpu"]) if "cpu" in enforced else 0,
            memory_limit_bytes=enforced.get("memory", 0),
        ),
        pids_max=enforced.get("pid", 0),
    )


def amounts(given: Mapping[str, str] | None) -> Amounts:
    """A resource list as integers."""
    return {name: amount(name, value) for name, value in given.items()} if given else {}


def _pod_level(given: Mapping[str, str] | None) -> Amounts:
    return {
        name: value
        for name, value in amounts(given).items()
        if name in ("cpu", "memory") or name.startswith(HUGE_PAGES)
    }


def _aggregate(spec: v1.PodSpec, of: _Of) -> Amounts:
    total: Amounts = {}
    for container in spec.containers:
        _add(total, of(container))
    peak: Amounts = {}
    sidecars: Amounts = {}
    for container in spec.initContainers or ():
        if is_sidecar(container):
            _add(total, of(container))
            _add(sidecars, of(container))
            _raise(peak, sidecars)
        else:
            now = dict(sidecars)
            _add(now, of(container))
            _raise(peak, now)
    _raise(total, peak)
    return total


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = min(total.get(name, 0) + value, MOST)


def _raise(total: Amounts, to: Amounts) -> None:
    for name, value in to.items():
        total[name] = max(total.get(name, 0), value)


def all_limited(spec: v1.PodSpec, name: str) -> bool:
    """Whether every container of the pod is limited in this, or the pod as a whole."""
    if spec.resources and amounts(spec.resources.limits).get(name):
        return True
    return all(limits_of(one).get(name) for one in (*spec.containers, *(spec.initContainers or ())))


def _memory_share(spec: v1.PodSpec) -> int:
    """What the pod-level memory request leaves over, divided among the containers."""
    whole = amounts(spec.resources.requests).get("memory", 0) if spec.resources else 0
    if not whole:
        return 0
    count = len(spec.containers) + len(spec.initContainers or ())
    return (whole - container_requests(spec).get("memory", 0)) // count


def _huge_pages(given: Amounts, sizes: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple((page_size_name(size), given.get(HUGE_PAGES + size, 0)) for size in sizes)


def _unified(
    pod: v1.Pod, container: AnyContainer, *, node: NodeFacts, rules: NodeRules
) -> tuple[tuple[str, str], ...]:
    files = [] if rules.single_process_oom_kill else [("memory.oom.group", "1")]
    if node.swap:
        files.append(("memory.swap.max", str(_swap(pod, container, node=node, rules=rules))))
    return tuple(files)


def _swap(pod: v1.Pod, container: AnyContainer, *, node: NodeFacts, rules: NodeRules) -> int:
    """Bytes of swap a container may use (KEP-2400): its share of the node's, or none."""
    assert pod.spec is not None
    total = node.capacity.get("memory", 0)
    if not rules.limited_swap or not total or is_critical(pod):
        return 0
    if qos_class(pod.spec) is not QosClass.BURSTABLE:
        return 0
    request = requests_of(container).get("memory", 0)
    if request == limits_of(container).get("memory"):
        return 0
    return node.swap_bytes * request // total
