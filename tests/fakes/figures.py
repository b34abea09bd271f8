"""Reads metrics as a scraper would, for tests that count."""

from nodeagent.metrics import AgentMetrics


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
