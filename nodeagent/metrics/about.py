"""What the agent is and how it is set: families whose values say nothing but 1 or 0."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.metrics.instruments import Maker

_BUILD = (
    "major", "minor", "git_version", "git_commit", "git_tree_state", "build_date", "go_version",
    "compiler", "platform",
)  # fmt: skip


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature gate; `stage` is "ALPHA", "BETA", "DEPRECATED", or "" for what is settled."""

    name: str
    stage: str
    enabled: bool


class AboutMetrics:
    """Told once, and again where settings changed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self._build = make.gauge(
            "kubernetes_build_info",
            "Always 1, with the version that the agent stands in for and its own.",
            *_BUILD,
        )
        self._features = _Features()
        registry.register(self._features)
        self._cgroups = make.gauge("kubelet_cgroup_version", "The version of cgroups in use.")
        provider = make.gauge(
            "kubelet_metrics_provider",
            "Always 1, with whose figures of containers are told: those of cAdvisor's kind.",
            "provider",
        )
        provider.labels("cadvisor").set(1)

    def built(self, version: Mapping[str, str], *, cgroups: int) -> None:
        """What it is: of `version` the labels of kubernetes_build_info."""
        self._build.labels(*(version.get(label, "") for label in _BUILD)).set(1)
        self._cgroups.set(cgroups)

    def features(self, features: Iterable[Feature]) -> None:
        """How its gates are set."""
        self._features.now = tuple(features)


class _Features(Collector):
    """Made anew for each scrape: a gauge for each gate would take half a megabyte."""

    def __init__(self) -> None:
        self.now: tuple[Feature, ...] = ()

    def collect(self) -> Iterator[Metric]:
        """One family."""
        family = GaugeMetricFamily(
            "kubernetes_feature_enabled", "1 where a feature gate is on.", labels=["name", "stage"]
        )
        for one in self.now:
            family.add_metric([one.name, one.stage], one.enabled)
        yield family
