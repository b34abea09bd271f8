"""Which series of `/metrics/cadvisor` there are, in which tier, and where each value comes from.

Names, types, units and labels are those of cAdvisor as a kubelet shows it, so that dashboards and
alerts work unchanged. docs/metrics.md has the same table for people (a test compares them).
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from nodeagent.core.exposition import Family
from nodeagent.model.scrapes import Tier
from nodeagent.model.usage import CgroupKind, Group, Use

Value: TypeAlias = Callable[[Use], float | None]
CORE, STANDARD, FULL = Tier.CORE, Tier.STANDARD, Tier.FULL
TIERS = (CORE, STANDARD, FULL)
_SECOND = 1e9


class UseFamily(msgspec.Struct, frozen=True, kw_only=True):
    """One series for each cgroup: `tier` is the first that has it for containers, `others` the
    first that has it for pods, slices and the node. `extra` are labels that never change."""

    family: Family
    tier: Tier
    others: Tier
    value: Value
    extra: str = ""
    stamped: bool = True  # cAdvisor gives limits no time


def field(name: str) -> Value:
    return lambda use: getattr(use, name)


def _seconds(name: str) -> Value:
    def value(use: Use) -> float | None:
        nanos: int | None = getattr(use, name)
        return None if nanos is None else nanos / _SECOND

    return value


def _limited(name: str) -> Value:
    """Throttling is told only of cgroups that have a quota."""
    inner = _seconds(name) if name.endswith("_ns") else field(name)
    return lambda use: None if use.quota is None else inner(use)


def _limit(name: str, beside: str) -> Value:
    """A limit; 0 for none, as long as the cgroup tells limits at all."""

    def value(use: Use) -> float | None:
        if getattr(use, beside) is None:
            return None
        return getattr(use, name) or 0

    return value


def _swap_limit(use: Use) -> float | None:
    """cgroup v1 limits memory and swap together, and that is what cAdvisor shows there."""
    if use.shares is None:
        return None
    return use.memsw_limit or use.swap_limit or 0


def _psi(resource: str, line: str) -> Value:
    def value(use: Use) -> float | None:
        told = getattr(use, f"{resource}_psi")
        return None if told is None else getattr(told, line).total / 1e6

    return value


def _files(name: str) -> Value:
    def value(use: Use) -> float | None:
        return None if use.files is None else getattr(use.files, name)

    return value


def _most_threads(use: Use) -> float | None:
    """0 where there is no limit, as in cAdvisor."""
    return None if use.threads is None else use.threads_max or 0


def _one(
    name: str,
    type_: str,
    help_: str,
    value: Value,
    *,
    tier: Tier = STANDARD,
    others: Tier | None = None,
    extra: str = "",
) -> UseFamily:
    family = Family(name=f"container_{name}", type=type_, help=help_)
    return UseFamily(
        family=family, tier=tier, others=others or max(tier, STANDARD, key=TIERS.index),
        value=value, extra=extra, stamped=not name.startswith("spec_"),
    )  # fmt: skip


def _gauge(name: str, help_: str, value: Value, **rest: Any) -> UseFamily:
    return _one(name, "gauge", help_, value, **rest)


def _count(name: str, help_: str, value: Value, **rest: Any) -> UseFamily:
    return _one(name, "counter", help_, value, **rest)


USE_FAMILIES: tuple[UseFamily, ...] = (
    _count(
        "cpu_usage_seconds_total",
        "CPU time used, in seconds.",
        _seconds("cpu_ns"),
        tier=CORE,
        others=CORE,
        extra='cpu="total"',
    ),
    _count(
        "cpu_user_seconds_total", "CPU time used in user mode, in seconds.", _seconds("user_ns")
    ),
    _count(
        "cpu_system_seconds_total",
        "CPU time used in the kernel, in seconds.",
        _seconds("system_ns"),
    ),
    _count(
        "cpu_cfs_periods_total",
        "Periods of the CPU quota that passed.",
        _limited("periods"),
        tier=CORE,
    ),
    _count(
        "cpu_cfs_throttled_periods_total",
        "Periods in which the CPU quota was used up.",
        _limited("throttled"),
        tier=CORE,
    ),
    _count(
        "cpu_cfs_throttled_seconds_total",
        "Time for which the CPU quota held tasks back, in seconds.",
        _limited("throttled_ns"),
        tier=CORE,
    ),
    _count(
        "cpu_cfs_burst_periods_total",
        "Periods in which more than the quota was used.",
        _limited("bursts"),
        tier=FULL,
    ),
    _count(
        "cpu_cfs_burst_seconds_total",
        "Time used beyond the quota, in seconds.",
        _limited("burst_ns"),
        tier=FULL,
    ),
    _gauge(
        "memory_working_set_bytes",
        "Memory in use without the page cache that is inactive.",
        field("working_set"),
        tier=CORE,
        others=CORE,
    ),
    _gauge("memory_rss", "Anonymous memory, in bytes.", field("rss"), tier=CORE),
    _gauge("memory_usage_bytes", "Memory in use with all of the page cache.", field("memory")),
    _gauge("memory_cache", "Page cache, in bytes.", field("cache")),
    _gauge("memory_swap", "Swap in use, in bytes.", field("swap")),
    _gauge("memory_mapped_file", "Memory of mapped files, in bytes.", field("mapped")),
    _gauge("memory_max_usage_bytes", "The most memory that was in use.", field("peak")),
    _count("memory_failcnt", "How often the memory limit was met.", field("failures")),
    _gauge(
        "memory_kernel_usage",
        "Memory of the kernel for these tasks, in bytes.",
        field("kernel"),
        tier=FULL,
    ),
    _gauge(
        "memory_total_active_file_bytes",
        "Page cache that was used lately.",
        field("active_file"),
        tier=FULL,
    ),
    _gauge(
        "memory_total_inactive_file_bytes",
        "Page cache that was not used lately.",
        field("inactive_file"),
        tier=FULL,
    ),
    _count(
        "oom_events_total", "Processes killed for want of memory.", field("oom_kills"), tier=CORE
    ),
    _gauge(
        "spec_memory_limit_bytes",
        "Memory limit; 0 for none.",
        _limit("memory_limit", "shares"),
        tier=CORE,
        others=FULL,
    ),
    _gauge(
        "spec_memory_swap_limit_bytes",
        "Swap limit (cgroup v1: of memory and swap); 0 for none.",
        _swap_limit,
        others=FULL,
    ),
    _gauge(
        "spec_memory_reservation_limit_bytes",
        "Memory that is reserved; 0 for none.",
        _limit("soft_limit", "shares"),
        tier=FULL,
    ),
    _gauge(
        "spec_cpu_quota",
        "CPU quota in microseconds for each period.",
        field("quota"),
        tier=CORE,
        others=FULL,
    ),
    _gauge(
        "spec_cpu_period", "Period of the CPU quota in microseconds.", field("period"), others=FULL
    ),
    _gauge("spec_cpu_shares", "CPU shares.", field("shares"), others=FULL),
    _gauge("last_seen", "When this was read, as Unix time.", lambda use: int(use.at), others=FULL),
    _gauge("processes", "Processes.", field("processes"), tier=FULL),
    _gauge("threads", "Threads.", field("threads"), tier=FULL),
    _gauge(
        "threads_max",
        "The most threads that there may be; 0 for no limit.",
        _most_threads,
        tier=FULL,
    ),
    _gauge("file_descriptors", "Open file descriptors.", _files("descriptors"), tier=FULL),
    _gauge("sockets", "Open sockets.", _files("sockets"), tier=FULL),
    _gauge(
        "ulimits_soft",
        "Soft limits of the first process; -1 for none.",
        _files("most_open"),
        tier=FULL,
        extra='ulimit="max_open_files"',
    ),
    *(
        _count(
            f"pressure_{resource}_{word}_seconds_total",
            f"{text} waited for {what}, in seconds.",
            _psi(resource, line),
            tier=FULL,
        )
        for resource, what in (("cpu", "a CPU"), ("memory", "memory"), ("io", "disks"))
        for word, line, text in (
            ("waiting", "some", "Time for which tasks"),
            ("stalled", "full", "Time for which all tasks"),
        )
    ),
)

_BASE = frozenset((Group.CPU, Group.MEMORY))
_COMMON = _BASE | {Group.CPU_SPLIT, Group.SWAP, Group.MEMORY_MORE, Group.OOM}
_THROTTLING = frozenset((Group.QUOTA, Group.CFS))
_SPEC = frozenset((Group.QUOTA, Group.SHARES, Group.LIMITS))
_ALL = frozenset(Group)
GROUPS: dict[Tier, dict[CgroupKind, frozenset[Group]]] = {
    CORE: {
        CgroupKind.ROOT: _BASE,
        CgroupKind.POD: _BASE,
        CgroupKind.CONTAINER: _BASE | _THROTTLING | _SPEC | {Group.OOM},
        CgroupKind.SANDBOX: frozenset(),
    },
    STANDARD: {
        CgroupKind.ROOT: _COMMON,
        CgroupKind.SLICE: _COMMON,
        CgroupKind.POD: _COMMON | _THROTTLING | {Group.IO},
        CgroupKind.CONTAINER: _COMMON | _THROTTLING | _SPEC | {Group.IO},
        CgroupKind.SANDBOX: frozenset(),
    },
    FULL: {
        CgroupKind.ROOT: _ALL - {Group.FILES},
        CgroupKind.SLICE: _ALL - {Group.FILES},
        CgroupKind.POD: _ALL - {Group.FILES},
        CgroupKind.CONTAINER: _ALL,
        CgroupKind.SANDBOX: _ALL,
    },
}
"""What is read of which kind of cgroup in each tier."""


def within(tier: Tier, first: Tier) -> bool:
    """Whether a tier has what begins with tier `first`."""
    return TIERS.index(tier) >= TIERS.index(first)
