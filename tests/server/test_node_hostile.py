"""The node's port and clients that mean no good: each gets an error or nothing, others go on."""

import asyncio
import os
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nodeagent.model.scrapes import Page, TextForm
from nodeagent.server import metrics_pages, node_port, serving_http
from tests.fakes.node_port import FakeNode, serving_ports
from tests.server.node_client import WEBSOCKET, Client, upgraded, v5

EXEC = "/exec/default/web-node1/web?command=ls&input=1&output=1"
FORWARD = "/portForward/default/web-node1"


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    node = FakeNode(tmp_path)
    node.streaming.mode = "command"
    return node


@pytest.fixture
async def client(node: FakeNode) -> AsyncIterator[Client]:
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        yield client
        assert (await client.ask("/pods")).code == 200, "others are served as before"


async def answer_to(client: Client, raw: bytes) -> bytes:
    """What comes back until the server closes."""
    reader, writer = await client.connect()
    try:
        writer.write(raw)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00" * 1000 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /pods HTTP/9.9\r\n\r\n",
        b"GET /pods HTTP/1.1\r\nHost node\r\n\r\n",
        b"GET /pods HTTP/1.1\r\n\r\n",  # no host
        b"GET /pods HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /pods HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /pods HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"POST /pods HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /pods HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_with_400_at_most(client: Client, raw: bytes) -> None:
    answer = await answer_to(client, raw)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer


async def test_headers_without_end_are_cut_off(client: Client) -> None:
    line = b"X-Flood: " + b"a" * 1000 + b"\r\n"
    raw = b"GET /pods HTTP/1.1\r\nHost: a\r\n" + line * 2000
    assert not (await answer_to(client, raw)).startswith(b"HTTP/1.1 2")


async def test_a_body_too_large_is_not_taken(client: Client) -> None:
    raw = b"POST /stats/summary HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"
    assert not (await answer_to(client, raw)).startswith(b"HTTP/1.1 2")


async def test_a_body_of_chunks_without_end_is_not_taken(client: Client) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    raw = b"POST /stats/summary HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert not (await answer_to(client, raw + chunk * 20)).startswith(b"HTTP/1.1 2")


async def test_a_token_without_end_is_refused_unasked(client: Client, node: FakeNode) -> None:
    huge = Client(client.port, token="x" * 100_000)
    assert (await huge.ask("/pods")).code == 401
    assert node.reviews == []


async def test_many_tokens_do_not_fill_the_memory(node: FakeNode) -> None:
    from nodeagent.server.remembered import Remembered

    kept = Remembered[int](lambda: 0.0, most=100)

    async def answer() -> int:
        return 1

    for number in range(1000):
        await kept.get(str(number).encode(), answer, keep=lambda _: 10)
    assert len(kept) == 100


@pytest.mark.parametrize(
    "path",
    [
        "/pods%00", "/pods;x", "/%2e%2e/pods", "/./pods", "/exec/../pods", "/exec/a%2fb/c/d",
        "/containerLogs/..%2f..%2f/web-node1/web", "/containerLogs/default/web-node1/..%2f..%2fx",
        "/PODS", "/pods%0d%0aX: y", "/metrics%2fcadvisor", "/" + "a/" * 5000,
    ],
)  # fmt: skip
async def test_odd_paths_lead_nowhere(client: Client, path: str) -> None:
    assert (await client.ask(path.replace(" ", "%20"))).code in (400, 404, 500)


async def test_a_pods_log_cannot_be_left_by_its_name(client: Client, node: FakeNode) -> None:
    answer = await client.ask("/containerLogs/default/%2e%2e%2fweb-node1/web")
    assert (answer.code, answer.body) == (404, b'pod "../web-node1" does not exist')


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Version": "8"}, 400),
        ({"Sec-WebSocket-Version": ""}, 400),
        ({"Connection": "close"}, 500),
        ({"Upgrade": ""}, 500),
    ],
)
async def test_a_handshake_that_is_none(
    client: Client, node: FakeNode, change: dict[str, str], code: int
) -> None:
    for path, protocol in ((EXEC, "v5.channel.k8s.io"), (FORWARD, "SPDY/3.1+portforward.k8s.io")):
        answer = await client.ask(path, headers={**v5(protocol), **change})
        assert answer.code == code
    assert (await client.ask(EXEC, method="POST", headers=v5())).code == 405
    assert node.streaming.heads == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x82\x05hello", 1002),  # not masked
        (b"\xf2\x81aaaaa", 1002),  # flags of an extension
        (b"\x83\x81aaaaa", 1002),  # a kind that is none
        (b"\x82\xff" + struct.pack("!Q", 1 << 40) + b"aaaa", 1009),  # a terabyte
        (b"\x89\xfe\x00\x80aaaa", 1002),  # a long ping
    ],
)
async def test_a_websocket_that_goes_wrong_is_closed_with_its_code(
    client: Client, node: FakeNode, raw: bytes, code: int
) -> None:
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        await stream.send(raw)
        kind, data = await stream.next()
        assert (kind, struct.unpack("!H", data[:2])[0]) == (8, code)
        assert await stream.rest() == b""
    async with asyncio.timeout(5):
        await node.streaming.input_ended.wait()


async def test_a_half_close_signal_of_the_wrong_size_ends_it(client: Client) -> None:
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        await stream.message(bytes((255, 0, 0)))
        async with asyncio.timeout(5):
            await stream.rest()


async def test_rubbish_after_an_upgrade_is_the_runtimes_to_judge(
    client: Client, node: FakeNode
) -> None:
    node.streaming.mode = "echo"
    rubbish = os.urandom(100_000)
    async with upgraded(client, EXEC, {"Connection": "Upgrade", "Upgrade": "rubbish"}) as stream:
        await stream.send(rubbish)
        assert await stream.reader.readexactly(100_000) == rubbish


async def test_a_runtime_that_talks_rubbish_is_a_failure_told(
    client: Client, node: FakeNode
) -> None:
    node.streaming.mode, node.streaming.amount = "source", 100_000
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        kind, data = await stream.next()
        assert kind in (2, 8) and (kind == 8 or data[0] in (1, 3))


async def test_connections_beyond_the_most_are_closed(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_http, "MOST_CONNECTIONS", 5)
    async with serving_ports(node) as ports:
        client = Client(ports.ports["healthz"], tls=False)
        held = [await client.connect() for _ in range(5)]
        await asyncio.sleep(0.05)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client.ask("/healthz")
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.05)
        assert (await client.ask("/healthz")).code == 200


async def test_who_is_slow_is_not_waited_for(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_http, "IDLE", 0.3)
    monkeypatch.setattr(serving_http, "SLOWEST_BODY", 0.3)
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        silent_reader, silent = await asyncio.open_connection("127.0.0.1", client.port)
        head_reader, head = await client.connect()
        head.write(b"GET /pods HTTP/1.1\r\nHost:")
        body_reader, body = await client.connect()
        body.write(client.head("POST", "/stats/summary", {"Content-Length": "10"}) + b"1")
        async with asyncio.timeout(5):
            for reader in (silent_reader, head_reader, body_reader):
                assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        for writer in (silent, head, body):
            writer.close()
        assert node_port.IDLE == 90.0


async def test_who_does_not_take_a_page_is_let_go(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def large(page: Page, form: TextForm) -> bytes:
        return b"x" * (16 << 20)  # more than the kernel keeps for a connection

    monkeypatch.setattr(metrics_pages, "SLOWEST_READER", 0.0)
    monkeypatch.setattr(node, "_text", large)
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        answer = await answer_to(client, client.head("GET", "/metrics", {}))
        assert len(answer) < 16 << 20
        assert len(node.tally.finished) == 1


async def test_a_handshake_broken_off_leaves_nothing(client: Client) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"\x16\x03\x01\x02\x00\x01\x00")
        writer.close()


async def test_a_client_that_leaves_before_its_second_request_is_no_error_of_ours(
    client: Client, node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(20):
        _, writer = await client.connect()
        writer.write(client.head("GET", "/pods", {}) * 2)
        await writer.drain()
        writer.transport.abort()
    async with asyncio.timeout(10):
        while len(node.tally.finished) < 20:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    told = capsys.readouterr()
    assert "request to the node failed" not in told.out + told.err


async def test_a_websocket_without_rights_is_refused_before_its_handshake(
    client: Client, node: FakeNode
) -> None:
    node.allowed = set()
    answer = await Client(client.port, token="admin").ask(EXEC, headers=v5())
    assert answer.code == 403
    answer = await Client(client.port).ask(EXEC, headers=WEBSOCKET)
    assert answer.code == 401
    assert node.asked == []
    node.allowed = None
    node.clock = 1000


def test_renegotiation_is_off(node: FakeNode) -> None:
    from nodeagent.server.tls import TlsFiles

    rules = node.opening().tls
    assert rules is not None
    assert TlsFiles(rules).load().options & ssl.OP_NO_RENEGOTIATION
