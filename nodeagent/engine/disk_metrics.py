"""How full volumes of claims are and what logs take, from the figures of /stats/summary."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.core.summary_parts import volume_of
from nodeagent.model.disk_figures import DiskFigures
from nodeagent.model.memory import PodMemory
from nodeagent.model.summary import VolumeFsStats

_FIELDS = {
    "capacity_bytes": ("capacityBytes", "Bytes that the volume has."),
    "available_bytes": ("availableBytes", "Bytes of the volume that are free."),
    "used_bytes": ("usedBytes", "Bytes of the volume that are in use."),
    "inodes": ("inodes", "Inodes that the volume has."),
    "inodes_free": ("inodesFree", "Inodes of the volume that are free."),
    "inodes_used": ("inodesUsed", "Inodes of the volume that are in use."),
}


class DiskCollector(Collector):
    """Register it with the agent's own registry. `ask` gives what is known, and has it renewed."""

    def __init__(
        self, ask: Callable[[], DiskFigures], memories: Callable[[], Iterable[PodMemory]]
    ) -> None:
        self._ask, self._memories = ask, memories

    def describe(self) -> Iterable[Metric]:
        """The families, for whoever registers them: nobody asks for figures yet."""
        return self._told(DiskFigures())

    def collect(self) -> Iterator[Metric]:
        """Each claim once, whichever pods have it."""
        return self._told(self._ask())

    def _told(self, figures: DiskFigures) -> Iterator[Metric]:
        claims = dict(_claims(figures))
        for name, (field, text) in _FIELDS.items():
            family = GaugeMetricFamily(
                f"kubelet_volume_stats_{name}", text, labels=["namespace", "persistentvolumeclaim"]
            )
            for claim, volume in claims.items():
                value = getattr(volume, field)
                if value is not None:
                    family.add_metric(claim, value)
            yield family
        yield self._logs(figures)

    def _logs(self, figures: DiskFigures) -> Metric:
        family = GaugeMetricFamily(
            "kubelet_container_log_filesystem_used_bytes",
            "Bytes that the logs of a container take.",
            labels=["uid", "namespace", "pod", "container"],
        )
        for memory in self._memories():
            pod = memory.pod
            disk = figures.pods.get(pod.uid)
            for container, use in disk.logs.items() if disk is not None else ():
                family.add_metric([pod.uid, pod.namespace, pod.name, container], use.used)
        return family


def _claims(figures: DiskFigures) -> Iterator[tuple[tuple[str, str], VolumeFsStats]]:
    for pod in figures.pods.values():
        for volume in pod.volumes:
            shown = volume_of(volume) if volume.stats.claim else None
            if shown is not None and shown.pvcRef is not None:
                yield (shown.pvcRef.namespace, shown.pvcRef.name), shown
