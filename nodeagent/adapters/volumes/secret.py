"""secret: the keys of a secret as files, in memory only."""

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Data, Place
from nodeagent.adapters.volumes.written import Written
from nodeagent.core.payload import DEFAULT_MODE, Wish, secret_files
from nodeagent.model.data import DataKind
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace


class SecretVolume:
    """A missing secret or key is SourceMissing, unless the volume says that it is optional."""

    name = "kubernetes.io/secret"
    refreshes = True

    def __init__(self, data: Data, written: Written) -> None:
        self._data, self._written = data, written

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a secret."""
        return volume.secret is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The volume shows the secret as it is now."""
        source = volume.secret
        assert source is not None
        wish = Wish(
            name=source.secretName or "",
            items=tuple(source.items or ()),
            mode=DEFAULT_MODE if source.defaultMode is None else source.defaultMode,
            optional=bool(source.optional),
        )
        found = await self._data.secret(pod.namespace, wish.name)
        where = self._data.place(DataKind.SECRET)
        payload = secret_files(found, wish, namespace=pod.namespace, place=where)
        return await self._written.put(pod, place, payload, in_memory=True)

    async def tear_down(self, place: Place) -> None:
        """See `Plugin`."""
        await self._written.tear_down(place)
