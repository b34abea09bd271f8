"""CPU rates between readings. No history is kept but the reading before."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from nodeagent.model.observed import ObservedPod
from nodeagent.model.usage import CgroupReading

SHORTEST: Final = 1.0  # seconds between two readings that make a rate


class Rate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A cgroup's counter at a moment, and the rate up to it in nanoseconds of CPU each second."""

    at: float
    cpu_ns: int
    nanocores: int | None = None


def next_rates(
    before: Mapping[str, Rate], now: Iterable[CgroupReading], births: Mapping[str, float]
) -> dict[str, Rate]:
    """By path, what the readings make of the ones before.

    Two readings shortly after each other share one rate, whichever came first; a counter that went
    back is a new cgroup's. What was not read before had used nothing when it was made: `births`
    has when that was, by the id of a container or the uid of a pod. Cgroups that are no longer read
    are forgotten.
    """
    rates = {}
    for one in now:
        if one.use.cpu_ns is None:
            continue
        path, born = one.cgroup.path, births.get(one.cgroup.id or one.cgroup.uid)
        known = before.get(path)
        if known is None and born is not None:
            known = Rate(at=born, cpu_ns=0)
        rates[path] = _rate(known, one.use.at, one.use.cpu_ns)
    return rates


def births_of(pods: Iterable[ObservedPod]) -> dict[str, float]:
    """When containers, sandboxes and pods were made, for `next_rates`."""
    births: dict[str, float] = {}
    for pod in pods:
        births.update((one.id, one.started_at or one.created_at) for one in pod.containers)
        births.update((one.id, one.created_at) for one in pod.sandboxes)
        if pod.sandboxes:
            births[pod.uid] = min(one.created_at for one in pod.sandboxes)
    return births


def _rate(before: Rate | None, at: float, cpu_ns: int) -> Rate:
    span = at - before.at if before is not None else 0.0
    if before is None or span <= -SHORTEST:  # the clock was set back
        return Rate(at=at, cpu_ns=cpu_ns)
    if span < SHORTEST:
        return before
    if cpu_ns < before.cpu_ns:
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
