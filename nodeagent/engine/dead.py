"""Holds the number of ended containers on the node within its limit."""

import asyncio
from collections.abc import Callable

from nodeagent.core.dead import dead_allowance
from nodeagent.engine.state import NodeState

PERIOD = 60.0
MOMENT = 3.0  # seconds in which pods remove what they no longer may keep


class DeadSweep:
    """Takes away every ended container that may go, now. `allow` is told how many are kept."""

    def __init__(self, allow: Callable[[int], None], *, usual: Callable[[], int]) -> None:
        self._allow, self._usual = allow, usual

    async def sweep(self) -> None:
        """The pods' own tasks have had a moment to do it afterwards."""
        usual = self._usual()
        self._allow(1)
        try:
            await asyncio.sleep(MOMENT)
        finally:
            self._allow(usual)


class DeadLimit:
    """Each minute shares maximum-dead-containers among the containers that have ended ones.

    `allow` is told how many each may keep; the pods' own tasks then remove what is beyond. With
    no limit for the node there is nothing to do.
    """

    def __init__(
        self, *, state: NodeState, per_container: int, total: int, allow: Callable[[int], None]
    ) -> None:
        self._state, self._allow = state, allow
        self._per_container, self._total = per_container, total

    async def run(self) -> None:
        """Share, for ever."""
        while True:
            await asyncio.sleep(PERIOD)
            if self._total >= 0:
                self._allow(self.allowance())

    def allowance(self) -> int:
        """Ended instances that each container may keep now."""
        pods = self._state.all_observed()
        return dead_allowance(pods, per_container=self._per_container, total=self._total)
