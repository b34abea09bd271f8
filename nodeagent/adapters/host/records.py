"""The agent's memory of pods: one JSON file in each pod's folder.

Not flushed to disk by fsync: a kill of the agent loses nothing, and after a power cut no
container is left that an older record could be wrong about.
"""

import os
from pathlib import Path

import msgspec
import structlog

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.oserror import explain, translated
from nodeagent.aio.threads import Threads
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory

RECORD_NAME = "nodeagent.json"
VERSION = 1

_log: structlog.stdlib.BoundLogger = structlog.get_logger("nodeagent.records")


class _Head(msgspec.Struct, frozen=True):
    version: int


class _Record(msgspec.Struct, frozen=True):
    version: int
    memory: PodMemory


class _Unreadable(msgspec.Struct, frozen=True):
    path: str
    why: str


_head = msgspec.json.Decoder(_Head)
_record = msgspec.json.Decoder(_Record)
_encoder = msgspec.json.Encoder()


class PodRecords:
    """Records under `<root>/pods/<uid>/nodeagent.json`."""

    def __init__(self, root: str, threads: Threads) -> None:
        self._pods = f"{root.rstrip('/')}/pods"
        self._threads = threads

    async def load_all(self) -> tuple[PodMemory, ...]:
        """Every record that can be read. One that cannot is renamed to `.bad` and logged; the
        pod's folder stays. HostError only where the folder of pods itself cannot be read.
        """
        found, bad = await self._threads.run(_load_all, self._pods)
        for one in bad:
            _log.warning("pod record set aside", path=one.path, why=one.why)
        return found

    async def save(self, memory: PodMemory) -> None:
        """Replace the pod's record, whole or not at all. HostError where the disk refuses."""
        data = _encoder.encode(_Record(VERSION, _lasting(memory)))
        await self._threads.run(_save, self._pods, memory.pod.uid, data)


def _lasting(memory: PodMemory) -> PodMemory:
    """Without what is found out again after a restart, and what changes with every probe."""
    return msgspec.structs.replace(memory, images={}, troubles={}, health={}, prepared=False)


def _save(pods: str, uid: PodUid, data: bytes) -> None:
    folder = f"{pods}/{uid}"
    path = f"{folder}/{RECORD_NAME}"
    with translated("save record", path):
        try:
            write_atomic(path, data)
        except FileNotFoundError:
            Path(folder).mkdir(mode=0o750, parents=True, exist_ok=True)
            write_atomic(path, data)


def _load_all(pods: str) -> tuple[tuple[PodMemory, ...], list[_Unreadable]]:
    found: list[PodMemory] = []
    bad: list[_Unreadable] = []
    with translated("read records", pods):
        try:
            uids = sorted(os.listdir(pods))  # noqa: PTH208
        except FileNotFoundError:
            return (), []
    for uid in uids:
        one = _load(f"{pods}/{uid}/{RECORD_NAME}", uid)
        if isinstance(one, PodMemory):
            found.append(one)
        elif one is not None:
            bad.append(one)
    return tuple(found), bad


def _load(path: str, uid: str) -> PodMemory | _Unreadable | None:
    """The record, why it cannot be used, or None where the folder has none."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _set_aside(path, explain(error))
    try:
        head = _head.decode(data)
        if head.version != VERSION:
            return _set_aside(path, f"its version is {head.version}, this agent reads {VERSION}")
        memory = _record.decode(data).memory
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _set_aside(path, str(error))
    if memory.pod.uid != uid:
        return _set_aside(path, f"it is of pod {memory.pod.uid}")
    if memory.pod.pod.metadata is None or memory.pod.pod.spec is None:
        return _set_aside(path, "its pod has no metadata or no spec")
    return memory


def _set_aside(path: str, why: str) -> _Unreadable:
    try:
        os.replace(path, f"{path}.bad")  # noqa: PTH105
    except OSError as error:
        why += f"; it could not be renamed either: {explain(error)}"
    return _Unreadable(path, why)
