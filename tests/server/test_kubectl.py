"""Stock kubectl against the local API, through a loopback relay to the unix socket."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.local_node import LocalNode, a_pod, an_event, log_line, running, serving, waiting

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    return LocalNode(tmp_path)


@asynccontextmanager
async def relay(path: Path) -> AsyncIterator[str]:
    """A loopback port that leads to the socket; its URL."""
    tasks = set[asyncio.Task[None]]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(str(path))
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(pump(source, sink))
            tasks.add(task)

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def kubectl(url: str, home: Path, *words: str) -> tuple[int, str, str]:
    assert KUBECTL is not None
    process = await asyncio.create_subprocess_exec(
        KUBECTL,
        f"--server={url}",
        f"--cache-dir={home}/cache",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"HOME": str(home), "PATH": os.defpath, "KUBECONFIG": str(home / "none")},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_get_prints_our_columns(node: LocalNode, tmp_path: Path) -> None:
    crash = waiting(reason="CrashLoopBackOff", restarts=4)
    node.pods = [a_pod("web-node1", running(restarts=2)), a_pod("crash-node1", crash)]
    async with serving(node), relay(node.socket) as url:
        code, out, err = await kubectl(url, tmp_path, "get", "pods")
        wide = await kubectl(url, tmp_path, "get", "po", "-A", "-o", "wide")
        name = await kubectl(
            url, tmp_path, "get", "pod", "web-node1", "-o", "jsonpath={.status.podIP}"
        )
        nodes = await kubectl(url, tmp_path, "get", "nodes")
        spaces = await kubectl(url, tmp_path, "get", "ns")
        missing = await kubectl(url, tmp_path, "get", "pod", "none")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"]
    assert lines[1] == ["web-node1", "1/1", "Running", "2", "(30s", "ago)", "5m", "10.1.0.7"]
    assert lines[2][:4] == ["crash-node1", "0/1", "CrashLoopBackOff", "4"]
    assert wide[0] == 0
    assert "IMAGES" in wide[1]
    assert name == (0, "10.1.0.7", "")
    assert nodes[1].splitlines()[1].split()[:2] == ["node1", "Ready"]
    assert "default" in spaces[1]
    assert missing[0] == 1
    assert 'Error from server (NotFound): pods "none" not found' in missing[2]


async def test_logs_and_their_options_work(node: LocalNode, tmp_path: Path) -> None:
    node.log_file().write_text(log_line("one") + log_line("two"))
    async with serving(node), relay(node.socket) as url:
        every = await kubectl(url, tmp_path, "logs", "web-node1")
        last = await kubectl(url, tmp_path, "logs", "web-node1", "--tail=1")
        before = await kubectl(url, tmp_path, "logs", "web-node1", "-p")
    assert every == (0, "one\ntwo\n", "")
    assert last == (0, "two\n", "")
    assert before[0] == 1
    assert "previous terminated container" in before[2]


async def test_describe_and_events_work(node: LocalNode, tmp_path: Path) -> None:
    node.events = [an_event("BackOff", "Back-off restarting", warning=True, count=5)]
    async with serving(node), relay(node.socket) as url:
        described = await kubectl(url, tmp_path, "describe", "pod", "web-node1")
        node_described = await kubectl(url, tmp_path, "describe", "node", "node1")
        events = await kubectl(url, tmp_path, "get", "events")
    assert described[0] == 0, described
    assert "QoS Class:" in described[1]
    assert "Back-off restarting" in described[1]
    assert node_described[0] == 0, node_described
    assert "web-node1" in node_described[1]
    assert events[1].splitlines()[1].split()[1:4] == ["Warning", "BackOff", "pod/web-node1"]


async def test_a_watch_shows_changes_as_they_come(node: LocalNode, tmp_path: Path) -> None:
    async with serving(node), relay(node.socket) as url:
        assert KUBECTL is not None
        process = await asyncio.create_subprocess_exec(
            KUBECTL,
            f"--server={url}",
            f"--cache-dir={tmp_path}/cache",
            "get",
            "pods",
            "-w",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")},
        )
        assert process.stdout is not None
        async with asyncio.timeout(60):
            await process.stdout.readline()
            assert b"Running" in await process.stdout.readline()
            node.change_status(phase="Failed", reason="Evicted", containerStatuses=None)
            assert b"Evicted" in await process.stdout.readline()
        process.kill()
        await process.communicate()


async def test_deleting_is_refused_with_the_way_to_do_it(node: LocalNode, tmp_path: Path) -> None:
    async with serving(node), relay(node.socket) as url:
        code, _, err = await kubectl(url, tmp_path, "delete", "pod", "web-node1")
    assert code == 1
    assert "manifest" in err
