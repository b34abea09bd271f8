"""nfs: a folder of a server, mounted for each pod by mount(8), which may hang for long."""

import os
from pathlib import Path

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import HostFiles, Kernel, Place
from nodeagent.aio.threads import Threads
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace


class NfsVolume:
    """A volume of a pod, or a PersistentVolume. Its files belong to whom the server says."""

    name = "kubernetes.io/nfs"
    refreshes = False

    def __init__(self, kernel: Kernel, files: HostFiles, threads: Threads) -> None:
        self._kernel, self._files, self._threads = kernel, files, threads

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is an nfs."""
        return volume.nfs is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The server's folder is mounted. HostError where the server does not answer in time."""
        source = volume.nfs
        assert source is not None
        return await self._mount(source, place, (), read_only=bool(source.readOnly))

    def handles_persistent(self, spec: v1.PersistentVolumeSpec) -> bool:
        """Whether the PersistentVolume is an nfs."""
        return spec.nfs is not None

    async def set_up_persistent(
        self,
        pod: DesiredPod,
        volume: PersistentVolume,
        place: Place,
        *,
        claim: Claim,
        read_only: bool,
    ) -> VolumePlace:
        """Like `set_up`, with the volume's mount options."""
        source, options = volume.spec.nfs, tuple(volume.spec.mountOptions or ())
        assert source is not None
        return await self._mount(
            source, place, options, read_only=read_only or bool(source.readOnly)
        )

    async def tear_down(self, place: Place) -> None:
        """Unmounted, by force where the server is dead; nothing of the server is removed."""
        await self._files.unmount(place.path)
        await self._files.remove_tree(place.path, files=False)
        await self._files.remove_tree(place.meta)

    async def _mount(
        self,
        source: v1.NFSVolumeSource,
        place: Place,
        options: tuple[str, ...],
        *,
        read_only: bool,
    ) -> VolumePlace:
        if not await self._threads.run(self._prepare, place.path):
            host = f"[{source.server}]" if ":" in source.server else source.server
            access = ("ro",) if read_only else ()
            await self._files.mount("nfs", f"{host}:{source.path}", place.path, (*access, *options))
        return VolumePlace(host_path=place.path, read_only=read_only)

    def _prepare(self, path: str) -> bool:
        """Make the folder; whether something is mounted there, found without touching it."""
        parent, _, name = path.rpartition("/")
        if f"{os.path.realpath(parent)}/{name}" in self._kernel.mounts_below(parent):
            return True
        Path(path).mkdir(mode=0o750, parents=True, exist_ok=True)
        return False
