"""local: a folder or a block device of this node, as a PersistentVolume only."""

import os
from functools import partial
from pathlib import Path

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Disks, HostFiles, Kernel, Place, Tell, silent
from nodeagent.adapters.volumes.device import FOLDER, Devices
from nodeagent.adapters.volumes.group_walk import Count, apply_group
from nodeagent.adapters.volumes.local_device import LocalDevices
from nodeagent.adapters.volumes.ownership import give_apart, told_when_slow
from nodeagent.aio.threads import Threads
from nodeagent.aio.turns import Turns
from nodeagent.core.claim_use import bind_flags
from nodeagent.errors import HostError, MountFailed, NotSupported
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace

_REMOUNT_BIND = 32 | 4096


class LocalVolume:
    """A folder is bind mounted into the pod's own folders; a device is handed over as it is, or
    mounted for the node, formatted first where it is blank, and bind mounted like a folder.
    """

    name = "kubernetes.io/local-volume"
    refreshes = False

    def __init__(
        self,
        root: str,
        kernel: Kernel,
        files: HostFiles,
        threads: Threads,
        disks: Disks,
        *,
        tell: Tell = silent,
    ) -> None:
        self._kernel, self._files, self._threads, self._tell = kernel, files, threads, tell
        self._devices = Devices(kernel, threads, tell=tell)
        self._mounted = LocalDevices(root, kernel, files, threads, disks)
        self._turns = Turns()

    def handles(self, volume: v1.Volume) -> bool:
        """Never: a pod cannot name it without a claim."""
        return False

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """Never called."""
        raise NotSupported(op="mount", target=volume.name, detail="local needs a claim")

    def handles_persistent(self, spec: v1.PersistentVolumeSpec) -> bool:
        """Whether the PersistentVolume is local."""
        return spec.local is not None

    async def set_up_persistent(
        self,
        pod: DesiredPod,
        volume: PersistentVolume,
        place: Place,
        *,
        claim: Claim,
        read_only: bool,
    ) -> VolumePlace:
        """The folder is mounted at `place`, given to the pod's group. MountFailed names what is
        in its stead, or why a device is not formatted.
        """
        source = volume.spec.local
        assert source is not None
        kind = await self._files.kind(source.path)
        if volume.spec.volumeMode == "Block":
            if kind != "BlockDevice":
                raise _wrong(source.path, "a block device", kind)
            await self._devices.map(pod, place, source.path, _device_folder(place))
            return VolumePlace(host_path=source.path, read_only=read_only, device=True)
        if kind == "BlockDevice":
            return await self._set_up_device(pod, volume, place, read_only=read_only)
        if kind != "Directory":
            raise _wrong(source.path, "a directory", kind)
        bits, strange = bind_flags(volume.spec.mountOptions or ())
        if strange:
            detail = f"mount options ({', '.join(strange)}) are none of a bind mount"
            raise MountFailed(op="mount", target=source.path, detail=detail)
        return await self._show(pod, source.path, place, bits=bits, read_only=read_only)

    async def tear_down(self, place: Place) -> None:
        """Unmounted; the folder or file system of the node keeps all it has."""
        await self._devices.unmap(place, _device_folder(place))
        # The pod's folder goes last: it says that the pod has, or had, the volume.
        async with self._turns.of(place.volume):
            await self._files.unmount(place.path)
            await self._mounted.unmount(place)
            await self._files.remove_tree(place.path, files=False)
        await self._files.remove_tree(place.meta)

    async def _set_up_device(
        self, pod: DesiredPod, volume: PersistentVolume, place: Place, *, read_only: bool
    ) -> VolumePlace:
        # The pod's folder comes first: it says that the pod has, or may have, the volume.
        await self._threads.run(_make_folder, place.path)
        async with self._turns.of(volume.name):
            point = await self._mounted.mount(volume, read_only=read_only)
            return await self._show(pod, point, place, bits=0, read_only=read_only)

    async def _show(
        self, pod: DesiredPod, source: str, place: Place, *, bits: int, read_only: bool
    ) -> VolumePlace:
        context = pod.spec.securityContext
        group = context.fsGroup if context is not None and not read_only else None
        if await self._files.may_hang(source):
            await self._show_carefully(pod, source, place, bits=bits, group=group)
        else:
            left = await self._threads.run(self._bind, source, place, bits, group is not None)
            if left and group is not None:
                with told_when_slow(self._tell, pod, place.path) as count:
                    await self._files.at_length(partial(self._give, pod, place, group, count))
        return VolumePlace(host_path=place.path, read_only=read_only, relabel=True)

    async def _show_carefully(
        self, pod: DesiredPod, source: str, place: Place, *, bits: int, group: int | None
    ) -> None:
        """As `_bind`, by processes that can be left behind."""
        mounted = await self._threads.run(self._prepare, place.path)
        if group is not None and not mounted:
            await self._threads.run(_make_mark, place)
        fresh = await self._files.bind(source, place.path, mounted=mounted, flags=bits)
        left = fresh or await self._threads.run(_mark(place).exists)
        if group is None or not left:
            return
        mismatch = _on_mismatch(pod)
        try:
            await give_apart(self._files, place.path, group, on_mismatch_only=mismatch)
        except HostError:
            await self._files.unmount(place.path)
            raise
        await self._files.remove_tree(place.meta)

    def _prepare(self, path: str) -> bool:
        """Make the folder; whether something is mounted there, found without touching it."""
        parent, _, name = path.rpartition("/")
        if f"{os.path.realpath(parent)}/{name}" in self._kernel.mounts_below(parent):
            return True
        _make_folder(path)
        return False

    def _bind(self, source: str, place: Place, bits: int, to_give: bool) -> bool:
        """`source` is mounted at the place; whether its files are still to be given to a group."""
        target, mark = place.path, _mark(place)
        if self._kernel.is_mount(target):
            if os.path.samestat(Path(source).stat(), Path(target).stat()):
                return mark.exists()
            self._kernel.unmount(target)
        _make_folder(target)
        if to_give:
            _make_mark(place)
        self._kernel.bind(source, target)
        if bits:
            self._kernel.mount(source, target, "", flags=_REMOUNT_BIND | bits)
        return to_give

    def _give(self, pod: DesiredPod, place: Place, group: int, count: Count) -> None:
        target = place.path
        try:
            apply_group(target, group, on_mismatch_only=_on_mismatch(pod), count=count)
            _mark(place).unlink(missing_ok=True)
        except OSError as error:
            self._kernel.unmount(target)
            detail = f"{error.strerror}: {error.filename}"
            raise MountFailed(op="change group of", target=target, detail=detail) from error


def _mark(place: Place) -> Path:
    """Is there while the files of what is mounted are still to be given to the pod's group."""
    return Path(place.meta, "giving")


def _make_mark(place: Place) -> None:
    Path(place.meta).mkdir(mode=0o750, parents=True, exist_ok=True)
    _mark(place).touch(mode=0o640)


def _make_folder(path: str) -> None:
    Path(path).mkdir(mode=0o750, parents=True, exist_ok=True)


def _on_mismatch(pod: DesiredPod) -> bool:
    context = pod.spec.securityContext
    return context is not None and context.fsGroupChangePolicy == "OnRootMismatch"


def _device_folder(place: Place) -> str:
    """Where the volume's device is, for each of its pods."""
    root, _, _ = place.path.rpartition(f"/pods/{place.uid}/")
    return f"{root}/plugins/kubernetes.io~local-volume/{FOLDER}/{place.volume}"


def _wrong(path: str, need: str, kind: str) -> MountFailed:
    has = f"it is a {kind}" if kind else "nothing is there"
    return MountFailed(
        op="mount", target=path, detail=f"local volume {path} needs to be {need}, {has}"
    )
