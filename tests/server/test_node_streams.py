"""exec, attach and port-forward: streams handed through to a runtime's server on real sockets."""

import asyncio
import base64
import hashlib
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from nodeagent.errors import CriError, CriNotFound
from nodeagent.server.backing import Switches
from tests.fakes.node_port import FakeNode, serving_ports
from tests.server.node_client import KEY, SPDY, WEBSOCKET, Client, upgraded, v5

EXEC = "/exec/default/web-node1/web?command=ls&command=-l&input=1&output=1&error=1"
ATTACH = "/attach/default/web-node1/web?output=1"
FORWARD = "/portForward/default/web-node1"


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


@pytest.fixture
async def client(node: FakeNode) -> AsyncIterator[Client]:
    async with serving_ports(node) as ports:
        yield Client(ports.ports["https"], token="admin")


# --- handed through ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (EXEC, ("exec", "uid-web-node1-web", "ls", "-l", "stdin stdout stderr")),
        ("/exec/default/web-node1/uid-web-node1/web?command=a%20b&output=1&tty=1&error=1",
         ("exec", "uid-web-node1-web", "a b", "stdout tty")),
        (ATTACH, ("attach", "uid-web-node1-web", "stdout")),
        (FORWARD, ("forward", "box-uid-web-node1")),
        (f"{FORWARD}/uid-web-node1", ("forward", "box-uid-web-node1")),
    ],
)  # fmt: skip
async def test_bytes_travel_both_ways(
    client: Client, node: FakeNode, path: str, asked: tuple[str, ...]
) -> None:
    headers = {**SPDY, "X-Stream-Protocol-Version": "v4.channel.k8s.io"}
    async with upgraded(client, path, headers) as stream:
        assert stream.code == 101
        assert "X-Stream-Protocol-Version: v4.channel.k8s.io" in stream.head
        await stream.send(b"hello")
        assert await stream.reader.readexactly(5) == b"hello"
    assert node.asked == [asked]
    [head] = node.streaming.heads
    assert head.startswith("POST /exec/token?x=1 HTTP/1.1\r\n")
    assert "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in head
    async with asyncio.timeout(5):
        await node.streaming.input_ended.wait()


async def test_no_secret_travels_on(client: Client, node: FakeNode) -> None:
    token = "base64url.bearer.authorization.k8s.io.YWRtaW4"
    headers = {
        **WEBSOCKET,
        "Sec-WebSocket-Protocol": f"v4.channel.k8s.io, {token}",
        "Cookie": "secret",
        "X-Other": "secret",
    }
    async with upgraded(client, EXEC, headers, method="GET") as stream:
        assert stream.code == 101
    [head] = node.streaming.heads
    assert "secret" not in head and "admin" not in head and token not in head
    assert "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n" in head
    assert f"Sec-WebSocket-Key: {KEY}\r\n" in head


async def test_a_static_pod_is_reached_by_the_uid_of_its_mirror(
    client: Client, node: FakeNode
) -> None:
    node.mirrors["uid-web-node1"] = "mirror"
    for uid, code in (("mirror", 101), ("uid-web-node1", 101), ("other", 404)):
        async with upgraded(client, f"{FORWARD}/{uid}", SPDY) as stream:
            assert stream.code == code


async def test_what_the_runtime_wrote_before_its_end_arrives_whole(
    client: Client, node: FakeNode
) -> None:
    node.streaming.mode, node.streaming.amount = "source", 20_000_003
    async with upgraded(client, EXEC, SPDY) as stream:
        data = await stream.rest()
    expected = bytes(range(256)) * (20_000_003 // 256 + 1)
    assert hashlib.sha256(data).digest() == hashlib.sha256(expected[:20_000_003]).digest()


async def test_what_a_client_sends_at_the_end_does_not_lose_the_answer(
    client: Client, node: FakeNode
) -> None:
    node.streaming.mode, node.streaming.amount = "source", 3_000_000
    async with upgraded(client, EXEC, SPDY) as stream:
        for _ in range(20):
            await stream.send(b"x" * 1000)
        assert len(await stream.rest()) == 3_000_000


async def test_a_slow_reader_slows_the_runtime_down(client: Client, node: FakeNode) -> None:
    node.streaming.mode, node.streaming.amount = "source", 200_000_000
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", client.port, ssl=client.context, limit=2**16
    )
    writer.write(client.head("POST", EXEC, SPDY))
    await reader.readuntil(b"\r\n\r\n")
    before = memory()
    await asyncio.sleep(0.5)
    assert memory() - before < 30_000_000
    assert node.streaming.open == 1, "the runtime still waits to write the rest"
    writer.transport.abort()


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_a_hundred_streams_at_once(client: Client, node: FakeNode) -> None:
    at_once = asyncio.Barrier(100)

    async def one(number: int) -> None:
        async with upgraded(client, EXEC, SPDY) as stream:
            await at_once.wait()
            data = bytes([number]) * 50_000
            await stream.send(data)
            assert await stream.reader.readexactly(50_000) == data
            await at_once.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(one(number))
    assert node.streaming.most_open == 100


async def test_a_stream_without_a_byte_is_closed(node: FakeNode) -> None:
    node.streaming.mode, node.idle = "mute", 0.3
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        async with upgraded(client, EXEC, SPDY) as stream:
            assert stream.code == 101
            assert await stream.rest() == b""
        await node.streaming.input_ended.wait()


async def test_a_client_that_goes_takes_the_runtimes_side_along(
    client: Client, node: FakeNode
) -> None:
    node.streaming.mode = "mute"
    async with upgraded(client, EXEC, SPDY):
        pass
    async with asyncio.timeout(5):
        await node.streaming.input_ended.wait()


async def test_streams_end_with_the_port(node: FakeNode) -> None:
    node.streaming.mode = "mute"
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        reader, writer = await client.connect()
        writer.write(client.head("POST", EXEC, SPDY))
        await reader.readuntil(b"\r\n\r\n")
    assert await reader.read() == b""
    writer.close()


async def test_a_stream_is_counted_until_its_end(client: Client, node: FakeNode) -> None:
    async with upgraded(client, EXEC, SPDY):
        assert [one.path for one in node.tally.begun] == ["exec"]
        assert node.tally.finished == []
    async with asyncio.timeout(5):
        await node.tally.one_ended.wait()
    assert node.tally.websockets == []


# --- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "code", "text"),
    [
        ("/exec/default/web-node1/web?command=ls", SPDY, 400,
         "you must specify at least 1 of stdin, stdout, stderr"),
        ("/exec/default/web-node1/web?command=ls&tty=1&error=1", SPDY, 400,
         "you must specify at least 1 of stdin, stdout, stderr"),
        ("/exec/default/none/web?command=ls&output=1", SPDY, 404, "pod does not exist"),
        ("/exec/default/web-node1/db?command=ls&output=1", SPDY, 500,
         'container not found ("db")'),
        ("/attach/default/web-node1/db?output=1", SPDY, 500,
         "container db not found in pod web-node1_default"),
        (EXEC, {}, 500, "Upgrade request required\n"),
        (EXEC, {"Upgrade": "SPDY/3.1"}, 500, "Upgrade request required\n"),
        (FORWARD, {}, 500, "Upgrade request required\n"),
        (f"{FORWARD}/other", SPDY, 404, "pod not found"),
        ("/portForward/default/none", SPDY, 404, "pod does not exist"),
    ],
)  # fmt: skip
async def test_streams_that_cannot_be(
    client: Client, node: FakeNode, path: str, headers: dict[str, str], code: int, text: str
) -> None:
    answer = await client.ask(path, method="POST", headers=headers)
    assert (answer.code, answer.body.decode()) == (code, text)
    assert node.asked == []


async def test_without_its_sandbox_a_pod_forwards_nothing(client: Client, node: FakeNode) -> None:
    node.running.clear()
    answer = await client.ask(FORWARD, method="POST", headers=SPDY)
    assert (answer.code, answer.body) == (500, b'pod not found ("web-node1_default")')


async def test_what_the_runtime_says_is_handed_on(client: Client, node: FakeNode) -> None:
    node.refusal = CriNotFound(op="Exec", target="x", detail="no such container")
    answer = await client.ask(EXEC, method="POST", headers=SPDY)
    assert (answer.code, answer.body) == (404, b"no such container")
    node.refusal = CriError(op="Exec", target="x", detail="it broke")
    answer = await client.ask(EXEC, method="POST", headers=SPDY)
    assert (answer.code, answer.body) == (500, b"it broke")
    node.refusal, node.streaming.mode = None, "refuse"
    answer = await client.ask(EXEC, method="POST", headers=SPDY)
    assert (answer.code, answer.body) == (400, b"no such\n")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "http:///x"])
async def test_a_streaming_server_that_is_away_is_an_error(
    client: Client, node: FakeNode, url: str
) -> None:
    node.streaming.elsewhere = url
    assert (await client.ask(EXEC, method="POST", headers=SPDY)).code == 500


# --- remote commands of version 5 ---------------------------------------------------------------


async def test_a_websocket_of_version_5_is_translated(client: Client, node: FakeNode) -> None:
    node.streaming.mode = "command"
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        assert stream.code == 101
        assert "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n" in stream.head
        accept = base64.b64encode(
            hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        ).decode()
        assert f"Sec-WebSocket-Accept: {accept}\r\n" in stream.head
        await stream.message(b"\0hello")
        assert await stream.next() == (2, b"\x01hello")
        await stream.message(b"ping", kind=9)
        assert await stream.next() == (10, b"ping")
        await stream.message(bytes((255, 0)))
        assert await stream.next() == (2, b"\x02bye\n")
        assert await stream.next() == (2, b'\x03{"metadata":{},"status":"Success"}')
        assert await stream.next() == (8, struct.pack("!H", 1000))
    assert node.streaming.kinds == ["error", "stdin", "stdout", "stderr"]
    assert "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in node.streaming.heads[0]
    assert node.tally.websockets == ["exec"]


async def test_a_terminal_is_resized(client: Client, node: FakeNode) -> None:
    node.streaming.mode = "command"
    path = "/exec/default/web-node1/web?command=sh&input=1&output=1&tty=1"
    async with upgraded(client, path, v5(), method="GET") as stream:
        await stream.message(b'\x04{"Width":80,"Height":24}')
        await stream.message(b"\0a")
        assert await stream.next() == (2, b"\x01a")
    assert node.streaming.kinds == ["error", "stdin", "stdout", "resize"]
    assert node.streaming.sizes == [b'{"Width":80,"Height":24}']


async def test_an_exit_code_comes_as_the_runtime_told_it(client: Client, node: FakeNode) -> None:
    node.streaming.mode = "command"
    node.streaming.verdict = b'{"status":"Failure","reason":"NonZeroExitCode"}'
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        await stream.message(bytes((255, 0)))
        assert (await stream.next())[1][:1] == b"\x02"
        assert await stream.next() == (2, b"\x03" + node.streaming.verdict)


async def test_large_input_arrives_whole(client: Client, node: FakeNode) -> None:
    node.streaming.mode = "command"
    data = os.urandom(300_000)
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        received = b""
        await stream.message(b"\0" + data[:100_000])
        await stream.message(b"\0" + data[100_000:150_000], last=False)
        await stream.message(data[150_000:], kind=0)
        while len(received) < len(data):
            kind, piece = await stream.next()
            assert (kind, piece[0]) == (2, 1)
            received += piece[1:]
    assert received == data


async def test_messages_of_no_meaning_are_skipped(client: Client, node: FakeNode) -> None:
    node.streaming.mode = "command"
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        for message in (b"", b"\x09x", b"\x01x", bytes((255, 7)), b"\0ok"):
            await stream.message(message)
        assert await stream.next() == (2, b"\x01ok")
        await stream.message(struct.pack("!H", 1000), kind=8)
        assert await stream.next() == (8, struct.pack("!H", 1000))
    async with asyncio.timeout(5):
        await node.streaming.input_ended.wait()


async def test_a_runtime_that_breaks_off_is_told(client: Client, node: FakeNode) -> None:
    node.streaming.mode, node.streaming.amount = "source", 0
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        kind, message = await stream.next()
        assert (kind, message[0]) == (2, 3)
        status = msgspec.json.decode(message[1:])
        assert (status["status"], status["code"]) == ("Failure", 500)
        assert "the runtime broke the stream off" in status["message"]


async def test_a_refusal_of_the_runtime_comes_on_the_error_channel(
    client: Client, node: FakeNode
) -> None:
    node.streaming.mode = "refuse"
    async with upgraded(client, EXEC, v5(), method="GET") as stream:
        assert stream.code == 101
        kind, message = await stream.next()
        assert (kind, message[0]) == (2, 3)
        assert msgspec.json.decode(message[1:])["message"].startswith("Internal error occurred")
        assert (await stream.next())[0] == 8


async def test_without_its_gate_a_websocket_is_handed_through(node: FakeNode) -> None:
    node.switches = Switches(translate_websockets=False)
    async with serving_ports(node) as ports:
        client = Client(ports.ports["https"], token="admin")
        async with upgraded(client, EXEC, v5(), method="GET") as stream:
            await stream.send(b"raw")
            assert await stream.reader.readexactly(3) == b"raw"
    assert (
        "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io" in (node.streaming.heads[0])
    )


# --- port-forward over WebSocket ----------------------------------------------------------------


async def test_spdy_wrapped_in_a_websocket_is_unwrapped(client: Client, node: FakeNode) -> None:
    headers = v5("SPDY/3.1+portforward.k8s.io")
    async with upgraded(client, FORWARD, headers, method="GET") as stream:
        assert stream.code == 101
        assert "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n" in stream.head
        await stream.message(b"\x80\x03raw spdy")
        assert await stream.next() == (2, b"\x80\x03raw spdy")
        await stream.message(b"x" * 70_000)
        received = b""
        while len(received) < 70_000:
            received += (await stream.next())[1]
    assert received == b"x" * 70_000
    [head] = node.streaming.heads
    assert head.startswith("POST ") and "\r\nUpgrade: SPDY/3.1\r\n" in head
    assert "X-Stream-Protocol-Version: portforward.k8s.io\r\n" in head
    assert node.asked == [("forward", "box-uid-web-node1")]
    assert node.tally.websockets == ["portforward"]


async def test_a_plain_websocket_names_its_ports(client: Client, node: FakeNode) -> None:
    headers = v5("v4.channel.k8s.io")
    async with upgraded(client, f"{FORWARD}?port=80,81&port=8080", headers, method="GET") as stream:
        assert stream.code == 101
    assert node.asked == [("forward", "box-uid-web-node1", "80", "81", "8080")]


@pytest.mark.parametrize(
    "query", ["", "port=", "port=x", "port=0", "port=65536", "port=1,,2", f"port={'1' * 5000}"]
)
async def test_ports_that_are_none(client: Client, node: FakeNode, query: str) -> None:
    answer = await client.ask(f"{FORWARD}?{query}", headers=v5("v4.channel.k8s.io"))
    assert (answer.code, node.asked) == (400, [])


async def test_a_runtime_that_does_not_take_the_tunnel_up(client: Client, node: FakeNode) -> None:
    node.streaming.mode = "refuse"
    answer = await client.ask(FORWARD, headers=v5("SPDY/3.1+portforward.k8s.io"))
    assert (answer.code, answer.body) == (400, b"no such\n")
