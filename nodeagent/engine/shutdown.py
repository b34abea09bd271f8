"""The machine goes down: end the pods in order, in the time there is, then let it go.

Source: "Node Shutdowns" page; KEP-2000, KEP-2712.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import structlog

from nodeagent.core.shutdown import Group, Wave, is_over, time_needed, waves
from nodeagent.engine.ports import Recorder
from nodeagent.errors import AgentError
from nodeagent.model.events import EventType, Subject
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import EndRequest, EndWhy, PodMemory

log = structlog.get_logger()

SPARE = 10.0  # seconds beyond the groups' for our own end
LOOK = 0.05  # seconds between two looks at who is left; only while the machine goes down
AGAIN_FIRST, AGAIN_LONGEST = 1.0, 60.0  # seconds until logind is tried again


class Power(Protocol):
    """What the machine's service manager says of its shutdown."""

    def shutdowns(self, *, need: float) -> AsyncIterator[bool]:
        """True each time the machine is about to go down, False when that was called off.

        While this is followed the machine waits with going down, up to `need` seconds or until
        `release`. HostError where nobody tells of shutdowns, or no longer.
        """
        ...

    async def release(self) -> None:
        """The machine may go down now."""
        ...

    async def is_stopping(self) -> bool:
        """Whether the whole system is being stopped right now."""
        ...


class Pods(Protocol):
    """The pods of the node."""

    refuses_all: bool  # while set no pod is admitted, the reason being the shutdown

    def memories(self) -> tuple[PodMemory, ...]: ...

    def end(self, uid: PodUid, request: EndRequest) -> None: ...


class Shutdown:
    """Ends the pods when the machine goes down. Without groups it only hands on the agent's end.

    `on_turn` hears True when that begins, False when the pods have ended or had their time.
    """

    def __init__(
        self,
        *,
        power: Power,
        pods: Pods,
        groups: Sequence[Group],
        recorder: Recorder,
        node: str,
        stop: Callable[[], None],
        more_time: Callable[[float], object] = lambda _: None,
        trouble: Callable[[str, str], None] = lambda who, text: None,
    ) -> None:
        self._power, self._pods, self._groups = power, pods, groups
        self._recorder, self._node, self._stop = recorder, node, stop
        self._trouble = trouble  # why the node is not ready
        self._more_time = more_time  # asks the service manager for so many seconds
        self._told_to_end = asyncio.Event()
        self._going: asyncio.Task[None] | None = None
        self.on_turn: Callable[[bool], None] = lambda going: None

    def terminate(self) -> None:
        """The agent was told to end (SIGTERM). Told twice, it ends at once."""
        if self._told_to_end.is_set() or not self._groups:
            self._stop()
        self._told_to_end.set()

    async def run(self) -> None:
        """Follow the machine's state for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_for_ever(group), name="shutdown-signals")
            await self._told_to_end.wait()
            if self._groups and await self._power.is_stopping():
                log.info("the system is being stopped")
                self._more_time(time_needed(self._groups) + SPARE)
                self._begin(group)
            if self._going is not None:
                await asyncio.wait({self._going})
            self._stop()

    async def _follow_for_ever(self, group: asyncio.TaskGroup) -> None:
        pause = AGAIN_FIRST
        while self._groups:
            try:
                async for going_down in self._power.shutdowns(need=time_needed(self._groups)):
                    pause = AGAIN_FIRST
                    if going_down:
                        self._begin(group)
                    else:
                        self._call_off()
            except AgentError as error:
                level = log.info if pause == AGAIN_FIRST else log.debug
                level("nobody tells of shutdowns; the end of the service will", error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, AGAIN_LONGEST)

    def _begin(self, group: asyncio.TaskGroup) -> None:
        if self._going is not None and not self._going.done():
            return
        self._pods.refuses_all = True
        self.on_turn(True)
        self._trouble("shutdown", "node is shutting down")
        self._tell("Shutdown manager detected shutdown event")
        self._going = group.create_task(self._go_down(), name="shutdown")

    def _call_off(self) -> None:
        if self._going is not None:
            self._going.cancel()
            self._going = None
        self._pods.refuses_all = False
        self._trouble("shutdown", "")
        self._tell("Shutdown manager detected shutdown cancellation")

    async def _go_down(self) -> None:
        began = asyncio.get_running_loop().time()
        for wave in waves(self._groups, self._pods.memories()):
            await self._end(wave)
        took = round(asyncio.get_running_loop().time() - began, 1)
        left = [m.pod.key for m in self._pods.memories() if not is_over(m)]
        log.info("pods ended for the shutdown", seconds=took, left=left)
        self.on_turn(False)
        await self._power.release()

    async def _end(self, wave: Wave) -> None:
        """All of the wave have ended, or its time is over."""
        for uid, grace in wave.graces:
            self._pods.end(uid, EndRequest(why=EndWhy.NODE_SHUTDOWN, grace=grace))
        uids = {uid for uid, _ in wave.graces}
        log.info("ending pods for the shutdown", pods=len(uids), seconds=wave.seconds)
        until = asyncio.get_running_loop().time() + wave.seconds
        while asyncio.get_running_loop().time() < until:
            if not any(m.pod.uid in uids and not is_over(m) for m in self._pods.memories()):
                return
            await asyncio.sleep(LOOK)
        log.warning("pods did not end in the time the shutdown gives them", seconds=wave.seconds)

    def _tell(self, message: str) -> None:
        subject = Subject(kind="Node", name=self._node, uid=PodUid(self._node))
        self._recorder.event(subject, EventType.NORMAL, "Shutdown", message)
        log.info("shutdown", detail=message)
