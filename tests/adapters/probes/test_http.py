"""HTTP probes against real local servers, hostile ones included."""

import asyncio
import random
import resource
import ssl
import time
from pathlib import Path

import pytest

from nodeagent.adapters.probes.http import HttpHooks, probe_http
from nodeagent.model.probes import HttpCheck, Outcome, Verdict
from tests.adapters.probes.certificates import server_context
from tests.adapters.probes.servers import (
    TIME_WAIT,
    answer,
    forever,
    serving,
    silent,
    sockets_in_state,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LOCAL = "127.0.0.1"
SHORT = 0.25


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.SUCCESS),
        (204, Outcome.SUCCESS),
        (304, Outcome.WARNING),
        (399, Outcome.WARNING),
        (400, Outcome.FAILURE),
        (404, Outcome.FAILURE),
        (500, Outcome.FAILURE),
    ],
)
async def test_the_status_decides(status: int, outcome: Outcome) -> None:
    reply = f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(answer(reply)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
    assert result.outcome is outcome
    if outcome is Outcome.FAILURE:
        assert result.output == f"HTTP probe failed with statuscode: {status}"


async def test_a_probe_says_who_it_is_and_closes() -> None:
    async with serving(answer(OK)) as server:
        check = HttpCheck(port=server.port, path="/a b?x=1&y=2#part")
        await probe_http(check, LOCAL, limit=5)
        assert server.last == (
            "GET /a%20b?x=1&y=2 HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{server.port}\r\n"
            "User-Agent: kube-probe/1.36\r\n"
            "Accept: */*\r\n"
            "Connection: close\r\n\r\n"
        )


async def test_headers_of_the_spec_replace_the_defaults_and_empty_ones_remove_them() -> None:
    headers = (
        ("host", "app.example"),
        ("user-agent", "me"),
        ("Accept", ""),
        ("x-many", "1"),
        ("X-Many", "2"),
    )
    async with serving(answer(OK)) as server:
        await probe_http(HttpCheck(port=server.port, headers=headers), LOCAL, limit=5)
        assert server.last == (
            "GET / HTTP/1.1\r\nHost: app.example\r\nUser-Agent: me\r\n"
            "X-Many: 1\r\nX-Many: 2\r\nConnection: close\r\n\r\n"
        )


async def test_a_header_with_a_line_break_is_never_sent() -> None:
    async with serving(answer(OK)) as server:
        check = HttpCheck(port=server.port, headers=(("X", "1\r\nY: 2"),))
        result = await probe_http(check, LOCAL, limit=5)
        assert result.outcome is Outcome.FAILURE
        assert 'invalid header field value for "X"' in result.output
        assert server.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=1\r\nllo\r\n0\r\n\r\n",
        b"Content-Length: 5\r\n\r\nhello and more than was said",
        b"\r\nhello",
    ],
)
async def test_bodies_are_read_however_they_are_framed(body: bytes) -> None:
    async with serving(answer(b"HTTP/1.1 200 OK\r\n" + body)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
    assert (result.outcome, result.output) == (Outcome.SUCCESS, "hello")


async def test_interim_answers_are_skipped() -> None:
    reply = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK
    async with serving(answer(reply)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
    assert (result.outcome, result.output) == (Outcome.SUCCESS, "ok")


async def test_a_huge_body_is_read_to_ten_kibibytes_only() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    async with serving(forever(head, b"x" * 65536)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
    assert result.outcome is Outcome.SUCCESS
    assert len(result.output) == 10 * 1024


async def test_redirects_on_the_same_host_are_followed_whatever_the_port() -> None:
    async with serving(answer(OK)) as goal:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{goal.port}/there?x=1\r\n\r\n"
        async with serving(answer(moved.encode())) as server:
            check = HttpCheck(port=server.port, headers=(("X-A", "1"), ("Host", "h")))
            result = await probe_http(check, LOCAL, limit=5)
        assert (result.outcome, result.output) == (Outcome.SUCCESS, "ok")
        assert goal.last.startswith(f"GET /there?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{goal.port}\r\n")
        assert "X-A: 1" in goal.last


async def test_a_redirect_to_another_host_is_a_warning() -> None:
    moved = (
        b"HTTP/1.1 301 Moved\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 3\r\n\r\nbye"
    )
    async with serving(answer(moved)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
    assert result.outcome is Outcome.WARNING
    assert result.output == "Probe terminated redirects, Response body: bye"


async def test_redirects_in_a_circle_end_after_ten() -> None:
    async with serving(answer(b"HTTP/1.1 307 Again\r\nLocation: /again\r\n\r\n")) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
        assert len(server.requests) == 10
    assert result.outcome is Outcome.FAILURE
    assert result.output.endswith("stopped after 10 redirects")


async def test_a_closed_port_is_a_failure_in_known_words() -> None:
    async with serving(answer(OK)) as server:
        port = server.port
    result = await probe_http(HttpCheck(port=port, path="/x"), LOCAL, limit=5)
    assert result.outcome is Outcome.FAILURE
    assert result.output == (
        f'Get "http://127.0.0.1:{port}/x": dial tcp 127.0.0.1:{port}: connect: connection refused'
    )


async def test_ipv6_addresses_work_with_and_without_brackets() -> None:
    async with serving(answer(OK), host="::1") as server:
        for host in ("::1", "[::1]"):
            result = await probe_http(HttpCheck(port=server.port, host=host), "", limit=5)
            assert result.outcome is Outcome.SUCCESS
        assert f"Host: [::1]:{server.port}\r\n" in server.last


async def test_an_unknown_host_name_is_a_failure() -> None:
    result = await probe_http(HttpCheck(port=1, host="no.such.invalid"), "", limit=5)
    assert result.outcome is Outcome.FAILURE


@pytest.mark.parametrize(
    "script",
    [
        silent,
        forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause=0.01),
        forever(b"", b"H", pause=0.01),
        forever(b"HTTP/1.1 100 C\r\n", b"", pause=0.01),
    ],
    ids=["silence", "endless headers", "slow drip", "half a head"],
)
async def test_a_server_that_never_gets_to_the_point_fails_at_the_deadline(script: object) -> None:
    async with serving(script) as server:  # type: ignore[arg-type]
        began = time.monotonic()
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=SHORT)
        took = time.monotonic() - began
        assert result.outcome is Outcome.FAILURE
        assert result.timed_out
        assert "Client.Timeout exceeded while awaiting headers" in result.output
        assert SHORT <= took < SHORT + 0.2


async def test_a_flood_of_headers_ends_before_memory_does() -> None:
    async with serving(forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10000)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
    assert result.outcome is Outcome.FAILURE
    assert "response headers exceeded" in result.output


@pytest.mark.parametrize(
    "script",
    [
        forever(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x", pause=0.05),
        forever(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause=0.05
        ),
    ],
    ids=["by length", "in chunks"],
)
async def test_a_dripping_body_is_an_error_at_the_deadline(script: object) -> None:
    async with serving(script) as server:  # type: ignore[arg-type]
        began = time.monotonic()
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=SHORT)
        assert time.monotonic() - began < SHORT + 0.2
    assert (result.outcome, result.state) == (Outcome.ERROR, Verdict.FAILURE)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff" * 500 + b"\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1",
        b"HTTP/1.1 200 OK\r\nContent-Length: -9\r\n\r\nshort",
    ],
)
async def test_garbage_is_a_failure(reply: bytes) -> None:
    async with serving(answer(reply)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=2)
    assert result.outcome is Outcome.FAILURE
    assert not result.timed_out


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (b"Content-Length: 9\r\n\r\nshort", "unexpected EOF"),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed chunked encoding"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 9000, "header line too long"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe", "unexpected EOF"),
    ],
)
async def test_a_broken_body_is_an_error(reply: bytes, says: str) -> None:
    async with serving(answer(b"HTTP/1.1 200 OK\r\n" + reply)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=2)
    assert (result.outcome, result.state) == (Outcome.ERROR, Verdict.FAILURE)
    assert says in result.output


async def test_any_certificate_will_do(tmp_path: Path) -> None:
    context = server_context(tmp_path, expired=True)
    async with serving(answer(OK), tls=context) as server:
        result = await probe_http(HttpCheck(port=server.port, tls=True), LOCAL, limit=5)
    assert (result.outcome, result.output) == (Outcome.SUCCESS, "ok")


async def test_tls_to_a_plain_server_says_so() -> None:
    bad = b"HTTP/1.1 400 Bad Request\r\n\r\n"

    async def _script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(bad)
        await writer.drain()

    server = await asyncio.start_server(_script, LOCAL, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await probe_http(HttpCheck(port=port, tls=True), LOCAL, limit=2)
        reply = await HttpHooks().get(HttpCheck(port=port, tls=True), LOCAL)
    assert result.output.endswith("http: server gave HTTP response to HTTPS client")
    assert reply.plain_answer


async def test_a_tls_handshake_that_hangs_ends_at_the_deadline() -> None:
    server = await asyncio.start_server(silent, LOCAL, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await probe_http(HttpCheck(port=port, tls=True), LOCAL, limit=SHORT)
    assert result.timed_out


async def test_an_older_tls_than_1_2_is_refused_by_name(tmp_path: Path) -> None:
    context = server_context(tmp_path)
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1
    async with serving(answer(OK), tls=context) as server:
        result = await probe_http(HttpCheck(port=server.port, tls=True), LOCAL, limit=2)
    assert result.outcome is Outcome.FAILURE
    assert "tls:" in result.output


async def test_no_socket_is_left_and_none_waits() -> None:
    before = open_files()
    async with serving(answer(OK)) as good, serving(silent) as bad:
        for _ in range(20):
            await probe_http(HttpCheck(port=good.port), LOCAL, limit=5)
        for _ in range(3):
            await probe_http(HttpCheck(port=bad.port), LOCAL, limit=0.05)
        await asyncio.sleep(0.1)
        assert bad.open == 0
        assert sockets_in_state(good.port, TIME_WAIT) == 0
        assert sockets_in_state(bad.port, TIME_WAIT) == 0
    await asyncio.sleep(0.01)
    assert open_files() <= before


async def test_a_cancelled_probe_leaves_no_socket() -> None:
    async with serving(silent) as server:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(probe_http(HttpCheck(port=server.port), LOCAL, limit=60))
            await asyncio.sleep(0.05)
            assert server.open == 1
            task.cancel()
        await asyncio.sleep(0.05)
        assert server.open == 0


async def test_a_hook_has_worked_whatever_the_status() -> None:
    async with serving(answer(b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nshort")) as server:
        reply = await HttpHooks().get(HttpCheck(port=server.port), LOCAL)
        assert "User-Agent: kube-lifecycle/1.36\r\n" in server.last
    assert reply.error == ""
    gone = await HttpHooks().get(HttpCheck(port=server.port), LOCAL)
    assert "connection refused" in gone.error


async def test_redirects_to_the_same_name_in_other_letters_and_to_other_schemes() -> None:
    async with serving(answer(OK)) as goal:
        moved = f"HTTP/1.1 302 Found\r\nLocation: //LOCALHOST:{goal.port}/\r\n\r\n".encode()
        async with serving(answer(moved)) as server:
            check = HttpCheck(port=server.port, host="localhost")
            assert (await probe_http(check, "", limit=5)).outcome is Outcome.SUCCESS
    for location, outcome in (
        ("ftp://127.0.0.1/x", Outcome.WARNING),
        ("http://127.0.0.1:99999/", Outcome.FAILURE),
        ("http://[::1/", Outcome.FAILURE),
    ):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()
        async with serving(answer(moved)) as server:
            result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
        assert result.outcome is outcome, (location, result)


async def test_too_many_interim_answers_are_a_failure() -> None:
    async with serving(answer(b"HTTP/1.1 102 Wait\r\n\r\n" * 20 + OK)) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=5)
    assert "too many 1xx" in result.output


async def test_without_a_free_file_a_probe_fails_and_the_agent_goes_on() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    await probe_http(HttpCheck(port=1), LOCAL, limit=1)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        result = await probe_http(HttpCheck(port=1), LOCAL, limit=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert result.outcome is Outcome.FAILURE
    assert "too many open files" in result.output


@pytest.mark.parametrize("seed", range(30))
async def test_no_bytes_a_server_sends_can_do_more_than_fail(seed: int) -> None:
    chance = random.Random(seed)
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nLocation: /\r\nX: y\r\n\r\nhello"
    data = bytearray(good)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    async with serving(answer(bytes(data))) as server:
        result = await probe_http(HttpCheck(port=server.port), LOCAL, limit=1)
    assert result.outcome in Outcome
