"""Every family of /metrics is documented, is fed by the agent, and is proved by a test."""

import ast
import functools
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from nodeagent.core.exposition import page_of
from nodeagent.metrics import AgentMetrics
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
    names = {f"{family.name}{suffix}" for suffix in ("", "_count", "_sum", "_bucket")}
    assert names & words_of_tests(), "no test names it"


@functools.cache
def words_of_tests() -> frozenset[str]:
    """Everything that might be a name, in all tests but these."""
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    return frozenset(word for path in tests for word in re.findall(r"\w+", path.read_text()))


QUICK = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0"
STARTS = (
    "0.5 1.0 2.0 3.0 4.0 5.0 6.0 8.0 10.0 20.0 30.0 45.0 60.0 120.0 180.0 240.0 300.0 360.0 480.0"
    " 600.0 900.0 1200.0 1800.0 2700.0 3600.0"
)
STORAGE = "0.1 0.25 0.5 1.0 2.5 5.0 10.0 15.0 25.0 50.0 120.0 300.0 600.0"
REQUESTS = "0.005 0.025 0.1 0.25 0.5 1.0 2.0 4.0 8.0 15.0 30.0 60.0"
SIZES = "64.0 256.0 512.0 1024.0 4096.0 16384.0 65536.0 262144.0 1.048576e+06 4.194304e+06"
# Upper bounds of a kubelet's histograms: a quantile over nodes of both kinds needs them alike.
BUCKETS = {
    "kubelet_containers_per_pod_count": "1.0 2.0 4.0 8.0 16.0",
    "kubelet_image_pull_duration_seconds": (
        "1.0 5.0 10.0 20.0 30.0 60.0 120.0 180.0 240.0 300.0 360.0 480.0 600.0 900.0 1200.0 1800.0"
        " 2700.0 3600.0"
    ),
    "kubelet_pod_start_duration_seconds": STARTS,
    "kubelet_pod_start_sli_duration_seconds": STARTS,
    "kubelet_pod_start_total_duration_seconds": STARTS,
    "kubelet_pod_status_sync_duration_seconds": (
        "0.01 0.05 0.1 0.5 1.0 5.0 10.0 20.0 30.0 45.0 60.0"
    ),
    "kubelet_pod_resize_duration_milliseconds": (
        "10.0 50.0 100.0 500.0 1000.0 2000.0 5000.0 10000.0 20000.0 30000.0 60000.0 120000.0"
        " 300000.0 600000.0"
    ),
    "kubelet_pod_worker_duration_seconds": QUICK,
    "kubelet_pod_worker_start_duration_seconds": QUICK,
    "kubelet_pleg_relist_duration_seconds": QUICK,
    "kubelet_pleg_pod_relist_duration_seconds": QUICK,
    "kubelet_cgroup_manager_duration_seconds": QUICK,
    "kubelet_run_podsandbox_duration_seconds": QUICK,
    "kubelet_eviction_stats_age_seconds": QUICK,
    "kubelet_http_requests_duration_seconds": QUICK,
    "kubelet_volume_metric_collection_duration_seconds": QUICK,
    "kubelet_runtime_operations_duration_seconds": (
        "0.005 0.0125 0.03125 0.078125 0.1953125 0.48828125 1.220703125 3.0517578125 7.62939453125"
        " 19.073486328125 47.6837158203125 119.20928955078125 298.0232238769531 745.0580596923828"
    ),
    "storage_operation_duration_seconds": STORAGE,
    "csi_operations_seconds": STORAGE,
    "rest_client_request_duration_seconds": REQUESTS,
    "rest_client_rate_limiter_duration_seconds": REQUESTS,
    "rest_client_request_size_bytes": SIZES + " 1.6777216e+07",
    "rest_client_response_size_bytes": SIZES + " 1.6777216e+07",
    "kubelet_certificate_manager_server_rotation_seconds": (
        "60.0 3600.0 14400.0 86400.0 604800.0 2.592e+06 7.776e+06 1.5552e+07 3.1104e+07 1.24416e+08"
    ),
}


def populated() -> AgentMetrics:
    """All of them, with one series at least."""
    metrics = whole()
    for collector in list(metrics.registry._collector_to_names):
        if labels := getattr(collector, "_labelnames", ()):
            collector.labels(*labels)  # type: ignore[attr-defined]
    return metrics


def test_buckets_are_those_of_a_kubelet() -> None:
    found = {
        family.name: [float(s.labels["le"]) for s in family.samples if "le" in s.labels][:-1]
        for family in populated().own()
        if family.type == "histogram"
    }
    expected = {name: [float(one) for one in text.split()] for name, text in BUCKETS.items()}
    assert {name: found[name] for name in expected} == expected


def test_openmetrics_has_all_of_it_too() -> None:
    text = page_of(populated().own(), openmetrics=True)
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    found = {sample.name for one in families for sample in one.samples}
    assert {
        "kubelet_evictions",
        "kubelet_started_pods_total",
        "storage_operation_duration_seconds_count",
    } <= found


# Names that a kubelet gave, which promtool would rather have otherwise.
FAULTS = re.compile(
    r"kubelet_(?:evictions|preemptions|pod_resources_endpoint_(?:requests|errors)_(?:get|list"
    r"|get_allocatable)|(?:certificate_manager_client|server)_expiration_renew_errors)"
    r' counter metrics should have "_total" suffix'
    r'|kubelet_pod_resize_duration_milliseconds use base unit "seconds" instead of "milliseconds"'
)


def test_promtool_finds_no_fault_but_with_names_that_a_kubelet_gave() -> None:
    text = page_of(populated().own(), openmetrics=False)
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


@functools.cache
def used_outside() -> frozenset[str]:
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
    return frozenset(found)


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
