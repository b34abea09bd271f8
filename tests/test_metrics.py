"""The agent's own metrics, and their way out."""

import gzip
from pathlib import Path

import msgspec

from nodeagent.adapters.host.machine import own_written
from nodeagent.core.exposition import encoded, page_of
from nodeagent.engine.probe_metrics import ProbeCollector
from nodeagent.metering import Requests
from nodeagent.metrics import AgentMetrics
from nodeagent.metrics.about import Feature
from nodeagent.model.scrapes import Page, TextForm
from nodeagent.server.documents import build_labels
from nodeagent.server.figures import Asked, Figures
from nodeagent.server.local import LocalApi
from tests.fakes.figures import total, value
from tests.fakes.local_node import LocalNode, serving
from tests.server.http_client import ask

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"


def test_counters_have_their_names_and_start_at_zero() -> None:
    metrics = AgentMetrics()
    metrics.missed_events.inc(3)
    text = page_of(metrics.own(), openmetrics=False)
    assert "# TYPE nodeagent_missed_events_total counter\nnodeagent_missed_events_total 3\n" in text
    assert "nodeagent_plans_total 0\n" in text
    assert "nodeagent_bugs_total 0\n" in text


def test_what_the_agent_is_and_how_it_is_set_is_told() -> None:
    metrics = AgentMetrics()
    metrics.about.built(build_labels("v1.36.2+nodeagent.0.1.0"), cgroups=2)
    metrics.about.features((Feature(name="MemoryQoS", stage="ALPHA", enabled=True),))
    metrics.count_written(lambda: 77)
    assert "nodeagent_written_bytes_total 77\n" in page_of(metrics.own(), openmetrics=False)
    assert total(metrics, "kubernetes_build_info", major="1", minor="36") == 1
    assert total(metrics, "kubernetes_build_info", git_version="v1.36.2+nodeagent.0.1.0") == 1
    assert value(metrics, "kubelet_cgroup_version") == 2
    assert value(metrics, "kubernetes_feature_enabled", name="MemoryQoS", stage="ALPHA") == 1
    assert value(metrics, "kubelet_metrics_provider", provider="cadvisor") == 1


def test_bytes_written_are_those_that_the_kernel_counts(tmp_path: Path) -> None:
    told = tmp_path / "io"
    told.write_text("rchar: 9\nwchar: 8\nwrite_bytes: 4096\ncancelled_write_bytes: 0\n")
    assert own_written(str(told)) == 4096
    assert own_written(str(tmp_path / "none")) == 0
    assert own_written() >= 0


def test_requests_of_the_nodes_ports_are_counted_by_a_kubelets_labels() -> None:
    metrics = AgentMetrics()
    tally = Requests(metrics)
    exec_ = Asked(method="GET", path="exec", server_type="readwrite", long_running=True)
    pods = Asked(method="GET", path="pods", server_type="readonly", long_running=False)
    for asked in (exec_, pods):
        tally.began(asked)
    tally.ended(pods, 0.2)
    tally.websocket("exec")
    text = page_of(metrics.own(), openmetrics=False)
    labels = 'long_running="true",method="GET",path="exec",server_type="readwrite"'
    found = [line for line in text.splitlines() if line.startswith("kubelet_http_inflight")]
    assert any(line.endswith(" 1") and 'path="exec"' in line for line in found)
    assert any(line.endswith(" 0") and 'path="pods"' in line for line in found)
    assert all(part in text for part in labels.split(","))
    assert 'kubelet_websocket_streaming_requests_total{subresource="exec"} 1' in text


def test_checks_of_health_are_counted_apart_and_can_be_forgotten() -> None:
    metrics = AgentMetrics()
    tally = Requests(metrics)
    for wrong in (False, False, True):
        tally.checked("syncloop", wrong=wrong)
    text = page_of(metrics.slis(), openmetrics=False)
    labels = 'name="syncloop",type="healthz"'
    assert f"kubernetes_healthcheck{{{labels}}} 0\n" in text
    assert f'kubernetes_healthchecks_total{{{labels},status="success"}} 2\n' in text
    assert f'kubernetes_healthchecks_total{{{labels},status="error"}} 1\n' in text
    assert "process_start_time_seconds " in text
    assert "kubernetes_healthcheck" not in page_of(metrics.own(), openmetrics=False)
    tally.forget_checks()
    assert "kubernetes_healthcheck" not in page_of(metrics.slis(), openmetrics=False)


def test_probes_are_told_apart_from_the_agents_own() -> None:
    metrics = AgentMetrics()
    metrics.add_probes(ProbeCollector(tuple))
    assert {"prober_probe", "process_start_time_seconds"} <= {m.name for m in metrics.probes()}
    assert "prober_probe_total" not in page_of(metrics.own(), openmetrics=False)


async def test_metrics_are_served_on_the_agents_socket(tmp_path: Path) -> None:
    node, metrics = LocalNode(tmp_path), AgentMetrics()
    asked: list[Page] = []

    async def text(page: Page, form: TextForm) -> bytes:
        asked.append(page)
        raw = encoded(page_of(metrics.own(), openmetrics=form.openmetrics))
        return gzip.compress(raw) if form.gzip else raw

    figures = Figures(text=text, tally=Requests(metrics), started_at=1_700_000_000)
    node.api = LocalApi(msgspec.structs.replace(node.view(), figures=figures), path=node.socket)
    async with serving(node):
        plain = await ask(node.socket, "/metrics")
        modern = await ask(node.socket, "/metrics", accept=OPENMETRICS)
        packed = await ask(node.socket, "/metrics", headers={"Accept-Encoding": "gzip"})
        other = await ask(node.socket, "/metrics/nothing")
        for page in Page:
            assert (await ask(node.socket, page)).code == 200
    assert asked[-len(Page) :] == list(Page)
    assert plain.code == 200
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert plain.headers["process-start-time-unix"] == "1700000000"
    labels = {"method": "GET", "server_type": "local", "long_running": "false"}
    assert value(metrics, "kubelet_http_requests_total", path="metrics", **labels) == 4
    assert value(metrics, "kubelet_http_requests_total", path="other", **labels) == 2
    seconds = "kubelet_http_requests_duration_seconds_count"
    assert value(metrics, seconds, path="metrics", **labels) == 4
    assert value(metrics, "kubelet_http_inflight_requests", path="metrics", **labels) == 0
    assert b"nodeagent_missed_events_total" in plain.body
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.body.endswith(b"# EOF\n")
    assert packed.headers["content-encoding"] == "gzip"
    assert b"nodeagent_plans_total 0" in gzip.decompress(packed.body)
    assert other.code == 404


async def test_a_server_without_metrics_says_that_there_are_none(tmp_path: Path) -> None:
    node = LocalNode(tmp_path)
    async with serving(node):
        assert (await ask(node.socket, "/metrics")).code == 404
        assert (await ask(node.socket, "/stats/summary")).code == 404
