"""What concerns the node as a whole: its shortages, its beginning and its end, its cgroups."""

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import Maker


class NodeMetrics:
    """Evictions, cgroups, registration and shutdown."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self._evictions = make.bare_counter(
            "kubelet_evictions",
            "Pods evicted, by the signal of the shortage or the limit that the pod broke.",
            "eviction_signal",
        )
        self._ages = make.histogram(
            "kubelet_eviction_stats_age_seconds",
            "Seconds from the measuring of a shortage to the eviction that it led to.",
            "eviction_signal",
        )
        self._cgroups = make.histogram(
            "kubelet_cgroup_manager_duration_seconds",
            "Seconds that work on pods' cgroups took.",
            "operation_type",
        )
        self.cleaned = make.gauge(
            "kubelet_orphan_pod_cleaned_volumes",
            "Pods without an owner whose volumes the last sweep took away.",
        )
        self.not_cleaned = make.gauge(
            "kubelet_orphan_pod_cleaned_volumes_errors",
            "Pods without an owner whose volumes the last sweep could not take away.",
        )
        self.shutdown_began = make.gauge(
            "kubelet_graceful_shutdown_start_time_seconds",
            "When the last shutdown of the machine began that pods were ended for, as Unix time.",
        )
        self.shutdown_ended = make.gauge(
            "kubelet_graceful_shutdown_end_time_seconds",
            "When the pods had been ended for it, as Unix time; 0 while that goes on.",
        )
        self.before_agent = make.gauge(
            "kubelet_node_startup_pre_kubelet_duration_seconds",
            "Seconds from the start of the machine to that of the agent, of a node that is new.",
        )
        self.before_registration = make.gauge(
            "kubelet_node_startup_pre_registration_duration_seconds",
            "Seconds from the start of the agent to its first try to register the node.",
        )
        self.registration = make.gauge(
            "kubelet_node_startup_registration_duration_seconds",
            "Seconds from the first try to register the node until it was.",
        )
        self.after_registration = make.gauge(
            "kubelet_node_startup_post_registration_duration_seconds",
            "Seconds from the registration of the node until it was ready.",
        )
        self.startup = make.gauge(
            "kubelet_node_startup_duration_seconds",
            "Seconds from the start of the machine until the node was ready.",
        )

    def evicted(self, signal: str, age: float | None) -> None:
        """A pod was told to go, so long after the look that showed why; None: its own limit."""
        self._evictions.labels(signal).inc()
        if age is not None:
            self._ages.labels(signal).observe(age)

    def cgroup(self, operation: str, seconds: float) -> None:
        """A cgroup was made, changed or removed: "create", "update", "destroy"."""
        self._cgroups.labels(operation).observe(seconds)
