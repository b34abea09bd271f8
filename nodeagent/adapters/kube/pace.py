"""So many requests a second and no more: each takes its turn, in the order they came."""

import asyncio


class Pace:
    """`rate` turns a second, at most `burst` at once after a rest; a rate of 0 means no limit."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._gap = 1 / rate if rate > 0 else 0.0
        self._rest = max(burst - 1, 0) * self._gap
        self._next = float("-inf")  # when the next turn would be, had nobody rested

    async def turn(self) -> float:
        """Wait for the next turn; the seconds that took. Who is cancelled has used a turn up."""
        now = asyncio.get_running_loop().time()
        at = max(self._next, now - self._rest)
        self._next = at + self._gap
        if at <= now:
            return 0.0
        await asyncio.sleep(at - now)
        return at - now
