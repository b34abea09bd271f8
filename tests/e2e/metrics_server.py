"""What metrics-server makes of two scrapes of /metrics/resource, in its own terms.

It asks for no format, takes the classic text, leaves out a pod with a container that has no CPU
time or no memory yet, and divides the CPU time between two scrapes by the time between the
samples (metrics-server: pkg/scraper/client/resource, pkg/storage).
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from prometheus_client.parser import text_string_to_metric_families

_FIELDS = {
    "cpu_usage_seconds_total": "cpu",
    "memory_working_set_bytes": "memory",
    "swap_usage_bytes": "swap",
    "start_time_seconds": "started_at",
}


class Key(NamedTuple):
    """A container, or the node if all is empty."""

    namespace: str = ""
    pod: str = ""
    container: str = ""


class Point(msgspec.Struct, kw_only=True):
    """What one scrape tells of one container; `at` is when it was read, in Unix seconds."""

    at: float | None = None
    cpu: float = 0.0
    memory: float = 0.0
    swap: float = 0.0
    started_at: float | None = None


def points(page: str) -> dict[Key, Point]:
    """Everything it reads of a page."""
    found: dict[Key, Point] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            what, _, name = sample.name.partition("_")
            if what not in ("node", "container") or name not in _FIELDS:
                continue
            labels = sample.labels
            assert set(labels) == (set() if what == "node" else set(Key._fields)), sample
            point = found.setdefault(Key(**labels), Point())
            setattr(point, _FIELDS[name], sample.value)
            if name in ("cpu_usage_seconds_total", "memory_working_set_bytes"):
                assert sample.timestamp is not None, sample
                point.at = float(sample.timestamp)
    return found


def usage(before: Mapping[Key, Point], now: Mapping[Key, Point]) -> dict[Key, tuple[float, float]]:
    """Cores and bytes of whoever can be told; a pod is told whole or not at all."""
    bad = {key[:2] for key, point in now.items() if not point.cpu or not point.memory}
    told = {}
    for key, point in now.items():
        old = before.get(key)
        if key[:2] in bad or old is None or point.at is None or old.at is None:
            continue
        same = point.started_at is None or point.started_at < old.at
        if same and point.at > old.at and point.cpu >= old.cpu:
            told[key] = ((point.cpu - old.cpu) / (point.at - old.at), point.memory)
    return told
