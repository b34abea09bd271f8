"""What the kernel itself says of a container and of the machine, to compare the agent's figures
with: read from the files of either version of cgroups, by code of its own."""

import os
from pathlib import Path

import msgspec

from tests.e2e.agent import Agent, is_cgroup_v2
from tests.e2e.pods import View

WITHIN = 0.02
"""What a figure may be off."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One cgroup. CPU and throttled time in nanoseconds, memory in bytes."""

    cpu: int
    memory: int
    working_set: int
    rss: int
    periods: int
    throttled: int
    throttled_time: int
    processes: int


def words(file: Path, *, unit: int = 1) -> dict[str, int]:
    """The numbers of a file that has a name and a number a line, maybe with a unit behind."""
    pairs = (line.split() for line in file.read_text().splitlines())
    return {pair[0]: int(pair[1]) * unit for pair in pairs}


def machine_cpu() -> float:
    """Seconds of CPU that the machine has used, by /proc/stat: all but idle, waiting and stolen."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    return sum(ticks[:3] + ticks[5:]) / os.sysconf("SC_CLK_TCK")


def figures(agent: Agent, pod: View, container: str = "main") -> Figures:
    """A container's, or with "" the whole pod's."""
    at = {name: agent.cgroup(pod, name, container=container) for name in ("cpu", "memory", "pids")}
    cpu = words(at["cpu"] / "cpu.stat")
    stat = words(at["memory"] / "memory.stat")
    processes = len((at["pids"] / "cgroup.procs").read_text().split())
    if is_cgroup_v2():
        used = int((at["memory"] / "memory.current").read_text())
        return Figures(
            cpu=cpu["usage_usec"] * 1000,
            memory=used,
            working_set=used - stat["inactive_file"],
            rss=stat["anon"],
            periods=cpu.get("nr_periods", 0),
            throttled=cpu.get("nr_throttled", 0),
            throttled_time=cpu.get("throttled_usec", 0) * 1000,
            processes=processes,
        )
    used = int((at["memory"] / "memory.usage_in_bytes").read_text())
    time = agent.cgroup(pod, "cpuacct", container=container) / "cpuacct.usage"
    return Figures(
        cpu=int(time.read_text()),
        memory=used,
        working_set=used - stat["total_inactive_file"],
        rss=stat["total_rss"],
        periods=cpu["nr_periods"],
        throttled=cpu["nr_throttled"],
        throttled_time=cpu["throttled_time"],
        processes=processes,
    )


def interface(pid: int | str, name: str = "eth0") -> dict[str, int]:
    """The counters of a network interface as a process sees it."""
    for line in Path("/proc", str(pid), "net/dev").read_text().splitlines():
        found, colon, rest = line.partition(":")
        if colon and found.strip() == name:
            numbers = [int(number) for number in rest.split()]
            return {"rx": numbers[0], "tx": numbers[8]}
    raise AssertionError(f"{pid} has no interface {name}")


def fits(told: float, before: float, after: float, *, within: float = WITHIN) -> bool:
    """Whether a figure lies between two readings of the kernel, or off them by so little."""
    least, most = sorted((before, after))
    return least * (1 - within) <= told <= most * (1 + within)
