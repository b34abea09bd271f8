"""Families of `/metrics/cadvisor` of which one cgroup has several series, told apart by a label."""

from collections.abc import Callable

import msgspec

from nodeagent.core.container_families import CORE, STANDARD, Value, field
from nodeagent.core.exposition import Family
from nodeagent.model.scrapes import Tier
from nodeagent.model.usage import Interface, Use

COUNTER, GAUGE = "counter", "gauge"


class NetFamily(msgspec.Struct, frozen=True, kw_only=True):
    """One series for each network interface."""

    family: Family
    tier: Tier
    value: Callable[[Interface], int]


def _states(letters: str) -> Value:
    def value(use: Use) -> float | None:
        if use.files is None:
            return None
        return sum(use.files.states.get(letter, 0) for letter in letters)

    return value


FAILURES = Family(name="container_memory_failures_total", type=COUNTER, help="Page faults.")
FAILURE_SERIES: tuple[tuple[str, Value], ...] = tuple(
    (f'failure_type="{kind}",scope="{scope}"', field(name))
    for kind, scope, name in (
        ("pgfault", "container", "own_faults"),
        ("pgfault", "hierarchy", "faults"),
        ("pgmajfault", "container", "own_major_faults"),
        ("pgmajfault", "hierarchy", "major_faults"),
    )
)
TASKS = Family(name="container_tasks_state", type=GAUGE, help="Processes by their state.")
TASK_SERIES: tuple[tuple[str, Value], ...] = tuple(
    (f'state="{name}"', _states(letters))
    for name, letters in (
        ("iowaiting", ""),
        ("running", "R"),
        ("sleeping", "SI"),
        ("stopped", "Tt"),
        ("uninterruptible", "D"),
    )
)
LOAD = Family(
    name="container_cpu_load_average_10s",
    type=GAUGE,
    help="Processes that run or could run, averaged over ten seconds as far as readings allow.",
)
LOAD_D = Family(
    name="container_cpu_load_d_average_10s",
    type=GAUGE,
    help="Processes in uninterruptible sleep, averaged as the load is.",
)

_DIRECTIONS = (("receive", "rx", "received"), ("transmit", "tx", "sent"))
_NET = (
    ("bytes_total", "bytes", "Bytes {}.", CORE),
    ("errors_total", "errors", "Errors of packets {}.", CORE),
    ("packets_dropped_total", "dropped", "Packets dropped that were to be {}.", CORE),
    ("packets_total", "packets", "Packets {}.", STANDARD),
)


def _counter(field: str) -> Callable[[Interface], int]:
    return lambda interface: getattr(interface, field)


NET_FAMILIES: tuple[NetFamily, ...] = tuple(
    NetFamily(
        family=Family(
            name=f"container_network_{direction}_{name}", type=COUNTER, help=text.format(done)
        ),
        tier=tier,
        value=_counter(f"{prefix}_{field}"),
    )
    for name, field, text, tier in _NET
    for direction, prefix, done in _DIRECTIONS
)
