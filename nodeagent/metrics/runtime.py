"""Calls of the container runtime, and looks at all that it has."""

import time
from itertools import accumulate, repeat
from operator import mul

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import SECONDS, Maker

# Each 2.5 times the one before, to the last digit: series of both kinds of nodes are summed.
_CALLS = tuple(accumulate(repeat(2.5, 13), mul, initial=0.005))


class RuntimeMetrics:
    """`told` is called for each CRI call that ended. Implements the engine's `LookMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make, by_type = Maker(registry), "operation_type"
        self._calls = make.counter(
            "kubelet_runtime_operations_total", "Calls of the container runtime.", by_type
        )
        self._errors = make.counter(
            "kubelet_runtime_operations_errors_total",
            "Calls of the container runtime that failed.",
            by_type,
        )
        self._seconds = make.histogram(
            "kubelet_runtime_operations_duration_seconds",
            "Seconds that calls of the container runtime took.",
            by_type,
            buckets=_CALLS,
        )
        self._relist = make.histogram(
            "kubelet_pleg_relist_duration_seconds",
            "Seconds that a list of everything in the runtime took.",
        )
        self._interval = make.histogram(
            "kubelet_pleg_relist_interval_seconds",
            "Seconds between two lists of everything; events tell what happens in between.",
            buckets=(*SECONDS, 30.0, 60.0, 120.0, 300.0),
        )
        self._look = make.histogram(
            "kubelet_pleg_pod_relist_duration_seconds",
            "Seconds that a look at one pod, or at one container of it, took.",
        )
        self._seen = make.gauge(
            "kubelet_pleg_last_seen_seconds", "When the runtime was last listed, as Unix time."
        )
        self._last: float | None = None

    def told(self, operation: str, seconds: float, failed: bool) -> None:
        """A call ended."""
        self._calls.labels(operation).inc()
        self._seconds.labels(operation).observe(seconds)
        if failed:
            self._errors.labels(operation).inc()

    def relisted(self, seconds: float, *, failed: bool) -> None:
        """See `LookMeter`."""
        now = time.monotonic()
        self._relist.observe(seconds)
        if self._last is not None:
            self._interval.observe(now - self._last)
        self._last = now
        if not failed:
            self._seen.set_to_current_time()

    def looked(self, seconds: float) -> None:
        """See `LookMeter`."""
        self._look.observe(seconds)
