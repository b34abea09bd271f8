"""Disposable processes: for calls that may hang, and for what is not done with the agent's rights.

Each is a session of its own, killed at its deadline with all that it has started, or left behind
where the kernel does not let it die.
"""

import asyncio
import json
import os
import signal
import time
from contextlib import suppress

import msgspec

from nodeagent.adapters.host.oserror import translated
from nodeagent.errors import HostError

PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_NOWHERE = asyncio.subprocess.DEVNULL
_LAST_WAIT = 1.0  # seconds for a killed process to go


class TooLate(Exception):
    """The process was not done by its deadline."""


class Order(msgspec.Struct, frozen=True):
    """What a process is to do, and on what path."""

    call: str
    path: str
    more: tuple[int | str, ...] = ()

    @property
    def text(self) -> str:
        """As the worker of `stuck` reads it."""
        return json.dumps([self.call, [self.path, *self.more]])


class Disposable:
    """Runs programs, found in the folders `programs` (as in PATH), with a bare environment."""

    def __init__(self, programs: str = PROGRAMS) -> None:
        self._programs = programs
        self._hanging: dict[Order, tuple[asyncio.subprocess.Process, float]] = {}

    async def run(
        self,
        order: Order,
        words: tuple[str, ...],
        *,
        deadline: float,
        errors: bool = False,
    ) -> tuple[int, bytes]:
        """Exit code and output (`errors`: with what it says on standard error) of a program.

        TooLate after `deadline` seconds: it is killed by then. HostError where it cannot be
        started, and at once where an earlier one of the same order still hangs in the kernel.
        """
        self._refuse_if_hanging(order)
        with translated(order.call, order.path):
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=_NOWHERE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT if errors else _NOWHERE,
                env={"PATH": self._programs, "LC_ALL": "C"},
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(deadline):
                output, _ = await process.communicate()
        except TimeoutError as error:
            await self._end(order, process, patience=min(_LAST_WAIT, deadline))
            raise TooLate from error
        except asyncio.CancelledError:
            await self._end(order, process, patience=_LAST_WAIT)
            raise
        assert process.returncode is not None
        return process.returncode, output

    async def _end(
        self, order: Order, process: asyncio.subprocess.Process, *, patience: float
    ) -> None:
        """Kill it with all that it has started; the kernel may keep it waiting all the same."""
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            self._hanging[order] = (process, time.monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await process.communicate()

    def _refuse_if_hanging(self, order: Order) -> None:
        for old, (process, _) in list(self._hanging.items()):
            if process.returncode is not None:
                del self._hanging[old]
        if order in self._hanging:
            seconds = time.monotonic() - self._hanging[order][1]
            raise HostError(
                op=order.call,
                target=order.path,
                detail=f"the file system has not answered for {seconds:.0f} s, and the process"
                f" {self._hanging[order][0].pid} that asked cannot be killed",
            )
