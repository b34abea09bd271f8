"""Volumes that are folders of the node's own disk or of memory, measured where they lie."""

from nodeagent.adapters.host.disk_usage import file_system
from nodeagent.aio.threads import Threads
from nodeagent.model.desired import DesiredPod
from nodeagent.model.volume_stats import VolumeStats

_KINDS = {
    "emptyDir": "empty-dir",
    "configMap": "configmap",
    "secret": "secret",
    "downwardAPI": "downward-api",
    "projected": "projected",
}


class FolderVolumes:
    """Implements the engine's `VolumeFigures` for volumes that no storage stands behind."""

    def __init__(self, root: str, threads: Threads) -> None:
        self._pods, self._threads = f"{root.rstrip('/')}/pods", threads

    async def stats(self, pod: DesiredPod) -> tuple[VolumeStats, ...]:
        """Every such volume of the pod that is set up."""
        return await self._threads.run(self._stats, pod)

    def _stats(self, pod: DesiredPod) -> tuple[VolumeStats, ...]:
        found = []
        for volume in pod.spec.volumes or ():
            for field, kind in _KINDS.items():
                if getattr(volume, field) is None:
                    continue
                folder = f"{self._pods}/{pod.uid}/volumes/kubernetes.io~{kind}/{volume.name}"
                space = file_system(folder)
                medium = volume.emptyDir.medium if volume.emptyDir is not None else ""
                if space is not None:
                    found.append(
                        VolumeStats(
                            name=volume.name,
                            folder=folder,
                            in_memory=medium == "Memory",
                            space=space,
                        )
                    )
        return tuple(found)
