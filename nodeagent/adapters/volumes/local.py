"""local: a folder or a block device of this node, as a PersistentVolume only."""

import os
from pathlib import Path

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import HostFiles, Kernel, Place, Tell, silent
from nodeagent.adapters.volumes.device import FOLDER, Devices
from nodeagent.adapters.volumes.ownership import Count, apply_group, told_when_slow
from nodeagent.aio.threads import Threads
from nodeagent.core.claim_use import bind_flags
from nodeagent.errors import MountFailed, NotSupported
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace

_REMOUNT_BIND = 32 | 4096


class LocalVolume:
    """A folder is bind mounted into the pod's own folders; a device is handed over as it is."""

    name = "kubernetes.io/local-volume"
    refreshes = False

    def __init__(
        self, kernel: Kernel, files: HostFiles, threads: Threads, *, tell: Tell = silent
    ) -> None:
        self._kernel, self._files, self._threads, self._tell = kernel, files, threads, tell
        self._devices = Devices(kernel, threads, tell=tell)

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
        in its stead.
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
            detail = (
                f"local volume {source.path} is a block device without a mounted file system;"
                " format and mount it on the node and name the folder, or use volumeMode Block"
            )
            raise MountFailed(op="mount", target=source.path, detail=detail)
        if kind != "Directory":
            raise _wrong(source.path, "a directory", kind)
        bits, strange = bind_flags(volume.spec.mountOptions or ())
        if strange:
            detail = f"mount options ({', '.join(strange)}) are none of a bind mount"
            raise MountFailed(op="mount", target=source.path, detail=detail)
        with told_when_slow(self._tell, pod, place.path) as count:
            await self._threads.run(
                self._bind, pod, (source.path, place.path, bits), read_only, count
            )
        return VolumePlace(host_path=place.path, read_only=read_only, relabel=True)

    async def tear_down(self, place: Place) -> None:
        """Unmounted; the folder of the node keeps all it has."""
        await self._devices.unmap(place, _device_folder(place))
        await self._threads.run(self._unmount, place.path)
        await self._files.remove_tree(place.path, files=False)
        await self._files.remove_tree(place.meta)

    def _bind(
        self, pod: DesiredPod, what: tuple[str, str, int], read_only: bool, count: Count
    ) -> None:
        source, target, bits = what
        if self._kernel.is_mount(target):
            if os.path.samestat(Path(source).stat(), Path(target).stat()):
                return
            self._kernel.unmount(target)
        Path(target).mkdir(mode=0o750, parents=True, exist_ok=True)
        self._kernel.bind(source, target)
        if bits:
            self._kernel.mount(source, target, "", flags=_REMOUNT_BIND | bits)
        context = pod.spec.securityContext
        if context is not None and context.fsGroup is not None and not read_only:
            mismatch = context.fsGroupChangePolicy == "OnRootMismatch"
            try:
                apply_group(target, context.fsGroup, on_mismatch_only=mismatch, count=count)
            except OSError as error:
                self._kernel.unmount(target)
                detail = f"{error.strerror}: {error.filename}"
                raise MountFailed(op="change group of", target=source, detail=detail) from error

    def _unmount(self, path: str) -> None:
        if self._kernel.is_mount(path):
            self._kernel.unmount(path)


def _device_folder(place: Place) -> str:
    """Where the volume's device is, for each of its pods."""
    root, _, _ = place.path.rpartition(f"/pods/{place.uid}/")
    return f"{root}/plugins/kubernetes.io~local-volume/{FOLDER}/{place.volume}"


def _wrong(path: str, need: str, kind: str) -> MountFailed:
    has = f"it is a {kind}" if kind else "nothing is there"
    return MountFailed(
        op="mount", target=path, detail=f"local volume {path} needs to be {need}, {has}"
    )
