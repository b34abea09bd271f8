"""The event feed: its sources, reconnection, and exits that are told only once they are visible."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from nodeagent.adapters.cri.connect import Cri, open_cri
from nodeagent.adapters.cri.containerd_events import (
    LAST_CHECK,
    ContainerdEvents,
    parse_envelope,
)
from nodeagent.adapters.cri.pb import containerd_events_pb2 as events_pb
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriUnimplemented
from nodeagent.model.observed import EventKind, RuntimeEvent
from tests.adapters.cri.fake_cri import FakeCri, Refusal, connected, envelope, serving

CRI, OWN = "GetContainerEvents", "Subscribe"
UID = "io.kubernetes.pod.uid"


@asynccontextmanager
async def feed_of(cri: Cri) -> AsyncIterator[AsyncIterator[RuntimeEvent]]:
    events: Any = cri.runtime.events()
    async with asyncio.timeout(10), aclosing(events):
        yield events


def a_runtime(*streams: str) -> FakeCri:
    fake = FakeCri()
    fake.streams = {name: asyncio.Queue() for name in streams}
    return fake


def stopped(container: str) -> pb.ContainerEventResponse:
    return pb.ContainerEventResponse(
        container_id=container, container_event_type=pb.CONTAINER_STOPPED_EVENT
    )


def task_deleted(container: str) -> Any:
    return envelope("/tasks/delete", events_pb.TaskDelete(container_id=container))


async def test_the_stream_of_cri_comes_first(tmp_path: Path) -> None:
    fake = a_runtime(CRI, OWN)
    fake.streams[CRI].put_nowait(stopped("c1"))
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        assert (await anext(feed)).kind is EventKind.LOST
        event = await anext(feed)
    assert (event.kind, event.container_id) == (EventKind.EXITED, "c1")
    assert fake.requests(OWN) == []


async def test_containerd_without_cri_events_is_asked_for_its_own(tmp_path: Path) -> None:
    fake = a_runtime(OWN)
    gone = events_pb.ContainerDelete(id="c1")
    fake.streams[OWN].put_nowait(envelope("/containers/delete", gone))
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        kinds = [(await anext(feed)).kind, (await anext(feed)).kind]
    assert kinds == [EventKind.LOST, EventKind.DELETED]
    (subscription,) = fake.requests(OWN)
    assert "namespace==k8s.io" in subscription.filters[0]


async def test_a_runtime_without_any_events_is_to_be_relisted(tmp_path: Path) -> None:
    async with connected(a_runtime(), tmp_path) as cri, feed_of(cri) as feed:
        with pytest.raises(CriUnimplemented):
            await anext(feed)


async def test_only_containerd_is_asked_for_containerd_events(tmp_path: Path) -> None:
    fake = a_runtime(OWN)
    fake.answers["Version"] = pb.VersionResponse(runtime_name="cri-o")
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        with pytest.raises(CriUnimplemented):
            await anext(feed)
    assert fake.requests(OWN) == []


@pytest.mark.parametrize("source", [CRI, OWN])
@pytest.mark.parametrize("end", [None, Refusal(grpc.StatusCode.UNAVAILABLE)])
async def test_a_broken_stream_is_opened_again_and_says_lost(
    tmp_path: Path, source: str, end: Refusal | None
) -> None:
    fake = a_runtime(source)
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        assert (await anext(feed)).kind is EventKind.LOST
        fake.streams[source].put_nowait(end)
        assert (await anext(feed)).kind is EventKind.LOST
    assert len(fake.requests(source)) == 2


async def test_a_runtime_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    socket = tmp_path / "cri.sock"
    async with open_cri(str(socket)) as cri, feed_of(cri) as feed, asyncio.TaskGroup() as group:
        first = group.create_task(_next(feed))
        await asyncio.sleep(0.05)
        assert not first.done()
        async with serving(a_runtime(CRI), socket):
            assert (await first).kind is EventKind.LOST


async def test_a_restarted_runtime_of_another_version_gets_another_source(tmp_path: Path) -> None:
    fake = a_runtime(CRI)
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        await anext(feed)
        ended = fake.streams.pop(CRI)
        fake.streams[OWN] = asyncio.Queue()
        ended.put_nowait(None)
        assert (await anext(feed)).kind is EventKind.LOST
    assert len(fake.requests(OWN)) == 1


async def test_an_exit_is_told_once_cri_knows_it_and_with_its_owner(tmp_path: Path) -> None:
    fake = a_runtime(OWN)
    states = iter([pb.CONTAINER_RUNNING, pb.CONTAINER_RUNNING, pb.CONTAINER_EXITED])
    fake.answers["ContainerStatus"] = lambda _: pb.ContainerStatusResponse(
        status=pb.ContainerStatus(state=next(states), labels={UID: "u1"})
    )
    fake.streams[OWN].put_nowait(task_deleted("c1"))
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        await anext(feed)
        event = await anext(feed)
    assert (event.kind, event.container_id, event.uid) == (EventKind.EXITED, "c1", "u1")
    assert event.at == 1000.5
    assert len(fake.requests("ContainerStatus")) == 3


async def test_the_exit_of_a_sandbox_is_told_too(tmp_path: Path) -> None:
    fake = a_runtime(OWN)
    fake.answers["ContainerStatus"] = Refusal(grpc.StatusCode.NOT_FOUND)
    states = iter([pb.SANDBOX_READY, pb.SANDBOX_NOTREADY])
    fake.answers["PodSandboxStatus"] = lambda _: pb.PodSandboxStatusResponse(
        status=pb.PodSandboxStatus(state=next(states), labels={UID: "u1"})
    )
    fake.streams[OWN].put_nowait(task_deleted("s1"))
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        await anext(feed)
        event = await anext(feed)
    assert (event.kind, event.container_id, event.uid) == (EventKind.EXITED, "s1", "u1")
    assert len(fake.requests("PodSandboxStatus")) == 2


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL])
async def test_an_exit_that_cannot_be_checked_is_told_at_once(
    tmp_path: Path, code: grpc.StatusCode
) -> None:
    fake = a_runtime(OWN)
    fake.answers["ContainerStatus"] = Refusal(code)
    fake.answers["PodSandboxStatus"] = Refusal(code)
    fake.streams[OWN].put_nowait(task_deleted("c1"))
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        await anext(feed)
        event = await anext(feed)
    assert (event.kind, event.container_id, event.uid) == (EventKind.EXITED, "c1", None)


async def test_other_events_do_not_wait_for_an_exit_to_settle(tmp_path: Path) -> None:
    fake = a_runtime(OWN)
    status = pb.ContainerStatus(state=pb.CONTAINER_RUNNING)
    fake.answers["ContainerStatus"] = lambda _: pb.ContainerStatusResponse(status=status)
    fake.streams[OWN].put_nowait(task_deleted("c1"))
    gone = events_pb.ContainerDelete(id="c2")
    fake.streams[OWN].put_nowait(envelope("/containers/delete", gone))
    async with connected(fake, tmp_path) as cri, feed_of(cri) as feed:
        await anext(feed)
        assert (await anext(feed)).container_id == "c2"
        status.state = pb.CONTAINER_EXITED
        assert (await anext(feed)).container_id == "c1"


@pytest.mark.looptime
async def test_an_exit_that_never_shows_is_told_all_the_same() -> None:
    flow = StillFlow(task_deleted("c1"))
    running = pb.ContainerStatusResponse(status=pb.ContainerStatus(state=pb.CONTAINER_RUNNING))
    calls: Any = SimpleNamespace(container_status=lambda *_, **__: _answer(running))
    containerd: Any = SimpleNamespace(subscribe=lambda _: flow)
    events = ContainerdEvents(calls, containerd, barrier=_nothing)
    began = asyncio.get_running_loop().time()
    async with aclosing(events.events()) as feed:
        assert (await anext(feed)).kind is EventKind.LOST
        assert (await anext(feed)).container_id == "c1"
    assert LAST_CHECK <= asyncio.get_running_loop().time() - began < 2 * LAST_CHECK


def test_the_end_of_an_execed_process_is_no_exit() -> None:
    ended = events_pb.TaskDelete(container_id="c1", id="probe-1")
    assert parse_envelope(envelope("/tasks/delete", ended)) is None


def test_the_end_of_the_first_process_is_an_exit_by_either_name() -> None:
    for id_ in ("", "c1"):
        ended = events_pb.TaskDelete(container_id="c1", id=id_)
        event = parse_envelope(envelope("/tasks/delete", ended))
        assert event is not None and event.kind is EventKind.EXITED


def test_topics_of_no_interest_are_left_out() -> None:
    started = events_pb.TaskStart(container_id="c1")
    assert parse_envelope(envelope("/tasks/start", started)) is None


class StillFlow:
    """A stream with one message, and then silence."""

    def __init__(self, first: Any) -> None:
        self._first = [first]

    async def read(self) -> Any:
        if self._first:
            return self._first.pop()
        return await asyncio.Event().wait()

    def done(self) -> bool:
        return False

    def cancel(self) -> bool:
        return True


async def _answer(message: Any) -> Any:
    return message


async def _nothing() -> None:
    return None


async def _next(feed: AsyncIterator[RuntimeEvent]) -> RuntimeEvent:
    return await anext(feed)
