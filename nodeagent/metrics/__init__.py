"""The agent's own metrics, each defined once; their text is made when asked for.

Names and labels are those of a kubelet where it has them, `nodeagent_*` where they are our own.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from nodeagent.metrics.about import AboutMetrics
from nodeagent.metrics.asked import AskedMetrics
from nodeagent.metrics.certificates import CertificateMetrics
from nodeagent.metrics.health import HealthMetrics
from nodeagent.metrics.http import HttpMetrics
from nodeagent.metrics.images import ImageMetrics
from nodeagent.metrics.instruments import SECONDS, Maker
from nodeagent.metrics.node import NodeMetrics
from nodeagent.metrics.pods import PodMetrics
from nodeagent.metrics.rest_client import RestMetrics
from nodeagent.metrics.runtime import RuntimeMetrics
from nodeagent.metrics.storage import StorageMetrics


class AgentMetrics:
    """Instruments of one agent, in a registry of their own, and the probes' in another."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._probes = CollectorRegistry(auto_describe=True)
        self._slis = CollectorRegistry(auto_describe=True)
        self.health = HealthMetrics(self._slis)
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
        self.loop_lag = Histogram(
            "nodeagent_loop_lag_seconds",
            "Seconds by which the event loop was late, looked at every five seconds.",
            buckets=(0.001, *SECONDS),
            registry=self.registry,
        )
        self.runtime = RuntimeMetrics(self.registry)
        self.pods = PodMetrics(self.registry)
        self.images = ImageMetrics(self.registry)
        self.storage = StorageMetrics(self.registry)
        self.node = NodeMetrics(self.registry)
        self.asked = AskedMetrics(self.registry)
        self.about = AboutMetrics(self.registry)
        self.http = HttpMetrics(self.registry)
        self.rest = RestMetrics(self.registry)
        self.certificates = CertificateMetrics(self.registry)
        ProcessCollector(registry=self.registry)
        for registry in (self._probes, self._slis):
            registry.register(_Started())

    def add(self, collector: Collector) -> None:
        """Serve this collector beside the agent's own instruments."""
        self.registry.register(collector)

    def add_probes(self, collector: Collector) -> None:
        """Serve this collector apart, as a kubelet serves its probes."""
        self._probes.register(collector)

    def count_written(self, written: Callable[[], int]) -> None:
        """Ask this for the bytes written when they are to be shown."""
        Maker(self.registry).read(
            "nodeagent_written_bytes_total",
            "Bytes that the agent had written to disks, as the kernel counts them.",
            written,
        )

    def own(self) -> Iterable[Metric]:
        """The agent's own families as they are now."""
        return self.registry.collect()

    def probes(self) -> Iterable[Metric]:
        """The probes' families as they are now."""
        return self._probes.collect()

    def slis(self) -> Iterable[Metric]:
        """What checks of health came to."""
        return self._slis.collect()


class _Started(Collector):
    """When the process was started: with it scrapers know that counters begin anew."""

    def __init__(self) -> None:
        self._process = ProcessCollector(registry=None)

    def collect(self) -> Iterable[Metric]:
        """One family of what is known of the process."""
        return (one for one in self._process.collect() if one.name == "process_start_time_seconds")
