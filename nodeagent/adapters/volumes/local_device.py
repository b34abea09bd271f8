"""A block device that is a local volume with a file system: mounted once for the node."""

from pathlib import Path

from nodeagent.adapters.volumes.base import Disks, HostFiles, Kernel, Place
from nodeagent.aio.threads import Threads
from nodeagent.core.local_disk import DEFAULT_TYPE, Step, next_step, refusal
from nodeagent.errors import MountFailed
from nodeagent.model.data import PersistentVolume

_KIND = "kubernetes.io/local-volume"


class LocalDevices:
    """Mounts below `<root>/plugins/kubernetes.io/local-volume/mounts`, formats what is blank.

    One at a time for each volume: the caller sees to that. May be repeated at any moment.
    """

    def __init__(
        self, root: str, kernel: Kernel, files: HostFiles, threads: Threads, disks: Disks
    ) -> None:
        self._root = root.rstrip("/")
        self._kernel, self._files, self._threads, self._disks = kernel, files, threads, disks

    async def mount(self, volume: PersistentVolume, *, read_only: bool) -> str:
        """Where the file system of the volume's device is mounted. MountFailed, HostError."""
        source = volume.spec.local
        assert source is not None
        point = self._point(volume.name)
        if await self._threads.run(self._is_ready, point):
            return point
        fstype = source.fsType or DEFAULT_TYPE
        await self._prepare(volume.name, source.path, fstype, read_only=read_only)
        options = (*(("ro",) if read_only else ()), *(volume.spec.mountOptions or ()), "defaults")
        await self._files.mount(fstype, source.path, point, options)
        return point

    async def unmount(self, place: Place) -> None:
        """Nothing is mounted for the node any more, unless another pod has a place for it."""
        point = self._point(place.volume)
        if not await self._threads.run(self._is_last, point, place):
            return
        await self._files.unmount(point)
        await self._files.remove_tree(point, files=False)

    async def _prepare(self, name: str, device: str, fstype: str, *, read_only: bool) -> None:
        """There is a sound file system on the device."""
        content = await self._disks.content(device)
        begun, blank = await self._threads.run(self._is_begun, name, device), False
        if not content and not begun and not read_only:
            blank = await self._disks.is_blank(device)
        why = refusal(device, content, read_only=read_only, blank=blank, begun=begun)
        if why:
            raise MountFailed(op="mount", target=device, detail=why)
        step = next_step(content, read_only=read_only)
        if step is Step.FORMAT:
            await self._threads.run(self._note, name, device)
            await self._disks.make(device, fstype)
        elif step is Step.CHECK:
            await self._disks.check(device)
        await self._threads.run(self._forget, name)

    def _point(self, name: str) -> str:
        return f"{self._root}/plugins/{_KIND}/mounts/{name}"

    def _begun(self, name: str) -> Path:
        return Path(f"{self._root}/plugins/{_KIND}/formatting/{name}")

    def _is_ready(self, point: str) -> bool:
        Path(point).mkdir(mode=0o750, parents=True, exist_ok=True)
        return self._kernel.is_mount(point)

    def _is_last(self, point: str, place: Place) -> bool:
        if not Path(point).is_dir():
            return False
        folder = Path(place.path).parent.name
        others = Path(self._root, "pods").glob(f"*/volumes/{folder}/{place.volume}")
        return not any(other.parts[-4] != place.uid for other in others)

    def _is_begun(self, name: str, device: str) -> bool:
        """Whether this very device was being formatted; the volume may name another one by now."""
        try:
            return self._begun(name).read_text() == device
        except FileNotFoundError:
            return False

    def _note(self, name: str, device: str) -> None:
        self._begun(name).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._begun(name).write_text(device)

    def _forget(self, name: str) -> None:
        self._begun(name).unlink(missing_ok=True)
