"""What checks of health came to: service level indicators of the agent itself."""

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import Maker


class HealthMetrics:
    """Counts what /healthz was answered with."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self._last = make.gauge(
            "kubernetes_healthcheck", "1 where the check found nothing wrong last.", "name", "type"
        )
        self._results = make.counter(
            "kubernetes_healthchecks_total",
            "Checks that were made, by what they found.",
            "name",
            "type",
            "status",
        )

    def checked(self, name: str, *, wrong: bool) -> None:
        """A check of /healthz was made."""
        self._last.labels(name, "healthz").set(0 if wrong else 1)
        self._results.labels(name, "healthz", "error" if wrong else "success").inc()

    def forget(self) -> None:
        """Count anew."""
        self._last.clear()
        self._results.clear()
