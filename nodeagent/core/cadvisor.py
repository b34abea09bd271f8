"""The page `/metrics/cadvisor`: figures of containers, pods, slices and the machine as text.

Written by hand and not with a metrics library: there are tens of thousands of series, each of
which is new at every scrape.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from nodeagent.core.container_families import USE_FAMILIES, UseFamily, Value, within
from nodeagent.core.container_series import (
    FAILURE_SERIES,
    FAILURES,
    LOAD,
    LOAD_D,
    NET_FAMILIES,
    TASK_SERIES,
    TASKS,
)
from nodeagent.core.disk_series import disk_lines, fs_lines
from nodeagent.core.exposition import END, Family, escaped, head, label_text, stamp
from nodeagent.core.machine_series import machine_lines
from nodeagent.model.machine import Disks, Machine
from nodeagent.model.observed import ObservedPod, Phase
from nodeagent.model.scrapes import Tier
from nodeagent.model.usage import CgroupKind, CgroupReading, Interface, Layer, Reading, Use

_IGNORED = ("lo", "veth", "docker", "nerdctl", "cali", "lxc")
"""Interfaces not told: the other ends of pods' own, and what never leaves the machine."""
_START = Family(
    name="container_start_time_seconds", type="gauge", help="When it was started, as Unix time."
)
_HEALTH = Family(
    name="container_health_state",
    type="gauge",
    help="1, or 0 while its liveness or startup probe says that it is not well.",
)
_ERROR = Family(
    name="container_scrape_error", type="gauge", help="1 where cgroups could not be read."
)


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One cgroup as a row: its labels as they stand in the text, and the end of its lines."""

    labels: str
    kind: CgroupKind
    use: Use
    end: str
    started_at: float = 0.0
    network: tuple[Interface, ...] = ()
    layer: Layer | None = None
    healthy: bool | None = None
    load: tuple[float, float] | None = None


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a page is made of.

    `layers`: writable layers by container id. `sick`: ids of containers whose probe decided
    against them. `loads`: by cgroup path, tasks that run and tasks in uninterruptible sleep.
    """

    reading: Reading
    pods: tuple[ObservedPod, ...] = ()
    layers: Mapping[str, Layer] = {}
    sick: frozenset[str] = frozenset()
    loads: Mapping[str, tuple[float, float]] = {}
    sandbox_image: str = ""
    machine: Machine = Machine()
    disks: Disks = Disks()
    failed: bool = False
    version: str = ""
    runtime_version: str = ""


def cadvisor_page(scene: Scene, tier: Tier, *, openmetrics: bool) -> Iterator[str]:
    """The text of the page in one tier, a family after the other: a page may have megabytes."""
    rows = tuple(_rows(scene, openmetrics=openmetrics))
    for family, lines in _families(rows, scene, tier, openmetrics=openmetrics):
        if lines:
            yield "".join([head(family, openmetrics=openmetrics), *lines])
    if openmetrics:
        yield END


def _families(
    rows: tuple[Row, ...], scene: Scene, tier: Tier, *, openmetrics: bool
) -> Iterator[tuple[Family, list[str]]]:
    whole = [row for row in rows if row.kind is CgroupKind.CONTAINER or tier is Tier.FULL]
    for one in USE_FAMILIES:
        if within(tier, one.tier):
            told = rows if within(tier, one.others) else whole
            yield one.family, _use_lines(one, told)
    started = rows if within(tier, Tier.STANDARD) else whole
    name = _START.name
    yield _START, [f"{name}{{{r.labels}}} {r.started_at:.0f}\n" for r in started if r.started_at]
    yield from _networks(rows, tier, scene)
    at = scene.reading.at
    yield from fs_lines(rows, scene.disks, tier, at=at, openmetrics=openmetrics)
    yield from disk_lines(rows, scene.disks, tier, at=at, openmetrics=openmetrics)
    if tier is Tier.FULL:
        yield from _full(rows)
    yield _ERROR, [f"{_ERROR.name} {int(scene.failed)}\n"]
    yield from machine_lines(scene.machine, tier, scene.version, scene.runtime_version)


def _rows(scene: Scene, *, openmetrics: bool) -> Iterator[Row]:
    pods: dict[str, ObservedPod] = {pod.uid: pod for pod in scene.pods}
    for one in scene.reading.cgroups:
        row = _row(one, pods, scene, f" {stamp(one.use.at, openmetrics=openmetrics)}\n")
        if row is not None:
            yield row


def _row(one: CgroupReading, pods: Mapping[str, ObservedPod], scene: Scene, end: str) -> Row | None:
    """None for a container that nobody knows (yet)."""
    cgroup, pod = one.cgroup, pods.get(one.cgroup.uid)
    load = scene.loads.get(cgroup.path)
    if cgroup.kind in (CgroupKind.ROOT, CgroupKind.SLICE):
        started = scene.machine.started_at if cgroup.kind is CgroupKind.ROOT else 0.0
        network = scene.reading.network if cgroup.kind is CgroupKind.ROOT else ()
        return Row(
            labels=_labels(cgroup.path), kind=cgroup.kind, use=one.use, end=end,
            started_at=started, network=network, load=load,
        )  # fmt: skip
    if pod is None:
        return None
    where = {"namespace": pod.namespace, "pod": pod.name}
    if cgroup.kind is CgroupKind.CONTAINER:
        container = next((c for c in pod.containers if c.id == cgroup.id), None)
        if container is None or container.phase is Phase.EXITED:
            return None
        labels = _labels(
            cgroup.path, container=container.name, image=container.image, name=container.id, **where
        )
        return Row(
            labels=labels, kind=cgroup.kind, use=one.use, end=end, load=load,
            started_at=container.started_at or container.created_at,
            layer=scene.layers.get(container.id), healthy=container.id not in scene.sick,
        )  # fmt: skip
    box = pod.sandbox
    started = box.created_at if box is not None else 0.0
    if cgroup.kind is CgroupKind.SANDBOX:
        labels = _labels(cgroup.path, image=scene.sandbox_image, name=cgroup.id, **where)
    else:
        labels = _labels(cgroup.path, **where)
    return Row(
        labels=labels, kind=cgroup.kind, use=one.use, end=end, load=load,
        started_at=started, network=one.network,
    )  # fmt: skip


def _labels(path: str, **more: str) -> str:
    """All six labels of a kubelet, empty ones too: one family has one set of labels."""
    names = ("container", "image", "name", "namespace", "pod")
    return label_text([("id", path), *((name, more.get(name, "")) for name in names)])


def _use_lines(one: UseFamily, rows: Iterable[Row]) -> list[str]:
    return _lines(one.family.name, one.value, rows, one.extra, stamped=one.stamped)


def _lines(
    name: str, value: Value, rows: Iterable[Row], extra: str, *, stamped: bool = True
) -> list[str]:
    beside = f",{extra}" if extra else ""
    if not stamped:
        return [
            f"{name}{{{row.labels}{beside}}} {told}\n"
            for row in rows
            if (told := value(row.use)) is not None
        ]
    return [
        f"{name}{{{row.labels}{beside}}} {told}{row.end}"
        for row in rows
        if (told := value(row.use)) is not None
    ]


def _networks(rows: Iterable[Row], tier: Tier, scene: Scene) -> Iterator[tuple[Family, list[str]]]:
    shown = [
        (f'{row.labels},interface="{escaped(interface.name)}"', interface, row.end)
        for row in rows
        for interface in row.network
        if not interface.name.startswith(_IGNORED)
    ]
    for one in NET_FAMILIES:
        if within(tier, one.tier):
            name, value = one.family.name, one.value
            yield one.family, [f"{name}{{{labels}}} {value(i)}{end}" for labels, i, end in shown]


def _full(rows: tuple[Row, ...]) -> Iterator[tuple[Family, list[str]]]:
    for family, series in ((FAILURES, FAILURE_SERIES), (TASKS, TASK_SERIES)):
        lines = [_lines(family.name, value, rows, extra) for extra, value in series]
        yield family, [line for some in lines for line in some]
    told = [(row, row.load) for row in rows if row.load is not None]
    for family, which in ((LOAD, 0), (LOAD_D, 1)):
        yield family, [f"{family.name}{{{r.labels}}} {load[which]:g}{r.end}" for r, load in told]
    health = [row for row in rows if row.healthy is not None]
    yield _HEALTH, [f"{_HEALTH.name}{{{r.labels}}} {r.healthy:d}{r.end}" for r in health]
