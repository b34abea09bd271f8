"""`python -m tests.bench.serving`: the node's port: memory, latency, and bytes through a stream."""

import asyncio
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import grpc.aio

from nodeagent.adapters.cri.calls import RuntimeCalls
from nodeagent.adapters.cri.streams import CriStreams
from nodeagent.core.spdy import Data, Spdy
from nodeagent.model.ids import ContainerId
from tests.bench.agent import TICKS
from tests.e2e.agent import NODE, Agent
from tests.e2e.pods import container, pod, ready
from tests.e2e.runtime import Runtime, Runtimes
from tests.server.node_client import SPDY, Client, upgraded
from tests.server.pki import Authority, client_context

SIZE = 1 << 30
BLOCK = 1 << 18
ROUNDS = 200
POD = f"/exec/default/web-{NODE}/main?output=1"
VERSION = {**SPDY, "X-Stream-Protocol-Version": "v4.channel.k8s.io", "Content-Length": "0"}


def main() -> int:
    """Measure and print."""
    runtimes = Runtimes()
    try:
        runtime = runtimes.get(sys.argv[1] if len(sys.argv) > 1 else "system")
        print(f"memory without ports: {memory_alone(runtime):.1f} MiB")
        with tempfile.TemporaryDirectory() as folder:
            measure(runtime, Authority(Path(folder)))
    finally:
        runtimes.close()
    return 0


def memory_alone(runtime: Runtime) -> float:
    """Of an agent that opens no port."""
    agent = Agent(runtime)
    agent.prepare()
    agent.start()
    try:
        time.sleep(3)
        return memory(agent)
    finally:
        agent.stop()


def measure(runtime: Runtime, authority: Authority) -> None:
    """Everything with the port open."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    authentication = {"x509": {"clientCAFile": str(authority.file)}}
    agent = Agent(
        runtime,
        kubelet={
            "address": "127.0.0.1",
            "port": port,
            "authentication": authentication,
            "authorization": {"mode": "AlwaysAllow"},
        },
    )
    agent.prepare()
    agent.start()
    time.sleep(2)
    agent.restart()  # the first start makes a certificate, and keeps what that took
    try:
        time.sleep(3)
        print(f"memory with the port open, unused: {memory(agent):.1f} MiB")
        agent.write(pod("web", container()))
        web = agent.wait("web", ready)
        agent.sh("web", f"head -c {SIZE} /dev/zero >/tmp/big")
        client = Client(port, client_context(authority.sign("bench")))
        asyncio.run(figures(agent, client, ContainerId(web.id_of("main"))))
        agent.drain()
    finally:
        agent.stop()


async def figures(agent: Agent, client: Client, main_id: ContainerId) -> None:
    """Latencies, then throughput."""
    reader, writer = await client.connect()

    async def kept() -> None:
        writer.write(client.head("GET", "/healthz", {}))
        await reader.readuntil(b"\r\n\r\nok")

    async def fresh() -> None:
        await client.ask("/healthz")

    async def command() -> None:
        async with upgraded(client, f"{POD}&command=true", VERSION) as stream:
            await to_the_end(stream.reader, stream.writer)

    async def direct() -> None:
        await by_hand(agent, main_id, ("true",))

    print(f"/healthz on one connection: {await median(kept, ROUNDS):.2f} ms")
    print(f"/healthz, a new connection each: {await median(fresh, 50):.2f} ms")
    print(f"exec of `true`: {await median(command, 20):.1f} ms")
    print(f"exec of `true`, the runtime alone: {await median(direct, 20):.1f} ms")
    began, used = time.perf_counter(), cpu(agent)
    async with upgraded(client, f"{POD}&command=cat&command=/tmp/big", VERSION) as stream:
        size = await to_the_end(stream.reader, stream.writer)
    print(
        f"cat through the port: {rate(size, began)}, agent {cpu(agent) - used:.2f} s of CPU a GiB"
    )
    began = time.perf_counter()
    size = await by_hand(agent, main_id, ("cat", "/tmp/big"))
    print(f"cat, the runtime alone: {rate(size, began)}")
    print(f"memory afterwards: {memory(agent):.1f} MiB")
    await hundred(agent, client)
    writer.close()


async def hundred(agent: Agent, client: Client) -> None:
    """A hundred streams that wait."""
    at_once, before = asyncio.Barrier(101), memory(agent)

    async def one() -> None:
        async with upgraded(client, f"{POD}&command=sleep&command=5", VERSION) as stream:
            stream.writer.write(opened())
            await at_once.wait()
            await at_once.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(one())
        await at_once.wait()
        print(f"a hundred streams: {(memory(agent) - before) * 10.24:.0f} KiB each")
        await at_once.wait()


async def by_hand(agent: Agent, main_id: ContainerId, words: tuple[str, ...]) -> int:
    """The same command at the runtime's own streaming server."""
    async with grpc.aio.insecure_channel(agent.runtime.endpoint) as channel:
        streams = CriStreams(RuntimeCalls(channel), timeout=10)
        url = urlsplit(
            await streams.exec(main_id, words, stdin=False, stdout=True, stderr=False, tty=False)
        )
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=BLOCK)
    head = "\r\n".join([f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}"])
    lines = "".join(f"\r\n{name}: {value}" for name, value in VERSION.items())
    writer.write(f"{head}{lines}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    size = await to_the_end(reader, writer)
    writer.close()
    return size


def opened() -> bytes:
    """The streams of a command with output only."""
    spdy = Spdy()
    return b"".join(spdy.open({"streamType": kind})[1] for kind in ("error", "stdout"))


async def to_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Begin the command and read until both its streams ended; bytes of its output."""
    writer.write(opened())
    spdy, size, ended = Spdy(), 0, 0
    while ended < 2 and (block := await reader.read(BLOCK)):
        for event in spdy.receive(block):
            if isinstance(event, Data):
                size += len(event.data)
                ended += event.last
    return size


async def median(act: Callable[[], Awaitable[None]], rounds: int) -> float:
    """Milliseconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        await act()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def rate(size: int, began: float) -> str:
    took = time.perf_counter() - began
    return f"{size / took / 2**20:.0f} MiB/s ({size / 2**20:.0f} MiB)"


def process(agent: Agent) -> Path:
    """Its folder in /proc."""
    words = f"--config={agent.root}/config.yaml".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if words in path.read_bytes():
            return path.parent
    raise SystemExit("the agent is gone")


def memory(agent: Agent) -> float:
    """Resident MiB."""
    status = (process(agent) / "status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu(agent: Agent) -> float:
    """Seconds used so far."""
    parts = (process(agent) / "stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICKS


if __name__ == "__main__":
    sys.exit(main())
