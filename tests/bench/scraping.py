"""What scrapes cost an agent with real pods, as Prometheus makes them."""

import http.client
import json
import signal
import time
from statistics import median
from typing import Any

from tests.bench.agent import Agent

CADVISOR = "/metrics/cadvisor"
WARM = 30  # scrapes that are not measured
PAUSE = 0.2  # between two, so that what an agent does of itself in between is as for a slow scraper


def scrape_figures(
    agent: Agent, name: str, *, rounds: int, path: str = CADVISOR, pause: float = PAUSE
) -> dict[str, Any]:
    """Medians of wall seconds, CPU of the agent for each, bytes, and memory before and after.

    One connection, gzip as Prometheus asks for it. CPU is that of all rounds over their number,
    with what the agent used in as many idle seconds taken off.
    """
    connection = agent.connect()
    try:
        for _ in range(WARM):
            size = _scrape(connection, path)
        idle = _idle_rate(agent)
        before, walls = agent.usage(), []
        for _ in range(rounds):
            began = time.perf_counter()
            size = _scrape(connection, path)
            walls.append(time.perf_counter() - began)
            time.sleep(pause)
        after = agent.usage()
    finally:
        connection.close()
    used = after.cpu - before.cpu - idle * (after.at - before.at)
    return {
        f"{name}_wall_s": round(median(walls), 3),
        f"{name}_least_s": round(min(walls), 3),
        f"{name}_worst_s": round(max(walls), 3),
        f"{name}_cpu_s": round(used / rounds, 3),
        f"{name}_packed_kib": round(size / 1024),
        f"{name}_rss_before_mib": round(before.rss_mib, 1),
        f"{name}_rss_after_mib": round(after.rss_mib, 1),
    }


def choose_tier(agent: Agent, tier: str) -> None:
    """Have nodeagent give this tier from now on."""
    path = agent.root / "config.yaml"
    own = {"apiVersion": "nodeagent.dev/v1alpha1", "kind": "AgentConfiguration"}
    first = path.read_text().partition("\n---\n")[0]
    path.write_text(f"{first}\n---\n{json.dumps(own | {'metrics': {'tier': tier}})}\n")
    agent.signal(signal.SIGHUP)


def _idle_rate(agent: Agent) -> float:
    before = agent.usage()
    time.sleep(10)
    after = agent.usage()
    return (after.cpu - before.cpu) / (after.at - before.at)


def _scrape(connection: http.client.HTTPConnection, path: str) -> int:
    headers = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip"}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"GET {path}: {answer.status} {body[:200]!r}")
    return len(body)
