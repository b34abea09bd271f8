"""gRPC probes: `grpc.health.v1.Health/Check`, plain or over TLS that is not verified.

grpcio speaks to a socket of ours and we to the server: so the connection is dialled, secured and
closed like every other probe's (any certificate, no TIME_WAIT), and a failed dial has exact words.
Source: gRPC health checking protocol; behaviour of a kubelet, "Probes: types"; KEP-4939.
"""

import asyncio
import itertools
import os
import socket
from contextlib import suppress

from nodeagent.adapters.probes.wire import Wire, WireError, insecure_tls
from nodeagent.model.probes import GrpcCheck, Outcome, ProbeResult

AGENT = "kube-probe/1.36"
_METHOD = "/grpc.health.v1.Health/Check"
_STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_SERVING = 1
_CHUNK = 16 * 1024
_numbers = itertools.count()


async def probe_grpc(check: GrpcCheck, ip: str, *, limit: float) -> ProbeResult:
    """Ask once, at most `limit` seconds. Only SERVING is a success; nothing is an error."""
    where = f"[{ip}]:{check.port}" if ":" in ip else f"{ip}:{check.port}"
    connected = False
    try:
        async with asyncio.timeout(limit):
            tls = insecure_tls("h2") if check.tls else None
            wire = await Wire.dial(ip, check.port, tls=tls)
            connected = True
            try:
                return await _ask(wire, check, where)
            finally:
                wire.close()
    except TimeoutError:
        words = f"timeout: health rpc did not complete within {limit:g}s"
        if not connected:
            cause = "context deadline exceeded"
            words = f'timeout: failed to connect service "{where}" within {limit:g}s: {cause}'
        return ProbeResult(outcome=Outcome.FAILURE, output=words, timed_out=True)
    except WireError as error:
        return _failure(f'error: failed to connect service at "{where}": {error}')


def encode_request(service: str) -> bytes:
    """HealthCheckRequest: field 1, a string."""
    if not service:
        return b""
    data = service.encode()
    return b"\x0a" + _varint(len(data)) + data


def decode_response(data: bytes) -> int:
    """The status of a HealthCheckResponse: field 1, an enum. ValueError where it is no message."""
    at, status = 0, 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_varint(data, at)
            status = value if key >> 3 == 1 else status
        elif kind == 2:
            size, at = _read_varint(data, at)
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
    if at != len(data):
        raise ValueError("message is cut short")
    return status


async def _ask(wire: Wire, check: GrpcCheck, authority: str) -> ProbeResult:
    """Serve grpcio one connection, which is the wire, and make the call over it."""
    name = f"nodeagent-probe-{os.getpid()}-{next(_numbers)}"
    with _listener(name) as listener:
        async with asyncio.TaskGroup() as group:
            relay = group.create_task(_relay(listener, wire))
            try:
                return await _call(f"unix-abstract:{name}", check, authority)
            finally:
                relay.cancel()


def _listener(name: str) -> socket.socket:
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise WireError(f"socket: {error}") from error
    listener.bind(f"\0{name}")
    listener.listen(1)
    return listener


async def _call(target: str, check: GrpcCheck, authority: str) -> ProbeResult:
    import grpc.aio

    options = (
        ("grpc.primary_user_agent", AGENT),
        ("grpc.default_authority", authority),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", 64 * 1024),
    )
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        health = channel.unary_unary(_METHOD, request_serializer=bytes, response_deserializer=bytes)
        try:
            status = decode_response(await health(encode_request(check.service)))
        except ValueError as error:
            return _failure(f"error: health rpc probe failed: answer: {error}")
        except grpc.aio.AioRpcError as error:
            code, details = error.code(), error.details() or ""
            if code is grpc.StatusCode.UNIMPLEMENTED:
                lack = "this server does not implement the grpc health protocol"
                return _failure(f"error: {lack} (grpc.health.v1.Health): {details}")
            return _failure(f"error: health rpc probe failed: {code.name}: {details}")
    if status == _SERVING:
        return ProbeResult(outcome=Outcome.SUCCESS, output="service healthy")
    return _failure(f'service unhealthy (responded with "{_STATES.get(status, status)}")')


async def _relay(listener: socket.socket, wire: Wire) -> None:
    """Carry bytes both ways until cancelled or until the server closes."""
    loop = asyncio.get_running_loop()
    try:
        inner, _ = await loop.sock_accept(listener)
    except OSError:
        return  # no more files: the call ends at its deadline

    async def outward() -> None:
        with suppress(WireError, OSError):
            while data := await loop.sock_recv(inner, _CHUNK):
                await wire.send(data)

    with inner:
        async with asyncio.TaskGroup() as group:
            group.create_task(outward())
            # a broken connection is an end of the stream to grpcio, which says so itself
            with suppress(WireError, OSError):
                while data := await wire.receive():
                    await loop.sock_sendall(inner, data)
            with suppress(OSError):
                inner.shutdown(socket.SHUT_RDWR)


def _failure(output: str) -> ProbeResult:
    return ProbeResult(outcome=Outcome.FAILURE, output=output)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    raise ValueError("number is cut short")
