"""hostPath: a path of the node, checked for its type and otherwise left alone."""

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import HostFiles, Place
from nodeagent.errors import MountFailed
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace

_WORDS = {
    "Directory": "directory",
    "File": "file",
    "Socket": "socket file",
    "CharDevice": "character device",
    "BlockDevice": "block device",
}
_ORDER = "OrCreate"


class HostPath:
    """Sets nothing up but what types ...OrCreate ask for, and takes nothing away."""

    name = "kubernetes.io/host-path"
    refreshes = False

    def __init__(self, files: HostFiles) -> None:
        self._files = files

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a hostPath."""
        return volume.hostPath is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """Check the type ("hostPath volume types"). MountFailed says what is there instead."""
        source = volume.hostPath
        assert source is not None
        path, wanted = source.path, source.type or ""
        if ".." in path.split("/"):
            raise _failed(path, f"{path}: must not contain '..'")
        if wanted:
            await self._check(path, wanted)
        return VolumePlace(host_path=path)

    def handles_persistent(self, spec: v1.PersistentVolumeSpec) -> bool:
        """Whether the PersistentVolume is a hostPath."""
        return spec.hostPath is not None

    async def set_up_persistent(
        self,
        pod: DesiredPod,
        volume: PersistentVolume,
        place: Place,
        *,
        claim: Claim,
        read_only: bool,
    ) -> VolumePlace:
        """Check the type as for a volume of the pod. A block volume has to be a device."""
        source = volume.spec.hostPath
        assert source is not None
        if volume.spec.volumeMode == "Block":
            await self._check(source.path, "BlockDevice")
            return VolumePlace(host_path=source.path, read_only=read_only, device=True)
        found = await self.set_up(pod, v1.Volume(name=volume.name, hostPath=source), place)
        return msgspec.structs.replace(found, read_only=read_only)

    async def tear_down(self, place: Place) -> None:
        """Remove our own folders for it, should an older agent have left some."""
        await self._files.remove_tree(place.meta)
        await self._files.remove_tree(place.path, files=False)

    async def _check(self, path: str, wanted: str) -> None:
        kind = wanted.removesuffix(_ORDER)
        if kind not in _WORDS or (wanted != kind and kind not in ("Directory", "File")):
            raise _failed(path, f"{wanted} is an invalid volume type")
        found = await self._files.kind(path)
        if not found and wanted == "DirectoryOrCreate":
            await self._files.make_folder(path, 0o755)
        elif not found and wanted == "FileOrCreate":
            await self._files.make_file(path, 0o644)
        elif found != kind:
            there = f"it is a {_WORDS.get(found, 'special file')}" if found else "it does not exist"
            text = f"hostPath type check failed: {path} is not a {_WORDS[kind]}"
            raise _failed(path, f"{text}, {there}")


def _failed(path: str, detail: str) -> MountFailed:
    return MountFailed(op="check hostPath", target=path, detail=detail)
