"""What /proc tells of the processes in a cgroup: their network, and what they hold open."""

import os
from collections import Counter
from contextlib import suppress

from nodeagent.adapters.cgroupfs.usage_text import slurp, slurp_all
from nodeagent.model.usage import Interface, OpenFiles

_LAST_IN_STAT = b")"  # the name before may hold anything


def interfaces(proc: str, pid: str) -> tuple[Interface, ...]:
    """Interfaces of the process's network namespace; none where it has gone."""
    try:
        data = slurp_all(f"{proc}/{pid}/net/dev")
    except OSError:
        return ()
    found = []
    for line in data.splitlines()[2:]:
        name, _, counters = line.rpartition(b":")
        rx_bytes, rx_packets, rx_errors, rx_dropped, *rest = (int(n) for n in counters.split())
        tx_bytes, tx_packets, tx_errors, tx_dropped = rest[4:8]
        found.append(
            Interface(
                name=name.strip().decode(errors="replace"),
                rx_bytes=rx_bytes,
                rx_packets=rx_packets,
                rx_errors=rx_errors,
                rx_dropped=rx_dropped,
                tx_bytes=tx_bytes,
                tx_packets=tx_packets,
                tx_errors=tx_errors,
                tx_dropped=tx_dropped,
            )
        )
    return tuple(found)


def processes_in(folder: str) -> tuple[str, ...]:
    """Ids of the processes in a cgroup; none where it has gone."""
    try:
        return tuple(slurp_all(f"{folder}/cgroup.procs").decode().split())
    except OSError:
        return ()


def open_files(proc: str, pids: tuple[str, ...]) -> OpenFiles:
    """What these processes hold open together; one that has gone counts for nothing."""
    descriptors = sockets = 0
    states: Counter[str] = Counter()
    for pid in pids:
        with suppress(OSError, IndexError):
            states[_state(proc, pid)] += 1
            folder = f"{proc}/{pid}/fd"
            for name in os.listdir(folder):  # noqa: PTH208 - names only, no Path each
                descriptors += 1
                with suppress(OSError):
                    sockets += os.readlink(f"{folder}/{name}").startswith("socket:")  # noqa: PTH115
    return OpenFiles(
        descriptors=descriptors,
        sockets=sockets,
        most_open=_most_open(proc, pids[0]) if pids else None,
        states=dict(states),
    )


def _state(proc: str, pid: str) -> str:
    return slurp(f"{proc}/{pid}/stat").rpartition(_LAST_IN_STAT)[2].split()[0].decode()


def _most_open(proc: str, pid: str) -> int | None:
    """The soft limit of open files; -1 for none."""
    with suppress(OSError):
        for line in slurp(f"{proc}/{pid}/limits").splitlines():
            if line.startswith(b"Max open files"):
                soft = line.split()[3]
                return -1 if soft == b"unlimited" else int(soft)
    return None
