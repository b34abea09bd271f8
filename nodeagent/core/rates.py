"""CPU rates between readings. No history is kept but the reading before."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from nodeagent.model.usage import CgroupReading

SHORTEST: Final = 1.0  # seconds between two readings that make a rate
LONGEST: Final = 120.0  # a reading older than this says nothing of now


class Rate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A cgroup's counter at a moment, and the rate up to it in nanoseconds of CPU each second."""

    at: float
    cpu_ns: int
    nanocores: int | None = None


def next_rates(before: Mapping[str, Rate], now: Iterable[CgroupReading]) -> dict[str, Rate]:
    """By path, what the readings make of the ones before.

    Two readings shortly after each other share one rate; a counter that went back is a new
    cgroup's. Cgroups that are no longer read are forgotten.
    """
    return {
        one.cgroup.path: _rate(before.get(one.cgroup.path), one.use.at, one.use.cpu_ns)
        for one in now
        if one.use.cpu_ns is not None
    }


def _rate(before: Rate | None, at: float, cpu_ns: int) -> Rate:
    if before is None or cpu_ns < before.cpu_ns:
        return Rate(at=at, cpu_ns=cpu_ns)
    span = at - before.at
    if 0 <= span < SHORTEST:
        return before
    if span < 0 or span > LONGEST:
        return Rate(at=at, cpu_ns=cpu_ns)
    return Rate(at=at, cpu_ns=cpu_ns, nanocores=round((cpu_ns - before.cpu_ns) / span))


class Load(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tasks that run, and in uninterruptible sleep, averaged over about ten seconds."""

    at: float
    running: float
    waiting: float


def next_loads(before: Mapping[str, Load], now: Iterable[CgroupReading]) -> dict[str, Load]:
    """By path, the averages after these readings: what was decays over the time that passed."""
    loads = {}
    for one in now:
        if one.use.files is None:
            continue
        states = one.use.files.states
        running, waiting = states.get("R", 0) + states.get("D", 0), states.get("D", 0)
        known = before.get(one.cgroup.path)
        loads[one.cgroup.path] = _load(known, one.use.at, running, waiting)
    return loads


def _load(before: Load | None, at: float, running: int, waiting: int) -> Load:
    if before is None:
        return Load(at=at, running=running, waiting=waiting)
    keep = 2.0 ** (-max(at - before.at, 0.0) / 5.0)
    return Load(
        at=at,
        running=before.running * keep + running * (1 - keep),
        waiting=before.waiting * keep + waiting * (1 - keep),
    )
