"""`python -m tests.bench.scrape_pods`: what scrapes cost a node that is no member of a cluster.

Pods run on a private containerd; a client asks the read-only port. With --kubelet (or KUBELET) a
kubelet is measured afterwards, on pods of its own.
"""

import argparse
import asyncio
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.agent import Agent
from tests.bench.pods import _clear, _empty
from tests.bench.scraping import choose_tier, scrape_figures
from tests.bench.table import print_table
from tests.bench.watch import TaskWatch
from tests.e2e.runtime import Runtime, Runtimes

SETTLE = 5.0  # seconds after the last pod's start
RESOURCE = "/metrics/resource"


class ScrapedAgent(Agent):
    """An agent with a read-only port; `port` is that."""

    def prepare(self) -> None:
        super().prepare()
        path = self.root / "config.yaml"
        config = json.loads(path.read_text())
        self.port, port, healthz = (_free_port() for _ in range(3))
        config |= {"readOnlyPort": self.port, "port": port, "healthzPort": healthz}
        path.write_text(json.dumps(config | {"address": "127.0.0.1"}))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def measure(
    runtime: Runtime, kubelet: str, counts: Sequence[int], tiers: Sequence[str], rounds: int
) -> dict[str, Any]:
    """Every number of pods in every tier; a kubelet has none."""
    agent = ScrapedAgent(runtime, kubelet=kubelet)
    figures: dict[str, Any] = {}
    agent.prepare()
    agent.start()
    try:
        running = 0
        for count in counts:
            _more(agent, running, count)
            running = count
            for tier in ("",) if kubelet else tiers:
                if tier:
                    choose_tier(agent, tier)
                name = f"scrape_{count}_{tier or 'full'}"
                figures |= scrape_figures(agent, name, rounds=rounds, pause=0.0)
            name = f"resource_{count}"
            figures |= scrape_figures(agent, name, rounds=rounds, path=RESOURCE, pause=0.0)
        _empty(agent, runtime)
    finally:
        agent.stop()
        asyncio.run(_clear(runtime))
    return figures


def _more(agent: Agent, running: int, count: int) -> None:
    watch = TaskWatch(agent.runtime)
    try:
        time.sleep(SETTLE)
        agent.write([f"scraped-{number}" for number in range(running, count)])
        watch.wait_starts(2 * (count - running), patience=400)
    finally:
        watch.close()
    time.sleep(SETTLE)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scrape_pods", description=__doc__)
    parser.add_argument("--pods", default="110", help="how many, rising, comma-separated")
    parser.add_argument("--tiers", default="standard,full", help="which, comma-separated")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--runtime", default="system", help="system, trixie or forky")
    parser.add_argument("--kubelet", default=os.environ.get("KUBELET", ""))
    args = parser.parse_args()
    counts, tiers = [int(one) for one in args.pods.split(",")], args.tiers.split(",")
    runtimes = Runtimes()
    report: dict[str, dict[str, Any]] = {}
    try:
        runtime = runtimes.get(args.runtime)
        agents = {"nodeagent": ""} | ({"kubelet": args.kubelet} if args.kubelet else {})
        for name, kubelet in agents.items():
            report[name] = {"load_before": round(os.getloadavg()[0], 1)}
            report[name] |= measure(runtime, kubelet, counts, tiers, args.rounds)
    finally:
        runtimes.close()
    print_table(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
