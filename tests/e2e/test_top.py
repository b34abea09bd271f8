"""`nodeagent top`, and the figures behind `kubectl top`, of pods that use a known amount of CPU."""

import asyncio
import gzip
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from nodeagent.model.scrapes import Page
from tests.e2e.agent import NODE, Agent, is_cgroup_v2, running_agent
from tests.e2e.metrics_server import Key, Point, points, usage
from tests.e2e.pods import container, pod, ready
from tests.e2e.runtime import Runtime
from tests.server.http_client import Answer, ask

BUSY = "while :; do :; done"
MILLI = 200  # of CPU that the busy container may use


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        limits = {"cpu": f"{MILLI}m", "memory": "64Mi"}
        agent.write(
            pod("busy", container(BUSY, resources={"limits": limits}), labels={"app": "busy"}),
            pod("pair", container(name="one"), container(name="two")),
            pod("job", container("exit 0"), restartPolicy="Never"),
        )
        for name in ("busy", "pair"):
            agent.wait(name, ready)
        agent.wait("job", lambda view: view.phase == "Succeeded")
        yield agent


def top(agent: Agent, *words: str) -> list[list[str]]:
    done = agent.run("top", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split() for line in done.stdout.splitlines()]


def busy_of(agent: Agent) -> dict[str, Any]:
    done = agent.run("top", "pods", "-o", "json", "-l", "app=busy")
    (one,) = json.loads(done.stdout)["pods"]
    assert isinstance(one, dict)
    return one


def test_the_busy_pod_comes_first_with_what_it_may_use(agent: Agent) -> None:
    near = range(MILLI * 85 // 100, MILLI * 115 // 100)
    agent.until(
        lambda: busy_of(agent)["use"]["cpuNanoCores"] // 1_000_000 in near,
        what="the CPU of the busy pod",
        show=lambda: str(busy_of(agent)),
    )
    rows = top(agent, "pods")
    assert [row[0] for row in rows][:2] == ["NAME", f"busy-{NODE}"]
    assert sorted(row[0] for row in rows[1:]) == [f"busy-{NODE}", f"pair-{NODE}"]
    cpu, share, memory, of_memory = rows[1][1:5]
    assert int(cpu.removesuffix("m")) in near
    assert int(share.removesuffix("%")) in range(85, 116)
    assert memory.endswith("Mi") and of_memory.endswith("%")
    use = busy_of(agent)["use"]
    assert (use["cpuLimitMilli"], use["memoryLimitBytes"]) == (MILLI, 64 << 20)
    assert 0 < use["memoryBytes"] < 64 << 20


def test_containers_and_the_node_are_told_apart(agent: Agent) -> None:
    rows = top(agent, "pods", "--containers", "--sort", "name")
    assert [row[:2] for row in rows] == [
        ["POD", "NAME"],
        [f"busy-{NODE}", "main"],
        [f"pair-{NODE}", "one"],
        [f"pair-{NODE}", "two"],
    ]
    _, node = top(agent, "node")
    assert node[0] == NODE
    assert int(node[1].removesuffix("m")) >= MILLI * 85 // 100
    assert int(node[2].removesuffix("%")) > 0 and int(node[4].removesuffix("%")) > 0


class Scrape(NamedTuple):
    """One scrape, and what the kernel said of the busy container just before and after."""

    answer: Answer
    kernel: tuple[float, float]
    clock: tuple[float, float]

    @property
    def points(self) -> dict[Key, Point]:
        return points(self.answer.body.decode())


def cpu_seconds(agent: Agent) -> float:
    """CPU time of the busy container as the kernel has it."""
    view = agent.pod("busy")
    assert view is not None
    folder = agent.cgroup(view, "cpuacct", container="main")
    if is_cgroup_v2():
        words = (folder / "cpu.stat").read_text().split()
        return int(words[words.index("usage_usec") + 1]) / 1e6
    return int((folder / "cpuacct.usage").read_text()) / 1e9


def scrape(agent: Agent) -> Scrape:
    kernel, clock = cpu_seconds(agent), time.time()
    answer = asyncio.run(ask(agent.socket, Page.RESOURCE, accept="*/*"))
    return Scrape(answer, (kernel, cpu_seconds(agent)), (clock, time.time()))


def test_metrics_server_gets_cores_and_bytes_from_two_scrapes(agent: Agent) -> None:
    first = scrape(agent)
    agent.until(
        lambda: cpu_seconds(agent) > first.kernel[1] + 0.5, what="half a second of CPU time"
    )
    second = scrape(agent)
    busy = Key("default", f"busy-{NODE}", "main")
    for one in (first, second):
        assert one.answer.code == 200
        assert one.answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        point = one.points[busy]
        assert point.at is not None and point.started_at is not None
        assert one.kernel[0] <= point.cpu <= one.kernel[1]
        assert one.clock[0] - 0.001 <= point.at <= one.clock[1]  # told in milliseconds
        assert point.started_at < point.at
    told = usage(first.points, second.points)
    assert set(told) == {
        Key(),
        busy,
        *(Key("default", f"pair-{NODE}", name) for name in ("one", "two")),
    }
    cores, memory = told[busy]
    assert MILLI / 1000 * 0.85 < cores < MILLI / 1000 * 1.15
    assert 0 < memory < 64 << 20
    assert told[Key()][0] > cores and told[Key()][1] > memory


def test_the_same_comes_packed_and_as_openmetrics(agent: Agent) -> None:
    packed = asyncio.run(
        ask(agent.socket, Page.RESOURCE, accept="*/*", headers={"Accept-Encoding": "gzip"})
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert set(points(gzip.decompress(packed.body).decode())) == set(scrape(agent).points)
    modern = asyncio.run(
        ask(agent.socket, Page.RESOURCE, accept="application/openmetrics-text;version=1.0.0")
    )
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.body.endswith(b"# EOF\n")
