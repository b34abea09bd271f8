"""Every family of /metrics is documented, is fed by the agent, and is proved by a test."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from nodeagent.core.exposition import page_of
from nodeagent.metrics.instruments import BareCounter
from tests.fakes.figures import whole

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "metrics.md"
PROCESS = "process_"  # read from /proc by prometheus_client
# What kube-prometheus' rules and dashboards ask a kubelet's /metrics for.
ASKED_FOR = """
    kubelet_node_name kubelet_running_pods kubelet_running_containers
    kubelet_pod_worker_duration_seconds kubelet_pod_start_duration_seconds
    kubelet_pleg_relist_duration_seconds kubelet_pleg_relist_interval_seconds
    kubelet_certificate_manager_client_ttl_seconds kubelet_certificate_manager_server_ttl_seconds
    kubelet_certificate_manager_client_expiration_renew_errors
    kubelet_server_expiration_renew_errors kubelet_cgroup_manager_duration_seconds
    kubelet_runtime_operations_total kubelet_runtime_operations_errors_total
    kubelet_runtime_operations_duration_seconds kubelet_volume_stats_available_bytes
    kubelet_volume_stats_capacity_bytes kubelet_volume_stats_used_bytes kubelet_volume_stats_inodes
    kubelet_volume_stats_inodes_free kubelet_volume_stats_inodes_used kubelet_evictions
    storage_operation_duration_seconds volume_manager_total_volumes rest_client_requests_total
    rest_client_request_duration_seconds kubernetes_build_info process_cpu_seconds_total
    process_resident_memory_bytes
""".split()


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A family as the classic text has it."""

    name: str
    type: str
    labels: tuple[str, ...]
    text: str


def declared() -> list[Declared]:
    """All of them, by name."""
    found = []
    for collector in list(whole().registry._collector_to_names):
        for family in collector.collect():
            samples = family.samples
            total = family.type == "counter" and not isinstance(collector, BareCounter)
            given = getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", ())
            labels = given or [one for one in (samples[0].labels if samples else ()) if one != "le"]
            name = f"{family.name}_total" if total else family.name
            found.append(
                Declared(
                    name=name, type=family.type, labels=tuple(labels), text=family.documentation
                )
            )
    return sorted(found, key=lambda one: one.name)


def rows_of(families: Iterable[Declared]) -> Iterator[str]:
    """The lines of the page's table."""
    for one in families:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {labels} | {one.type} | {one.text} |"


def test_the_page_lists_every_family_with_labels_type_and_meaning() -> None:
    table = PAGE.read_text().partition("## Families of /metrics\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `.*$", table, re.MULTILINE)
    assert listed == list(rows_of(declared()))


def test_what_common_rules_and_dashboards_ask_for_is_there() -> None:
    assert set(ASKED_FOR) - {one.name for one in declared()} == set()


@pytest.mark.parametrize("family", declared(), ids=lambda one: one.name)
def test_a_test_proves_that_the_family_is_fed(family: Declared) -> None:
    if family.name.startswith(PROCESS):
        return
    word = re.compile(rf"\b{family.name}(?:_count|_sum|_bucket)?\b")
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert any(word.search(path.read_text()) for path in tests), "no test names it"


# Names that a kubelet gave, which promtool would rather have otherwise.
FAULTS = re.compile(
    r"kubelet_(?:evictions|preemptions|pod_resources_endpoint_(?:requests|errors)_(?:get|list"
    r"|get_allocatable)|(?:certificate_manager_client|server)_expiration_renew_errors)"
    r' counter metrics should have "_total" suffix'
    r'|kubelet_pod_resize_duration_milliseconds use base unit "seconds" instead of "milliseconds"'
)


def test_promtool_finds_no_fault_but_with_names_that_a_kubelet_gave() -> None:
    metrics = whole()
    for collector in list(metrics.registry._collector_to_names):
        if labels := getattr(collector, "_labelnames", ()):
            collector.labels(*labels)  # type: ignore[attr-defined]
    text = page_of(metrics.own(), openmetrics=False)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    found = [line for line in (done.stdout + done.stderr).splitlines() if line]
    assert done.returncode in (0, 3), "it can be read"
    assert [line for line in found if not FAULTS.fullmatch(line)] == []


# --- static: what is declared is used, and by more than the metrics themselves ------------------


def classes() -> list[tuple[Path, ast.ClassDef]]:
    """Those that hold instruments."""
    return [
        (path, node)
        for path in sorted((ROOT / "nodeagent" / "metrics").glob("*.py"))
        if path.stem != "instruments"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Metrics")
    ]


def held(node: ast.FunctionDef) -> set[str]:
    """Attributes of `self` that a method sets."""
    return {
        target.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Assign | ast.AnnAssign)
        for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
        if isinstance(target, ast.Attribute)
    }


def used(node: ast.AST) -> set[str]:
    return {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


OWNERS = frozenset(
    """meter _meter resizes metrics _metrics runtime pods images storage node asked about http _http
    health _health rest times certificates loop_lag plans bugs missed_events""".split()
)


def used_outside() -> set[str]:
    """Attributes that the rest of the agent uses of what counts."""
    found = set()
    for path in (ROOT / "nodeagent").rglob("*.py"):
        if path.parent.name == "metrics":
            continue
        for one in ast.walk(ast.parse(path.read_text())):
            if isinstance(one, ast.Attribute):
                owner = one.value
                name = getattr(owner, "attr", getattr(owner, "id", ""))
                if name in OWNERS:
                    found.add(one.attr)
    return found


@pytest.mark.parametrize(("path", "node"), classes(), ids=lambda one: getattr(one, "name", ""))
def test_each_instrument_is_used_and_each_method_is_called(path: Path, node: ast.ClassDef) -> None:
    methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    first = next(one for one in methods if one.name == "__init__")
    others = [one for one in methods if one is not first]
    outside = used_outside()
    inside = set().union(*(used(one) for one in others))
    idle = {name for name in held(first) if name not in inside | outside}
    assert idle == set(), "declared and never fed"
    public = {one.name for one in others if not one.name.startswith("_")}
    assert public - outside == set(), "nobody calls"
