"""How long certificates still last, and how their renewal went."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.metrics.instruments import Maker

_AGES = (60, 3600, 14400, 86400, 604800, 2592000, 7776000, 15552000, 31104000, 124416000)


class CertificateMetrics:
    """Certificates are added once they are known; a node alone has none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def add_client(self, left: Callable[[], float], failures: Callable[[], int]) -> None:
        """Seconds until the client certificate ends, and renewals that failed."""
        self._add(
            "kubelet_certificate_manager_client_ttl_seconds",
            "kubelet_certificate_manager_client_expiration_renew_errors",
            "client certificate",
            left,
            failures,
        )

    def add_serving(
        self, left: Callable[[], float], failures: Callable[[], int]
    ) -> Callable[[float], None]:
        """The same of the serving certificate; call the answer with the age of one replaced."""
        self._add(
            "kubelet_certificate_manager_server_ttl_seconds",
            "kubelet_server_expiration_renew_errors",
            "serving certificate",
            left,
            failures,
        )
        ages = Histogram(
            "kubelet_certificate_manager_server_rotation_seconds",
            "Seconds that the serving certificate before lived until it was replaced.",
            buckets=_AGES,
            registry=self._registry,
        )
        return ages.observe

    def count_pods(self, states: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """How many sources of certificates pods have, by signer and state."""
        self._registry.register(_PodStates(states))

    def _add(
        self,
        ttl: str,
        errors: str,
        what: str,
        left: Callable[[], float],
        failures: Callable[[], int],
    ) -> None:
        make = Maker(self._registry)
        text = f"Seconds until the {what} ends, below 0 once it has; +Inf without one."
        make.gauge(ttl, text).set_function(left)
        text = f"Renewals of the {what} that failed."
        make.bare_counter(errors, text).set_function(failures)


class _PodStates(Collector):
    def __init__(self, states: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._states = states

    def describe(self) -> Iterator[Metric]:
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        for labels, number in sorted(self._states().items()):
            family.add_metric(labels, number)
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "kubelet_podcertificate_states",
            "Sources of certificates that pods here have, by signer and state.",
            labels=("signer_name", "state"),
        )
