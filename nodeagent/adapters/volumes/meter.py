"""How full the volumes of a pod are, asked of what each volume really is."""

from collections.abc import AsyncIterator, Sequence

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import HostFiles, Measured, Plugin, place_of
from nodeagent.adapters.volumes.claim import ClaimVolume
from nodeagent.adapters.volumes.timing import Looked, looked, unheard
from nodeagent.core.claim_use import claim_name
from nodeagent.core.references import used_volumes
from nodeagent.errors import AgentError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.usage import FileSystem
from nodeagent.model.volume_stats import VolumeStats

_IN_MEMORY = ("secret", "downwardAPI", "projected")
_OURS = ("emptyDir", "configMap", "gitRepo", *_IN_MEMORY)


class Meter:
    """`plugins` are those of the registry, in their order. `tell` hears of volumes that are no
    part of a larger file system; the others are walked elsewhere.
    """

    def __init__(self, root: str, plugins: Sequence[Plugin], files: HostFiles) -> None:
        self._root, self._plugins, self._files = root, plugins, files
        self.tell: Looked = unheard

    async def measure(self, pod: DesiredPod) -> AsyncIterator[VolumeStats]:
        """One after the other, so that a dead one holds one process only."""
        for volume in used_volumes(pod.spec):
            plugin = next((one for one in self._plugins if one.handles(volume)), None)
            if plugin is None:
                continue
            if isinstance(plugin, ClaimVolume):
                name = claim_name(pod, volume)
                space = await self._of_claim(plugin, pod, volume)
                key = f"{pod.namespace}/{name}"
                yield VolumeStats(name=volume.name, claim=key, space=space)
                continue
            place = place_of(self._root, pod.uid, plugin.name, volume.name)
            if any(getattr(volume, one) is not None for one in _OURS):
                yield VolumeStats(
                    name=volume.name,
                    folder=place.path,
                    in_memory=_is_in_memory(volume),
                    space=await self._space(place.path),
                )
            elif isinstance(plugin, Measured):
                try:
                    with looked(self.tell, volume.csi):
                        found = await plugin.space(place)
                except AgentError:
                    found = None
                yield VolumeStats(name=volume.name, space=found)
            elif volume.nfs is not None:
                with looked(self.tell, None):
                    space = await self._space(place.path)
                yield VolumeStats(name=volume.name, space=space)

    async def _of_claim(
        self, plugin: ClaimVolume, pod: DesiredPod, volume: v1.Volume
    ) -> FileSystem | None:
        try:
            return await plugin.space(pod, volume)
        except AgentError:
            return None

    async def _space(self, path: str) -> FileSystem | None:
        try:
            return await self._files.space(path)
        except AgentError:
            return None


def _is_in_memory(volume: v1.Volume) -> bool:
    if volume.emptyDir is not None:
        return bool(volume.emptyDir.medium)
    return any(getattr(volume, one) is not None for one in _IN_MEMORY)
