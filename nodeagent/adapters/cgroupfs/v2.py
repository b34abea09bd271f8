"""cgroup v2: one tree, in which a parent has to hand its controllers down."""

import os
from collections.abc import Iterable

from nodeagent.adapters.cgroupfs.files import Files, Writes, translated
from nodeagent.adapters.cgroupfs.memory import V2_MEMORY, memory_use, tasks_in
from nodeagent.adapters.cgroupfs.teardown import Left, kill, remove_once
from nodeagent.core.cgroups import cpu_weight, uid_of_path
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup, Resources
from nodeagent.model.memory_use import MemoryUse

HANDED_DOWN = frozenset(("cpu", "cpuset", "memory", "pids", "hugetlb", "io"))
_NEEDED = frozenset(("cpu", "memory", "pids"))
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PERIOD = 100_000  # microseconds, the kernel's own default


class V2Tree:
    """The tree at `mount`. Paths start at the mount."""

    def __init__(
        self,
        mount: str = "/sys/fs/cgroup",
        files: Files | None = None,
        *,
        controllers: frozenset[str] = HANDED_DOWN,
    ) -> None:
        self._mount = mount
        self._files = files or Files()
        self._controllers = controllers

    def has(self, path: str) -> bool:
        """Whether the cgroup exists."""
        return os.path.isdir(self._mount + path)  # noqa: PTH112

    def ensure(self, path: str, cgroup: PodCgroup, *, lift: bool) -> None:
        """`path` exists with these limits, its ancestors hand all controllers down.

        With `lift` a limit that is not asked for is taken away; else it stays as it is. HostError
        names the first refused value after all others have been set.
        """
        writes = Writes(self._files)
        self._hand_down(writes, path.rpartition("/")[0])
        with translated("make", self._mount + path):
            self._files.make(self._mount + path)
        folder, want = self._mount + path, cgroup.resources
        if want.cpu_shares:
            writes.settle(f"{folder}/cpu.weight", str(cpu_weight(want.cpu_shares)))
        self._cpu_max(writes, folder, want, lift)
        self._memory(writes, folder, want, lift)
        self._optional(writes, folder, cgroup, lift)
        for name, value in want.unified:
            writes.settle(f"{folder}/{name.replace('/', '_')}", value)
        writes.finish()

    def remove(self, paths: Iterable[str]) -> Left:
        """Remove these cgroups as far as no process is in them."""
        return remove_once(self._files, [self._mount + path for path in paths])

    def kill(self, left: Left) -> None:
        """Kill what is in the way."""
        kill(self._files, left)

    def pods(self, parents: Iterable[str]) -> dict[PodUid, str]:
        """Pods that have a cgroup right below one of the parents."""
        found: dict[PodUid, str] = {}
        for parent in parents:
            with translated("list", self._mount + parent):
                names = self._files.children(self._mount + parent)
            for name in names:
                uid = uid_of_path(f"{parent}/{name}")
                if uid is not None:
                    found[uid] = f"{parent}/{name}"
        return found

    def memory_use(self, path: str, *, below: bool = True) -> dict[str, MemoryUse]:
        """Memory of the cgroup and of those right below it."""
        return memory_use(self._files, self._mount + path, V2_MEMORY, below=below)

    def tasks(self, path: str) -> int | None:
        """Processes and threads in the cgroup and below."""
        return tasks_in(self._files, self._mount + path)

    def _hand_down(self, writes: Writes, path: str) -> None:
        """From the top to `path`: each exists and its children get every controller there is.

        Looked at each time: systemd takes controllers back when it reloads.
        """
        if path:
            self._hand_down(writes, path.rpartition("/")[0])
            with translated("make", self._mount + path):
                self._files.make(self._mount + path)
        folder = self._mount + path
        with writes.noted("hand controllers down", folder):
            there = self._controllers & set(
                self._files.read(f"{folder}/cgroup.controllers").split()
            )
            control = f"{folder}/cgroup.subtree_control"
            missing = there - set(self._files.read(control).split())
            if missing:
                self._enable(writes, control, missing)

    def _enable(self, writes: Writes, control: str, missing: frozenset[str]) -> None:
        try:
            self._files.write(control, " ".join(f"+{name}" for name in sorted(missing)))
        except OSError:  # one that cannot be had must not keep the others away
            for name in sorted(missing):
                try:
                    self._files.write(control, f"+{name}")
                except OSError:
                    if name in _NEEDED:
                        with writes.noted(f"enable {name}", control):
                            raise

    def _cpu_max(self, writes: Writes, folder: str, want: Resources, lift: bool) -> None:
        file = f"{folder}/cpu.max"
        if want.cpu_quota > 0:
            writes.settle(file, f"{want.cpu_quota} {want.cpu_period or _PERIOD}")
        elif want.cpu_quota < 0 or lift:
            with writes.noted("take the limit off", file):
                if not self._files.read(file).startswith("max"):
                    self._files.write(file, "max")

    def _memory(self, writes: Writes, folder: str, want: Resources, lift: bool) -> None:
        limit = want.memory_limit_bytes
        file = f"{folder}/memory.max"
        if limit > 0:
            with writes.noted(f"set to {limit}", file):
                held = self._files.read(file)
                if held == "max" or int(held) // _PAGE != limit // _PAGE:
                    self._refuse_oom(folder, limit)
                    self._files.write(file, str(limit))
        elif limit < 0 or lift:
            writes.settle(file, "max")
        if want.memory_swap_limit_bytes:
            swap = max(want.memory_swap_limit_bytes - max(limit, 0), 0)
            writes.settle(f"{folder}/memory.swap.max", str(swap // _PAGE * _PAGE))

    def _refuse_oom(self, folder: str, limit: int) -> None:
        """v2 would kill processes to get below a new limit; v1 refuses, and so do we."""
        used = int(self._files.read(f"{folder}/memory.current"))
        if used > limit:
            raise HostError(
                op=f"cgroup: set to {limit}",
                target=f"{folder}/memory.max",
                detail=f"{used} bytes are in use: the kernel would kill processes, free memory",
            )

    def _optional(self, writes: Writes, folder: str, cgroup: PodCgroup, lift: bool) -> None:
        """Values of controllers that a host may lack."""
        want = cgroup.resources
        if cgroup.pids_max:
            writes.settle(f"{folder}/pids.max", str(cgroup.pids_max))
        elif lift:
            self._settle_if_there(writes, f"{folder}/pids.max", "max")
        for name, value in (("cpuset.cpus", want.cpuset_cpus), ("cpuset.mems", want.cpuset_mems)):
            if value:
                writes.settle(f"{folder}/{name}", value)
        for size, limit in want.hugepages:
            for name in (f"hugetlb.{size}.max", f"hugetlb.{size}.rsvd.max"):
                self._settle_if_there(writes, f"{folder}/{name}", str(limit))

    def _settle_if_there(self, writes: Writes, path: str, value: str) -> None:
        with writes.noted(f"set to {value}", path):
            try:
                held = self._files.read(path)
            except FileNotFoundError:
                return
            writes.settle(path, value, held=held)
