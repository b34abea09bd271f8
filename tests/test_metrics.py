"""The agent's own metrics, and their way out."""

from pathlib import Path

import msgspec

from nodeagent.engine.probe_metrics import ProbeCollector
from nodeagent.metrics import AgentMetrics
from nodeagent.model.probes import ProbeCount
from nodeagent.server.local import LocalApi
from tests.fakes.local_node import LocalNode, serving
from tests.server.http_client import ask


def test_counters_have_their_names_and_start_at_zero() -> None:
    metrics = AgentMetrics()
    metrics.missed_events.inc(3)
    text = metrics.text(probes=False).decode()
    assert "nodeagent_missed_events_total 3.0" in text
    assert "nodeagent_plans_total 0.0" in text
    assert "nodeagent_bugs_total 0.0" in text


def test_probes_are_told_apart_from_the_agents_own() -> None:
    metrics = AgentMetrics()
    counts: tuple[ProbeCount, ...] = ()
    metrics.add_probes(ProbeCollector(lambda: counts))
    assert "prober_probe_total" in metrics.text(probes=True).decode()
    assert "prober_probe_total" not in metrics.text(probes=False).decode()


async def test_metrics_are_served_on_the_agents_socket(tmp_path: Path) -> None:
    node = LocalNode(tmp_path)
    metrics = AgentMetrics()
    view = msgspec.structs.replace(node.view(), metrics=lambda p: metrics.text(probes=p))
    node.api = LocalApi(view, path=node.socket)
    async with serving(node):
        answer = await ask(node.socket, "/metrics")
    assert answer.code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"nodeagent_missed_events_total" in answer.body
