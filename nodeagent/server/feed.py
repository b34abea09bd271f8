"""Tells everybody who watches that something may have changed."""

import asyncio

SETTLE = 0.05  # changes come in bursts: one look covers what follows within this time


class Feed:
    """A bell with many listeners. Take `next` before looking, then wait on it: none is missed."""

    def __init__(self) -> None:
        self.next = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now."""
        self.next.set()
        self.next = asyncio.Event()


async def wait_for(ring: asyncio.Event, *, at_most: float) -> None:
    """Return soon after the ring, or after `at_most` seconds."""
    try:
        async with asyncio.timeout(at_most):
            await ring.wait()
    except TimeoutError:
        return
    await asyncio.sleep(SETTLE)
