"""How many connections requests make that come at the same time."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from lightkube.models import core_v1

from nodeagent.adapters.kube.access import Access, Pem
from nodeagent.adapters.kube.client import KubeClient
from nodeagent.aio.threads import Threads
from nodeagent.errors import ApiUnavailable
from nodeagent.model.api import NODES, Purpose
from tests.apiserver.authority import Authority

ANSWER = b'{"kind":"Node","metadata":{"name":"n"}}'
HEAD = f"HTTP/1.1 200 OK\r\ncontent-length: {len(ANSWER)}\r\n\r\n".encode()


async def test_requests_at_once_wait_for_the_connection_that_one_of_them_makes() -> None:
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(HEAD + ANSWER)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    threads = Threads()
    client = KubeClient(Access(server=f"http://127.0.0.1:{port}", origin="test"), threads=threads)

    async def read() -> core_v1.Node | None:
        return await client.read(NODES, "n", purpose=Purpose.NODE)

    try:
        async with asyncio.timeout(20):
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(read()) for _ in range(5)]
    finally:
        client.close()
        threads.close()
        server.close()
        await asyncio.gather(*(one for one in served if one))

    assert all(one.result() is not None for one in asked)
    assert len(served) <= 5


async def test_new_credentials_are_tried_at_once_after_old_ones_have_failed(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    access = Access(server="https://127.0.0.1:1", ca=Pem(path=str(authority)), origin="test")
    threads = Threads()
    client = KubeClient(access, threads=threads)
    try:
        with pytest.raises(ApiUnavailable, match="read the certificate authority"):
            await client.read(NODES, "n", purpose=Purpose.NODE)
        authority.write_bytes(Authority().pem)
        client.renew()
        with pytest.raises(ApiUnavailable, match="connect to"):
            await client.read(NODES, "n", purpose=Purpose.NODE)
    finally:
        client.close()
        threads.close()
