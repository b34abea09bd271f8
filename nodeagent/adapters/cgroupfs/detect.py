"""Find out how cgroups are mounted on this host."""

import re
from pathlib import Path

import msgspec

from nodeagent.errors import HostError

_NEEDED = ("cpu", "memory")  # without these no limit of a pod would hold
_KNOWN = frozenset(
    "cpuset cpu cpuacct blkio memory devices freezer net_cls net_prio perf_event hugetlb pids"
    " rdma misc".split()
)
_OCTAL = re.compile(r"\\([0-7]{3})")


class Hierarchy(msgspec.Struct, frozen=True, kw_only=True):
    """One cgroup v1 mount; a named hierarchy counts as controller "name=systemd"."""

    mount: str
    controllers: frozenset[str]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """All cgroup mounts. `unified` is where cgroup v2 is mounted, "" if nowhere."""

    hierarchies: tuple[Hierarchy, ...] = ()
    unified: str = ""

    @property
    def version(self) -> int:
        """2 where no controller is on v1; a hybrid host, whose v2 tree has nothing, is 1."""
        on_v1 = any(not c.startswith("name=") for h in self.hierarchies for c in h.controllers)
        return 1 if on_v1 or not self.unified else 2


def read_layout(mountinfo: str) -> Layout:
    """From the text of /proc/self/mountinfo. Of several mounts of one thing the first counts."""
    found: dict[frozenset[str], str] = {}
    unified = ""
    for line in mountinfo.splitlines():
        front, _, back = line.partition(" - ")
        fstype, *_, options = back.split(" ", 2)
        point = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), front.split(" ")[4])
        if fstype == "cgroup2":
            unified = unified or point
        elif fstype == "cgroup":
            found.setdefault(_controllers(options), point)
    found.pop(frozenset(), None)
    return Layout(
        hierarchies=tuple(Hierarchy(mount=m, controllers=c) for c, m in found.items()),
        unified=unified,
    )


def _controllers(options: str) -> frozenset[str]:
    return frozenset(o for o in options.split(",") if o in _KNOWN or o.startswith("name="))


def detect(mountinfo: str = "/proc/self/mountinfo") -> Layout:
    """The layout of this host. HostError where cgroups or a needed controller are missing."""
    layout = read_layout(Path(mountinfo).read_text(errors="surrogateescape"))
    there = _available(layout)
    missing = [name for name in _NEEDED if name not in there]
    if missing:
        raise HostError(
            op="find cgroups",
            target="/sys/fs/cgroup",
            detail=f"controllers {', '.join(missing)} are not usable: mount cgroups, and add"
            f" cgroup_enable={missing[-1]} to the kernel's command line if it is disabled",
        )
    return layout


def _available(layout: Layout) -> frozenset[str]:
    if layout.version == 1:
        return frozenset(c for h in layout.hierarchies for c in h.controllers)
    return frozenset(Path(layout.unified, "cgroup.controllers").read_text().split())
