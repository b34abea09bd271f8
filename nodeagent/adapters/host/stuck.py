"""File-system calls that may hang: a dead NFS server must not freeze the agent.

A call on a file system known to be local is made in a thread. Any other is made in a process of
its own with a deadline, which is killed, or left behind where the kernel does not let it die.
"""

import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nodeagent.adapters.host import stuck_worker
from nodeagent.adapters.host.disposable import PROGRAMS, Disposable, Order, TooLate
from nodeagent.adapters.host.mounts import Kernel, parse_mountinfo, read_mountinfo
from nodeagent.adapters.host.oserror import explain, translated
from nodeagent.adapters.host.trees import remove_tree
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.usage import FileSystem

_SLOW = frozenset(
    "nfs nfs4 cifs smb3 9p ceph glusterfs lustre afs coda ncpfs gfs2 ocfs2 beegfs gpfs autofs"
    " fuse virtiofs".split()
)
_MNT_FORCE_DETACH = 1 | 2
_UMOUNT_NOFOLLOW = 8
_PACKAGES = {"nfs": "nfs-common (Debian) or nfs-utils"}
_LINKS = 40  # as the kernel: more in one path mean a loop
_TURN = 0.2  # seconds a deletion may hold a thread


class _Slow(Exception):
    """The path is on a file system that may hang."""


class CarefulFiles:
    """Looks at, makes and unmounts paths that may be on a dead file system.

    `deadline` is in seconds. HostError says so where a call did not come back in time; the next
    one on that path fails at once for as long as the process that hangs there lives. `programs`
    are the folders, as in PATH, of mount(8) and its helpers.
    """

    def __init__(
        self,
        threads: Threads,
        kernel: Kernel,
        *,
        deadline: float = 30.0,
        programs: str = PROGRAMS,
        mountinfo: str = "/proc/self/mountinfo",
    ) -> None:
        self._threads, self._long = threads, Threads(2, name="long-files")
        self._kernel = kernel
        self._deadline = deadline
        self._programs = programs
        self._mountinfo = mountinfo
        self._processes = Disposable(programs)

    async def kind(self, path: str) -> str:
        """Directory, File, Socket, CharDevice, BlockDevice or Other; "" where nothing is.

        Links are followed.
        """
        answer = await self._either(Order("kind", path), lambda: stuck_worker.kind(path))
        return str(answer)

    async def space(self, path: str) -> FileSystem:
        """How full the file system at `path` is."""
        told: Any = await self._either(Order("space", path), lambda: stuck_worker.space(path))
        capacity, available, free, inodes, inodes_free = told
        return FileSystem(
            at=time.time(),
            capacity=capacity,
            available=available,
            used=capacity - free,
            inodes=inodes,
            inodes_free=inodes_free,
        )

    async def make_folder(self, path: str, mode: int) -> None:
        """`path` is a folder afterwards, parents are made too."""
        await self._either(
            Order("make_folder", path, (mode,)), lambda: stuck_worker.make_folder(path, mode)
        )

    async def make_file(self, path: str, mode: int) -> None:
        """There is a file at `path` afterwards; its parent has to exist."""
        await self._either(
            Order("make_file", path, (mode,)), lambda: stuck_worker.make_file(path, mode)
        )

    async def mount(self, fstype: str, source: str, path: str, options: tuple[str, ...]) -> None:
        """`source` is mounted at `path` by mount(8). HostError has its words, or says that the
        server did not answer; what the call then still does ends with its processes.
        """
        order = Order("mount", path)
        chosen = ("-o", ",".join(options)) if options else ()
        words = ("mount", "-t", fstype, *chosen, "--", source, path)
        code, output = await self._answer(order, words, errors=True)
        if code == 0:
            return
        detail = " ".join(output.decode(errors="replace").split())
        helper = f"mount.{fstype}"
        if shutil.which(helper, path=self._programs) is None:
            package = _PACKAGES.get(fstype, "a package")
            detail = f"{detail} (there is no {helper} on this node: install {package})"
        raise HostError(op=f"mount {fstype}", target=source, detail=detail)

    async def unmount(self, path: str) -> None:
        """Nothing is mounted at `path` afterwards. A dead file system is detached by force."""
        if not await self._threads.run(self._is_slow, path):
            await self._threads.run(self._kernel.unmount, path)
            return
        try:
            await self._in_process(Order("unmount", path, (_UMOUNT_NOFOLLOW,)))
        except HostError:
            await self._in_process(Order("unmount", path, (_UMOUNT_NOFOLLOW | _MNT_FORCE_DETACH,)))

    async def may_hang(self, path: str) -> bool:
        """Whether the path is on a file system whose calls may, found without touching it."""
        return await self._threads.run(self._is_slow, path)

    async def bind(self, source: str, target: str, *, mounted: bool, flags: int) -> bool:
        """`source` is bind mounted at `target`, a folder, with these flags; whether that is new."""
        order = Order("bind", source, (target, int(mounted), flags))
        return bool(await self._in_process(order))

    async def at_length(self, call: Callable[[], None]) -> None:
        """Call what may take long in a thread that nothing else waits for. See `Threads.run`."""
        await self._long.run(call)

    async def run_file(self, file: str, path: str, *more: int, deadline: float) -> None:
        """Run a file of ours, which imports nothing of the agent, on `path`, by a deadline."""
        order = Order(file, path, more)
        words = (sys.executable, "-ISE", file, json.dumps([path, *more]))
        _, output = await self._answer(order, words, deadline=deadline)
        _read(order, output)

    async def remove_tree(self, path: str, *, files: bool = True) -> None:
        """`path` is gone with all below, mounts excepted: HostError names one. For local paths."""

        def turn() -> bool:
            return remove_tree(path, until=time.monotonic() + _TURN, files=files)

        while not await self._threads.run(turn):
            pass

    async def _either(self, order: Order, call: Callable[[], object]) -> object:
        def quickly() -> object:
            if self._is_slow(order.path):
                raise _Slow
            with translated(order.call, order.path):
                return call()

        try:
            return await self._threads.run(quickly)
        except _Slow:
            return await self._in_process(order)

    def _is_slow(self, path: str) -> bool:
        with translated("read mounts for", path):
            return leads_to(path, slow_points(read_mountinfo(self._mountinfo)))

    async def _in_process(self, order: Order) -> object:
        words = (sys.executable, "-ISE", stuck_worker.__file__, order.text)
        _, output = await self._answer(order, words)
        return _read(order, output)

    async def _answer(
        self,
        order: Order,
        words: tuple[str, ...],
        *,
        errors: bool = False,
        deadline: float = 0.0,
    ) -> tuple[int, bytes]:
        """Exit code and output of a program, by the deadline, or one of its own."""
        deadline = deadline or self._deadline
        try:
            return await self._processes.run(order, words, deadline=deadline, errors=errors)
        except TooLate as error:
            raise HostError(
                op=order.call,
                target=order.path,
                detail=f"the file system did not answer within {deadline:g} s:"
                " check its server, or unmount it with umount -f -l",
            ) from error


def _read(order: Order, output: bytes) -> object:
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError as error:
        raise HostError(
            op=order.call, target=order.path, detail="the helper process died without an answer"
        ) from error
    if "errno" in answer:
        cause = OSError(answer["errno"], answer["text"], order.path)
        raise HostError(op=order.call, target=order.path, detail=explain(cause)) from cause
    return answer["ok"]


def slow_points(mountinfo: str) -> frozenset[str]:
    """Mount points of file systems whose calls may hang."""
    if not any(f" - {name}" in mountinfo for name in _SLOW):
        return frozenset()
    return frozenset(
        mount.point
        for mount in parse_mountinfo(mountinfo)
        if mount.fstype.partition(".")[0] in _SLOW
    )


def leads_to(path: str, points: frozenset[str]) -> bool:
    """Whether walking `path` reaches one of the mount points, links followed, touching none."""
    if not points:
        return False
    todo = [part for part in path.split("/") if part][::-1]
    here, links = "", 0
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            here = here.rpartition("/")[0] if part == ".." else here
            continue
        here = f"{here}/{part}"
        if here in points:
            return True
        target = _link_target(here)
        if target is not None:
            links += 1
            if links > _LINKS:
                return False
            todo.extend([part for part in target.split("/") if part][::-1])
            here = "" if target.startswith("/") else here.rpartition("/")[0]
    return False


def _link_target(path: str) -> str | None:
    try:
        if stat.S_ISLNK(Path(path).lstat().st_mode):
            return os.readlink(path)  # noqa: PTH115
    except OSError:
        pass
    return None
