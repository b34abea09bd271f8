"""Questions that cross a border: reviews by the API server, credential plugins, device monitors."""

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import Maker

_REVIEW_SECONDS = (0.25, 0.5, 0.7, 1.0, 1.5, 3.0, 5.0, 10.0)


class AskedMetrics:
    """`reviewed`, `plugin_ran` and `listed` are called once for each question that was answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        kinds = {"authn": "whose a token is", "authz": "what a user may do"}
        self._reviews = {
            kind: (
                make.counter(
                    f"apiserver_delegated_{kind}_request_total",
                    f"Requests to the API server about {what}, by status.",
                    "code",
                ),
                make.histogram(
                    f"apiserver_delegated_{kind}_request_duration_seconds",
                    f"Seconds that requests about {what} took.",
                    "code",
                    buckets=_REVIEW_SECONDS,
                ),
            )
            for kind, what in kinds.items()
        }
        self._plugins = make.histogram(
            "kubelet_credential_provider_plugin_duration",
            "Seconds that credential provider plugins ran.",
            "plugin_name",
        )
        self._plugin_errors = make.counter(
            "kubelet_credential_provider_plugin_errors_total",
            "Runs of credential provider plugins that failed.",
            "plugin_name",
        )
        by_version = "server_api_version"
        self._lists = make.counter(
            "kubelet_pod_resources_endpoint_requests_total",
            "Requests to the pod resources API.",
            by_version,
        )
        self._by_method = {
            method: (
                make.bare_counter(
                    f"kubelet_pod_resources_endpoint_requests_{method}",
                    f"Requests to the pod resources API: {words}.",
                    by_version,
                ),
                make.bare_counter(
                    f"kubelet_pod_resources_endpoint_errors_{method}",
                    f"Requests to the pod resources API that failed: {words}.",
                    by_version,
                ),
            )
            for method, words in (
                ("list", "List"),
                ("get", "Get"),
                ("get_allocatable", "GetAllocatableResources"),
            )
        }

    def reviewed(self, kind: str, code: str, seconds: float) -> None:
        """The API server was asked: "authn" or "authz"; "<error>" where it gave no answer."""
        total, duration = self._reviews[kind]
        total.labels(code).inc()
        duration.labels(code).observe(seconds)

    def plugin_ran(self, plugin: str, seconds: float, failed: bool) -> None:
        """A credential provider plugin was run."""
        self._plugins.labels(plugin).observe(seconds)
        if failed:
            self._plugin_errors.labels(plugin).inc()

    def listed(self, version: str, method: str, failed: bool) -> None:
        """The pod resources API was asked: "list", "get" or "get_allocatable"."""
        self._lists.labels(version).inc()
        requests, errors = self._by_method[method]
        requests.labels(version).inc()
        if failed:
            errors.labels(version).inc()
