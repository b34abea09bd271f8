"""gRPC health probes against a real gRPC server, and the few bytes of protobuf they need."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.adapters.probes.grpc import decode_response, encode_request, probe_grpc
from nodeagent.model.probes import GrpcCheck, Outcome
from tests.adapters.probes.certificates import server_pem
from tests.adapters.probes.servers import TIME_WAIT, silent, sockets_in_state

LOCAL = "127.0.0.1"


@asynccontextmanager
async def health(
    answers: dict[bytes, bytes], *, pem: bytes = b"", took: float = 0.0
) -> AsyncIterator[tuple[int, list[str]]]:
    """A health service that answers request bytes with response bytes; its port and user agents."""
    agents: list[str] = []

    async def check(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        agents.append(str(dict(context.invocation_metadata() or ())["user-agent"]))
        await asyncio.sleep(took)
        if request not in answers:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return answers[request]

    server = grpc.aio.server()
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    if answers:
        generic = grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers)
        server.add_generic_rpc_handlers((generic,))
    if pem:
        credentials = grpc.ssl_server_credentials([(pem, pem)])
        port = server.add_secure_port(f"{LOCAL}:0", credentials)
    else:
        port = server.add_insecure_port(f"{LOCAL}:0")
    await server.start()
    try:
        yield port, agents
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    ("service", "outcome", "says"),
    [
        ("odd", Outcome.FAILURE, "error: health rpc probe failed: answer: number is cut short"),
        ("", Outcome.SUCCESS, "service healthy"),
        ("db", Outcome.FAILURE, 'service unhealthy (responded with "NOT_SERVING")'),
        ("new", Outcome.FAILURE, 'service unhealthy (responded with "9")'),
        ("none", Outcome.FAILURE, "error: health rpc probe failed: NOT_FOUND: unknown service"),
    ],
)
async def test_only_serving_is_a_success(service: str, outcome: Outcome, says: str) -> None:
    answers = {b"": b"\x08\x01", b"\x0a\x02db": b"\x08\x02", b"\x0a\x03new": b"\x08\x09"}
    answers[b"\x0a\x03odd"] = b"\x08"
    async with health(answers) as (port, agents):
        result = await probe_grpc(GrpcCheck(port=port, service=service), LOCAL, limit=5)
        assert agents[0].startswith("kube-probe/1.36")
    assert (result.outcome, result.output) == (outcome, says)


async def test_a_server_without_health_service_says_so() -> None:
    async with health({}) as (port, _):
        result = await probe_grpc(GrpcCheck(port=port), LOCAL, limit=5)
    assert result.outcome is Outcome.FAILURE
    assert "does not implement the grpc health protocol" in result.output


async def test_over_tls_any_certificate_will_do(tmp_path: Path) -> None:
    pem = server_pem(expired=True)
    async with health({b"": b"\x08\x01"}, pem=pem) as (port, _):
        result = await probe_grpc(GrpcCheck(port=port, tls=True), LOCAL, limit=5)
        plain = await probe_grpc(GrpcCheck(port=port), LOCAL, limit=5)
    assert result.outcome is Outcome.SUCCESS
    assert plain.outcome is Outcome.FAILURE


async def test_a_closed_port_fails_at_once_in_known_words() -> None:
    async with await asyncio.start_server(silent, LOCAL, 0) as server:
        port = server.sockets[0].getsockname()[1]
    result = await probe_grpc(GrpcCheck(port=port), LOCAL, limit=5)
    assert result.output == (
        f'error: failed to connect service at "127.0.0.1:{port}": '
        f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    )


@pytest.mark.parametrize("tls", [False, True])
async def test_a_silent_server_fails_at_the_deadline(tls: bool) -> None:
    async with await asyncio.start_server(silent, LOCAL, 0) as server:
        port = server.sockets[0].getsockname()[1]
        began = time.monotonic()
        result = await probe_grpc(GrpcCheck(port=port, tls=tls), LOCAL, limit=0.3)
        assert time.monotonic() - began < 0.8
    assert result.timed_out
    assert result.output.startswith("timeout: ")


async def test_a_slow_answer_fails_at_the_deadline_and_no_socket_waits() -> None:
    async with health({b"": b"\x08\x01"}, took=5) as (port, _):
        result = await probe_grpc(GrpcCheck(port=port), LOCAL, limit=0.3)
        assert result.output == "timeout: health rpc did not complete within 0.3s"
        assert sockets_in_state(port, TIME_WAIT) == 0


async def test_a_server_that_is_not_grpc_is_a_failure() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(hang_up, LOCAL, 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await probe_grpc(GrpcCheck(port=port), LOCAL, limit=2)
    assert result.outcome is Outcome.FAILURE


@given(name=st.text(min_size=1, max_size=300))
def test_a_service_name_is_one_string_field(name: str) -> None:
    data = encode_request(name)
    size = len(name.encode())
    head = bytes([10, size]) if size < 128 else bytes([10, size & 127 | 128, size >> 7])
    assert data == head + name.encode()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 0),
        (b"\x08\x01", 1),
        (b"\x08\x81\x00", 1),
        (b"\x12\x03abc\x08\x02\x3d1234\x19aaaaaaaa\x50\x05", 2),
    ],
)
def test_unknown_fields_of_an_answer_are_skipped(data: bytes, status: int) -> None:
    assert decode_response(data) == status


@pytest.mark.parametrize("data", [b"\x08", b"\x08\x80", b"\x0b", b"\x12\x09ab"])
def test_an_answer_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|wire type"):
        decode_response(data)
