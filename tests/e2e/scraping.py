"""What the agent's own socket answers to scrapers, read by other programs' readers."""

import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as modern
from prometheus_client.parser import text_string_to_metric_families as read_classic

read_modern: Any = modern.text_string_to_metric_families  # has no types
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# Names that a kubelet has, and that promtool would choose otherwise.
NAMED_BY_OTHERS = {
    "cadvisor_version_info label names should be written in 'snake_case' not 'camelCase'",
    "container_cpu_load_d_average_10s metric names should not contain abbreviated units",
    'container_fs_inodes_total non-counter metrics should not have "_total" suffix',
    'container_memory_failcnt counter metrics should have "_total" suffix',
    'machine_dimm_count non-histogram and non-summary metrics should not have "_count" suffix',
}


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


def get(path: Path, page: str, *, accept: str = "") -> str:
    """The text of a page."""
    connection = _Connection(path)
    try:
        connection.request("GET", page, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        assert answer.status == http.HTTPStatus.OK, (page, answer.status)
        return answer.read().decode()
    finally:
        connection.close()


class Scrape(msgspec.Struct, frozen=True):
    """One page, read by Prometheus' own client library."""

    families: dict[str, Metric]

    def values(self, series: str, **labels: str) -> list[float]:
        """The values of the series that have these labels among theirs."""
        return [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == series and labels.items() <= sample.labels.items()
        ]

    def value(self, series: str, **labels: str) -> float:
        """The value of the one series that has them."""
        found = self.values(series, **labels)
        assert len(found) == 1, (series, labels, found)
        return found[0]

    def labels(self, name: str) -> Iterator[str]:
        """Every value of a label, on any series."""
        for family in self.families.values():
            yield from (s.labels[name] for s in family.samples if name in s.labels)


def scrape(path: Path, page: str) -> Scrape:
    """A page in the classic format."""
    return Scrape({family.name: family for family in read_classic(get(path, page))})


def scrape_modern(path: Path, page: str) -> Scrape:
    """The same as OpenMetrics, whose reader is strict."""
    return Scrape({one.name: one for one in read_modern(get(path, page, accept=OPENMETRICS))})


def summary(path: Path, *, only: bool = False) -> Any:
    """/stats/summary, with `only` of CPU and memory alone."""
    return json.loads(get(path, f"/stats/summary?only_cpu_and_memory={str(only).lower()}"))


def complaints(text: str) -> list[str]:
    """What promtool has against a page, beside the names that a kubelet chose."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "`make test` installs it with Debian's prometheus"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 3), done.stderr  # 3: read whole, and something is minded
    return sorted(set(done.stderr.splitlines()) - NAMED_BY_OTHERS)
