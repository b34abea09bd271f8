"""Start components in order, watch them, end them in reverse."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

Component: TypeAlias = Callable[[], Awaitable[None]]


class ComponentEnded(Exception):
    """A component that must run for ever returned: a bug."""


async def supervise(
    components: Mapping[str, Component], *, stop: asyncio.Event, patience: float
) -> None:
    """Start in the given order, wait for `stop`, then cancel one by one in reverse.

    A component that fails cancels the rest at once and its error leaves here in a group. Each
    gets at most `patience` seconds to end after its cancellation.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_forever(name, run), name=name) for name, run in components.items()
        ]
        await stop.wait()
        for task in reversed(tasks):
            task.cancel()
            await asyncio.wait({task}, timeout=patience)


async def _forever(name: str, run: Component) -> None:
    await run()
    raise ComponentEnded(name)
