"""Tells the API server what happened: bounded, rate-limited, never in anybody's way."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

import msgspec
import structlog

from nodeagent.aio.bell import Bell
from nodeagent.core.bucket import Bucket
from nodeagent.core.event_correlation import MOST_REMEMBERED, Correlated, Correlator, Key
from nodeagent.core.event_object import event_name, event_namespace, event_object, event_patch
from nodeagent.engine.api_ports import Api
from nodeagent.engine.ports import Clock
from nodeagent.errors import ApiConflict, ApiError, ApiNotFound, ApiUnavailable
from nodeagent.model.api import EVENTS, Purpose
from nodeagent.model.events import SeenEvent, Subject

log = structlog.get_logger()

MOST_WAITING = 1000
AGAIN_FIRST, AGAIN_LONGEST = 1.0, 10.0
MOST_TRIES = 4  # of one event that the server answers with 500; a kubelet has one
LOOK = 0.02  # seconds between two looks for a token of the rate


class EventCounts(msgspec.Struct):
    """What became of events: told anew, told again with a count, cut off or lost."""

    created: int = 0
    counted: int = 0
    spared: int = 0  # of objects that had too many
    dropped: int = 0  # no room, or refused


class ApiEvents:
    """Takes events of the journal. An event that happens again while it waits is only counted.

    `version` tells the resource version of the object that an event is about, "" if unknown.
    """

    def __init__(
        self,
        *,
        api: Api,
        clock: Clock,
        node: str,
        rate: float,
        burst: int,
        version: Callable[[Subject], str] = lambda _: "",
    ) -> None:
        self._api, self._clock, self._node = api, clock, node
        self._correlator = Correlator()
        self._version = version
        self._bucket = Bucket(rate=rate, burst=burst)
        self._waiting: OrderedDict[Key, Correlated] = OrderedDict()
        self._names: OrderedDict[Key, str] = OrderedDict()  # those that the API has
        self._bell = Bell()
        self.counts = EventCounts()

    def take(self, event: SeenEvent) -> None:
        """An event happened; never blocks, never fails."""
        told = self._correlator.take(event)
        if told is None:
            self.counts.spared += 1
            return
        if told.key not in self._waiting and len(self._waiting) >= MOST_WAITING:
            self.counts.dropped += 1
            return
        self._waiting[told.key] = told
        self._bell.ring()

    async def run(self) -> None:
        """Tell them in their order, for ever."""
        again, failed = AGAIN_FIRST, 0
        while True:
            if not self._waiting:
                await self._bell.wait(at_most=None)
                continue
            if not self._bucket.take(self._clock.now()):
                await asyncio.sleep(LOOK)
                continue
            key = next(iter(self._waiting))
            event = self._waiting[key]
            try:
                await self._tell(event)
            except ApiUnavailable as error:
                if again == AGAIN_FIRST:
                    log.debug("events are not told", error=str(error), waiting=len(self._waiting))
                failed += error.code == HTTPStatus.INTERNAL_SERVER_ERROR
                if failed < MOST_TRIES:
                    await asyncio.sleep(max(again, error.retry_after))
                    again = min(again * 2, AGAIN_LONGEST)
                    continue
                self.counts.dropped += 1  # it may be this one alone, as where a webhook is broken
            except ApiError as error:
                self.counts.dropped += 1
                log.debug("event refused", reason=event.reason, error=str(error))
            again, failed = AGAIN_FIRST, 0
            if self._waiting.get(key) is event:
                del self._waiting[key]

    async def _tell(self, event: Correlated) -> None:
        """Count it where the API has it, else make it."""
        name, namespace = self._names.get(event.key), event_namespace(event)
        if name is not None:
            try:
                await self._api.patch(
                    EVENTS, name, event_patch(event), namespace, purpose=Purpose.EVENTS
                )
            except ApiNotFound:
                del self._names[event.key]  # the API keeps events for an hour
            else:
                self._remember(event.key, name)
                self.counts.counted += 1
                return
        name = event_name(event)
        version = self._version(event.subject)
        body = event_object(event, name=name, node=self._node, version=version)
        try:
            await self._api.create(EVENTS, body, namespace, purpose=Purpose.EVENTS)
        except ApiConflict as error:
            if error.reason != "AlreadyExists":
                raise  # no more of it: the namespace ends
        self._remember(event.key, name)
        self.counts.created += 1

    def _remember(self, key: Key, name: str) -> None:
        self._names[key] = name
        self._names.move_to_end(key)
        if len(self._names) > MOST_REMEMBERED:
            self._names.popitem(last=False)
