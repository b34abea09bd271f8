"""Stop containers together: hooks at once, signals in order, all from one budget of grace."""

import asyncio
import math
from collections.abc import Awaitable, Sequence

import structlog

from nodeagent.core.containers import find_container
from nodeagent.core.subject import subject_of
from nodeagent.engine.ports import Containers, Hooks, Recorder
from nodeagent.errors import AgentError
from nodeagent.model.actions import StopContainers, StopOne
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.observed import ObservedPod

log = structlog.get_logger()

# Hooks and waits end a little before the grace does, so that with the floor behind them, which the
# runtime counts in whole seconds, and the runtime's own work the end is not later than grace + 2 s.
MARGIN, MARGIN_SHARE = 1.0, 0.25


class Stopper:
    """Carries out StopContainers. Cancelling it leaves containers that the next plan stops."""

    def __init__(self, *, containers: Containers, hooks: Hooks, recorder: Recorder) -> None:
        self._containers, self._hooks, self._recorder = containers, hooks, recorder

    async def stop(self, action: StopContainers, pod: DesiredPod, seen: ObservedPod) -> None:
        """Every container of the action has ended. CriError where the runtime would not."""
        ended = {stop.name: asyncio.Event() for stop in action.stops}
        steps = [self._stop_one(stop, pod, seen, ended) for stop in action.stops]
        await _all_or_first_error(steps)

    async def _stop_one(
        self, stop: StopOne, pod: DesiredPod, seen: ObservedPod, ended: dict[str, asyncio.Event]
    ) -> None:
        deadline = _now() + stop.grace
        turn = deadline - min(MARGIN, stop.grace * MARGIN_SHARE)
        try:
            self._tell(stop, pod)
            await self._run_hook(stop, pod, seen, turn=turn, deadline=deadline)
            await self._wait_for_others(stop, ended, turn)
            left = time_for_signal(stop, deadline - _now())
            await self._containers.stop_container(stop.id, grace=left)
        finally:
            ended[stop.name].set()

    async def _run_hook(
        self, stop: StopOne, pod: DesiredPod, seen: ObservedPod, *, turn: float, deadline: float
    ) -> None:
        """Run preStop; one that only sleeps may do so for the whole grace, as clients count on."""
        known = find_container(pod.spec, stop.name)
        if known is None or not stop.pre_stop or stop.grace <= 0:
            return
        _, container = known
        if container.lifecycle is None or container.lifecycle.preStop is None:
            return
        ip = seen.sandbox.ips[0] if seen.sandbox and seen.sandbox.ips else ""
        until = deadline if container.lifecycle.preStop.sleep is not None else turn
        limit = max(until - _now(), 0.0)
        await self._hooks.pre_stop(pod, container, stop.id, ip, limit=limit)

    async def _wait_for_others(
        self, stop: StopOne, ended: dict[str, asyncio.Event], turn: float
    ) -> None:
        try:
            async with asyncio.timeout(max(turn - _now(), 0.0)):
                for name in stop.after:
                    if name in ended:
                        await ended[name].wait()
        except TimeoutError:
            log.info("container did not wait for its turn to end", container=stop.name)

    def _tell(self, stop: StopOne, pod: DesiredPod) -> None:
        message = stop.message or f"Stopping container {stop.name}"
        subject = subject_of(pod, stop.name)
        self._recorder.event(subject, EventType.NORMAL, "Killing", message)


def _now() -> float:
    """Seconds of the loop: nobody can turn this clock while containers wait."""
    return asyncio.get_running_loop().time()


def time_for_signal(stop: StopOne, left: float) -> float:
    """Seconds between the stop signal and SIGKILL, with `left` seconds of the grace to go.

    Below the floor it is whole seconds, since a runtime rounds up.
    """
    if left >= stop.floor:
        return left
    return float(max(math.floor(min(stop.floor, left + stop.floor)), 1))


async def _all_or_first_error(steps: Sequence[Awaitable[None]]) -> None:
    """Wait for all of them; then the first error leaves, so that no step is cut by another's."""
    results = await asyncio.gather(*steps, return_exceptions=True)
    errors = [r for r in results if isinstance(r, BaseException)]
    for error in errors:
        if not isinstance(error, AgentError):
            raise error
    if errors:
        raise errors[0]
