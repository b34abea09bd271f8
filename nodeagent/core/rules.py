"""Settings as the plain values that decisions about pods need; capacity minus what is reserved."""

from collections.abc import Mapping

from nodeagent.core.dead import dead_allowance
from nodeagent.core.eviction import quantity, thresholds_of
from nodeagent.core.image_gc import GcRules
from nodeagent.core.log_rotation import LogRules
from nodeagent.core.quantity import amount
from nodeagent.model.eviction import EvictionRules
from nodeagent.model.node import NodeRules
from nodeagent.model.probes import ProbeRules
from nodeagent.settings import Settings
from nodeagent.settings.names import Enforce

_EVICTION_RESOURCE = {"memory.available": "memory", "nodefs.available": "ephemeral-storage"}


def node_rules(settings: Settings, *, cgroup_driver: str) -> NodeRules:
    """The rules for pods. `cgroup_driver` is the one really used, not the one configured."""
    kubelet, back_off = settings.kubelet, settings.back_off
    root = kubelet.cgroup_root.strip("/")
    return NodeRules(
        cluster_domain=kubelet.cluster_domain,
        cluster_dns=kubelet.cluster_dns,
        cpu_cfs_quota=kubelet.cpu_cfs_quota,
        cpu_cfs_period=round(kubelet.cpu_cfs_quota_period * 1_000_000),
        pids_limit=kubelet.pod_pids_limit,
        seccomp_default=kubelet.seccomp_default,
        allowed_unsafe_sysctls=kubelet.allowed_unsafe_sysctls,
        max_pods=kubelet.max_pods,
        cgroup_root=f"/{root}" if root else "",
        cgroup_driver=cgroup_driver,
        dead_per_container=dead_allowance(
            (), per_container=settings.dead_containers.per_container, total=-1
        ),
        dead_min_age=settings.dead_containers.min_age,
        single_process_oom_kill=bool(kubelet.single_process_oom_kill),
        limited_swap=kubelet.memory_swap.swap_behavior.value == "LimitedSwap",
        crash_initial=back_off.initial,
        crash_max=back_off.max,
        crash_reset=back_off.reset,
        ids_per_pod=kubelet.user_namespaces.ids_per_pod,
        joined=not settings.standalone,
    )


def gc_rules(settings: Settings) -> GcRules:
    """When images go."""
    kubelet = settings.kubelet
    return GcRules(
        high_percent=kubelet.image_gc_high_threshold_percent,
        low_percent=kubelet.image_gc_low_threshold_percent,
        min_age=kubelet.image_minimum_gc_age,
        max_age=kubelet.image_maximum_gc_age,
    )


def eviction_rules(settings: Settings) -> EvictionRules:
    """When pods are evicted."""
    kubelet = settings.kubelet
    return EvictionRules(
        thresholds=thresholds_of(
            kubelet.eviction_hard,
            kubelet.eviction_soft,
            kubelet.eviction_soft_grace_period,
            kubelet.eviction_minimum_reclaim,
            pods_limited=Enforce.PODS in kubelet.enforce_node_allocatable,
        ),
        transition=kubelet.eviction_pressure_transition_period,
        most_grace=float(kubelet.eviction_max_pod_grace_period),
        local_limits=kubelet.local_storage_capacity_isolation,
    )


def log_rules(settings: Settings) -> LogRules:
    """When containers' logs are rotated."""
    kubelet = settings.kubelet
    return LogRules(
        period=kubelet.container_log_monitor_interval,
        max_bytes=kubelet.container_log_max_size_bytes,
        max_files=kubelet.container_log_max_files,
    )


def probe_rules(settings: Settings) -> ProbeRules:
    """How the node probes."""
    ours = settings.agent.probes
    return ProbeRules(max_execs=ours.max_exec_probes, fast=ours.fast_until_ready)


def pod_capacity(settings: Settings, *, cpus: int) -> int:
    """How many pods the node takes: maxPods, or fewer by podsPerCore."""
    kubelet = settings.kubelet
    if kubelet.pods_per_core:
        return min(kubelet.pods_per_core * cpus, kubelet.max_pods)
    return kubelet.max_pods


def enforced_capacity(settings: Settings, capacity: Mapping[str, int]) -> dict[str, int]:
    """What kubepods as a whole may use, nothing where enforceNodeAllocatable leaves pods out.

    Source: "Reserve Compute Resources for System Daemons"; eviction thresholds do not count here.
    """
    if Enforce.PODS not in settings.kubelet.enforce_node_allocatable:
        return {}
    return _unreserved(settings, capacity)


def _unreserved(settings: Settings, capacity: Mapping[str, int]) -> dict[str, int]:
    """Capacity minus the two reservations, never below 0."""
    left = dict(capacity)
    for reserved in (settings.kubelet.system_reserved, settings.kubelet.kube_reserved):
        for name, value in reserved.items():
            if name in left:
                left[name] = max(left[name] - amount(name, str(value)), 0)
    return left


def allocatable(settings: Settings, capacity: Mapping[str, int]) -> dict[str, int]:
    """What pods may request: capacity minus reservations, hard thresholds and huge pages."""
    left = _unreserved(settings, capacity)
    if not settings.ignore_eviction_in_allocatable:
        for signal, threshold in settings.kubelet.eviction_hard.items():
            name = _EVICTION_RESOURCE.get(signal)
            if name in left and name is not None:
                left[name] = max(left[name] - quantity(str(threshold), capacity[name]), 0)
    pages = sum(value for name, value in capacity.items() if name.startswith("hugepages-"))
    if "memory" in left:
        left["memory"] = max(left["memory"] - pages, 0)
    return left
