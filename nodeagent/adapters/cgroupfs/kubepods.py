"""The kubepods tree as the engine sees it, over either version and driver."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from nodeagent.adapters.cgroupfs.teardown import Left
from nodeagent.aio.threads import Threads
from nodeagent.core.cgroups import qos_paths
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup
from nodeagent.model.memory_use import MemoryUse

_ROUNDS = 5


class Tree(Protocol):
    """What a version or driver does; all calls block. Paths are driver-neutral."""

    def has(self, path: str) -> bool: ...

    def ensure(self, path: str, cgroup: PodCgroup, *, lift: bool) -> None: ...

    def remove(self, paths: Iterable[str]) -> Left: ...

    def kill(self, left: Left) -> None: ...

    def pods(self, parents: Iterable[str]) -> dict[PodUid, str]: ...

    def memory_use(self, path: str, *, below: bool = True) -> dict[str, MemoryUse]: ...

    def tasks(self, path: str) -> int | None: ...


class Kubepods:
    """Cgroups of pods and their parents. `root` is the setting cgroupRoot, "" for none.

    Paths given and returned start at the mount and contain `root`. `pause`: seconds a killed
    process has to leave, doubled each round. `tell` hears what was done, "create", "update" or
    "destroy", and the seconds that took.
    """

    def __init__(
        self,
        tree: Tree,
        threads: Threads,
        *,
        root: str = "",
        pause: float = 0.02,
        tell: Callable[[str, float], None] = lambda operation, seconds: None,
    ) -> None:
        self._tree, self._tell = tree, tell
        self._threads = threads
        self._parents = qos_paths(root=root)
        self._pause = pause

    async def ensure_root(self, cgroup: PodCgroup) -> None:
        """kubepods or a QoS parent has these limits afterwards; others that it has stay."""
        await self._ensured(cgroup, lift=False)

    async def ensure_pod(self, cgroup: PodCgroup) -> None:
        """The pod's cgroup has exactly these limits afterwards, in every controller."""
        await self._ensured(cgroup, lift=True)

    async def remove_pod(self, uid: PodUid) -> None:
        """No cgroup of the pod is left in any QoS class.

        Processes still in it are killed, in up to five rounds; HostError names those that stay.
        """
        began = time.monotonic()
        try:
            await self._remove(uid)
        finally:
            self._tell("destroy", time.monotonic() - began)

    async def _remove(self, uid: PodUid) -> None:
        paths = [f"{parent}/pod{uid}" for parent in self._parents]
        left = await self._threads.run(self._tree.remove, paths)
        pause = self._pause
        for _ in range(_ROUNDS):
            if not left.folders:
                return
            await self._threads.run(self._tree.kill, left)
            await asyncio.sleep(pause)
            pause *= 2
            left = await self._threads.run(self._tree.remove, paths)
        if left.folders:
            raise HostError(op="remove cgroup", target=left.folders[0], detail=_why_left(left))

    async def list_pods(self) -> Mapping[PodUid, str]:
        """Pods that have a cgroup in at least one controller, with its path."""
        return await self._threads.run(self._tree.pods, self._parents)

    async def memory_use(self, path: str, *, below: bool = True) -> Mapping[str, MemoryUse]:
        """Memory of a cgroup, with `below` also of those right below it; without what is gone."""
        return await self._threads.run(self._memory_use, path, below)

    async def tasks(self, path: str) -> int | None:
        """How many processes and threads are in a cgroup; None where nobody counts."""
        return await self._threads.run(self._tree.tasks, path)

    def _memory_use(self, path: str, below: bool) -> dict[str, MemoryUse]:
        return self._tree.memory_use(path, below=below)

    async def _ensured(self, cgroup: PodCgroup, *, lift: bool) -> None:
        operation, seconds = await self._threads.run(self._ensure, cgroup, lift)
        self._tell(operation, seconds)

    def _ensure(self, cgroup: PodCgroup, lift: bool) -> tuple[str, float]:
        began = time.monotonic()
        operation = "update" if self._tree.has(cgroup.path) else "create"
        self._tree.ensure(cgroup.path, cgroup, lift=lift)
        return operation, time.monotonic() - began


def _why_left(left: Left) -> str:
    if not left.pids:
        return "the kernel says that it is in use, yet no process is in it"
    named = ", ".join(str(pid) for pid in left.pids[:10])
    return f"processes stay after {_ROUNDS} rounds of SIGKILL: {named} (see their state in ps)"
