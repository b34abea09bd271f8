"""Instruments that keep the names of a kubelet, which prometheus_client would change."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
POD_SECONDS = (
    0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0, 180.0, 240.0,
    300.0, 360.0, 480.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0,
)  # fmt: skip
PULL_SECONDS = POD_SECONDS[1:2] + POD_SECONDS[5:6] + POD_SECONDS[8:11] + POD_SECONDS[12:]
STORAGE_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 25.0, 50.0, 120.0, 300.0, 600.0)


class BareCounter(Gauge):
    """A counter whose name does not end in `_total`: that would be taken off."""

    _type = "counter"


class ReadCounter(Collector):
    """A counter whose name ends in `_total` and whose value somebody else keeps."""

    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self._name, self._text, self._read = name, text, read

    def collect(self) -> Iterator[Metric]:
        """It, as it is now."""
        yield CounterMetricFamily(self._name, self._text, value=self._read())


class Maker:
    """Makes the instruments of one registry. A name is that of the family in the classic text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """One whose name ends in `_total`."""
        return Counter(name, text, labels, registry=self._registry)

    def bare_counter(self, name: str, text: str, *labels: str) -> BareCounter:
        """One whose name does not."""
        return BareCounter(name, text, labels, registry=self._registry)

    def read(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A counter that is read when it is to be shown."""
        self._registry.register(ReadCounter(name, text, read))

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """One that is set."""
        return Gauge(name, text, labels, registry=self._registry)

    def histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = SECONDS
    ) -> Histogram:
        """By default for seconds of what is quick."""
        return Histogram(name, text, labels, buckets=buckets, registry=self._registry)
