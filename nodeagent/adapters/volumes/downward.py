"""downwardAPI: fields of the pod as files, in memory."""

from collections.abc import Callable

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Place
from nodeagent.adapters.volumes.written import Written
from nodeagent.core.payload import DEFAULT_MODE, downward_files
from nodeagent.errors import ConfigError, MountFailed
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.node import NodeFacts


class DownwardVolume:
    """`node` tells what a limit that is not set stands for."""

    name = "kubernetes.io/downward-api"
    refreshes = True

    def __init__(self, written: Written, *, node: Callable[[], NodeFacts]) -> None:
        self._written, self._node = written, node

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a downwardAPI."""
        return volume.downwardAPI is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The volume shows the pod's fields as they are now."""
        source = volume.downwardAPI
        assert source is not None
        mode = DEFAULT_MODE if source.defaultMode is None else source.defaultMode
        try:
            payload = downward_files(pod, source.items, mode=mode, node=self._node())
        except ConfigError as error:
            raise MountFailed(op=error.op, target=error.target, detail=error.detail) from error
        return await self._written.put(pod, place, payload, in_memory=True)

    async def tear_down(self, place: Place) -> None:
        """See `Plugin`."""
        await self._written.tear_down(place)
