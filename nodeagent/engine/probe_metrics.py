"""The probes' metrics, under a kubelet's names, made from the scheduler's counters at scrape time.

Source: metrics of a kubelet at `/metrics/probes`.
"""

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from nodeagent.model.probes import BUCKETS, ProbeCount

_DURATION_LABELS = ("probe_type", "container", "pod", "namespace")
_Spent: TypeAlias = tuple[tuple[int, ...], float]
"""Successes by duration, and their seconds in all."""
_NONE: _Spent = ((0,) * (len(BUCKETS) + 1), 0.0)


class ProbeCollector(Collector):
    """Register it with the registry that is served at `/metrics/probes`."""

    def __init__(self, counts: Callable[[], Iterable[ProbeCount]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """One counter of results and one histogram of how long successes took.

        The histogram has no label that tells pods of one name apart: it sums over them.
        """
        counts = tuple(self._counts())
        total = CounterMetricFamily(
            "prober_probe_total",
            "Results of liveness, readiness and startup probes, by container.",
            labels=("probe_type", "result", "container", "pod", "namespace", "pod_uid"),
        )
        duration = HistogramMetricFamily(
            "prober_probe_duration_seconds",
            "Seconds that successful probes took.",
            labels=_DURATION_LABELS,
        )
        spent: dict[tuple[str, ...], _Spent] = {}
        for count in counts:
            where = [count.container, count.pod, count.namespace]
            results = {
                "successful": count.successful,
                "failed": count.failed,
                "unknown": count.unknown,
            }
            for result, value in results.items():
                if value:
                    total.add_metric([count.kind, result, *where, count.pod_uid], value)
            if count.successful:
                buckets, seconds = spent.get(labels := (count.kind, *where), _NONE)
                added = tuple(map(operator.add, buckets, count.buckets))
                spent[labels] = added, seconds + count.seconds
        for labels, (buckets, seconds) in spent.items():
            duration.add_metric(labels, _cumulative(buckets), seconds)
        yield total
        yield duration


def _cumulative(buckets: tuple[int, ...]) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
    return list(zip(bounds, itertools.accumulate(buckets), strict=True))
