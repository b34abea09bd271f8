"""What a server or proxy without HTTP/2 may do to the client, byte by byte."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.limits import Limits
from nodeagent.errors import ApiError, ApiForbidden, ApiUnavailable
from nodeagent.model.api import CONFIG_MAPS, NODES, Purpose
from tests.adapters.kube.scripted import client_of, tls_server

NODE = b'{"kind":"Node","metadata":{"name":"n"}}'


class Asked:
    """One request on one connection; the test writes the answer."""

    def __init__(self, line: asyncio.StreamWriter, text: str) -> None:
        self.line, self.text = line, text

    def write(self, *parts: bytes) -> None:
        """Bytes as they are."""
        self.line.write(b"".join(parts))

    def answer(self, body: bytes = NODE, status: str = "200 OK", headers: str = "") -> None:
        """A whole answer."""
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        self.write(head.encode(), body)

    def cut(self) -> None:
        """End the connection without a word."""
        self.line.transport.abort()


class Server:
    def __init__(self) -> None:
        self.asked: asyncio.Queue[Asked] = asyncio.Queue()
        self.lines = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.lines += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode()
                length = text.lower().partition("content-length: ")[2].partition("\r\n")[0]
                await reader.readexactly(int(length or 0))
                self.asked.put_nowait(Asked(writer, text))
        writer.transport.abort()

    async def next(self) -> Asked:
        return await self.asked.get()


@asynccontextmanager
async def scripted(limits: Limits | None = None) -> AsyncIterator[tuple[Server, KubeClient]]:
    server = Server()
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        await server.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls_server("http/1.1"))
    try:
        async with client_of(listening.sockets[0].getsockname()[1], limits) as client:
            yield server, client
    finally:
        listening.close()
        await asyncio.gather(*serving)


async def read(client: KubeClient) -> v1.Node | None:
    return await client.read(NODES, "n", purpose=Purpose.NODE)


async def failed_patch(client: KubeClient) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await client.patch(NODES, "n", {"metadata": {}}, purpose=Purpose.NODE)
    return caught.value


async def test_a_read_is_asked_again_where_a_kept_connection_was_closed() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(read(client))
        (await server.next()).answer()
        assert await reading is not None
        reading = group.create_task(read(client))
        (await server.next()).cut()
        (await server.next()).answer()
        assert await reading is not None
    assert server.lines == 2


async def test_a_change_is_not_sent_twice() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failed_patch(client))
        (await server.next()).cut()
        assert isinstance(await patching, ApiUnavailable)
    assert server.asked.empty()


@pytest.mark.parametrize("framing", ["content-length: 1000", "transfer-encoding: chunked"])
async def test_a_connection_cut_in_the_middle_of_a_body(framing: str) -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failed_patch(client))
        asked = await server.next()
        asked.write(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nabcde\r\n".encode())
        await asked.line.drain()
        asked.line.close()
        assert isinstance(await patching, ApiUnavailable)


async def test_a_server_that_trickles() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(read(client))
        asked = await server.next()
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        for number in head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(NODE), NODE):
            asked.write(bytes([number]))
            await asyncio.sleep(0)
        assert await reading is not None


async def test_no_answer_ends_the_connection_and_the_next_request_has_another() -> None:
    async with (
        scripted(Limits(answer=1.5, heartbeat=1.5)) as (server, client),
        asyncio.TaskGroup() as group,
    ):
        patching = group.create_task(failed_patch(client))
        await server.next()
        assert "no answer within" in str(await patching)
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failed_patch(client))
        (await server.next()).answer(b"", status="503 Busy", headers="retry-after: 3\r\n")
        assert (await patching).retry_after == 3.0


async def test_an_answer_nobody_asked_for_does_not_answer_the_next_request() -> None:
    other = b'{"metadata":{"name":"of-another"}}'
    stray = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(other), other)
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        for _ in range(2):
            reading = group.create_task(read(client))
            asked = await server.next()
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(NODE)}\r\n\r\n".encode()
            asked.write(head, NODE, stray)
            found = await reading
            assert found is not None and found.metadata is not None
            assert found.metadata.name == "n"


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"v" * 200_000,
        b"\x00\xff\xfe",
    ],
)
async def test_what_is_no_http_is_an_error_of_the_server(text: bytes) -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failed_patch(client))
        asked = await server.next()
        asked.write(text)
        await asked.line.drain()
        asked.line.close()
        assert isinstance(await patching, ApiUnavailable)


async def test_a_proxy_that_knows_nobody() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failed_patch(client))
        (await server.next()).answer(b"<html>who?</html>", status="401 Unauthorized")
        error = await patching
        assert isinstance(error, ApiForbidden) and "<html>" in error.detail


async def test_a_watch_goes_on_over_another_connection() -> None:
    told: asyncio.Queue[set[str]] = asyncio.Queue()

    async def watch(client: KubeClient) -> None:
        async for found in client.watch(CONFIG_MAPS, "default", purpose=Purpose.DATA):
            told.put_nowait(set(found.items))

    def an_event(name: str, version: int) -> bytes:
        about = {"name": name, "namespace": "default", "resourceVersion": str(version)}
        line = json.dumps({"type": "ADDED", "object": {"metadata": about}}).encode() + b"\n"
        return b"%x\r\n%s\r\n" % (len(line), line)

    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        watching = group.create_task(watch(client))
        (await server.next()).answer(b'{"metadata":{"resourceVersion":"5"},"items":[]}')
        first = await server.next()
        first.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", an_event("a", 6))
        assert (await told.get(), await told.get()) == (set(), {"default/a"})
        first.write(an_event("b", 7)[:20])
        await first.line.drain()
        first.line.close()
        again = await server.next()
        assert "resourceVersion=6" in again.text
        again.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", an_event("b", 7))
        assert await told.get() == {"default/a", "default/b"}
        watching.cancel()


async def test_a_handshake_that_does_not_end_is_given_up(
    recwarn: pytest.WarningsRecorder,
) -> None:
    closed: asyncio.Queue[None] = asyncio.Queue()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # the hello, and nothing is said
        closed.put_nowait(None)
        writer.transport.abort()

    listening = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        port = listening.sockets[0].getsockname()[1]
        async with client_of(port, Limits(connect=0.1)) as client:
            error = await failed_patch(client)
            await closed.get()
    finally:
        listening.close()
    assert isinstance(error, ApiUnavailable) and "no answer within" in str(error)
