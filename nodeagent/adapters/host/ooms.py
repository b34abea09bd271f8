"""Which processes the kernel killed for want of memory, and whose memory had run out.

From the kernel's own log: a container's cgroup, and the counters in it, are gone as soon as its
last process is, while the log names the cgroup of the victim and the one whose limit was reached.
"""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from nodeagent.aio.threads import Threads
from nodeagent.model.ends import OomKill, OomScope
from nodeagent.model.ids import ContainerId

log = structlog.get_logger()

_RECORD_BYTES = 8192  # the kernel never gives more at once
_KILL = re.compile(
    r"oom-kill:constraint=(?P<constraint>\w+),.*?"
    r"(?:oom_memcg=(?P<limited>[^,]*),|global_oom,)"
    r"task_memcg=(?P<victim>[^,]*),task=(?P<task>.*),pid=(?P<pid>\d+),uid=\d+"
)
_POD = re.compile(r"(?:^|-)pod[0-9A-Za-z_-]+(?:\.slice)?$")


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """One kill as the kernel tells it. Paths start at the cgroup root; `limited` "" for none."""

    victim: str
    limited: str
    process: str
    pid: int
    uptime: float  # seconds since the machine started

    def scope(self, container: str) -> OomScope:
        """Whose memory had run out, as seen from the container."""
        if not self.limited:
            return OomScope.NODE
        if container in self.limited:
            return OomScope.CONTAINER
        last = self.limited.rpartition("/")[2]
        return OomScope.POD if _POD.search(last) else OomScope.PODS


def parse_kills(records: Iterable[str]) -> list[Kill]:
    """The kills among records of /dev/kmsg ("6,17485,4752696784,-;text"), oldest first."""
    kills = []
    for record in records:
        found = _KILL.search(record)
        if found is None:
            continue
        prefix = record.partition(";")[0].split(",")
        kills.append(
            Kill(
                victim=found["victim"],
                limited=(found["limited"] or "") if "MEMCG" in found["constraint"] else "",
                process=found["task"],
                pid=int(found["pid"]),
                uptime=int(prefix[2]) / 1e6 if len(prefix) > 2 else 0.0,
            )
        )
    return kills


class KernelOoms:
    """Implements the engine's `OomLog`. Reads the log only after the kernel counted a new kill."""

    def __init__(
        self,
        threads: Threads,
        *,
        kmsg: Path = Path("/dev/kmsg"),
        vmstat: Path = Path("/proc/vmstat"),
    ) -> None:
        self._threads, self._kmsg, self._vmstat = threads, kmsg, vmstat
        self._kills: list[Kill] = []
        self._count = 0
        self._complained = False
        self._told: float | None = None  # uptime of the newest kill when last asked for all

    async def find(self, container: ContainerId) -> OomKill | None:
        """The last process of the container that was killed so; None where none is known."""
        return await self._threads.run(self._find, container)

    async def system_kills(self) -> tuple[OomKill, ...]:
        """Kills for want of the machine's memory since the call before; the first tells none."""
        return await self._threads.run(self._system_kills)

    def _find(self, container: ContainerId) -> OomKill | None:
        self._look()
        kill = next((k for k in reversed(self._kills) if container in k.victim), None)
        return None if kill is None else _as_told(kill, kill.scope(container))

    def _system_kills(self) -> tuple[OomKill, ...]:
        self._look()
        since, first = self._told, self._told is None
        self._told = max((kill.uptime for kill in self._kills), default=since or 0.0)
        if first:
            return ()
        return tuple(
            _as_told(kill, OomScope.NODE)
            for kill in self._kills
            if not kill.limited and kill.uptime > (since or 0.0)
        )

    def _look(self) -> None:
        """Know the kills so far; nothing new where the kernel does not tell."""
        try:
            self._refresh()
        except (OSError, ValueError) as error:
            if not self._complained:
                log.warning("out-of-memory kills cannot be told apart", error=str(error))
            self._complained = True

    def _refresh(self) -> None:
        count = _oom_kills(self._vmstat.read_text())
        if count != self._count:
            self._kills = parse_kills(_records(self._kmsg))
            self._count = count


def _as_told(kill: Kill, scope: OomScope) -> OomKill:
    at = time.time() - time.monotonic() + kill.uptime
    return OomKill(scope=scope, process=kill.process, pid=kill.pid, at=at)


def _oom_kills(vmstat: str) -> int:
    for line in vmstat.splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    raise ValueError("/proc/vmstat has no oom_kill: the kernel is older than 4.13")


def _records(kmsg: Path) -> list[str]:
    """Everything in the kernel's log now; what is overwritten meanwhile is left out."""
    found = []
    fd = os.open(kmsg, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                record = os.read(fd, _RECORD_BYTES)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue
            if not record:
                break
            if b"oom-kill:" in record:
                found += record.decode(errors="replace").splitlines()
    finally:
        os.close(fd)
    return found
