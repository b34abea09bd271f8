"""A real Prometheus that scrapes by one of the configurations of docs/prometheus."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.member import free_port
from tests.e2e.pods import Document

CONFIGURATIONS = Path(__file__).parents[2] / "docs" / "prometheus"
EVERY = "1s"
"""How often it scrapes."""


class Prometheus:
    """Asks a server that runs."""

    def __init__(self, port: int, log: Path) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._log = log

    def get(self, path: str, **query: str) -> Any:
        """What its API answers."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"{path} {query}: {error.read().decode()}")

    def ask(self, expression: str, **query: str) -> list[Document]:
        """The series that an expression gives now."""
        found: list[Document] = self.get("query", query=expression, **query)["result"]
        return found

    def value(self, expression: str, **query: str) -> float | None:
        """The value of an expression that gives one series; None while it gives none."""
        found = self.ask(expression, **query)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def samples(self, selector: str, seconds: int, **query: str) -> list[tuple[float, float]]:
        """Times and values of one series within the last seconds."""
        found = self.ask(f"{selector}[{seconds}s]", **query)
        return [(at, float(value)) for one in found for at, value in one["values"]]

    def targets(self) -> dict[str, Document]:
        """What it scrapes, by the name of its job in the configuration."""
        return {one["scrapePool"]: one for one in self.get("targets")["activeTargets"]}

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-3000:]


def configured(name: str, target: str, **files: Path) -> Document:
    """A configuration of docs/prometheus with this target, and files of a test for those it names
    (`credentials_file`, `ca_file`, `cert_file`, `key_file`)."""
    found: Document = yaml.safe_load((CONFIGURATIONS / name).read_text())
    found["global"]["scrape_interval"] = EVERY
    for job in found["scrape_configs"]:
        job["static_configs"] = [{"targets": [target]}]
        for section in (job.get("authorization", {}), job.get("tls_config", {})):
            section.update({field: str(files[field]) for field in section})
    return found


@contextmanager
def running_prometheus(configuration: Document, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus of its own, which ends with the block."""
    program = shutil.which("prometheus")
    assert program is not None, "`make test` installs Debian's prometheus"
    file, log, port = folder / "prometheus.yml", folder / "prometheus.log", free_port()
    file.write_text(yaml.safe_dump(configuration))
    with log.open("ab") as out:
        process = subprocess.Popen(
            [
                *(program, f"--config.file={file}", f"--storage.tsdb.path={folder}/data"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=out,
            stderr=out,
        )
    prometheus = Prometheus(port, log)
    try:
        deadline = time.monotonic() + 30
        while not prometheus.is_ready():
            assert process.poll() is None and time.monotonic() < deadline, prometheus.said()
            time.sleep(0.05)
        yield prometheus
    finally:
        process.terminate()
        process.wait(20)
