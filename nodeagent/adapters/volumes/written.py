"""Volumes whose files the agent writes: in memory or on disk, given to the pod's group."""

import os
from collections.abc import Callable
from pathlib import Path

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.atomic_writer import write
from nodeagent.adapters.volumes.base import HostFiles, Kernel, Place
from nodeagent.adapters.volumes.empty_dir import memory_size, mount_memory
from nodeagent.adapters.volumes.group_walk import apply_group
from nodeagent.aio.threads import Threads
from nodeagent.core.payload import Payload, nested_mounts
from nodeagent.errors import MountFailed
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace

_GROUP_READS = 0o440


class Written:
    """Puts files into a volume and takes the volume away; what the kinds of volume share."""

    def __init__(
        self,
        kernel: Kernel,
        files: HostFiles,
        threads: Threads,
        *,
        node_memory: Callable[[], int],
    ) -> None:
        self._kernel, self._files, self._threads = kernel, files, threads
        self._node_memory = node_memory

    async def put(
        self, pod: DesiredPod, place: Place, payload: Payload, *, in_memory: bool
    ) -> VolumePlace:
        """The volume holds these files; `in_memory` ones never reach the disk. May be repeated."""
        size = memory_size(pod, v1.EmptyDirVolumeSource(), self._node_memory()) if in_memory else 0
        await self._threads.run(self._put, pod, place, payload, in_memory, size)
        return VolumePlace(host_path=place.path, read_only=True, relabel=True)

    async def tear_down(self, place: Place) -> None:
        """Neither files nor mount are left."""
        await self._threads.run(self._unmount, place.path)
        await self._files.remove_tree(place.path)
        await self._files.remove_tree(place.meta)

    def _unmount(self, path: str) -> None:
        if self._kernel.is_mount(path):
            self._kernel.unmount(path)

    def _put(
        self, pod: DesiredPod, place: Place, payload: Payload, in_memory: bool, size: int
    ) -> None:
        context = pod.spec.securityContext
        group = context.fsGroup if context is not None else None

        def settle() -> None:
            if group is not None:
                apply_group(place.path, group, read_only=True)

        try:
            self._make_top(place.path, in_memory, size)
            write(
                place.path,
                payload,
                folders=nested_mounts(pod, place.volume),
                settle=settle,
                group_bits=0 if group is None else _GROUP_READS,
            )
        except OSError as error:
            raise MountFailed(
                op="write", target=place.path, detail=f"{error.strerror}: {error.filename}"
            ) from error

    def _make_top(self, path: str, in_memory: bool, size: int) -> None:
        fresh = not os.path.isdir(path)  # noqa: PTH112
        if fresh:
            Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            os.mkdir(path)  # noqa: PTH102
        if in_memory and not self._kernel.is_mount(path):
            options = f"mode=1777,size={size}" if size else "mode=1777"
            mount_memory(self._kernel, path, options)
        elif fresh:
            os.chmod(path, 0o777)  # noqa: PTH101
