"""Events on their way to the API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from nodeagent.engine.events_api import MOST_TRIES, MOST_WAITING, ApiEvents
from nodeagent.model.api import EVENTS, Purpose
from nodeagent.model.events import EventType, SeenEvent, Subject
from nodeagent.model.ids import PodUid
from tests.apiserver.kinds import kind_at
from tests.apiserver.problems import Document
from tests.apiserver.store import Store
from tests.fakes.api import FakeApi
from tests.fakes.node import EPOCH, until
from tests.fakes.probes import LoopClock

pytestmark = pytest.mark.looptime


class Teller:
    def __init__(self) -> None:
        self.clock = LoopClock(EPOCH)
        self.api = FakeApi(Store(now=self.clock.now))
        self.events = ApiEvents(
            api=self.api,
            clock=self.clock,
            node="n1",
            rate=50,
            burst=100,
            version=lambda subject: f"of {subject.name}",
        )

    def tell(
        self, message: str = "m", *, name: str = "web", namespace: str = "default", **notes: str
    ) -> None:
        now = self.clock.now()
        self.events.take(
            SeenEvent(
                subject=Subject(name=name, namespace=namespace, uid=PodUid("u")),
                type=EventType.NORMAL,
                reason="Pulled",
                message=message,
                first_at=now,
                last_at=now,
                annotations=notes,
            )
        )

    def stored(self) -> list[Document]:
        kind = kind_at("events", "", "v1")
        assert kind is not None
        return self.api.store.list(kind).items


@asynccontextmanager
async def telling() -> AsyncIterator[Teller]:
    teller = Teller()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(teller.events.run())
        yield teller
        task.cancel()


async def test_an_event_is_made_and_then_counted() -> None:
    async with telling() as teller:
        teller.tell()
        await asyncio.sleep(1)
        teller.tell()
        await asyncio.sleep(1)
        teller.tell()
        await asyncio.sleep(1)
        [event] = teller.stored()
        assert event["count"] == 3
        assert [a.verb for a in teller.api.asked] == ["create", "patch", "patch"]


async def test_an_event_names_its_teller_and_the_object_as_it_was() -> None:
    async with telling() as teller:
        teller.tell(starved_resource="memory")
        await until(lambda: bool(teller.stored()))
        [event] = teller.stored()
        assert event["metadata"]["annotations"] == {"starved_resource": "memory"}
        assert event["involvedObject"]["resourceVersion"] == "of web"
        assert event["source"] == {"component": "kubelet", "host": "n1"}
        assert (event["reportingComponent"], event["reportingInstance"]) == ("kubelet", "n1")


async def test_an_event_that_the_api_forgot_is_made_anew() -> None:
    async with telling() as teller:
        teller.tell()
        await asyncio.sleep(1)
        name = teller.stored()[0]["metadata"]["name"]
        await teller.api.delete(EVENTS, name, "default", purpose=Purpose.EVENTS)
        teller.tell()
        await asyncio.sleep(1)
        [event] = teller.stored()
        assert event["count"] == 2


async def test_events_are_held_to_their_rate() -> None:
    async with telling() as teller:
        for number in range(200):
            teller.tell(name=f"p{number}")
        await asyncio.sleep(0.1)
        assert 100 <= len(teller.stored()) <= 110
        await asyncio.sleep(2)
        assert len(teller.stored()) == 200


async def test_an_outage_keeps_a_bounded_number_and_counts_what_is_lost() -> None:
    async with telling() as teller:
        teller.api.down = True
        for hour in range(5):
            for number in range(400):
                teller.tell(name=f"p{hour}-{number}")
                teller.tell(name=f"p{hour}-{number}")
            await asyncio.sleep(3600)
        assert teller.events.counts.dropped == (5 * 400 - MOST_WAITING) * 2
        asked = len(teller.api.asked)
        assert asked < 2000
        teller.api.down = False
        await until(lambda: len(teller.stored()) == MOST_WAITING, at_most=40)
        assert all(event["count"] == 2 for event in teller.stored())


async def test_an_event_that_a_broken_webhook_fails_does_not_hold_up_the_others_for_ever() -> None:
    async with telling() as teller:
        teller.api.fail(500, verb="create", plural="events", times=MOST_TRIES)
        teller.tell("one")
        teller.tell("two")
        await until(lambda: bool(teller.stored()), at_most=60)
        assert [event["message"] for event in teller.stored()] == ["two"]
        assert teller.events.counts.dropped == 1


async def test_an_event_waits_for_a_server_that_fails_for_a_moment_or_is_not_ready() -> None:
    async with telling() as teller:
        teller.api.fail(500, verb="create", plural="events", times=MOST_TRIES - 1)
        teller.api.fail(503, verb="create", plural="events", times=100)
        teller.tell("one")
        await until(lambda: bool(teller.stored()), at_most=3600)
        assert teller.events.counts.dropped == 0


async def test_a_refused_event_does_not_hold_up_the_others() -> None:
    async with telling() as teller:
        teller.api.fail(403, verb="create", plural="events")
        teller.tell("one")
        teller.tell("two")
        await asyncio.sleep(1)
        assert [event["message"] for event in teller.stored()] == ["two"]
        assert teller.events.counts.dropped == 1
