"""What an HTTP/2 server may do to the client, frame by frame."""

import asyncio
import json
from itertools import islice
from typing import Any

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from lightkube.models import core_v1 as v1

from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.limits import Limits
from nodeagent.adapters.kube.reply import TOO_LARGE
from nodeagent.errors import ApiError, ApiUnavailable
from nodeagent.model.api import CONFIG_MAPS, NODES, Purpose
from tests.adapters.kube.scripted import Asked, ScriptedServer, scripted

NODE = b'{"kind":"Node","metadata":{"name":"n","resourceVersion":"7"}}'
LIST = {"metadata": {"resourceVersion": "5"}, "items": []}
STREAMS = SettingCodes.MAX_CONCURRENT_STREAMS
WINDOW = SettingCodes.INITIAL_WINDOW_SIZE


async def read(client: KubeClient) -> v1.Node | None:
    return await client.read(NODES, "n", purpose=Purpose.NODE)


async def patch(client: KubeClient, size: int = 0) -> v1.Node:
    body = {"metadata": {"annotations": {"a": "x" * size}}}
    return await client.patch(NODES, "n", body, purpose=Purpose.NODE)


def an_event(name: str, version: int) -> bytes:
    made = {"metadata": {"name": name, "namespace": "default", "resourceVersion": str(version)}}
    return json.dumps({"type": "ADDED", "object": made}).encode() + b"\n"


async def watch(client: KubeClient, told: "asyncio.Queue[set[str]]") -> None:
    async for found in client.watch(CONFIG_MAPS, "default", purpose=Purpose.DATA):
        told.put_nowait(set(found.items))


async def begin_watch(server: ScriptedServer) -> Asked:
    """Answer the list, and the head of the watch."""
    listed = await server.next()
    assert "watch=true" not in listed.path
    listed.answer(json.dumps(LIST).encode())
    watched = await server.next()
    assert "resourceVersion=5" in watched.path
    watched.head()
    return watched


async def test_a_connection_that_answers_no_ping_is_given_up_and_its_requests_move() -> None:
    async with (
        scripted(Limits(quiet=0.3, ping=0.7)) as (server, client),
        asyncio.TaskGroup() as group,
    ):
        told: asyncio.Queue[set[str]] = asyncio.Queue()
        watching = group.create_task(watch(client, told))
        watched = await begin_watch(server)
        watched.send(an_event("a", 6))
        assert (await told.get(), await told.get()) == (set(), {"default/a"})
        watched.line.go_deaf()
        reading = group.create_task(read(client))
        found: list[Asked] = []
        while len(found) < 2:
            again = await server.next()
            assert again.line is not watched.line
            found.append(again)
            if "watch=true" in again.path:
                assert "resourceVersion=6" in again.path, "it goes on where it was"
                again.head()
                again.send(an_event("b", 7))
            else:
                again.answer(NODE)
        assert await reading is not None
        assert await told.get() == {"default/a", "default/b"}
        watching.cancel()
    assert len(server.lines) == 2


async def test_a_change_that_the_dead_connection_may_have_carried_is_not_sent_twice() -> None:
    async with (
        scripted(Limits(quiet=0.3, ping=0.7)) as (server, client),
        asyncio.TaskGroup() as group,
    ):
        patching = group.create_task(failure_of(patch(client)))
        (await server.next()).line.go_deaf()
        assert "silent" in str(await patching)
    assert server.asked.empty()


async def failure_of(asking: Any) -> ApiError:
    """The error this ends with."""
    with pytest.raises(ApiError) as caught:
        await asking
    return caught.value


async def test_a_ping_that_is_answered_keeps_the_connection() -> None:
    async with (
        scripted(Limits(quiet=0.02, ping=15.0)) as (server, client),
        asyncio.TaskGroup() as group,
    ):
        reading = group.create_task(read(client))
        asked = await server.next()
        await asyncio.sleep(0.2)
        asked.answer(NODE)
        assert await reading is not None
    assert len(server.lines) == 1


async def test_goaway_finishes_what_is_begun_and_moves_what_is_not() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        one = group.create_task(read(client))
        first = await server.next()
        two = group.create_task(patch(client))
        second = await server.next()
        first.line.go_away(last=first.stream_id)
        moved = await server.next()
        assert moved.line is not second.line and moved.method == "PATCH"
        moved.answer(NODE)
        assert (await two).metadata is not None
        first.answer(NODE)
        assert await one is not None
        await first.line.lost.wait()


@pytest.mark.parametrize("last", ["of all", "of what was begun"])
async def test_goaway_in_one_packet_with_an_answer(last: str) -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(read(client))
        asked = await server.next()
        asked.line.corked = True
        asked.line.go_away(last=2**31 - 1 if last == "of all" else asked.stream_id)
        asked.answer(NODE)
        asked.line.uncork()
        assert await reading is not None
    assert len(server.lines) == 1


async def test_goaway_with_an_error_moves_what_the_server_has_not_begun() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        one = group.create_task(failure_of(patch(client)))
        first = await server.next()
        two = group.create_task(patch(client))
        await server.next()
        first.line.go_away(last=first.stream_id, code=ErrorCodes.ENHANCE_YOUR_CALM)
        moved = await server.next()
        moved.answer(NODE)
        assert (await two).metadata is not None
        assert isinstance(await one, ApiUnavailable), "the server may have done it"


async def test_a_server_that_takes_one_request_at_a_time_gets_a_connection_for_each() -> None:
    async with scripted(settings={STREAMS: 1}) as (server, client), asyncio.TaskGroup() as group:
        reading = [group.create_task(read(client)) for _ in range(4)]
        asked = [await server.next() for _ in reading]
        assert len({one.line for one in asked}) == len(server.lines) == 4
        for one in asked:
            one.answer(NODE)
        assert all([await one for one in reading])
        client._connections.tidy()
        closing = [group.create_task(one.lost.wait()) for one in server.lines]
        for closed in islice(asyncio.as_completed(closing), 3):
            await closed
        (kept,) = [one for one in closing if not one.done()]
        kept.cancel()
        more = group.create_task(read(client))
        (await server.next()).answer(NODE)
        assert await more is not None
    assert len(server.lines) == 4, "one of them is used again"


async def test_fewer_requests_at_once_from_now_on() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = [group.create_task(read(client)) for _ in range(2)]
        asked = [await server.next() for _ in reading]
        asked[0].line.change({STREAMS: 1})
        asked[0].answer(NODE)  # after the settings, so that these have been read
        assert await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
        third = group.create_task(read(client))
        other = await server.next()
        assert other.line is not asked[0].line
        other.answer(NODE)
        asked[1].answer(NODE)
        assert all([await one for one in (*reading, third)])


async def test_a_server_that_takes_no_request_is_not_flooded_with_connections() -> None:
    async with scripted(settings={STREAMS: 0}) as (server, client):
        for _ in range(5):
            error = await failure_of(read(client))
            assert "takes no requests" in str(error)
        assert len(server.lines) == 1, "a second passes before the next try"
        server.settings[STREAMS] = 10
        assert await client.returned(at_most=0) is False


async def test_a_reset_request_ends_alone() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        other = group.create_task(read(client))
        kept = await server.next()
        patching = group.create_task(failure_of(patch(client)))
        (await server.next()).reset(ErrorCodes.INTERNAL_ERROR)
        assert "reset" in str(await patching)
        kept.answer(NODE)
        assert await other is not None
    assert len(server.lines) == 1


async def test_a_refused_request_is_sent_again() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(patch(client))
        (await server.next()).reset(ErrorCodes.REFUSED_STREAM)
        (await server.next()).answer(NODE)
        assert (await patching).metadata is not None


async def test_a_body_waits_for_the_servers_window() -> None:
    async with scripted(settings={WINDOW: 100}) as (server, client), asyncio.TaskGroup() as group:
        server.stingy = True
        patching = group.create_task(patch(client, size=1000))
        asked = await server.next()
        other = group.create_task(read(client))
        (await server.next()).answer(NODE)
        assert await other is not None, "others are not held up"
        assert not asked.whole.is_set() and len(asked.body) == 100
        asked.line.change({WINDOW: 600})
        asked.line.h2.increment_flow_control_window(900, asked.stream_id)
        asked.line.flush()
        await asked.whole.wait()
        assert len(asked.body) > 1000
        asked.answer(NODE)
        assert (await patching).metadata is not None


async def test_a_window_opens_in_one_packet_with_the_end_of_its_request() -> None:
    async with scripted(settings={WINDOW: 100}) as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failure_of(patch(client, size=1000)))
        other = group.create_task(read(client))
        first, second = await server.next(), await server.next()
        asked, kept = (first, second) if first.method == "PATCH" else (second, first)
        asked.line.corked = True
        asked.line.h2.increment_flow_control_window(900, asked.stream_id)
        asked.reset(ErrorCodes.INTERNAL_ERROR)
        asked.line.uncork()
        assert "reset" in str(await patching)
        kept.answer(NODE)
        assert await other is not None
    assert len(server.lines) == 1


async def test_an_answer_before_the_body_was_sent_leaves_no_request_open() -> None:
    async with scripted(settings={WINDOW: 10, STREAMS: 2}) as (server, client):
        for _ in range(5):
            async with asyncio.TaskGroup() as group:
                patching = group.create_task(failure_of(patch(client, size=1000)))
                asked = await server.next()
                asked.answer(b"", status="413")
                assert (await patching).code == 413
                await asked.left.wait()
    assert len(server.lines) == 1


async def test_answers_left_unread_do_not_use_up_the_connections_window() -> None:
    async with scripted() as (server, client):
        for _ in range(20):
            async with asyncio.TaskGroup() as group:
                opening = group.create_task(client.stream("/x", purpose=Purpose.DATA, query={}))
                asked = await server.next()
                asked.head()
                sent = 0
                while (room := asked.line.h2.local_flow_control_window(asked.stream_id)) > 0:
                    size = min(room, asked.line.h2.max_outbound_frame_size)
                    asked.send(bytes(size))
                    sent += size
                assert sent == 1 << 20
                await asked.line.settle()
                reply = await opening
                await reply.chunk()
                reply.close()
                await asked.left.wait()


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-odd", b"\xff\xfe\x00")],
        [("x-many", "v")] * 200,
        [("x-long", "v" * 20_000)],  # goes on in CONTINUATION frames
        [("content-type", "")],
    ],
)
async def test_odd_headers_are_borne(headers: list[tuple[str, Any]]) -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(read(client))
        (await server.next()).answer(NODE, headers=headers)
        assert await reading is not None


@pytest.mark.parametrize("status", ["", "abc", "000", "²", "9" * 5000])
async def test_an_answer_without_a_status_fails_alone(status: str) -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        other = group.create_task(read(client))
        kept = await server.next()
        patching = group.create_task(failure_of(patch(client)))
        (await server.next()).answer(status=status)
        assert "no status" in str(await patching)
        kept.answer(NODE)
        assert await other is not None


async def test_headers_without_an_end_close_the_connection() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failure_of(patch(client)))
        asked = await server.next()
        asked.answer(NODE, headers=[("x", "v" * 100_000)])
        assert "broke the protocol" in str(await patching)
        await asked.line.lost.wait()


async def test_interim_answers_and_trailers_are_passed_over() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(read(client))
        asked = await server.next()
        asked.head("103", headers=[("link", "x")])
        asked.head()
        asked.send(NODE)
        asked.line.h2.send_headers(asked.stream_id, [("x-sum", "1")], end_stream=True)
        asked.line.flush()
        assert await reading is not None


async def test_a_server_that_trickles_is_read_to_its_end() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        told: asyncio.Queue[set[str]] = asyncio.Queue()
        watching = group.create_task(watch(client, told))
        watched = await begin_watch(server)
        for number in an_event("a", 6):
            watched.send(bytes([number]))
            await asyncio.sleep(0)
        assert (await told.get(), await told.get()) == (set(), {"default/a"})
        watching.cancel()


async def test_a_server_that_trickles_for_ever_does_not_hold_a_request_for_ever() -> None:
    limits = Limits(answer=1.5, heartbeat=1.5)
    async with scripted(limits) as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(failure_of(read(client)))
        asked = await server.next()
        asked.head()
        while not asked.left.is_set():
            asked.send(b" ")
            await asyncio.sleep(0.01)
        assert "no answer within" in str(await reading)
        other = group.create_task(failure_of(read(client)))
        await server.next()
        await other
    assert len(server.lines) == 1, "the connection lives"


async def flood(asked: Asked) -> None:
    """A body without an end, until the client leaves."""
    part = b"x" * (1 << 14)
    while not asked.left.is_set():
        while asked.line.h2.local_flow_control_window(asked.stream_id) >= len(part):
            asked.send(part)
        await asyncio.sleep(0)


async def test_an_answer_without_an_end_does_not_fill_the_memory() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(failure_of(read(client)))
        asked = await server.next()
        asked.head()
        await flood(asked)
        error = await reading
        assert "larger than 128 MiB" in str(error)
        assert error.reason == TOO_LARGE


async def test_an_event_without_an_end_does_not_fill_the_memory() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        watching = group.create_task(watch(client, asyncio.Queue()))
        await flood(await begin_watch(server))
        again = await server.next()
        assert "resourceVersion=5" in again.path
        watching.cancel()


async def test_a_connection_cut_in_the_middle_of_a_body() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        reading = group.create_task(failure_of(read(client)))
        asked = await server.next()
        asked.head(headers=[("content-length", "100")])
        asked.send(b"{")
        asked.line.cut()
        assert isinstance(await reading, ApiUnavailable)


async def test_a_watch_cut_in_the_middle_of_an_event_goes_on_from_the_last_whole_one() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        told: asyncio.Queue[set[str]] = asyncio.Queue()
        watching = group.create_task(watch(client, told))
        watched = await begin_watch(server)
        watched.send(an_event("a", 6) + an_event("b", 7)[:20])
        assert (await told.get(), await told.get()) == (set(), {"default/a"})
        watched.line.cut()
        again = await server.next()
        assert "resourceVersion=6" in again.path
        again.head()
        again.send(an_event("b", 7))
        assert await told.get() == {"default/a", "default/b"}
        watching.cancel()


@pytest.mark.parametrize("code", ["429", "500", "503", "504"])
async def test_a_server_that_is_busy_or_ill_says_when_to_come_again(code: str) -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failure_of(patch(client)))
        (await server.next()).answer(b"later", status=code, headers=[("retry-after", "7")])
        error = await patching
    assert isinstance(error, ApiUnavailable)
    assert (error.code, error.retry_after, error.detail) == (int(code), 7.0, "later")


@pytest.mark.parametrize(("outage", "told"), [(0.0, True), (60.0, False)])
async def test_who_waits_is_told_once_the_server_answers_after_nothing_but_errors(
    outage: float, told: bool
) -> None:
    async with scripted(Limits(outage=outage)) as (server, client), asyncio.TaskGroup() as group:
        for _ in range(2):
            patching = group.create_task(failure_of(patch(client)))
            (await server.next()).answer(b"no way there", status="502")
            await patching
        waiting = group.create_task(client.returned(at_most=20 if told else 0.1))
        reading = group.create_task(read(client))
        (await server.next()).answer(NODE)
        assert await reading is not None
        assert await waiting is told


@pytest.mark.parametrize("after", ["999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_nobody_waits_for_ever_because_a_server_says_so(after: str) -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        patching = group.create_task(failure_of(patch(client)))
        (await server.next()).answer(b"", status="429", headers=[("retry-after", after)])
        assert (await patching).retry_after == 300.0


async def test_a_watch_that_was_refused_comes_again_when_it_was_told_to() -> None:
    async with scripted() as (server, client), asyncio.TaskGroup() as group:
        told: asyncio.Queue[set[str]] = asyncio.Queue()
        watching = group.create_task(watch(client, told))
        listed = await server.next()
        began = asyncio.get_running_loop().time()
        listed.answer(b"", status="429", headers=[("retry-after", "1")])
        again = await server.next()
        assert asyncio.get_running_loop().time() - began >= 1.0
        again.answer(json.dumps(LIST).encode())
        assert await told.get() == set()
        watching.cancel()
