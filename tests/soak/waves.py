"""Waves of pods, each started, seen ready and removed; and what the node looks like in between."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.e2e.agent import CGROUPS, Agent
from tests.e2e.pods import Document, container, pod

Say = Callable[[str], None]
MIB = 1024 * 1024
SETTLE = 30.0
POOLS = 6


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent holds, and what there is of pods on the machine."""

    memory_bytes: int
    files: int
    threads: int
    watches: int
    interfaces: int
    mounts: int
    cgroups: int
    folders: int
    leases: int
    namespaces: int

    def grown(self, before: "Footprint", *, memory_bytes: int) -> dict[str, tuple[int, int]]:
        """Everything of which there is more than before; memory may have grown by so much.

        Pools of threads fill up to their fixed sizes when work happens to come at once.
        """
        allowed = {"memory_bytes": memory_bytes, "threads": POOLS}
        pairs = {
            name: (getattr(before, name), getattr(self, name)) for name in self.__struct_fields__
        }
        return {
            name: (old, new)
            for name, (old, new) in pairs.items()
            if new > old + allowed.get(name, 0)
        }


def measure(agent: Agent) -> Footprint:
    """Of a running agent, now."""
    assert agent._process is not None
    proc = Path("/proc", str(agent._process.pid))
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    settings = agent.runtime.settings
    return Footprint(
        memory_bytes=int(status["VmRSS"].split()[0]) * 1024,
        files=len(list((proc / "fd").iterdir())),
        threads=int(status["Threads"]),
        watches=_watches(proc),
        interfaces=sum(
            1 for link in Path("/sys/class/net").iterdir() if _is_on(link, settings.bridge)
        ),
        mounts=Path("/proc/self/mountinfo").read_text().count(f" {settings.root}/"),
        cgroups=sum(1 for _ in CGROUPS.glob(f"*{agent.runtime.cgroup_root}/**/")),
        folders=sum(1 for root in (agent.state, agent.logs_dir) for _ in root.glob("**/")),
        leases=_count(settings.lease_dir / settings.network),
        namespaces=sum(1 for _ in settings.state_dir.glob("*/netns/*")),
    )


def settled(agent: Agent) -> Footprint:
    """The footprint once it no longer shrinks: the kernel and shims clear up behind pods."""
    best, since = measure(agent), time.monotonic()
    deadline = since + SETTLE
    while time.monotonic() < min(since + 5, deadline):
        time.sleep(0.5)
        now = measure(agent)
        if any(getattr(now, name) < getattr(best, name) for name in now.__struct_fields__):
            best, since = now, time.monotonic()
    return best


def run_waves(agent: Agent, *, pods: int, at_once: int, first: int, say: Say) -> None:
    """Start and remove so many pods, `at_once` at a time, with names from number `first` on."""
    for begin in range(first, first + pods, at_once):
        names = [f"soak-{number}" for number in range(begin, min(begin + at_once, first + pods))]
        agent.write(*(_soak_pod(name, number) for number, name in enumerate(names)))
        agent.until(
            lambda names=names: _ready(agent, names),  # type: ignore[misc]
            what=f"{len(names)} pods to be ready",
            within=120,
            show=lambda: str({name: view.phase for name, view in agent.pods().items()}),
        )
        agent.remove(*names)
        agent.wait_gone(*names, within=120)
        memory = measure(agent).memory_bytes / MIB
        say(f"{begin + len(names)} pods came and went; the agent has {memory:.1f} MiB")


def _ready(agent: Agent, names: list[str]) -> bool:
    views = agent.pods()
    return all(name in views and views[name].is_ready for name in names)


def _soak_pod(name: str, number: int) -> Document:
    """Every other one with volumes, a probe and an init container."""
    if number % 2:
        return pod(name)
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "info", "mountPath": "/info"}]
    label = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
    return pod(
        name,
        container(readinessProbe=probe, volumeMounts=mounts),
        initContainers=[container("echo x > /data/x", name="first", volumeMounts=mounts)],
        volumes=[
            {"name": "data", "emptyDir": {"medium": "Memory"}},
            {"name": "info", "downwardAPI": {"items": [label]}},
        ],
    )


def _watches(proc: Path) -> int:
    total = 0
    for info in (proc / "fdinfo").iterdir():
        try:
            total += info.read_text().count("inotify wd:")
        except OSError:
            continue
    return total


def _is_on(link: Path, bridge: str) -> bool:
    master = link / "master"
    return master.exists() and master.resolve().name == bridge


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0
