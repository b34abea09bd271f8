"""The node's port on a real runtime: logs, exec, attach and port-forward, over TLS."""

import asyncio
import hashlib
import socket
import struct
from collections.abc import Iterator

import msgspec
import pytest

from tests.e2e.agent import NODE, Agent, running_agent
from tests.e2e.pods import IDLE, container, pod, ready
from tests.e2e.runtime import Runtime
from tests.server.node_client import SPDY, Client, Upgraded, upgraded, v5
from tests.server.pki import Authority, client_context

SERVE = "mkdir /tmp/www; echo hello >/tmp/www/index.html; httpd -p 8080 -h /tmp/www"
TALK = f"echo out; echo trouble >&2; {SERVE}; {IDLE}"
ECHO = "while read line; do echo got $line; done"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def agent(runtime: Runtime, authority: Authority) -> Iterator[Agent]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kubelet = {
        "address": "127.0.0.1",
        "port": port,
        "authentication": {"x509": {"clientCAFile": str(authority.file)}},
        "authorization": {"mode": "AlwaysAllow"},
    }
    with running_agent(runtime, kubelet=kubelet) as agent:
        agent.write(pod("web", container(TALK), container(ECHO, name="echo", stdin=True)))
        agent.wait("web", ready)
        yield agent


@pytest.fixture
def client(agent: Agent, authority: Authority) -> Client:
    port: int = agent.kubelet["port"]
    return Client(port, client_context(authority.sign("tester", ("testers",))))


async def command(client: Client, *words: str, given: bytes = b"") -> tuple[bytes, bytes, object]:
    """Output, errors and verdict of a command that is given some input."""
    query = "&".join(["input=1&output=1&error=1", *(f"command={word}" for word in words)])
    path = f"/exec/default/web-{NODE}/main?{query}"
    async with upgraded(client, path, v5(), method="GET") as stream:
        assert stream.code == 101
        async with asyncio.TaskGroup() as group:
            group.create_task(feed(stream, given))
            return await told(stream)


async def feed(stream: Upgraded, given: bytes) -> None:
    for start in range(0, len(given), 30_000):
        await stream.message(b"\0" + given[start : start + 30_000])
    await stream.message(bytes((255, 0)))


async def told(stream: Upgraded) -> tuple[bytes, bytes, object]:
    """What comes on each channel until the stream is closed."""
    channels = {1: bytearray(), 2: bytearray(), 3: bytearray()}
    while True:
        kind, data = await stream.next()
        if kind == 8:
            break
        channels[data[0]] += data[1:]
    return bytes(channels[1]), bytes(channels[2]), msgspec.json.decode(channels[3])


async def test_only_clients_with_a_certificate_come_in(agent: Agent, client: Client) -> None:
    assert (await Client(client.port).ask("/pods")).code == 401
    answer = await client.ask("/pods")
    assert [one["metadata"]["name"] for one in answer.json["items"]] == [f"web-{NODE}"]
    [running] = (await client.ask("/runningpods/")).json["items"]
    assert {one["name"] for one in running["spec"]["containers"]} == {"main", "echo"}
    assert (await client.ask("/healthz?verbose")).body.endswith(b"healthz check passed\n")
    assert (await client.ask("/configz")).json["kubeletconfig"]["port"] == client.port


async def test_the_self_signed_certificate_is_where_a_kubelet_has_it(agent: Agent) -> None:
    folder = agent.state / "pki"
    assert (folder / "kubelet.key").stat().st_mode & 0o777 == 0o600
    assert (folder / "kubelet.crt").read_text().startswith("-----BEGIN CERTIFICATE-----")


async def test_a_log(client: Client) -> None:
    answer = await client.ask(f"/containerLogs/default/web-{NODE}/main")
    assert sorted(answer.body.splitlines()) == [b"out", b"trouble"]


async def test_a_command_has_output_errors_and_an_exit_code(client: Client) -> None:
    out, err, verdict = await command(client, "sh", "-c", "echo%20out;echo%20err>%262;exit%207")
    assert (out, err) == (b"out\n", b"err\n")
    assert isinstance(verdict, dict)
    assert verdict["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]


async def test_the_end_of_input_reaches_the_command(client: Client) -> None:
    given = b"".join(struct.pack("!I", number) for number in range(500_000))
    out, _, verdict = await command(client, "sha256sum", given=given)
    assert out.split()[0].decode() == hashlib.sha256(given).hexdigest()
    assert isinstance(verdict, dict) and verdict["status"] == "Success"


async def test_much_output_arrives_whole_again_and_again(client: Client) -> None:
    make = "head%20-c%2030000000%20/dev/urandom>/tmp/big;sha256sum%20/tmp/big"
    out, _, _ = await command(client, "sh", "-c", make)
    wanted = out.split()[0].decode()
    for _ in range(4):
        out, _, _ = await command(client, "cat", "/tmp/big")
        assert (len(out), hashlib.sha256(out).hexdigest()) == (30_000_000, wanted)


async def test_twenty_commands_at_once(client: Client) -> None:
    async def one(number: int) -> bytes:
        return (await command(client, "echo", str(number)))[0]

    answers = await asyncio.gather(*(one(number) for number in range(20)))
    assert answers == [f"{number}\n".encode() for number in range(20)]


async def test_attach_joins_the_containers_own_streams(client: Client) -> None:
    path = f"/attach/default/web-{NODE}/echo?input=1&output=1&error=1"
    async with upgraded(client, path, v5(), method="GET") as stream:
        await stream.message(b"\0one\n")
        assert await stream.next() == (2, b"\x01got one\n")


async def test_a_port_is_forwarded_over_a_plain_websocket(client: Client) -> None:
    path = f"/portForward/default/web-{NODE}?port=8080"
    headers = v5("v4.channel.k8s.io")
    async with upgraded(client, path, headers, method="GET") as stream:
        assert stream.code == 101
        for channel in (0, 1):
            assert await stream.next() == (2, bytes((channel,)) + struct.pack("<H", 8080))
        await stream.message(b"\0GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while not answer.endswith(b"hello\n"):
            kind, data = await stream.next()
            assert (kind, data[0]) == (2, 0)
            answer += data[1:]
    assert answer.split(b"\r\n", 1)[0].endswith(b" 200 OK")


async def test_spdy_is_taken_up_by_the_runtime(client: Client) -> None:
    headers = {**SPDY, "X-Stream-Protocol-Version": "v4.channel.k8s.io"}
    path = f"/exec/default/web-{NODE}/main?command=true&output=1"
    async with upgraded(client, path, headers) as stream:
        assert stream.code == 101
        assert "Upgrade: SPDY/3.1" in stream.head


async def test_run_answers_with_the_output(client: Client) -> None:
    answer = await client.ask(f"/run/default/web-{NODE}/main?cmd=echo%20ran", method="POST")
    assert (answer.code, answer.body) == (200, b"ran\n")


def test_each_stream_has_its_lines_in_the_log(agent: Agent) -> None:
    assert agent.said("stream opened") == agent.said("stream closed")
    assert agent.said("stream opened") > 20
    assert agent.said("exit%207") == agent.said("exit 7") == 0, "a command may hold secrets"
