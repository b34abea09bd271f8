"""`nodeagent top` against an agent on a real socket, with pipes and on a terminal."""

import asyncio
import os
import signal
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.history import BLOCKS
from nodeagent.model.summary import (
    ContainerStats,
    CpuStats,
    InterfaceStats,
    MemoryStats,
    NetworkStats,
    NodeStats,
    PodRef,
    PodStats,
    Summary,
)
from nodeagent.server.figures import Figures
from nodeagent.server.local import LocalApi
from tests.cli.agent_cli import Ran, nodeagent, start
from tests.cli.terminal import ALTERNATE, CURSOR, on_a_screen
from tests.fakes.local_node import LocalNode, a_pod, running, serving

TIME = "2026-11-27T12:00:00Z"
MI = 1 << 20


class MeasuredNode(LocalNode):
    """A node whose pods use what `cpu` and `memory` say; its network brings a Mi each reading."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cpu: dict[str, int | None] = {"web-node1": 250_000_000, "db-node1": 20_000_000}
        self.memory = {"web-node1": 8 * MI, "db-node1": 64 * MI}
        self.pods = [a_pod(name) for name in self.cpu]
        self.asked = asyncio.Event()
        self.readings = 0
        assert self.node.status is not None
        status = msgspec.structs.replace(
            self.node.status, allocatable={"cpu": "2", "memory": "1Gi"}
        )
        self.node = msgspec.structs.replace(self.node, status=status)
        figures = Figures(summary=self._summary)
        view = msgspec.structs.replace(self.view(), figures=figures)
        self.api = LocalApi(view, path=self.socket)

    def add(self, name: str, *, cpu: int, memory: int, namespace: str = "default") -> None:
        """One more pod."""
        self.cpu[name], self.memory[name] = cpu, memory
        self.pods.append(a_pod(name, running(), running("side"), namespace=namespace))

    def limit(self, index: int, limits: dict[str, str]) -> None:
        """Limit the first container of a pod."""
        spec = self.pods[index].spec
        assert spec is not None
        resources = v1.ResourceRequirements(limits=limits)
        one = msgspec.structs.replace(spec.containers[0], resources=resources)
        spec = msgspec.structs.replace(spec, containers=[one, *spec.containers[1:]])
        self.pods[index] = msgspec.structs.replace(self.pods[index], spec=spec)

    async def _summary(self, only_cpu_and_memory: bool) -> bytes:
        self.readings += 1
        self.asked.set()
        shown = (InterfaceStats(name="eth0", rxBytes=self.readings * MI, txBytes=5),)
        network = NetworkStats(time=TIME, name="eth0", interfaces=shown)
        pods = [self._pod(pod, network) for pod in self.pods]
        node = NodeStats(
            nodeName="node1",
            startTime=TIME,
            cpu=CpuStats(time=TIME, usageNanoCores=500_000_000),
            memory=MemoryStats(time=TIME, workingSetBytes=256 * MI),
            network=network,
        )
        return msgspec.json.encode(Summary(node=node, pods=pods))

    def _pod(self, pod: v1.Pod, network: NetworkStats) -> PodStats:
        assert pod.metadata is not None and pod.spec is not None
        name = pod.metadata.name or ""
        cpu = CpuStats(time=TIME, usageNanoCores=self.cpu[name])
        memory = MemoryStats(time=TIME, workingSetBytes=self.memory[name])
        namespace = pod.metadata.namespace or ""
        return PodStats(
            podRef=PodRef(name=name, namespace=namespace, uid=pod.metadata.uid or ""),
            startTime=TIME,
            cpu=cpu,
            memory=memory,
            network=network,
            containers=[
                ContainerStats(name=one.name, startTime=TIME, cpu=cpu, memory=memory)
                for one in pod.spec.containers
            ],
        )


@pytest.fixture
def node(tmp_path: Path) -> MeasuredNode:
    return MeasuredNode(tmp_path)


def rows(ran: Ran) -> list[list[str]]:
    return [line.split() for line in ran.out.splitlines()]


async def test_the_node_and_its_pods_are_told_the_busiest_first(node: MeasuredNode) -> None:
    node.limit(0, {"cpu": "500m", "memory": "32Mi"})
    async with serving(node):
        ran = await nodeagent("top", socket=node.socket)
    assert (ran.code, ran.err) == (0, "")
    head, whole, empty, pods_head, web, db = rows(ran)
    named = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]
    assert head == [*named, "RX(bytes/s)", "TX(bytes/s)"]
    assert whole[:5] == ["node1", "500m", "25%", "256Mi", "25%"]
    assert empty == []
    assert pods_head == [*head, "RESTARTS"]
    assert web[:5] == ["web-node1", "250m", "50%", "8Mi", "25%"]
    assert db[:5] == ["db-node1", "20m", "-", "64Mi", "-"]
    assert web[5].endswith("Ki") and web[6:] == ["0", "0"]
    assert "\x1b" not in ran.out


async def test_one_of_both_can_be_asked_for_and_pods_be_chosen(node: MeasuredNode) -> None:
    node.add("dns-node1", cpu=1_000_000, memory=MI, namespace="kube-system")
    node.pods[0] = a_pod("web-node1", labels={"app": "web"})
    async with serving(node):
        only_node = await nodeagent("top", "node", socket=node.socket)
        by_memory = await nodeagent("top", "pods", "--sort", "memory", socket=node.socket)
        by_label = await nodeagent("top", "pods", "-l", "app=web", socket=node.socket)
        system = await nodeagent(
            *("top", "pods", "-n", "kube-system", "--containers"), socket=node.socket
        )
        nobody = await nodeagent("top", "pods", "-n", "empty", socket=node.socket)
    assert [row[0] for row in rows(only_node)] == ["NAME", "node1"]
    assert [row[:2] for row in rows(by_memory)] == [
        ["NAMESPACE", "NAME"],
        ["default", "db-node1"],
        ["default", "web-node1"],
        ["kube-system", "dns-node1"],
    ]
    assert [row[0] for row in rows(by_label)] == ["NAME", "web-node1"]
    assert [row[:4] for row in rows(system)] == [
        ["POD", "NAME", "CPU(cores)", "CPU(%)"],
        ["dns-node1", "side", "1m", "-"],
        ["dns-node1", "web", "1m", "-"],
    ]
    assert (nobody.code, nobody.out, nobody.err) == (0, "", "No pod runs.\n")


async def test_documents_have_every_figure(node: MeasuredNode) -> None:
    node.limit(0, {"cpu": "500m"})
    async with serving(node):
        json = await nodeagent("top", "-o", "json", socket=node.socket)
        yaml = await nodeagent("top", "pods", "-o", "yaml", socket=node.socket)
    document = msgspec.json.decode(json.out)
    assert document["node"]["use"]["memoryLimitBytes"] == 1 << 30
    first = document["pods"][0]
    assert (first["namespace"], first["name"], first["uid"]) == (
        "default", "web-node1", "uid-web-node1",
    )  # fmt: skip
    assert first["use"]["cpuNanoCores"] == 250_000_000
    assert first["use"]["cpuLimitMilli"] == 500
    assert first["use"]["cpuRequestMilli"] is None
    assert first["network"]["rxBytesPerSecond"] > 0
    assert first["containers"][0]["name"] == "web"
    assert [pod["name"] for pod in msgspec.yaml.decode(yaml.out)["pods"]] == [
        "web-node1", "db-node1",
    ]  # fmt: skip


async def test_wrong_usage_is_told(node: MeasuredNode) -> None:
    wrong = [("node", "-n", "x"), ("nobody",), ("--sort", "age")]
    for words in (*wrong, *(("-w", "--interval", one) for one in ("0.1", "nan", "inf"))):
        ran = await nodeagent("top", *words, socket=node.socket)
        assert (ran.code, ran.out) == (2, ""), words
    assert "about no pod" in (await nodeagent("top", "node", "-A", socket=node.socket)).err


async def test_without_an_agent_the_socket_and_the_remedy_are_named(node: MeasuredNode) -> None:
    for words in (("top",), ("top", "-w")):
        ran = await nodeagent(*words, socket=node.socket)
        assert (ran.code, ran.out) == (3, "")
        assert str(node.socket) in ran.err and "nodeagent run" in ran.err


async def test_a_pipe_gets_one_table_after_the_other(node: MeasuredNode) -> None:
    async with serving(node):
        process = await start("top", "pods", "-w", "--interval", "1", socket=node.socket)
        assert process.stdout is not None and process.stderr is not None
        async with asyncio.timeout(30):
            first = [await process.stdout.readline() for _ in range(3)]
            node.add("new-node1", cpu=900_000_000, memory=MI)
            node.pods.pop(0)
            second = [await process.stdout.readline() for _ in range(4)]
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
        assert await process.stderr.read() == b""
    assert [line.split()[0] for line in first] == [b"NAME", b"web-node1", b"db-node1"]
    assert [line.split()[:1] for line in second] == [
        [], [b"NAME"], [b"new-node1"], [b"db-node1"],
    ]  # fmt: skip
    assert b"\x1b" not in b"".join(first + second)


def _full(lines: list[str]) -> bool:
    """Whether the node and two pods are drawn with their history."""
    return all(line and line[-1] in BLOCKS for line in lines[3:6])


def _has_rate(line: str) -> bool:
    """Whether a row tells what came over the network."""
    return any(word.endswith("i") for word in line.split()[5:6])


async def test_a_terminal_shows_the_last_minutes_and_is_left_as_it_was(node: MeasuredNode) -> None:
    node.limit(0, {"cpu": "260m"})
    async with (
        serving(node),
        on_a_screen("top", "-w", "--interval", "1", socket=node.socket, columns=140) as terminal,
    ):
        lines = await terminal.until(lambda seen: seen[5].startswith("db-node1") and _full(seen))
        assert lines[0].startswith("node1 ") and "2 pods" in lines[0]
        assert lines[2].split()[:2] == ["NAME", "CPU(cores)"]
        assert lines[2].endswith("LAST 3m")
        assert [line.split()[0] for line in lines[3:6]] == ["node1", "web-node1", "db-node1"]
        await terminal.until(lambda seen: " 96% " in seen[4] and _has_rate(seen[4]))
        assert b"\x1b[31m96%" in terminal.raw
        node.add("new-node1", cpu=900_000_000, memory=MI)
        node.pods.pop(0)
        lines = await terminal.until(lambda seen: seen[4].startswith("new-node1") and _full(seen))
        assert [line.split()[0] for line in lines[3:6]] == ["node1", "new-node1", "db-node1"]
        assert not any("web-node1" in line for line in lines)
        terminal.type(b"\x03")
        assert await terminal.process.wait() == 130
    for begin, end in (ALTERNATE, CURSOR):
        assert terminal.raw.count(begin) == terminal.raw.count(end) == 1
    assert b"Traceback" not in terminal.raw


async def test_another_size_is_filled_at_once(node: MeasuredNode) -> None:
    for number in range(30):
        node.add(f"pod-{number:02}", cpu=1_000_000, memory=MI)
    async with (
        serving(node),
        on_a_screen("top", "-w", "--interval", "60", socket=node.socket, columns=160) as terminal,
    ):
        await terminal.until(lambda seen: "lines than fit" in seen[-1])
        await terminal.until(lambda seen: _has_rate(seen[4]))  # the first rates are there
        assert "RESTARTS" in terminal.lines[2] and "LAST 30m" in terminal.lines[2]
        before = node.readings
        terminal.resize(80, 40)
        lines = await terminal.until(
            lambda seen: seen[2].endswith("LAST 30m") and sum("pod-" in line for line in seen) == 30
        )
        assert "RESTARTS" not in lines[2]
        assert max(len(line) for line in lines) <= 80
        assert node.readings == before  # only the picture is another
        terminal.process.send_signal(signal.SIGTERM)
        assert await terminal.process.wait() == 128 + signal.SIGTERM
    assert terminal.raw.count(ALTERNATE[1]) == 1


async def test_a_terminal_without_unicode_gets_plain_characters(node: MeasuredNode) -> None:
    node.add("a-pod-with-a-name-that-is-much-too-long", cpu=900_000_000, memory=MI)
    async with (
        serving(node),
        on_a_screen("top", "-w", socket=node.socket, columns=60, encoding="ascii") as terminal,
    ):
        lines = await terminal.until(lambda seen: seen[6].startswith("db-node1"))
        assert lines[4].startswith("a-pod-with-a-") and lines[4].endswith("@")
        terminal.type(b"\x03")
        assert await terminal.process.wait() == 130
    assert b"Error" not in terminal.raw and terminal.raw.isascii()


async def test_an_agent_that_goes_away_ends_the_watch_with_what_happened(
    node: MeasuredNode,
) -> None:
    async with serving(node):
        process = await start("top", "-w", "--interval", "1", socket=node.socket)
        assert process.stdout is not None and process.stderr is not None
        async with asyncio.timeout(30):
            await process.stdout.readline()
    async with asyncio.timeout(30):
        assert await process.wait() == 3
        assert b"no agent is running" in await process.stderr.read()


async def test_an_agent_that_goes_away_amid_its_answer_is_told_in_a_line(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"items":')
        writer.close()

    path = tmp_path / "agent.sock"
    async with await asyncio.start_unix_server(answer, path):
        ran = await nodeagent("top", socket=path)
    assert ran.code == 3
    assert ran.err == f"nodeagent: the agent at {path} broke off its answer: it was stopped\n"


async def test_an_output_that_takes_no_more_is_told_in_a_line(node: MeasuredNode) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        async with serving(node):
            process = await start("top", socket=node.socket, stdout=full)
            _, err = await process.communicate()
    finally:
        os.close(full)
    assert process.returncode == 1
    assert err == b"nodeagent: [Errno 28] No space left on device\n"
