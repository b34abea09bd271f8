"""The agent's own metrics, each defined once; their text is made when asked for."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector


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

    def add_probes(self, collector: Collector) -> None:
        """Serve this collector beside the agent's own, as a kubelet serves its probes."""
        self._probes.register(collector)

    def own(self) -> Iterable[Metric]:
        """The agent's own families as they are now."""
        return self.registry.collect()

    def probes(self) -> Iterable[Metric]:
        """The probes' families as they are now."""
        return self._probes.collect()
