"""Tells of processes that the kernel killed because the machine itself had no memory left."""

import asyncio
from typing import Final, Protocol

from nodeagent.engine.ports import Recorder
from nodeagent.model.ends import OomKill
from nodeagent.model.events import EventType, Subject
from nodeagent.model.ids import PodUid

PERIOD: Final = 10.0


class SystemOomLog(Protocol):
    """What the kernel killed for want of the machine's memory."""

    async def system_kills(self) -> tuple[OomKill, ...]:
        """Those since the call before, oldest first; the first call tells none. Never fails."""
        ...


class SystemOoms:
    """Looks every ten seconds; each kill is an event of the node."""

    def __init__(self, ooms: SystemOomLog, recorder: Recorder, *, node: str) -> None:
        self._ooms, self._recorder = ooms, recorder
        self._subject = Subject(kind="Node", name=node, uid=PodUid(node))

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            for kill in await self._ooms.system_kills():
                text = f"System OOM encountered, victim process: {kill.process}, pid: {kill.pid}"
                self._recorder.event(self._subject, EventType.WARNING, "SystemOOM", text)
            await asyncio.sleep(PERIOD)
