"""Requests to the API server and their bytes as metrics, made from the counts at scrape time."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.adapters.kube.counts import ApiCounts


class RequestCollector(Collector):
    """Register it with the agent's own registry."""

    def __init__(self, counts: ApiCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """client-go's counter of requests, and our own of requests and bytes by purpose."""
        counts = self._counts
        plain = CounterMetricFamily(
            "rest_client_requests_total",
            "Requests to the API server, by status, method and server.",
            labels=("code", "method", "host"),
        )
        ours = CounterMetricFamily(
            "nodeagent_api_requests_total",
            "Requests to the API server, by what they are for.",
            labels=("purpose", "method", "code"),
        )
        summed: dict[tuple[str, str], int] = {}
        for (purpose, method, code), number in sorted(counts.requests.items()):
            ours.add_metric([purpose.value, method, code], number)
            summed[code, method] = summed.get((code, method), 0) + number
        for (code, method), number in summed.items():
            plain.add_metric([code, method, counts.host], number)
        yield plain
        yield ours
        size = CounterMetricFamily(
            "nodeagent_api_bytes_total",
            "Bytes to and from the API server before TLS, by what they are for.",
            labels=("purpose", "direction"),
        )
        for direction, by_purpose in (("sent", counts.sent), ("received", counts.received)):
            for name, number in sorted(by_purpose.items()):
                size.add_metric([str(name), direction], number)
        yield size
        yield CounterMetricFamily(
            "nodeagent_api_connections_total",
            "Connections to the API server that were made.",
            value=counts.connections,
        )
