"""What a cgroup uses, from the files of cgroup v1."""

import msgspec

from nodeagent.adapters.cgroupfs.detect import Layout
from nodeagent.adapters.cgroupfs.usage_text import (
    Found,
    Place,
    Step,
    Take,
    count_lines,
    devices,
    follow,
    host_pressure,
    one_number,
    pairs,
)
from nodeagent.model.usage import DeviceIo, Group, Use

_TICK_NS = 10_000_000  # USER_HZ is 100 on every Linux that has these files
_FIELDS = {
    "cache": b"total_cache",
    "rss": b"total_rss",
    "mapped": b"total_mapped_file",
    "swap": b"total_swap",
    "active_file": b"total_active_file",
    "inactive_file": b"total_inactive_file",
    "faults": b"total_pgfault",
    "major_faults": b"total_pgmajfault",
    "own_faults": b"pgfault",
    "own_major_faults": b"pgmajfault",
}


def _memory_stat(data: bytes, found: Found) -> None:
    told = pairs(data)
    for field, name in _FIELDS.items():
        value = told.get(name)
        if value is not None:
            found[field] = int(value)


def _cpu_split(data: bytes, found: Found) -> None:
    told = pairs(data)
    found["user_ns"] = int(told.get(b"user", 0)) * _TICK_NS
    found["system_ns"] = int(told.get(b"system", 0)) * _TICK_NS


def _cfs(data: bytes, found: Found) -> None:
    told = pairs(data)
    found["periods"] = int(told.get(b"nr_periods", 0))
    found["throttled"] = int(told.get(b"nr_throttled", 0))
    found["throttled_ns"] = int(told.get(b"throttled_time", 0))
    found["bursts"] = int(told.get(b"nr_bursts", 0))
    found["burst_ns"] = int(told.get(b"burst_time", 0))


def _oom(data: bytes, found: Found) -> None:
    kills = pairs(data).get(b"oom_kill")
    if kills is not None:
        found["oom_kills"] = int(kills)


def _quota(data: bytes, found: Found) -> None:
    if (quota := int(data)) > 0:
        found["quota"] = quota


def _blkio(field: str) -> Take:
    def take(data: bytes, found: Found) -> None:
        known = devices(found)
        for line in data.splitlines():
            words = line.split()
            if len(words) != 3:  # the sum over all devices
                continue
            major, _, minor = words[0].partition(b":")
            key = (int(major), int(minor))
            one = known.get(key) or DeviceIo(major=key[0], minor=key[1])
            counted = {**getattr(one, field), words[1].decode().lower(): int(words[2])}
            known[key] = msgspec.structs.replace(one, **{field: counted})
        found["io"] = tuple(known.values())

    return take


_FILES: dict[Group, tuple[tuple[str, str, Take], ...]] = {  # the quota before what needs it
    Group.CPU: (("cpuacct", "cpuacct.usage", one_number("cpu_ns")),),
    Group.CPU_SPLIT: (("cpuacct", "cpuacct.stat", _cpu_split),),
    Group.QUOTA: (("cpu", "cpu.cfs_quota_us", _quota),),
    Group.CFS: (("cpu", "cpu.stat", _cfs),),
    Group.SHARES: (
        ("cpu", "cpu.shares", one_number("shares")),
        ("cpu", "cpu.cfs_period_us", one_number("period")),
    ),
    Group.MEMORY: (
        ("memory", "memory.usage_in_bytes", one_number("memory")),
        ("memory", "memory.stat", _memory_stat),
    ),
    Group.MEMORY_MORE: (
        ("memory", "memory.max_usage_in_bytes", one_number("peak")),
        ("memory", "memory.failcnt", one_number("failures")),
    ),
    Group.KERNEL: (("memory", "memory.kmem.usage_in_bytes", one_number("kernel")),),
    Group.OOM: (("memory", "memory.oom_control", _oom),),
    Group.LIMITS: (
        ("memory", "memory.limit_in_bytes", one_number("memory_limit")),
        ("memory", "memory.memsw.limit_in_bytes", one_number("memsw_limit")),
    ),
    Group.RESERVED: (("memory", "memory.soft_limit_in_bytes", one_number("soft_limit")),),
    Group.IO: (
        ("blkio", "blkio.throttle.io_service_bytes_recursive", _blkio("octets")),
        ("blkio", "blkio.throttle.io_serviced_recursive", _blkio("operations")),
    ),
    Group.TASKS: (
        ("pids", "cgroup.procs", count_lines("processes")),
        ("pids", "pids.current", one_number("threads")),
        ("pids", "pids.max", one_number("threads_max")),
    ),
}


_NEEDS = {Group.CFS: "quota"}


class V1Usage:
    """Reads cgroups of version 1. `proc`: where /proc is."""

    def __init__(self, layout: Layout, *, proc: str = "/proc") -> None:
        self._of = {name: h.mount for h in layout.hierarchies for name in h.controllers}
        self._proc = proc
        self._plans: dict[frozenset[Group], tuple[Step, ...]] = {}
        self.trees = tuple(dict.fromkeys(self._of.values()))
        # Of the trees that have every pod, the one with the fewest files is listed fastest.
        self.tree = next(
            self._of[name] for name in ("pids", "cpuacct", "memory") if name in self._of
        )

    def read(self, place: Place, path: str, groups: frozenset[Group], at: float) -> Use | None:
        """One cgroup below the place, "" for the place itself; None where it has gone."""
        found: Found = {}
        if not follow(self._plan(groups), place, path, found) and groups:
            return None
        if not place.path and not path:
            host_pressure(self._proc, groups, found)
        memory, inactive = found.get("memory"), found.get("inactive_file")
        if memory is not None:
            found["working_set"] = max(memory - (inactive or 0), 0)
        both, limit = found.get("memsw_limit"), found.get("memory_limit")
        if both is not None and limit is not None:
            found["swap_limit"] = max(both - limit, 0)
        return Use(at=at, **found)

    def _plan(self, groups: frozenset[Group]) -> tuple[Step, ...]:
        plan = self._plans.get(groups)
        if plan is None:
            plan = self._plans[groups] = tuple(
                Step(self._of[controller], name, take, _NEEDS.get(group, ""))
                for group, files in _FILES.items()
                if group in groups
                for controller, name, take in files
                if controller in self._of
            )
        return plan
