"""Read a container's log file, follow it, and keep to it through rotation."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import TracebackType

from nodeagent.aio.threads import Threads
from nodeagent.core.log_format import LogFilter, LogText
from nodeagent.server.log_choice import LogOptions

BLOCK_BYTES = 64 * 1024
POLL = 0.2  # while somebody follows: how long new lines may wait
LIVENESS = 1.0  # and how often to ask whether the container still runs


class LogFile:
    """The newest file at a path. Its calls block: run them in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb", buffering=0)

    def __enter__(self) -> "LogFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self) -> bytes:
        """The next bytes; empty at the end. A file that was cut short is read from its start."""
        block = self._file.read(BLOCK_BYTES)
        if not block and os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)
            block = self._file.read(BLOCK_BYTES)
        return block

    def seek_to_last(self, lines: int) -> None:
        """Go to where the last `lines` physical lines begin."""
        at = self._file.seek(0, os.SEEK_END)
        if lines == 0:
            return
        wanted = lines + 1  # the end of the last line counts too
        if at and self._byte_before(at) != b"\n":
            wanted = lines
        while at:
            start = max(0, at - BLOCK_BYTES)
            self._file.seek(start)
            block = self._file.read(at - start)
            found = block.count(b"\n")
            if found >= wanted:
                self._file.seek(start + _nth_last(block, wanted) + 1)
                return
            wanted -= found
            at = start
        self._file.seek(0)

    def _byte_before(self, at: int) -> bytes:
        self._file.seek(at - 1)
        return self._file.read(1)

    def was_replaced(self) -> bool:
        """Whether another file is at the path now: the runtime writes there from then on."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return there.st_ino != os.fstat(self._file.fileno()).st_ino

    def reopen(self) -> None:
        """Go on with the file that is at the path now, from its start."""
        new = self._path.open("rb", buffering=0)
        self._file.close()
        self._file = new


def _nth_last(block: bytes, count: int) -> int:
    at = len(block)
    for _ in range(count):
        at = block.rindex(b"\n", 0, at)
    return at


async def read_log(
    path: Path, options: LogOptions, threads: Threads, *, still_running: Callable[[], bool]
) -> AsyncGenerator[bytes, None]:
    """What the container wrote, in pieces of some lines, as the options ask.

    Ends at the file's end; with `follow` only once `still_running` said no and all is read.
    OSError where the file cannot be read.
    """
    left = options.limit_bytes
    show = LogFilter(
        since_ns=options.since_ns, timestamps=options.timestamps, stream=options.stream.encode()
    )
    text = LogText(show)
    with await threads.run(LogFile, path) as file:
        if options.tail_lines is not None:
            await threads.run(file.seek_to_last, options.tail_lines)
        async for lines in _physical(
            file, threads, follow=options.follow, still_running=still_running
        ):
            piece = b"".join(text.render(lines))
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            if piece:
                yield piece
            if left == 0:
                return


async def _physical(
    file: LogFile, threads: Threads, *, follow: bool, still_running: Callable[[], bool]
) -> AsyncGenerator[list[bytes], None]:
    """Whole lines without their ends; at last what has no end."""
    rest = b""
    ending = _Ending(still_running)
    while True:
        block = await threads.run(file.read)
        if block:
            *lines, rest = (rest + block).split(b"\n")
            yield lines
        elif not follow or ending.is_over:
            break
        elif ending.replaced:
            ending.replaced = False
            await threads.run(file.reopen)
        else:
            # Both are acted upon only after one more read, so nothing written before is missed.
            ending.replaced = await threads.run(file.was_replaced)
            await ending.pause()
    if rest:
        yield [rest]


class _Ending:
    """Whether a followed log is complete: asked once a second, believed one read later."""

    def __init__(self, still_running: Callable[[], bool]) -> None:
        self._still_running = still_running
        self._polls = 0
        self.replaced = False
        self.is_over = False

    async def pause(self) -> None:
        if self._polls % round(LIVENESS / POLL) == 0 and not self.replaced:
            self.is_over = not self._still_running()
        self._polls += 1
        await asyncio.sleep(POLL)
