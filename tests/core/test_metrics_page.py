"""docs/metrics.md, the Grafana dashboard and the scrape configurations name what there is."""

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from nodeagent.core.resource_metrics import resource_page
from nodeagent.engine.probe_metrics import ProbeCollector
from nodeagent.model.scrapes import Page, Tier
from nodeagent.model.usage import Reading
from tests.fakes.figures import whole

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "docs" / "grafana" / "nodeagent.json"
CONFIGS = tuple(sorted((ROOT / "docs" / "prometheus").glob("*.yml")))
METRICS = (ROOT / "docs" / "metrics.md").read_text()
NAME = re.compile(r"\b(?:container|machine|kubelet|nodeagent|process|prober|node|pod)_[a-z0-9_]+\b")
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def page(version: int, tier: Tier) -> str:
    """The page of one pod with one container; tests/adapters/cgroupfs keeps it true."""
    return (ROOT / "tests" / "data" / "metrics" / f"v{version}-{tier.value}.txt").read_text()


def types(text: str) -> dict[str, str]:
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def series_names(families: Iterable[Metric]) -> Iterator[str]:
    for one in families:
        yield from (f"{one.name}{suffix}" for suffix in SUFFIXES.get(one.type, ("",)))


def known_names() -> set[str]:
    standard = types(page(1, Tier.STANDARD)) | types(page(2, Tier.STANDARD))
    metrics = whole()
    metrics.add_probes(ProbeCollector(tuple))
    bare = {one.name for one in metrics.own() if one.type == "counter"}  # some have no _total
    resource = resource_page(Reading(at=0.0), (), failed=False, openmetrics=False)
    return {
        *standard,
        *types(resource),
        *series_names(metrics.own()),
        *bare,
        *series_names(metrics.probes()),
    }


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def questions() -> list[str]:
    """Every expression and variable of the dashboard."""
    board = dashboard()
    asked = [t["expr"] for panel in board["panels"] for t in panel.get("targets", ())]
    return asked + [
        one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"
    ]


def test_the_dashboard_names_only_metrics_that_the_standard_tier_has() -> None:
    asked = {name for text in questions() for name in NAME.findall(re.sub(r"\{[^}]*\}", "", text))}
    assert len(asked) > 20
    assert asked - known_names() == set()


def test_the_dashboard_counts_no_container_twice() -> None:
    """/metrics/resource has some names of /metrics/cadvisor."""
    for text in questions()[:-2]:  # the variables of nodes and namespaces take values once anyway
        for name, labels in re.findall(r"(container_[a-z_]+)\{([^}]*)\}", text):
            assert 'metrics_path="/metrics/cadvisor"' in labels, name


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_a_scrape_configuration_reads_pages_that_there_are(file: Path) -> None:
    jobs = yaml.safe_load(file.read_text())["scrape_configs"]
    assert {job["metrics_path"] for job in jobs} == {*Page} - {Page.SLIS}
    targets = {target for job in jobs for one in job["static_configs"] for target in one["targets"]}
    secured = {job.get("scheme", "http") for job in jobs}
    if file.name == "open.yml":
        assert secured == {"http"} and all(target.endswith(":10255") for target in targets)
    else:
        assert secured == {"https"} and all(target.endswith(":10250") for target in targets)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_prometheus_takes_a_scrape_configuration(file: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "`make test` installs it with Debian's prometheus"
    command = [promtool, "check", "config", "--syntax-only", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_lists_every_family_with_its_type_and_first_tier() -> None:
    expected: dict[str, tuple[str, str]] = {}
    for tier in Tier:
        for name, type_ in (types(page(1, tier)) | types(page(2, tier))).items():
            expected.setdefault(name, (type_, tier.value))
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge) \| (\w+) \|", METRICS, re.MULTILINE)
    assert {name: (type_, tier) for name, type_, tier in rows} == expected


def counted(version: int, tier: Tier) -> tuple[int, ...]:
    """Series of a container, a pod's cgroup, its sandbox, one slice, the machine with its root."""
    found = {"container": 0, "pod": 0, "sandbox": 0, "slice": 0, "machine": 0}
    for family in text_string_to_metric_families(page(version, tier)):
        for sample in family.samples:
            labels = sample.labels
            if labels.get("container"):
                found["container"] += 1
            elif labels.get("pod"):
                found["sandbox" if labels["name"] else "pod"] += 1
            elif labels.get("id", "/") == "/":
                found["machine"] += 1
            elif labels["id"] == "/system.slice":
                found["slice"] += 1
    return tuple(found.values())


def test_the_page_tells_how_many_series_there_are() -> None:
    rows = re.findall(r"^\| (core|standard|full), cgroup v([12]) \|(.*)\|$", METRICS, re.MULTILINE)
    told = {
        (int(version), Tier(tier)): tuple(int(n) for n in numbers.split("|"))
        for tier, version, numbers in rows
    }
    assert told == {(v, tier): counted(v, tier) for v in (1, 2) for tier in Tier}
