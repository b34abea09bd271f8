"""How long certificates still last, and how their renewal went."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

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
