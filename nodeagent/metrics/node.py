"""What concerns the node as a whole: its shortages, its beginning and its end, its cgroups."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import Maker


class NodeMetrics:
    """Evictions, cgroups, registration and shutdown."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._make = make = Maker(registry)
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
        self._cleaned = make.gauge(
            "kubelet_orphan_pod_cleaned_volumes",
            "Pods without an owner that the last sweep dealt with.",
        )
        self._not_cleaned = make.gauge(
            "kubelet_orphan_pod_cleaned_volumes_errors",
            "Pods without an owner that the last sweep could not take away.",
        )
        self._shutdown_began = make.gauge(
            "kubelet_graceful_shutdown_start_time_seconds",
            "When the last shutdown of the machine began that pods were ended for, as Unix time.",
        )
        self._shutdown_ended = make.gauge(
            "kubelet_graceful_shutdown_end_time_seconds",
            "When the pods had been ended for it, as Unix time; 0 while that goes on.",
        )
        self._before_agent = make.gauge(
            "kubelet_node_startup_pre_kubelet_duration_seconds",
            "Seconds from the start of the machine to that of the agent, of a node that is new.",
        )
        self._before_registration = make.gauge(
            "kubelet_node_startup_pre_registration_duration_seconds",
            "Seconds from the start of the agent to its first try to register the node.",
        )
        self._registration = make.gauge(
            "kubelet_node_startup_registration_duration_seconds",
            "Seconds from the first try to register the node until it was.",
        )
        self._after_registration = make.gauge(
            "kubelet_node_startup_post_registration_duration_seconds",
            "Seconds from the registration of the node until it was ready.",
        )
        self._startup = make.gauge(
            "kubelet_node_startup_duration_seconds",
            "Seconds from the start of the machine until the node was ready.",
        )

    def count_hooks(self, fallbacks: Callable[[], int], cut: Callable[[], int]) -> None:
        """Ask these for what became of hooks when it is to be shown."""
        self._make.read(
            "kubelet_lifecycle_handler_http_fallbacks_total",
            "Hooks over HTTPS that were answered over HTTP.",
            fallbacks,
        )
        self._make.read(
            "kubelet_sleep_action_terminated_early_total",
            "Sleeps of hooks that were broken off by the end of their container.",
            cut,
        )

    def swept(self, dealt_with: int, failed: int) -> None:
        """A sweep dealt with so many pods without an owner, and could not take so many away."""
        self._cleaned.set(dealt_with)
        self._not_cleaned.set(failed)

    def shutdown(self, *, going: bool) -> None:
        """The machine begins to go down, or the pods have been ended for it."""
        if going:
            self._shutdown_began.set_to_current_time()
            self._shutdown_ended.set(0)
        else:
            self._shutdown_ended.set_to_current_time()

    def registered(self, *, machine: float, agent: float, registration: float) -> None:
        """See `StartupMeter`."""
        self._before_agent.set(machine)
        self._before_registration.set(agent)
        self._registration.set(registration)

    def ready(self, *, since_registered: float, in_all: float) -> None:
        """See `StartupMeter`."""
        self._after_registration.set(since_registered)
        self._startup.set(in_all)

    def evicted(self, signal: str, age: float | None) -> None:
        """A pod was told to go, so long after the look that showed why; None: its own limit."""
        self._evictions.labels(signal).inc()
        if age is not None:
            self._ages.labels(signal).observe(age)

    def cgroup(self, operation: str, seconds: float) -> None:
        """A cgroup was made, changed or removed: "create", "update", "destroy"."""
        self._cgroups.labels(operation).observe(seconds)
