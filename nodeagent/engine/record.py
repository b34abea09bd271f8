"""One pod's record on disk: written when what it says has changed, and before any act."""

import msgspec
import structlog

from nodeagent.engine.ports import Records
from nodeagent.errors import AgentError
from nodeagent.model.memory import PodMemory

log = structlog.get_logger()


class PodRecord:
    """Knows what was written last, so that nothing is written twice."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._saved: PodMemory | None = None

    def is_current(self, memory: PodMemory) -> None:
        """The disk has this memory already."""
        self._saved = lasting(memory)

    async def save_before_acting(self, memory: PodMemory) -> None:
        """What must survive a kill in the middle of an action; a status alone can wait.

        Where the disk takes no more, a pod that has a record goes on with an older one: that costs
        a back-off or a grace at the next start of the agent, and a pod that is down costs more.
        """
        memory = lasting(memory)
        if self._saved is not None and _essence(memory) == _essence(self._saved):
            return
        try:
            await self._write(memory)
        except AgentError as error:
            if memory.ending is None and self._saved is None:
                raise
            log.warning("pod is not recorded", pod=memory.pod.uid, error=str(error))

    async def save(self, memory: PodMemory) -> bool:
        """The record says what the memory does afterwards; False where the disk refused."""
        memory = lasting(memory)
        try:
            if memory != self._saved:
                await self._write(memory)
        except AgentError as error:
            log.warning("pod is not recorded", pod=memory.pod.uid, error=str(error))
            return False
        return True

    async def _write(self, memory: PodMemory) -> None:
        await self._records.save(memory)
        self._saved = memory


def lasting(memory: PodMemory) -> PodMemory:
    """The part of the memory that is kept on disk."""
    return msgspec.structs.replace(
        memory,
        images={},
        troubles={},
        health={},
        prepared=False,
        shows="",
        shown="",
        refresh_at=0.0,
        refresh_due=0.0,
    )


def _essence(memory: PodMemory) -> PodMemory:
    return msgspec.structs.replace(memory, status=None)
