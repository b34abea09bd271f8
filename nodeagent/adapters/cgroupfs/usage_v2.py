"""What a cgroup uses, from the files of cgroup v2."""

from nodeagent.adapters.cgroupfs.usage_text import (
    Found,
    Place,
    Step,
    count_lines,
    follow,
    host_pressure,
    one_number,
    pairs,
    slurp,
    take_pressures,
)
from nodeagent.core.cgroups import cpu_shares
from nodeagent.model.usage import DeviceIo, Group, Use

_FIELDS = {
    "cache": b"file",
    "rss": b"anon",
    "mapped": b"file_mapped",
    "active_file": b"active_file",
    "inactive_file": b"inactive_file",
    "faults": b"pgfault",
    "major_faults": b"pgmajfault",
    "own_faults": b"pgfault",
    "own_major_faults": b"pgmajfault",
    "kernel": b"kernel",
}
_COUNTED = {
    b"rbytes": ("octets", "read"),
    b"wbytes": ("octets", "write"),
    b"dbytes": ("octets", "discard"),
    b"rios": ("operations", "read"),
    b"wios": ("operations", "write"),
    b"dios": ("operations", "discard"),
    b"cost.usage": ("costs", "usage"),
    b"cost.wait": ("costs", "wait"),
    b"cost.indebt": ("costs", "indebt"),
    b"cost.indelay": ("costs", "indelay"),
}


def _cpu_stat(data: bytes, found: Found) -> None:
    told = pairs(data)

    def nanos(name: bytes) -> int:
        return int(told.get(name, 0)) * 1000

    found["cpu_ns"] = nanos(b"usage_usec")
    found["user_ns"], found["system_ns"] = nanos(b"user_usec"), nanos(b"system_usec")
    if b"nr_periods" in told:
        found["periods"], found["throttled"] = int(told[b"nr_periods"]), int(told[b"nr_throttled"])
        found["throttled_ns"] = nanos(b"throttled_usec")
        found["bursts"], found["burst_ns"] = int(told.get(b"nr_bursts", 0)), nanos(b"burst_usec")


def _memory_stat(data: bytes, found: Found) -> None:
    told = pairs(data)
    for field, name in _FIELDS.items():
        value = told.get(name)
        if value is not None:
            found[field] = int(value)


def _memory_events(data: bytes, found: Found) -> None:
    told = pairs(data)
    found["oom_kills"], found["failures"] = int(told.get(b"oom_kill", 0)), int(told.get(b"max", 0))


def _cpu_max(data: bytes, found: Found) -> None:
    quota, _, period = data.partition(b" ")
    found["period"] = int(period)
    if quota != b"max":
        found["quota"] = int(quota)


def _weight(data: bytes, found: Found) -> None:
    found["shares"] = cpu_shares(int(data))


def _io_stat(data: bytes, found: Found) -> None:
    seen = []
    for line in data.splitlines():
        words = line.split()
        fields = [word for word in words if b"=" in word]
        # Some kernels end no line after a device without figures: the last one has them.
        device = next((word for word in reversed(words) if b"=" not in word), b"")
        major, colon, minor = device.partition(b":")
        if not colon:
            continue
        kinds: dict[str, dict[str, int]] = {"octets": {}, "operations": {}, "costs": {}}
        for field in fields:
            name, _, value = field.partition(b"=")
            if name in _COUNTED:
                kind, operation = _COUNTED[name]
                kinds[kind][operation] = int(value)
        seen.append(DeviceIo(major=int(major), minor=int(minor), **kinds))
    found["io"] = tuple(seen)


_MORE = (("memory.peak", one_number("peak")), ("memory.events", _memory_events))
_FILES = {
    Group.CPU: (("cpu.stat", _cpu_stat),),
    Group.CPU_SPLIT: (("cpu.stat", _cpu_stat),),
    Group.QUOTA: (("cpu.max", _cpu_max),),
    Group.CFS: (("cpu.stat", _cpu_stat),),
    Group.SHARES: (("cpu.weight", _weight), ("cpu.max", _cpu_max)),
    Group.MEMORY: (("memory.current", one_number("memory")), ("memory.stat", _memory_stat)),
    Group.MEMORY_MORE: _MORE,
    Group.OOM: (("memory.events", _memory_events),),
    Group.SWAP: (("memory.swap.current", one_number("swap")),),
    Group.LIMITS: (
        ("memory.max", one_number("memory_limit")),
        ("memory.swap.max", one_number("swap_limit")),
    ),
    Group.RESERVED: (("memory.min", one_number("soft_limit")),),
    Group.IO: (("io.stat", _io_stat),),
    Group.PSI: (
        ("cpu.pressure", take_pressures("cpu_psi")),
        ("memory.pressure", take_pressures("memory_psi")),
        ("io.pressure", take_pressures("io_psi")),
    ),
    Group.TASKS: (
        ("cgroup.procs", count_lines("processes")),
        ("pids.current", one_number("threads")),
        ("pids.max", one_number("threads_max")),
    ),
}


class V2Usage:
    """Reads cgroups of version 2. `proc`: where /proc is."""

    def __init__(self, mount: str, *, proc: str = "/proc") -> None:
        self.tree, self._proc = mount, proc
        self.trees: tuple[str, ...] = (mount,)
        self._plans: dict[frozenset[Group], tuple[Step, ...]] = {}

    def read(self, place: Place, path: str, groups: frozenset[Group], at: float) -> Use | None:
        """One cgroup below the place, "" for the place itself; None where it has gone."""
        found: Found = {}
        if not follow(self._plan(groups), place, path, found) and groups:
            return None
        if not place.path and not path:
            self._topmost(groups, found)
        memory, inactive = found.get("memory"), found.get("inactive_file")
        if memory is not None:
            found["working_set"] = max(memory - (inactive or 0), 0)
        return Use(at=at, **found)

    def _topmost(self, groups: frozenset[Group], found: Found) -> None:
        """The topmost cgroup has no figures of memory: the machine's are its own."""
        host_pressure(self._proc, groups, found)
        if Group.MEMORY in groups or Group.SWAP in groups:
            words = slurp(f"{self._proc}/meminfo").replace(b" kB", b"").replace(b":", b"")
            told = {name: int(value) * 1024 for name, value in pairs(words).items()}
            found["memory"] = told[b"MemTotal"] - told[b"MemFree"]
            found["swap"] = told.get(b"SwapTotal", 0) - told.get(b"SwapFree", 0)

    def _plan(self, groups: frozenset[Group]) -> tuple[Step, ...]:
        plan = self._plans.get(groups)
        if plan is None:
            files = {name: take for g, many in _FILES.items() if g in groups for name, take in many}
            plan = tuple(Step(self.tree, name, take) for name, take in files.items())
            self._plans[groups] = plan
        return plan
