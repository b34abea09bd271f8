"""Events: counted where they repeat, kept in memory and in a file, both bounded."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import msgspec

from nodeagent.aio.bell import Bell
from nodeagent.aio.threads import Threads
from nodeagent.engine.ports import Clock, Recorder
from nodeagent.logs import get_logger
from nodeagent.model.desired import Problem
from nodeagent.model.events import NOT_ANNOTATED, Annotations, EventType, SeenEvent, Subject
from nodeagent.model.ids import PodUid

log = get_logger()

MOST_EVENTS = 2000
MOST_OF_ONE = 200  # of one subject, so that a single noisy pod cannot push out all others
LONGEST_MESSAGE = 1024  # characters; the API takes no longer ones
FILE_LIMIT_BYTES = 1024 * 1024  # the file is rewritten beyond this
BATCH = 1.0  # seconds that events may wait to be written
AFTER_FAILURE = 30.0

_Key: TypeAlias = tuple[str, str, str, str, str, str, str, str]


class Journal:
    """The recorder of the agent: takes events, remembers the newest, survives a restart.

    An event of the same subject, type, reason and message as an earlier one is counted there.
    The file holds one JSON object a line; a later line replaces an earlier one of the same words.
    It is never synced: after a power cut the last events may be missing, nothing else.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        threads: Threads,
        file_limit_bytes: int = FILE_LIMIT_BYTES,
    ) -> None:
        self._path, self._clock, self._threads = path, clock, threads
        self._file_limit = file_limit_bytes
        self._listeners: list[Callable[[SeenEvent], None]] = []
        self._events: dict[_Key, SeenEvent] = {}  # oldest first
        self._of_one = Counter[tuple[str, str]]()
        self._unwritten: dict[_Key, SeenEvent] = {}
        self._bell = Bell()

    def event(
        self,
        subject: Subject,
        type_: EventType,
        reason: str,
        message: str,
        note: Annotations = NOT_ANNOTATED,
    ) -> None:
        """Take an event; never blocks, never fails."""
        now = self._clock.now()
        seen = SeenEvent(
            subject=subject,
            type=type_,
            reason=reason,
            message=_bounded(message),
            first_at=now,
            last_at=now,
            annotations=dict(note),
        )
        key = _key(seen)
        before = self._events.get(key)
        if before:
            seen = msgspec.structs.replace(seen, first_at=before.first_at, count=before.count + 1)
        self._keep(key, seen)
        self._unwritten[key] = seen
        log.debug("event", pod=subject.name, reason=reason, detail=seen.message, count=seen.count)
        self._bell.ring()
        for listener in self._listeners:
            listener(seen)

    def listen(self, listener: Callable[[SeenEvent], None]) -> None:
        """Call this with each event as it comes."""
        self._listeners.append(listener)

    def events(self) -> tuple[SeenEvent, ...]:
        """What is remembered, oldest first."""
        return tuple(self._events.values())

    async def load(self) -> None:
        """Take up what an earlier run wrote; lines that cannot be read are left out."""
        try:
            events = await self._threads.run(_read, self._path)
        except OSError as error:
            log.warning("events of earlier runs lost", target=str(self._path), error=str(error))
            return
        for event in events:
            self._keep(_key(event), event)

    async def run(self) -> None:
        """Write events as they come, at most once a second; the rest when cancelled."""
        try:
            while True:
                await self._bell.wait(at_most=None)
                await asyncio.sleep(BATCH)
                if not await self._write():
                    await asyncio.sleep(AFTER_FAILURE)
                    self._bell.ring()
        finally:
            if self._unwritten:
                await self._write()

    async def _write(self) -> bool:
        """Whether everything there was is written now; what is not is kept for the next time."""
        batch, self._unwritten = self._unwritten, {}
        try:
            size = await self._threads.run(_append, self._path, tuple(batch.values()))
            if size > self._file_limit:
                await self._threads.run(_rewrite, self._path, self.events())
        except OSError as error:
            self._unwritten = {**batch, **self._unwritten}
            log.warning("events not written", target=str(self._path), error=str(error))
            return False
        return True

    def _keep(self, key: _Key, event: SeenEvent) -> None:
        """Remember it as the newest, and forget the oldest where there are too many."""
        who = (event.subject.namespace, event.subject.name)
        if self._events.pop(key, None) is None:
            self._of_one[who] += 1
        self._events[key] = event
        if self._of_one[who] > MOST_OF_ONE:
            self._forget(next(k for k, e in self._events.items() if _who(e) == who))
        if len(self._events) > MOST_EVENTS:
            self._forget(next(iter(self._events)))

    def _forget(self, key: _Key) -> None:
        who = _who(self._events.pop(key))
        self._unwritten.pop(key, None)
        self._of_one[who] -= 1
        if not self._of_one[who]:
            del self._of_one[who]


def _who(event: SeenEvent) -> tuple[str, str]:
    return event.subject.namespace, event.subject.name


def _bounded(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 3] + "..."


def _key(event: SeenEvent) -> _Key:
    about = event.subject
    return (
        about.kind,
        about.namespace,
        about.name,
        about.uid,
        about.field_path,
        event.type,
        event.reason,
        event.message,
    )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SeenEvent)


def _read(path: Path) -> list[SeenEvent]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    events = []
    for line in lines:
        try:
            events.append(_decoder.decode(line))
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError):
            continue  # torn by a crash, or written by another version
    return events


def _append(path: Path, events: Iterable[SeenEvent]) -> int:
    """Add lines; the file's size afterwards. A torn last line is ended first."""
    with open(path, "a+b", opener=_private) as file:
        size = file.seek(0, os.SEEK_END)
        torn = False
        if size:
            file.seek(size - 1)
            torn = file.read(1) != b"\n"
        file.write((b"\n" if torn else b"") + _encoder.encode_lines(events))
        return file.tell()


def _rewrite(path: Path, events: Iterable[SeenEvent]) -> None:
    """Replace the file by one that holds these alone, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "wb", opener=_private) as file:
        file.write(_encoder.encode_lines(events))
    fresh.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def tell_problems(
    recorder: Recorder, problems: Iterable[Problem], *, known: Iterable[Problem], node: str
) -> None:
    """An event for each manifest that is newly not used: about its pod, else about the node."""
    before = set(known)
    for problem in problems:
        if problem in before:
            continue
        namespace, _, name = problem.pod.partition("/")
        subject = (
            Subject(name=name, namespace=namespace)
            if name
            else Subject(kind="Node", name=node, uid=PodUid(node))
        )
        place = (
            f"{problem.origin}:{problem.line}:{problem.column}" if problem.line else problem.origin
        )
        recorder.event(subject, EventType.WARNING, problem.reason, f"{place}: {problem.message}")
