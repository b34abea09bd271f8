"""Runtime events: a feed that never ends, from the best source the runtime has."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeAlias

from nodeagent.adapters.cri.calls import ContainerdCalls, RuntimeCalls
from nodeagent.adapters.cri.containerd_events import ContainerdEvents, lost
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.parse import parse_event
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriError, CriUnimplemented
from nodeagent.model.observed import RuntimeEvent

FIRST_PAUSE = 0.1  # seconds before a broken stream is opened again; doubles up to the longest
LONGEST_PAUSE = 3.0
CALM = 10.0  # a stream that lived so long did not break because of how it was opened

Source: TypeAlias = Callable[[], AsyncGenerator[RuntimeEvent, None]]


class EventFeed:
    """Events of one runtime. `timeout` bounds one try to reach it, in seconds."""

    def __init__(self, calls: RuntimeCalls, containerd: ContainerdCalls, *, timeout: float) -> None:
        self._calls = calls
        self._containerd = containerd
        self._timeout = timeout

    async def events(self) -> AsyncGenerator[RuntimeEvent, None]:
        """Follow the runtime for ever, with LOST first after each (re)connection.

        Which source is used is decided at each connection, since a restarted runtime may be
        another version: CRI's GetContainerEvents, else containerd's own events (containerd 1.6),
        else CriUnimplemented leaves here and the caller must relist.
        """
        clock = asyncio.get_running_loop().time
        pause = FIRST_PAUSE
        while True:
            opened_at = clock()
            try:
                async with aclosing(self._connect()) as events:
                    async for event in events:
                        yield event
            except CriUnimplemented:
                raise
            except CriError:
                pass  # it is away or broke off; what is missed meanwhile the next LOST tells
            if clock() - opened_at > CALM:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _connect(self) -> AsyncGenerator[RuntimeEvent, None]:
        """One life of a stream, from the first source that the runtime has."""
        name = await self._who()
        for source in self._sources(name):
            try:
                async with aclosing(source()) as events:
                    async for event in events:
                        yield event
            except CriUnimplemented:
                continue
            return
        raise CriUnimplemented(
            op="GetContainerEvents",
            target=name,
            detail="the runtime has no event stream; its state must be listed now and then",
        )

    def _sources(self, name: str) -> tuple[Source, ...]:
        if name != "containerd":
            return (self._cri_events,)
        own = ContainerdEvents(self._calls, self._containerd, barrier=self._who)
        return self._cri_events, own.events

    async def _cri_events(self) -> AsyncGenerator[RuntimeEvent, None]:
        with translated("GetContainerEvents", "container runtime"):
            flow = self._calls.container_events(pb.GetEventsRequest())
            try:
                await self._who()
                if not flow.done():
                    yield lost()
                async for event in flow:
                    told = lost() if event is None else parse_event(event)
                    if told is not None:
                        yield told
            finally:
                flow.cancel()

    async def _who(self) -> str:
        """The runtime's name, as soon as it is there.

        Also the proof that it has taken up a stream opened just before: a stream has no first
        message to wait for, but calls on one connection arrive in order.
        """
        with translated("Version", "container runtime"):
            answer = await self._calls.version(
                pb.VersionRequest(), timeout=self._timeout, wait_for_ready=True
            )
        return answer.runtime_name
