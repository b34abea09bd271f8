"""A wake-up that cannot be lost: rings before a wait count, many rings are one."""

import asyncio


class Bell:
    """One waiter, any number of ringers."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter now or at its next wait."""
        self._event.set()

    async def wait(self, *, at_most: float | None) -> bool:
        """Wait for a ring, at most so many seconds (None: for ever); says whether it rang."""
        if at_most is not None and at_most <= 0:
            rang = self._event.is_set()
            self._event.clear()
            await asyncio.sleep(0)
            return rang
        try:
            async with asyncio.timeout(at_most):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
