"""Changes of the resources of pods that run."""

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import Maker

_MILLISECONDS = (
    10.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0, 20000.0, 30000.0, 60000.0,
    120000.0, 300000.0, 600000.0,
)  # fmt: skip


class ResizeMetrics:
    """Implements the engine's `ResizeMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self._requested = make.counter(
            "kubelet_container_requested_resizes_total",
            "Changes asked for, one for each value of a container that is to be another.",
            "resource",
            "requirement",
            "operation",
        )
        self._infeasible = make.counter(
            "kubelet_pod_infeasible_resizes_total",
            "Changes that can never be made here.",
            "reason_detail",
        )
        self._accepted = make.counter(
            "kubelet_pod_deferred_accepted_resizes_total",
            "Changes granted after they had to wait, by what came free.",
            "retry_trigger",
        )
        self._carried_out = make.histogram(
            "kubelet_pod_resize_duration_milliseconds",
            "Milliseconds that the carrying out of a change took.",
            "success",
            buckets=_MILLISECONDS,
        )

    def requested(self, resource: str, requirement: str, operation: str) -> None:
        """See `ResizeMeter`."""
        self._requested.labels(resource, requirement, operation).inc()

    def infeasible(self, reason: str) -> None:
        """See `ResizeMeter`."""
        self._infeasible.labels(reason).inc()

    def deferred_accepted(self, trigger: str) -> None:
        """See `ResizeMeter`."""
        self._accepted.labels(trigger).inc()

    def carried_out(self, seconds: float, *, failed: bool) -> None:
        """See `ResizeMeter`."""
        self._carried_out.labels("false" if failed else "true").observe(seconds * 1000)
