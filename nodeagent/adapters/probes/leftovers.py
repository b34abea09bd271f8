"""End what a command inside a container left running: its whole session, found through /proc.

A runtime that kills a timed-out command kills its first process only, and on containerd 1.6 the
call then hangs for as long as a child holds the output open.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_EARLY = 0.1  # seconds; the clocks of the kernel's two readings need not agree exactly


class _Process(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    parent: int
    session: int
    started: float  # seconds since boot
    command: tuple[str, ...]


def since_boot() -> float:
    """Now, on the clock in which /proc states start times."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def end_command(
    container_id: str, command: tuple[str, ...], *, since: float, proc: Path = Path("/proc")
) -> int:
    """Kill the command that was begun in the container at `since`, and all of its session.

    A command entered from outside is a process whose parent is not in the container; of several
    such begun since, the one with these words is taken, and none where that stays unclear. Says
    how many processes were sent SIGKILL. Reads all of /proc: call it in a thread.
    """
    inside = {process.pid: process for process in _inside(container_id, proc)}
    entered = [p for p in inside.values() if p.parent not in inside and p.started >= since - _EARLY]
    same = [p for p in entered if _is_same(p.command, command)]
    chosen = same if same else entered
    if len(chosen) != 1 and not same:
        return 0
    first = min(chosen, key=lambda p: (abs(p.started - since), p.pid))
    return sum(_kill(p.pid) for p in _family(first, inside))


def _inside(container_id: str, proc: Path) -> Iterator[_Process]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                if container_id in (folder / "cgroup").read_text():
                    yield _read(folder)


def _read(folder: Path) -> _Process:
    # the name in brackets may hold anything, so read from the last bracket on
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    return _Process(
        pid=int(folder.name),
        parent=int(fields[1]),
        session=int(fields[3]),
        started=int(fields[19]) * _TICK,
        command=tuple(word.decode(errors="surrogateescape") for word in words),
    )


def _is_same(found: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Equal, or equal but for the interpreter that the kernel puts before a script."""
    return found == wanted or (len(wanted) > 1 and found[-len(wanted) + 1 :] == wanted[1:])


def _family(first: _Process, inside: dict[int, _Process]) -> list[_Process]:
    """The process, its session, and its children that made sessions of their own."""
    family = {first.pid}
    while True:
        more = {
            p.pid
            for p in inside.values()
            if p.pid not in family and (p.session == first.pid or p.parent in family)
        }
        if not more:
            return [inside[pid] for pid in sorted(family)]
        family |= more


def _kill(pid: int) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
