"""How many volumes and plugins there are and should be, counted at scrape time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from lightkube.models import core_v1 as v1
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.core.references import used_volumes
from nodeagent.model.memory import PodMemory

_DESIRED, _ACTUAL = "desired_state_of_world", "actual_state_of_world"


class VolumeCounts(Collector):
    """Register it with the agent's own registry.

    `kind` names the plugin of a volume. `sockets` are those of plugins of the node by their path,
    True for those that are registered.
    """

    def __init__(
        self,
        memories: Callable[[], Iterable[PodMemory]],
        *,
        kind: Callable[[v1.Volume], str],
        sockets: Callable[[], Mapping[str, bool]],
    ) -> None:
        self._memories, self._kind, self._sockets = memories, kind, sockets

    def collect(self) -> Iterator[Metric]:
        """Volumes by plugin, and plugins by socket, each as wanted and as it is."""
        found: Counter[tuple[str, str]] = Counter()
        for memory in self._memories():
            for volume in used_volumes(memory.pod.spec):
                kind = self._kind(volume)
                found[kind, _DESIRED] += memory.ending is None and memory.rejected is None
                found[kind, _ACTUAL] += memory.prepared
        volumes = GaugeMetricFamily(
            "volume_manager_total_volumes",
            "Volumes of pods: those to be mounted (desired), and those that are (actual).",
            labels=["plugin_name", "state"],
        )
        for labels, number in found.items():
            volumes.add_metric(labels, number)
        yield volumes
        plugins = GaugeMetricFamily(
            "plugin_manager_total_plugins",
            "Plugins of the node: those whose socket is there, and those that are registered.",
            labels=["socket_path", "state"],
        )
        for path, registered in self._sockets().items():
            plugins.add_metric([path, _DESIRED], 1)
            if registered:
                plugins.add_metric([path, _ACTUAL], 1)
        yield plugins
