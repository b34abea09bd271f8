"""What happens to pods and their containers: starts, ends, refusals, and how long things took."""

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import POD_SECONDS, Maker
from nodeagent.metrics.resizes import ResizeMetrics

_PER_POD = (1.0, 2.0, 4.0, 8.0, 16.0)
_STATUS_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0)
_OUT_OF = "OutOf"
# Refusals that have a series of their own: any resource may be short, and any word be a reason.
_REFUSALS = frozenset(
    """AppArmor PodOSSelectorNodeLabelDoesNotMatch PodOSNotSupported InvalidNodeInfo
    InitContainerRestartPolicyForbidden SupplementalGroupsPolicyNotSupported
    UnexpectedAdmissionError UnknownReason UnexpectedPredicateFailureType OutOfcpu OutOfmemory
    OutOfephemeral-storage OutOfpods PodLevelResourcesNotSupported PodFeatureUnsupported
    TaintToleration Evicted SysctlForbidden TopologyAffinityError NodeShutdown
    VolumeAttachmentLimitExceeded""".split()
)


class PodMetrics:
    """Implements the engine's `PodMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self.resizes = ResizeMetrics(registry)
        self._steps = make.histogram(
            "kubelet_pod_worker_duration_seconds",
            "Seconds that one pass of a pod's worker took, by what it was for.",
            "operation_type",
        )
        self._waits = make.histogram(
            "kubelet_pod_worker_start_duration_seconds",
            "Seconds from a pod being wanted to the first pass of its worker.",
        )
        self._per_pod = make.histogram(
            "kubelet_containers_per_pod_count",
            "Containers that the spec of a pod has when its worker begins.",
            buckets=_PER_POD,
        )
        self._start = make.histogram(
            "kubelet_pod_start_duration_seconds",
            "Seconds from a pod being wanted to its being Running.",
            buckets=POD_SECONDS,
        )
        self._start_sli = make.histogram(
            "kubelet_pod_start_sli_duration_seconds",
            "Seconds from a pod's creation to all its containers running, less those of pulls and"
            " init containers.",
            buckets=POD_SECONDS,
        )
        self._start_total = make.histogram(
            "kubelet_pod_start_total_duration_seconds",
            "Seconds from a pod's creation to all its containers running, all included.",
            buckets=POD_SECONDS,
        )
        self._first = make.gauge(
            "kubelet_first_network_pod_start_sli_duration_seconds",
            "kubelet_pod_start_sli_duration_seconds of the first pod with a network of its own.",
        )
        self._told = make.histogram(
            "kubelet_pod_status_sync_duration_seconds",
            "Seconds from a change of a pod's status until the API server had it.",
            buckets=_STATUS_SECONDS,
        )
        self._pods = make.counter(
            "kubelet_started_pods_total", "Pods that were to get a sandbox, and did or did not."
        )
        self._pod_errors = make.counter(
            "kubelet_started_pods_errors_total", "Pods that could not get a sandbox."
        )
        self._user_pods = make.counter(
            "kubelet_started_user_namespaced_pods_total",
            "Pods with user ids of their own that were to get a sandbox.",
        )
        self._user_pod_errors = make.counter(
            "kubelet_started_user_namespaced_pods_errors_total",
            "Pods with user ids of their own that got no sandbox, or whose first container failed.",
        )
        self._sandboxes = make.histogram(
            "kubelet_run_podsandbox_duration_seconds",
            "Seconds that the making of a sandbox took.",
            "runtime_handler",
        )
        self._sandbox_errors = make.counter(
            "kubelet_run_podsandbox_errors_total",
            "Sandboxes that could not be made, by handler.",
            "runtime_handler",
        )
        self._containers = make.counter(
            "kubelet_started_containers_total",
            "Containers that were to be started, and were or were not.",
            "container_type",
        )
        self._container_errors = make.counter(
            "kubelet_started_containers_errors_total",
            "Containers that could not be started, by the reason that status shows.",
            "container_type",
            "code",
        )
        self._ends = make.counter(
            "kubelet_terminated_containers_total",
            "Containers that ended, each once.",
            "container_type",
            "exit_code",
            "reason",
        )
        self._image_volumes = make.counter(
            "kubelet_image_volume_requested_total",
            "Image volumes of containers that were to be started.",
        )
        self._image_mounts = make.counter(
            "kubelet_image_volume_mounted_succeed_total", "Image volumes that were mounted."
        )
        self._image_mount_errors = make.counter(
            "kubelet_image_volume_mounted_errors_total", "Image volumes that could not be mounted."
        )
        self._refusals = make.counter(
            "kubelet_admission_rejections_total", "Pods refused by admission.", "reason"
        )
        self._preemptions = make.bare_counter(
            "kubelet_preemptions",
            "Pods ended for a critical one, by the resource that was short.",
            "preemption_signal",
        )
        self._restarted = make.counter(
            "kubelet_restarted_pods_total", "Pods that came again with the same uid.", "static"
        )
        self._orphaned = make.counter(
            "kubelet_orphaned_runtime_pods_total", "Pods in the runtime that nobody wanted."
        )
        for static in ("", "true"):
            self._restarted.labels(static)

    def stepped(self, operation: str, seconds: float) -> None:
        """See `PodMeter`."""
        self._steps.labels(operation).observe(seconds)

    def began(self, containers: int, waited: float | None) -> None:
        """See `PodMeter`."""
        self._per_pod.observe(containers)
        if waited is not None:
            self._waits.observe(waited)

    def refused(self, reason: str) -> None:
        """See `PodMeter`."""
        if reason not in _REFUSALS:
            reason = "OutOfExtendedResources" if reason.startswith(_OUT_OF) else "Other"
        self._refusals.labels(reason).inc()

    def preempted(self, reason: str) -> None:
        """See `PodMeter`."""
        signal = reason.removeprefix(_OUT_OF) if reason.startswith(_OUT_OF) else ""
        self._preemptions.labels(signal).inc()

    def pod(self, *, failed: bool, own_users: bool) -> None:
        """See `PodMeter`."""
        self._pods.inc()
        self._pod_errors.inc(failed)
        if own_users:
            self._user_pods.inc()
            self._user_pod_errors.inc(failed)

    def user_pod_failed(self) -> None:
        """See `PodMeter`."""
        self._user_pod_errors.inc()

    def sandbox(self, handler: str, seconds: float, *, failed: bool) -> None:
        """See `PodMeter`."""
        self._sandboxes.labels(handler).observe(seconds)
        if failed:
            self._sandbox_errors.labels(handler).inc()

    def container(self, kind: str, error: str) -> None:
        """See `PodMeter`."""
        self._containers.labels(kind).inc()
        if error:
            self._container_errors.labels(kind, error).inc()

    def image_volumes(self, number: int, *, failed: bool) -> None:
        """See `PodMeter`."""
        self._image_volumes.inc(number)
        (self._image_mount_errors if failed else self._image_mounts).inc(number)

    def ended(self, kind: str, exit_code: int, reason: str) -> None:
        """See `PodMeter`."""
        self._ends.labels(kind, str(exit_code), reason).inc()

    def runs(self, seconds: float) -> None:
        """See `PodMeter`."""
        self._start.observe(seconds)

    def started(
        self, seconds: float, *, without: float, stateful: bool, first_with_network: bool
    ) -> None:
        """See `PodMeter`."""
        self._start_total.observe(seconds)
        if stateful:
            return
        own = max(seconds - without, 0.0)  # creation is told by another machine's clock
        self._start_sli.observe(own)
        if first_with_network:
            self._first.set(own)

    def told(self, seconds: float) -> None:
        """A change of a pod's status reached the API server."""
        self._told.observe(seconds)

    def restarted(self, *, static: bool) -> None:
        """See `PodMeter`."""
        self._restarted.labels("true" if static else "").inc()

    def orphaned(self) -> None:
        """See `PodMeter`."""
        self._orphaned.inc()
