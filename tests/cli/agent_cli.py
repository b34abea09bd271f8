"""Run a command of the program against a node that is served in the test's loop."""

import asyncio
import os
import pty
import sys
from pathlib import Path

import msgspec

PROGRAM = "from nodeagent.cli.main import main; main()"


class Ran(msgspec.Struct, frozen=True):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


async def nodeagent(*words: str, socket: Path) -> Ran:
    """Run `nodeagent ...` to its end, its outputs being pipes."""
    process = await start(*words, socket=socket)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def start(
    *words: str, socket: Path, stdout: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    """Start `nodeagent ...`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        *words,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env={"NODEAGENT_SOCKET": str(socket), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )


async def on_a_terminal(*words: str, socket: Path, columns: int) -> str:
    """Run `nodeagent ...` on a terminal of that width; what the terminal was told."""
    outer, inner = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            *words,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={
                "NODEAGENT_SOCKET": str(socket),
                "TERM": "xterm-256color",
                "COLUMNS": str(columns),
                "LANG": "C.UTF-8",
            },
        )
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        return os.read(outer, 65536).decode()
    finally:
        os.close(outer)
        os.close(inner)
