"""What happens to pods: starts, ends, refusals, and how long things took."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from nodeagent.metrics.instruments import POD_SECONDS, PULL_SECONDS, SECONDS, BareCounter
from nodeagent.metrics.runtime import RuntimeMetrics

_MIB, _GIB = 1 << 20, 1 << 30
_SIZES = (
    (100 * _GIB, ">100GB"),
    (50 * _GIB, "50GB-100GB"),
    (20 * _GIB, "20GB-50GB"),
    (10 * _GIB, "10GB-20GB"),
    (5 * _GIB, "5GB-10GB"),
    (_GIB, "1GB-5GB"),
    (500 * _MIB, "500MB-1GB"),
    (100 * _MIB, "100MB-500MB"),
    (10 * _MIB, "10MB-100MB"),
    (-1, "0-10MB"),
)


class PodMetrics:
    """Implements the engine's `PodMeter`, but for what the start of a pod as a whole took."""

    def __init__(self, registry: CollectorRegistry, runtime: RuntimeMetrics) -> None:
        self.relisted = runtime.relisted

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(
            name: str, text: str, *labels: str, buckets: tuple[float, ...] = SECONDS
        ) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=registry)

        self._steps = histogram(
            "kubelet_pod_worker_duration_seconds",
            "Seconds that one pass of a pod's worker took.",
            "operation_type",
        )
        self._waits = histogram(
            "kubelet_pod_worker_start_duration_seconds",
            "Seconds from a pod being wanted to the first pass of its worker.",
        )
        self.start = histogram(
            "kubelet_pod_start_duration_seconds",
            "Seconds from a pod being wanted to its containers running.",
            buckets=POD_SECONDS,
        )
        self.start_sli = histogram(
            "kubelet_pod_start_sli_duration_seconds",
            "Seconds from a pod's creation to its containers running, without pulls of images.",
            buckets=POD_SECONDS,
        )
        self.start_total = histogram(
            "kubelet_pod_start_total_duration_seconds",
            "Seconds from a pod's creation to its containers running, with pulls of images.",
            buckets=POD_SECONDS,
        )
        self._pods = counter("kubelet_started_pods_total", "Sandboxes that were made.")
        self._pod_errors = counter(
            "kubelet_started_pods_errors_total", "Sandboxes that could not be made."
        )
        self._user_pods = counter(
            "kubelet_started_user_namespaced_pods_total",
            "Sandboxes with user ids of their own that were made.",
        )
        self._user_pod_errors = counter(
            "kubelet_started_user_namespaced_pods_errors_total",
            "Sandboxes with user ids of their own that could not be made.",
        )
        self._sandboxes = histogram(
            "kubelet_run_podsandbox_duration_seconds",
            "Seconds that the making of a sandbox took.",
            "runtime_handler",
        )
        self._sandbox_errors = counter(
            "kubelet_run_podsandbox_errors_total",
            "Sandboxes that could not be made, by handler.",
            "runtime_handler",
        )
        self._containers = counter(
            "kubelet_started_containers_total", "Containers that were started.", "container_type"
        )
        self._container_errors = counter(
            "kubelet_started_containers_errors_total",
            "Containers that could not be started.",
            "container_type",
            "code",
        )
        self._ends = counter(
            "kubelet_terminated_containers_total",
            "Containers that ended.",
            "container_type",
            "exit_code",
            "reason",
        )
        self._refusals = counter(
            "kubelet_admission_rejections_total", "Pods refused by admission.", "reason"
        )
        self._cgroups = histogram(
            "kubelet_cgroup_manager_duration_seconds",
            "Seconds that work on pods' cgroups took.",
            "operation_type",
        )
        self._pulls = histogram(
            "kubelet_image_pull_duration_seconds",
            "Seconds that pulls of images took.",
            "image_size_in_bytes",
            buckets=PULL_SECONDS,
        )
        self._images_removed = counter(
            "kubelet_image_garbage_collected_total", "Images that were collected.", "reason"
        )
        self._volumes = histogram(
            "storage_operation_duration_seconds",
            "Seconds that work on volumes took; here all volumes of a pod at once.",
            "volume_plugin",
            "operation_name",
            "status",
            "migrated",
        )
        self.evictions = BareCounter(
            "kubelet_evictions", "Pods evicted.", ("eviction_signal",), registry=registry
        )
        self.preemptions = BareCounter(
            "kubelet_preemptions", "Pods preempted.", ("preemption_signal",), registry=registry
        )
        self.restarted = counter(
            "kubelet_restarted_pods_total", "Pods that came again with the same uid.", "static"
        )
        self.orphaned = counter(
            "kubelet_orphaned_runtime_pods_total", "Pods in the runtime that nobody wanted."
        )

    def stepped(self, operation: str, seconds: float) -> None:
        """See `PodMeter`."""
        self._steps.labels(operation).observe(seconds)

    def began(self, waited: float) -> None:
        """See `PodMeter`."""
        self._waits.observe(waited)

    def refused(self, reason: str) -> None:
        """See `PodMeter`."""
        self._refusals.labels(reason).inc()

    def sandbox(self, handler: str, seconds: float, *, failed: bool, own_users: bool) -> None:
        """See `PodMeter`."""
        self._sandboxes.labels(handler).observe(seconds)
        (self._pod_errors if failed else self._pods).inc()
        if failed:
            self._sandbox_errors.labels(handler).inc()
        if own_users:
            (self._user_pod_errors if failed else self._user_pods).inc()

    def container(self, kind: str, error: str) -> None:
        """See `PodMeter`."""
        if error:
            self._container_errors.labels(kind, error).inc()
        else:
            self._containers.labels(kind).inc()

    def ended(self, kind: str, exit_code: int, reason: str) -> None:
        """See `PodMeter`."""
        self._ends.labels(kind, str(exit_code), reason).inc()

    def cgroup(self, operation: str, seconds: float) -> None:
        """See `PodMeter`."""
        self._cgroups.labels(operation).observe(seconds)

    def pull_took(self, size_bytes: int, seconds: float) -> None:
        """An image of that size was pulled."""
        label = next(label for least, label in _SIZES if size_bytes > least)
        self._pulls.labels(label).observe(seconds)

    def volumes_set_up(self, seconds: float, *, failed: bool) -> None:
        """See `PodMeter`."""
        status = "fail-unknown" if failed else "success"
        self._volumes.labels("all", "volume_mount", status, "false").observe(seconds)

    def image_removed(self, reason: str) -> None:
        """See `PodMeter`."""
        self._images_removed.labels(reason).inc()
