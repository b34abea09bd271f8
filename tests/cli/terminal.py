"""A terminal for a command of the program: what a person would see on it, and type."""

import asyncio
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fcntl import ioctl
from pathlib import Path

import pyte

from tests.cli.agent_cli import PROGRAM

ALTERNATE = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR = b"\x1b[?25l", b"\x1b[?25h"
PATIENCE = 30.0


class Terminal:
    """The outer end of a pseudo-terminal with a screen."""

    def __init__(self, outer: int, process: asyncio.subprocess.Process, size: tuple[int, int]):
        self._outer, self.process = outer, process
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._news = asyncio.Event()
        self.raw = b""

    @property
    def lines(self) -> list[str]:
        """What is on it, from above; without blanks at the ends of lines."""
        return [line.rstrip() for line in self._screen.display]

    def resize(self, columns: int, lines: int) -> None:
        """Drag a corner of the window."""
        self._screen.resize(lines, columns)
        ioctl(self._outer, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._outer, keys)

    async def until(self, judge: Callable[[list[str]], bool]) -> list[str]:
        """What is on it as soon as the judge likes it."""
        async with asyncio.timeout(PATIENCE):
            while not judge(self.lines):
                self._news.clear()
                await self._news.wait()
        return self.lines

    def take(self) -> None:
        """Show what has come."""
        try:
            data = os.read(self._outer, 65536)
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._outer)
            return
        self.raw += data
        self._stream.feed(data)
        self._news.set()


@asynccontextmanager
async def on_a_screen(
    *words: str, socket: Path, columns: int = 100, lines: int = 24, encoding: str = "utf-8"
) -> AsyncIterator[Terminal]:
    """`nodeagent ...` runs on a terminal of its own inside."""
    outer, inner = pty.openpty()
    ioctl(outer, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", sys.executable, "-c", PROGRAM, *words),
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={
            "NODEAGENT_SOCKET": str(socket),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PYTHONIOENCODING": encoding,
            "PATH": os.environ["PATH"],
        },
    )
    os.close(inner)
    terminal = Terminal(outer, process, (columns, lines))
    loop = asyncio.get_running_loop()
    loop.add_reader(outer, terminal.take)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        loop.remove_reader(outer)
        os.close(outer)
