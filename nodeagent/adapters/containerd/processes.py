"""Which process is behind a socket or a configuration file, as /proc and the kernel tell."""

import os
import select
import signal
import socket as sockets
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_CONNECT_DEADLINE = 2.0


def answers(socket: Path) -> bool:
    """Whether somebody accepts connections on this unix socket."""
    return listener(socket) is not None


def listener(socket: Path) -> int | None:
    """The pid of the process that listens there; None if nobody does."""
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as client:
        client.settimeout(_CONNECT_DEADLINE)
        try:
            client.connect(str(socket))
        except OSError:
            return None
        creds = client.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", creds)[0]
    return pid


def command_line(pid: int) -> tuple[str, ...]:
    """Its words; empty for a process that is gone, a zombie, or just within an exec."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in raw.split(b"\0")[:-1])


def is_alive(pid: int) -> bool:
    """Whether it still runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"


def with_words(*words: str) -> Iterator[int]:
    """Pids of the processes whose command line has all these words.

    Only those that see our file tree: in a container beside us the same paths are other files.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and set(words) <= set(command_line(int(entry.name))):
            with suppress(OSError):
                if (entry / "root").samefile("/"):
                    yield int(entry.name)


def descendants(pid: int) -> Iterator[int]:
    """Children, their children and so on, deepest first. What is gone meanwhile is left out."""
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                for child in (task / "children").read_text().split():
                    yield from descendants(int(child))
                    yield int(child)


def end(pid: int, *, patience: float) -> None:
    """Ask it to end, insist after `patience` seconds, return when it has. Gone counts as ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number, deadline in ((signal.SIGTERM, patience), (signal.SIGKILL, patience)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], deadline)[0]:
                break
    finally:
        os.close(handle)
    reap(pid)


def kill(pid: int) -> None:
    """Kill it without waiting. Gone counts as killed."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def reap(pid: int) -> None:
    """If it is our child and has ended, let the kernel forget it."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def wait_gone(pids: set[int], *, patience: float) -> set[int]:
    """Wait until none of them is alive; return those left after `patience` seconds."""
    deadline = time.monotonic() + patience
    while pids and time.monotonic() < deadline:
        pids = {pid for pid in pids if is_alive(pid)}
        time.sleep(0.01)
    return pids
