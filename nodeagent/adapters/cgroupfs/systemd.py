"""The systemd driver: slices are made by systemd, the rest of their values by us.

systemd owns the tree where it is PID 1, so it has to know of each slice and its limits: else it
would take both back at its next reload. What it has no property for, and the v1 hierarchies it
does not use, are kept by the tree for the cgroup version.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Protocol

from nodeagent.adapters.cgroupfs.dbus import Bus, BusError, Variant
from nodeagent.adapters.cgroupfs.kubepods import Tree
from nodeagent.adapters.cgroupfs.teardown import Left
from nodeagent.core.cgroups import SYSTEMD, cpu_weight, driver_path
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup
from nodeagent.model.memory_use import MemoryUse

SYSTEM_BUS = "/run/dbus/system_bus_socket"
PRIVATE_BUS = "/run/systemd/private"
_SYSTEMD = "org.freedesktop.systemd1"
_OBJECT = "/org/freedesktop/systemd1"
_MANAGER = f"{_SYSTEMD}.Manager"
_NO_SUCH_UNIT = f"{_SYSTEMD}.NoSuchUnit"
_UNIT_EXISTS = f"{_SYSTEMD}.UnitExists"
_NO_LIMIT = (1 << 64) - 1
_QUOTA_STEP = 10_000  # systemd keeps quotas in multiples of 10 ms of CPU per second

Property = tuple[str, Variant]


class SliceTree(Tree, Protocol):
    """A tree that can tell whether a cgroup exists."""

    def has(self, path: str) -> bool: ...


class SystemdTree:
    """Slices over the tree of one cgroup version; paths are driver-neutral.

    `open_bus` connects to systemd. Each change has a connection of its own: one that is kept
    would be sent the end of every job on the host, with nobody to read it.
    """

    def __init__(self, inner: SliceTree, version: int, open_bus: Callable[[], Bus]) -> None:
        self._inner = inner
        self._version = version
        self._open_bus = open_bus
        self._told: dict[str, list[Property]] = {}

    def has(self, path: str) -> bool:
        """Whether the slice's cgroup exists."""
        return self._inner.has(driver_path(path, SYSTEMD))

    def ensure(self, path: str, cgroup: PodCgroup, *, lift: bool) -> None:
        """The slice is known to systemd with these limits, and has them in every hierarchy."""
        folder = driver_path(path, SYSTEMD)
        unit = folder.rpartition("/")[2]
        wanted = limits(cgroup, self._version, lift=lift)
        there = self._inner.has(folder)
        if not there or self._told.get(unit) != wanted:
            with closing(self._open_bus()) as bus:
                self._tell(bus, unit, wanted, there=there)
            self._told[unit] = wanted
        self._inner.ensure(folder, cgroup, lift=lift)

    def remove(self, paths: Iterable[str]) -> Left:
        """Stop the slices, which ends the units in them, then remove what is left of them."""
        folders = [driver_path(path, SYSTEMD) for path in paths]
        there = [folder for folder in folders if self._inner.has(folder)]
        if there:
            with closing(self._open_bus()) as bus:
                for folder in there:
                    self._stop(bus, folder.rpartition("/")[2])
        return self._inner.remove(folders)

    def kill(self, left: Left) -> None:
        """Kill what is in the way."""
        self._inner.kill(left)

    def pods(self, parents: Iterable[str]) -> dict[PodUid, str]:
        """Pods that have a slice right below one of the parents, by driver-neutral path."""
        return {
            uid: f"{parent}/pod{uid}"
            for parent in parents
            for uid in self._inner.pods([driver_path(parent, SYSTEMD)])
        }

    def memory_use(self, path: str, *, below: bool = True) -> dict[str, MemoryUse]:
        """Memory of the slice and of the scopes in it."""
        return self._inner.memory_use(driver_path(path, SYSTEMD), below=below)

    def tasks(self, path: str) -> int | None:
        """Processes and threads in the slice."""
        return self._inner.tasks(driver_path(path, SYSTEMD))

    def _tell(self, bus: Bus, unit: str, wanted: list[Property], *, there: bool) -> None:
        if there and _set(bus, unit, wanted):
            return
        whole = [*_slice_properties(unit, self._version), *wanted]
        try:
            (job,) = _call(
                bus, "StartTransientUnit", "ssa(sv)a(sa(sv))", (unit, "replace", whole, [])
            )
        except BusError as error:
            if error.name != _UNIT_EXISTS:
                raise
            _set(bus, unit, wanted)
        else:
            _wait(bus, unit, job, "start")

    def _stop(self, bus: Bus, unit: str) -> None:
        self._told.pop(unit, None)
        try:
            (job,) = _call(bus, "StopUnit", "ss", (unit, "replace"))
            _wait(bus, unit, job, "stop")
            _call(bus, "ResetFailedUnit", "s", (unit,))
        except BusError as error:
            if error.name != _NO_SUCH_UNIT:
                raise


def _set(bus: Bus, unit: str, wanted: list[Property]) -> bool:
    """Whether systemd knows the unit; if so it has these properties now."""
    try:
        _call(bus, "SetUnitProperties", "sba(sv)", (unit, True, wanted))
    except BusError as error:
        if error.name == _NO_SUCH_UNIT:
            return False
        raise
    return True


def _wait(bus: Bus, unit: str, job: object, verb: str) -> None:
    _, _, _, result = bus.wait_signal("JobRemoved", 1, job)
    if result != "done":
        raise HostError(
            op=f"systemd: {verb}", target=unit, detail=f"the job ended as {result}: see journalctl"
        )


def _call(bus: Bus, member: str, signature: str, body: tuple[Any, ...]) -> tuple[Any, ...]:
    return bus.call(_SYSTEMD, _OBJECT, _MANAGER, member, signature, body)


def connect(bus_path: str = SYSTEM_BUS, private_path: str = PRIVATE_BUS) -> Bus:
    """To systemd over the system bus, or to its own socket where there is no bus (yet)."""
    try:
        bus = Bus(bus_path, with_daemon=True)
    except HostError as no_bus:
        try:
            bus = Bus(private_path, with_daemon=False)
        except HostError as error:
            raise HostError(
                op="reach systemd",
                target=private_path,
                detail=f"{error.detail}; {bus_path}: {no_bus.detail}. If systemd does not run here,"
                " set cgroupDriver to cgroupfs in the agent and in the runtime",
            ) from error
    try:
        bus.subscribe(_MANAGER, "JobRemoved", _OBJECT)
        _call(bus, "Subscribe", "", ())
    except HostError:
        bus.close()
        raise
    return bus


def _slice_properties(unit: str, version: int) -> list[Property]:
    parent = unit.removesuffix(".slice").rpartition("-")[0]
    wants = [("Wants", Variant("as", [f"{parent}.slice"]))] if parent else []
    yes = Variant("b", True)
    return [
        ("Description", Variant("s", f"Kubernetes pods: {unit}")),
        *wants,
        ("DefaultDependencies", Variant("b", False)),
        ("CPUAccounting", yes),
        ("MemoryAccounting", yes),
        ("TasksAccounting", yes),
        ("BlockIOAccounting" if version == 1 else "IOAccounting", yes),
    ]


def limits(cgroup: PodCgroup, version: int, *, lift: bool) -> list[Property]:
    """The limits systemd has properties for (systemd.resource-control(5))."""
    want = cgroup.resources
    found: dict[str, int] = {}
    if want.cpu_shares:
        name = "CPUShares" if version == 1 else "CPUWeight"
        found[name] = want.cpu_shares if version == 1 else cpu_weight(want.cpu_shares)
    memory = "MemoryLimit" if version == 1 else "MemoryMax"
    _limit(found, memory, want.memory_limit_bytes, lift)
    _limit(found, "TasksMax", cgroup.pids_max, lift)
    if want.cpu_quota > 0:
        period = want.cpu_period or 100_000
        per_second = -(-want.cpu_quota * 1_000_000 // period)
        found["CPUQuotaPerSecUSec"] = -(-per_second // _QUOTA_STEP) * _QUOTA_STEP
        found["CPUQuotaPeriodUSec"] = period
    elif want.cpu_quota < 0 or lift:
        found["CPUQuotaPerSecUSec"] = _NO_LIMIT
    return [(name, Variant("t", value)) for name, value in found.items()]


def _limit(found: dict[str, int], name: str, value: int, lift: bool) -> None:
    if value > 0:
        found[name] = value
    elif value < 0 or lift:
        found[name] = _NO_LIMIT
