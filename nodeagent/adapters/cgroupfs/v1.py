"""cgroup v1: each controller, or group of them, has its own tree of folders."""

import os
from collections.abc import Iterable

from nodeagent.adapters.cgroupfs.detect import Layout
from nodeagent.adapters.cgroupfs.files import Files, Writes, translated
from nodeagent.adapters.cgroupfs.memory import V1_MEMORY, memory_use, tasks_in
from nodeagent.adapters.cgroupfs.teardown import Left, kill, remove_once
from nodeagent.core.cgroups import uid_of_path
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup, Resources
from nodeagent.model.memory_use import MemoryUse

_PAGE = os.sysconf("SC_PAGE_SIZE")
_NO_LIMIT = (1 << 63) - _PAGE  # from here on the kernel means "unlimited"
_CPUSET = ("cpuset.cpus", "cpuset.mems")
_FRESH = {
    "cpu.shares": "1024",
    "cpu.cfs_quota_us": "-1",
    "cpu.cfs_period_us": "100000",
    "memory.limit_in_bytes": str(_NO_LIMIT),
    "pids.max": "max",
}


class V1Tree:
    """The trees of all controllers, kept alike. Paths start at the mounts."""

    def __init__(self, layout: Layout, files: Files | None = None) -> None:
        self._files = files or Files()
        self._mounts = tuple(h.mount for h in layout.hierarchies)
        self._of = {name: h.mount for h in layout.hierarchies for name in h.controllers}
        # runc also makes folders in the v2 tree of a hybrid host; they must go with the pod.
        self._all = (*self._mounts, layout.unified) if layout.unified else self._mounts

    def has(self, path: str) -> bool:
        """Whether the cgroup exists in any hierarchy."""
        return any(os.path.isdir(mount + path) for mount in self._mounts)  # noqa: PTH112

    def ensure(self, path: str, cgroup: PodCgroup, *, lift: bool) -> None:
        """`path` exists in every hierarchy, with these limits.

        With `lift` a limit that is not asked for is taken away; else it stays as it is. HostError
        names the first refused value after all others have been set.
        """
        fresh = {mount: self._make(mount, path) for mount in self._mounts}
        writes = Writes(self._files)
        resources = cgroup.resources
        self._cpuset(writes, path, resources)
        self._cpu(writes, path, resources, fresh, lift)
        self._memory(writes, path, resources, fresh, lift)
        if "pids" in self._of and (cgroup.pids_max or lift):
            self._settle(writes, "pids", path, "pids.max", str(cgroup.pids_max or "max"), fresh)
        if "hugetlb" in self._of:
            self._hugepages(writes, path, resources)
        writes.finish()

    def remove(self, paths: Iterable[str]) -> Left:
        """Remove these cgroups in every hierarchy, as far as no process is in them."""
        return remove_once(self._files, [mount + path for path in paths for mount in self._all])

    def kill(self, left: Left) -> None:
        """Kill what is in the way."""
        kill(self._files, left)

    def pods(self, parents: Iterable[str]) -> dict[PodUid, str]:
        """Pods that have a cgroup right below one of the parents, in whatever hierarchy."""
        found: dict[PodUid, str] = {}
        for parent in parents:
            for mount in self._mounts:
                with translated("list", mount + parent):
                    names = self._files.children(mount + parent)
                for name in names:
                    uid = uid_of_path(f"{parent}/{name}")
                    if uid is not None:
                        found[uid] = f"{parent}/{name}"
        return found

    def memory_use(self, path: str, *, below: bool = True) -> dict[str, MemoryUse]:
        """Memory of the cgroup and of those right below it."""
        mount = self._of.get("memory")
        return (
            {} if mount is None else memory_use(self._files, mount + path, V1_MEMORY, below=below)
        )

    def tasks(self, path: str) -> int | None:
        """Processes and threads in the cgroup and below."""
        mount = self._of.get("pids")
        return None if mount is None else tasks_in(self._files, mount + path)

    def _make(self, mount: str, path: str) -> bool:
        """Make the folder and its parents; whether it is new."""
        with translated("make", mount + path):
            try:
                return self._files.make(mount + path)
            except FileNotFoundError:
                self._make(mount, path.rpartition("/")[0])
                return self._files.make(mount + path)

    def _cpuset(self, writes: Writes, path: str, want: Resources) -> None:
        """A new cpuset is empty and takes no process: it gets what its parent has."""
        if "cpuset" not in self._of:
            return
        mount = self._of["cpuset"]
        for name, wanted in zip(_CPUSET, (want.cpuset_cpus, want.cpuset_mems), strict=True):
            with writes.noted("fill", f"{mount}{path}/{name}"):
                self._inherit(mount, path.rpartition("/")[0] if wanted else path, name)
            if wanted:
                writes.settle(f"{mount}{path}/{name}", wanted)

    def _inherit(self, mount: str, path: str, name: str) -> str:
        held = self._files.read(f"{mount}{path}/{name}")
        if held or not path:
            return held
        above = self._inherit(mount, path.rpartition("/")[0], name)
        self._files.write(f"{mount}{path}/{name}", above)
        return above

    def _cpu(
        self, writes: Writes, path: str, want: Resources, fresh: dict[str, bool], lift: bool
    ) -> None:
        if "cpu" not in self._of:
            return
        if want.cpu_shares:
            self._settle(writes, "cpu", path, "cpu.shares", str(want.cpu_shares), fresh)
        quota = want.cpu_quota or (-1 if lift else 0)
        if not quota:
            return
        mount = self._of["cpu"]
        period_file, quota_file = f"{path}/cpu.cfs_period_us", f"{path}/cpu.cfs_quota_us"
        with writes.noted("set quota", mount + quota_file):
            held = self._held(mount, path, "cpu.cfs_quota_us", fresh)
            if quota > 0 and want.cpu_period:
                period = self._held(mount, path, "cpu.cfs_period_us", fresh)
                if period != str(want.cpu_period):
                    # Old quota with new period might exceed the parent's share or fall below a
                    # child's, which the kernel refuses; without a quota any period is fine.
                    if held != "-1":
                        self._files.write(mount + quota_file, "-1")
                        held = "-1"
                    self._files.write(mount + period_file, str(want.cpu_period))
            if held != str(quota):
                self._files.write(mount + quota_file, str(quota))

    def _memory(
        self, writes: Writes, path: str, want: Resources, fresh: dict[str, bool], lift: bool
    ) -> None:
        limit = want.memory_limit_bytes or (-1 if lift else 0)
        if "memory" not in self._of or not limit:
            return
        mount = self._of["memory"]
        limit_file = f"{mount}{path}/memory.limit_in_bytes"
        swap_file = f"{mount}{path}/memory.memsw.limit_in_bytes"
        with writes.noted(f"set to {limit}", limit_file):
            held = int(self._held(mount, path, "memory.limit_in_bytes", fresh))
            steps = [(limit_file, limit)] if _pages(held) != _pages(limit) else []
            swap = want.memory_swap_limit_bytes
            if swap and _pages(int(self._files.read(swap_file))) != _pages(swap):
                # Memory alone may never exceed memory with swap, also in between.
                steps.insert(0 if _pages(limit) > _pages(held) else 1, (swap_file, swap))
            for file, value in steps:
                self._files.write(file, str(value))

    def _hugepages(self, writes: Writes, path: str, want: Resources) -> None:
        folder = self._of["hugetlb"] + path
        for size, limit in want.hugepages:
            for name in (f"hugetlb.{size}.limit_in_bytes", f"hugetlb.{size}.rsvd.limit_in_bytes"):
                try:
                    held = self._files.read(f"{folder}/{name}")
                except FileNotFoundError:
                    continue  # reservations are limited since Linux 5.7
                writes.settle(f"{folder}/{name}", str(limit), held=held)

    def _settle(
        self,
        writes: Writes,
        controller: str,
        path: str,
        name: str,
        value: str,
        fresh: dict[str, bool],
    ) -> None:
        mount = self._of[controller]
        held = _FRESH[name] if fresh[mount] else None
        writes.settle(f"{mount}{path}/{name}", value, held=held)

    def _held(self, mount: str, path: str, name: str, fresh: dict[str, bool]) -> str:
        return _FRESH[name] if fresh[mount] else self._files.read(f"{mount}{path}/{name}")


def _pages(limit: int) -> int:
    """A limit as the kernel keeps it; all ways to say "none" are equal."""
    return _NO_LIMIT // _PAGE if limit < 0 or limit >= _NO_LIMIT else limit // _PAGE
