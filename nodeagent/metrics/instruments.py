"""Instruments that keep the names of a kubelet, which prometheus_client would change."""

from prometheus_client import Gauge

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
POD_SECONDS = (
    0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0, 180.0, 240.0,
    300.0, 360.0, 480.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0,
)  # fmt: skip
PULL_SECONDS = POD_SECONDS[1:2] + POD_SECONDS[5:6] + POD_SECONDS[8:]


class BareCounter(Gauge):
    """A counter whose name does not end in `_total`."""

    _type = "counter"
