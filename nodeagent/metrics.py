"""The agent's own metrics, each defined once; their text is made when asked for."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

_CERTIFICATE_AGES = (
    *(60, 3600, 14400, 86400, 604800, 2592000, 7776000, 15552000, 31104000, 124416000),
)


class AgentMetrics:
    """Counters of one agent, in a registry of their own, and the probes' in another."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._probes = CollectorRegistry(auto_describe=True)
        self.missed_events = Counter(
            "nodeagent_missed_events",
            "Pods whose change the audit found and the runtime's events had not told.",
            registry=self.registry,
        )
        self.plans = Counter(
            "nodeagent_plans",
            "Plans that had something to do.",
            registry=self.registry,
        )
        self.bugs = Counter(
            "nodeagent_bugs",
            "Unexpected exceptions while working on one pod.",
            registry=self.registry,
        )

    def add_client_certificate(
        self, left: Callable[[], float], failures: Callable[[], int]
    ) -> None:
        """Seconds until the client certificate ends, and renewals that failed."""
        self._add_certificate(
            "kubelet_certificate_manager_client_ttl_seconds",
            "kubelet_certificate_manager_client_expiration_renew_errors",
            left,
            failures,
        )

    def add_serving_certificate(
        self, left: Callable[[], float], failures: Callable[[], int]
    ) -> Callable[[float], None]:
        """The same of the serving certificate; call the answer with the age of one replaced."""
        self._add_certificate(
            "kubelet_certificate_manager_server_ttl_seconds",
            "kubelet_server_expiration_renew_errors",
            left,
            failures,
        )
        ages = Histogram(
            "kubelet_certificate_manager_server_rotation_seconds",
            "Seconds that the serving certificate before lived until it was replaced.",
            buckets=_CERTIFICATE_AGES,
            registry=self.registry,
        )
        return ages.observe

    def _add_certificate(
        self, ttl: str, errors: str, left: Callable[[], float], failures: Callable[[], int]
    ) -> None:
        gauge = Gauge(ttl, "Seconds until the certificate ends.", registry=self.registry)
        gauge.set_function(left)
        self.registry.register(_Failures(errors, failures))

    def add_probes(self, collector: Collector) -> None:
        """Serve this collector beside the agent's own, as a kubelet serves its probes."""
        self._probes.register(collector)

    def own(self) -> Iterable[Metric]:
        """The agent's own families as they are now."""
        return self.registry.collect()

    def probes(self) -> Iterable[Metric]:
        """The probes' families as they are now."""
        return self._probes.collect()


class _Failures(Collector):
    """A counter that somebody else counts."""

    def __init__(self, name: str, count: Callable[[], int]) -> None:
        self._name, self._count = name, count

    def describe(self) -> Iterable[Metric]:
        """See Collector."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        """See Collector."""
        return [
            CounterMetricFamily(
                self._name, "Certificate renewals that failed.", value=self._count()
            )
        ]
