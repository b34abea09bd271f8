"""Requests and bytes of the API client show as metrics."""

from prometheus_client import CollectorRegistry

from nodeagent.adapters.kube.counts import ApiCounts
from nodeagent.adapters.kube.request_metrics import RequestCollector
from nodeagent.model.api import Purpose


def test_requests_are_told_by_status_and_by_purpose() -> None:
    counts = ApiCounts()
    counts.host = "10.0.0.1:6443"
    counts.answered(Purpose.STATUS, "PATCH", 200)
    counts.answered(Purpose.NODE, "PATCH", 200)
    counts.answered(Purpose.NODE, "PATCH", 0)
    counts.sent[Purpose.NODE] += 70
    registry = CollectorRegistry()
    registry.register(RequestCollector(counts))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    total = "rest_client_requests_total"
    assert value(total, code="200", method="PATCH", host="10.0.0.1:6443") == 2
    assert value(total, code="<error>", method="PATCH", host="10.0.0.1:6443") == 1
    ours = "nodeagent_api_requests_total"
    assert value(ours, purpose="node", method="PATCH", code="200") == 1
    assert value("nodeagent_api_bytes_total", purpose="node", direction="sent") == 70
