"""The agent's own metrics, each defined once; Prometheus' text of them is made when asked for."""

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.registry import Collector


class AgentMetrics:
    """Counters of one agent, in a registry of their own, and the probes' in another."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._probes = CollectorRegistry(auto_describe=True)
        self.missed_events = Counter(
            "nodeagent_missed_events",
            "Pods whose change the audit found and the runtime's events had not told.",
            registry=self._registry,
        )
        self.plans = Counter(
            "nodeagent_plans",
            "Plans that had something to do.",
            registry=self._registry,
        )
        self.bugs = Counter(
            "nodeagent_bugs",
            "Unexpected exceptions while working on one pod.",
            registry=self._registry,
        )

    def add_probes(self, collector: Collector) -> None:
        """Serve this collector beside the agent's own, as a kubelet serves its probes."""
        self._probes.register(collector)

    def text(self, *, probes: bool) -> bytes:
        """The classic text format of the agent's own counters, or of the probes'."""
        return generate_latest(self._probes if probes else self._registry)
