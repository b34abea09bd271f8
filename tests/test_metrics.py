"""The agent's own metrics, and their way out."""

import gzip
from pathlib import Path

import msgspec

from nodeagent.core.exposition import encoded, page_of
from nodeagent.engine.probe_metrics import ProbeCollector
from nodeagent.metering import Requests
from nodeagent.metrics import AgentMetrics
from nodeagent.model.scrapes import Page, TextForm
from nodeagent.server.figures import Asked, Figures
from nodeagent.server.local import LocalApi
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


def test_requests_of_the_nodes_ports_are_counted_by_a_kubelets_labels() -> None:
    metrics = AgentMetrics()
    tally = Requests(metrics.http)
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


def test_probes_are_told_apart_from_the_agents_own() -> None:
    metrics = AgentMetrics()
    metrics.add_probes(ProbeCollector(tuple))
    assert "prober_probe" in {one.name for one in metrics.probes()}
    assert "prober_probe_total" not in page_of(metrics.own(), openmetrics=False)


async def test_metrics_are_served_on_the_agents_socket(tmp_path: Path) -> None:
    node, metrics = LocalNode(tmp_path), AgentMetrics()
    asked: list[Page] = []

    async def text(page: Page, form: TextForm) -> bytes:
        asked.append(page)
        raw = encoded(page_of(metrics.own(), openmetrics=form.openmetrics))
        return gzip.compress(raw) if form.gzip else raw

    figures = Figures(text=text)
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
