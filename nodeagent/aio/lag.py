"""How late the event loop is: what a step takes that is too long shows in everybody's timers."""

import asyncio
from collections.abc import Callable

PERIOD = 5.0


async def watch_lag(
    tell: Callable[[float], None], *, steady: Callable[[], float], period: float = PERIOD
) -> None:
    """Tell every so often by how many seconds a timer was late, for ever."""
    while True:
        due = steady() + period
        await asyncio.sleep(period)
        tell(max(steady() - due, 0.0))
