"""configMap: the keys of a config map as files, on disk."""

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Data, Place
from nodeagent.adapters.volumes.written import Written
from nodeagent.core.payload import DEFAULT_MODE, Wish, config_map_files
from nodeagent.model.data import DataKind
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace


class ConfigMapVolume:
    """A missing config map or key is SourceMissing, unless the volume says that it is optional."""

    name = "kubernetes.io/configmap"
    refreshes = True

    def __init__(self, data: Data, written: Written) -> None:
        self._data, self._written = data, written

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a configMap."""
        return volume.configMap is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The volume shows the config map as it is now."""
        source = volume.configMap
        assert source is not None
        wish = Wish(
            name=source.name or "",
            items=tuple(source.items or ()),
            mode=DEFAULT_MODE if source.defaultMode is None else source.defaultMode,
            optional=bool(source.optional),
        )
        found = await self._data.config_map(pod.namespace, wish.name)
        where = self._data.place(DataKind.CONFIG_MAP)
        payload = config_map_files(found, wish, namespace=pod.namespace, place=where)
        return await self._written.put(pod, place, payload, in_memory=False)

    async def tear_down(self, place: Place) -> None:
        """See `Plugin`."""
        await self._written.tear_down(place)
