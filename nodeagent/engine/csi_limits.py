"""How many volumes a driver can have here changes: it is asked again (KEP-4876).

In the periods that its CSIDriver object names, and when a volume could not be attached for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from nodeagent.aio.bell import Bell
from nodeagent.errors import AgentError

log = structlog.get_logger()


class CsiLimits:
    """`periods` gives the seconds for each driver that is here and is to be asked.

    `refresh` asks one; an AgentError of it costs that one time.
    """

    def __init__(
        self, periods: Callable[[], Mapping[str, int]], refresh: Callable[[str], Awaitable[None]]
    ) -> None:
        self._periods, self._refresh = periods, refresh
        self._bell = Bell()

    def look(self) -> None:
        """Drivers or their periods may have changed."""
        self._bell.ring()

    async def run(self) -> None:
        """Ask, for ever; a driver's first period begins when it is first seen with it."""
        clock, asked = asyncio.get_running_loop().time, dict[tuple[str, int], float]()
        while True:
            now, periods = clock(), self._periods()
            asked = {one: asked.get(one, now) for one in periods.items()}
            due = [one for one, at in asked.items() if now - at >= one[1]]
            asked |= dict.fromkeys(due, now)
            async with asyncio.TaskGroup() as group:
                for driver, _ in due:
                    group.create_task(self.ask(driver))
            waits = [at + period - clock() for (_, period), at in asked.items()]
            await self._bell.wait(at_most=max(min(waits), 0.0) if waits else None)

    async def ask(self, driver: str) -> None:
        """Ask one driver now. Never fails."""
        try:
            await self._refresh(driver)
        except AgentError as error:
            log.warning("limits of a CSI driver not refreshed", driver=driver, error=str(error))
