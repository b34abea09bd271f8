"""The machine's journal, through journalctl: started only when somebody asks for a log."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from nodeagent.errors import HostError

LIMIT = 30.0  # seconds that one question may take
_BLOCK = 64 * 1024


async def read_journal(arguments: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
    """What journalctl writes, errors too, for at most LIMIT seconds. HostError: it is not there."""
    process = await _started(arguments)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LIMIT):
            while block := await process.stdout.read(_BLOCK):
                yield block
            await process.wait()
    except TimeoutError:
        yield b"\nerror: the journal took too long\n"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def journal_units() -> frozenset[str]:
    """Every unit that has lines in the journal."""
    blocks = [block async for block in read_journal(("--field", "_SYSTEMD_UNIT"))]
    return frozenset(b"".join(blocks).decode(errors="replace").split())


async def _started(arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            "journalctl",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise HostError(op="read", target="the journal", detail=str(error)) from error
