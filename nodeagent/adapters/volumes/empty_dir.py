"""emptyDir: an empty folder that lives as long as its pod, on disk, in memory or in huge pages."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import HostFiles, Kernel, Place, Tell, silent
from nodeagent.adapters.volumes.group_walk import Count, apply_group
from nodeagent.adapters.volumes.ownership import told_when_slow
from nodeagent.aio.threads import Threads
from nodeagent.core.containers import each_container
from nodeagent.core.quantity import as_bytes
from nodeagent.core.resources import HUGE_PAGES, pod_cgroup, requests_of
from nodeagent.errors import HostError, MountFailed
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.node import NodeFacts, NodeRules

_MEMORY = "Memory"
_PAGES = "HugePages"


class EmptyDir:
    """`node_memory` tells the node's allocatable bytes, the most a volume in memory may take."""

    name = "kubernetes.io/empty-dir"
    refreshes = False

    def __init__(
        self,
        kernel: Kernel,
        files: HostFiles,
        threads: Threads,
        *,
        node_memory: Callable[[], int],
        tell: Tell = silent,
    ) -> None:
        self._kernel = kernel
        self._files = files
        self._threads = threads
        self._node_memory, self._tell = node_memory, tell

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is an emptyDir."""
        return volume.emptyDir is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The folder exists, mounted where it is not on disk; its contents are kept.

        After a reboot a volume on disk still has its files and one in memory starts empty.
        """
        source = volume.emptyDir
        assert source is not None
        fstype, options = self._mount_of(pod, source)
        with told_when_slow(self._tell, pod, place.path) as count:
            await self._threads.run(self._make, pod, place, fstype, options, count)
        return VolumePlace(host_path=place.path, relabel=True)

    async def tear_down(self, place: Place) -> None:
        """Folder and contents are gone; what is mounted below is unmounted, never entered."""
        # Without the marker a volume that was half removed is made anew, should it come to that.
        await self._files.remove_tree(place.meta)
        await self._threads.run(self._unmount_own, place.path)
        try:
            await self._files.remove_tree(place.path)
        except HostError:  # somebody else's mounts may lie in it
            for point in await self._threads.run(self._kernel.mounts_below, place.path):
                await self._files.unmount(point)
            await self._files.remove_tree(place.path)

    def _unmount_own(self, path: str) -> None:
        if self._kernel.is_mount(path):
            self._kernel.unmount(path)

    def _mount_of(self, pod: DesiredPod, source: v1.EmptyDirVolumeSource) -> tuple[str, str]:
        """File system and options; "" for a plain folder."""
        medium = source.medium or ""
        if medium == "":
            return "", ""
        if medium == _MEMORY:
            size = memory_size(pod, source, self._node_memory())
            return "tmpfs", f"size={size}" if size else ""
        if medium == _PAGES or medium.startswith(f"{_PAGES}-"):
            return "hugetlbfs", f"pagesize={as_bytes(page_size(pod, medium))},mode=0777"
        raise MountFailed(op="mount", target=medium, detail=f'unknown storage medium "{medium}"')

    def _make(self, pod: DesiredPod, place: Place, fstype: str, options: str, count: Count) -> None:
        marker = f"{place.meta}/ready"
        mounted = bool(fstype) and self._kernel.is_mount(place.path)
        if mounted == bool(fstype) and _is_folder(marker) and _is_folder(place.path):
            return
        try:
            if not mounted:
                _make_open_folder(place.path)
                self._mount(place.path, fstype, options)
            give_to_group(pod, place.path, count)
            Path(marker).mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise MountFailed(
                op="make", target=place.path, detail=f"{error.strerror}: {error.filename}"
            ) from error

    def _mount(self, path: str, fstype: str, options: str) -> None:
        if fstype == "tmpfs":
            mount_memory(self._kernel, path, options)
        elif fstype:
            self._kernel.mount(fstype, path, fstype, options=options)


def give_to_group(pod: DesiredPod, path: str, count: Count | None = None) -> None:
    """The pod's fsGroup, if it has one, owns all there is at `path`. OSError."""
    context = pod.spec.securityContext
    if context is not None and context.fsGroup is not None:
        mismatch = context.fsGroupChangePolicy == "OnRootMismatch"
        apply_group(path, context.fsGroup, on_mismatch_only=mismatch, count=count)


def mount_memory(kernel: Kernel, path: str, options: str) -> None:
    """Mount a tmpfs that never reaches the disk where Linux can promise that (6.4)."""
    with suppress(HostError):
        return kernel.mount("tmpfs", path, "tmpfs", options=f"{options},noswap".lstrip(","))
    return kernel.mount("tmpfs", path, "tmpfs", options=options)


def memory_size(pod: DesiredPod, source: v1.EmptyDirVolumeSource, node_memory: int) -> int:
    """Bytes a volume in memory may take: the least of what the node has for pods, the pod's
    memory limit and `sizeLimit`; 0 where none of them is known (KEP-1967).
    """
    facts, rules = NodeFacts(name=""), NodeRules()
    whole = pod_cgroup(pod.pod, pod.uid, node=facts, rules=rules).resources.memory_limit_bytes
    asked = as_bytes(source.sizeLimit) if source.sizeLimit else 0
    return min((size for size in (node_memory, whole, asked) if size > 0), default=0)


def page_size(pod: DesiredPod, medium: str) -> str:
    """The huge page size of a medium, "2Mi". MountFailed where no container requests it, or
    where the medium names none and containers request several sizes.
    """
    requested = sorted(
        {
            name.removeprefix(HUGE_PAGES)
            for _, container in each_container(pod.spec)
            for name in requests_of(container)
            if name.startswith(HUGE_PAGES)
        }
    )
    wanted = medium.partition("-")[2]
    if wanted in requested:
        return wanted
    if not wanted and len(requested) == 1:
        return requested[0]
    asked = f"of {wanted}" if wanted else "of one size"
    raise MountFailed(
        op="mount",
        target=medium,
        detail=f'medium "{medium}" needs a request for huge pages {asked} in the pod,'
        f" requested are: {', '.join(requested) or 'none'}",
    )


def _make_open_folder(path: str) -> None:
    """A folder for everybody, whatever the umask."""
    Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    try:
        os.mkdir(path, 0o777)  # noqa: PTH102
    except FileExistsError:
        if not _is_folder(path):
            raise
    os.chmod(path, 0o777)  # noqa: PTH101


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114
