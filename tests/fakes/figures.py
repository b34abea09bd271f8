"""Reads metrics as a scraper would, for tests that count; and all of them, for tests of pages."""

from nodeagent.adapters.kube.counts import ApiCounts
from nodeagent.adapters.kube.request_metrics import RequestCollector
from nodeagent.engine.disk_metrics import DiskCollector
from nodeagent.engine.pod_counts import PodCounts
from nodeagent.engine.state import NodeState
from nodeagent.engine.volume_counts import VolumeCounts
from nodeagent.metrics import AgentMetrics
from nodeagent.model.disk_figures import DiskFigures


def whole() -> AgentMetrics:
    """With every family that an agent has in some life, as nothing has happened yet."""
    metrics = AgentMetrics()
    metrics.add(PodCounts(NodeState(), tuple, node="n1"))
    metrics.add(DiskCollector(DiskFigures, tuple))
    metrics.add(VolumeCounts(tuple, kind=lambda volume: "", sockets=dict))
    metrics.add(RequestCollector(ApiCounts()))
    metrics.certificates.add_client(lambda: 0.0, lambda: 0)
    metrics.certificates.add_serving(lambda: 0.0, lambda: 0)
    metrics.certificates.count_pods(lambda: {("example.org/signer", "fresh"): 1})
    metrics.images.count_records(lambda: 0, lambda: 0)
    metrics.node.count_hooks(lambda: 0, lambda: 0)
    metrics.count_written(lambda: 0)
    return metrics


def value(metrics: AgentMetrics, name: str, /, **labels: str) -> float:
    """One series of the agent's own; 0 for one that is not there (yet)."""
    return metrics.registry.get_sample_value(name, labels) or 0.0


def total(metrics: AgentMetrics, name: str, /, **labels: str) -> float:
    """All series of that name that have these labels, summed."""
    return sum(
        sample.value
        for family in metrics.own()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
