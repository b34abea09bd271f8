"""projected: several sources in one folder, in memory."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Data, Place
from nodeagent.adapters.volumes.written import Written
from nodeagent.core.payload import (
    DEFAULT_MODE,
    Made,
    Payload,
    VolumeFile,
    Wish,
    config_map_files,
    downward_files,
    secret_files,
)
from nodeagent.core.refresh import earliest
from nodeagent.errors import ConfigError, MountFailed, NotSupported
from nodeagent.model.data import DataKind
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.node import NodeFacts

Part: TypeAlias = Callable[[DesiredPod, v1.VolumeProjection, int], Awaitable[Made]]
"""Makes the files of one source, with this mode where the source says none."""

_OWN = ("configMap", "secret", "downwardAPI")
_JOINED = "comes from an API server, and this node has none"
_GATES = {
    "clusterTrustBundle": "ClusterTrustBundleProjection",
    "podCertificate": "PodCertificateRequest",
}


class ProjectedVolume:
    """`parts` are sources that only some nodes have, by the name of their field: tokens and
    certificates of the API. A source that is not there is refused by its name.
    """

    name = "kubernetes.io/projected"
    refreshes = True

    def __init__(
        self,
        data: Data,
        written: Written,
        *,
        node: Callable[[], NodeFacts],
        parts: Mapping[str, Part],
    ) -> None:
        self._data, self._written, self._node = data, written, node
        self._parts = parts

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a projected volume."""
        return volume.projected is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Which of its sources this node does not have."""
        for part in (volume.projected.sources if volume.projected else None) or ():
            kind = _kind(part)
            if kind not in _OWN and kind not in self._parts:
                return f"projected source {kind} {self._why_not(kind)}"
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The volume shows all its sources as they are now; of equal paths the last one counts."""
        source = volume.projected
        assert source is not None
        mode = DEFAULT_MODE if source.defaultMode is None else source.defaultMode
        files: dict[str, VolumeFile] = {}
        due: list[float] = []
        for part in source.sources or ():
            made = await self._made(pod, part, mode)
            files.update(made.files)
            due.append(made.again_at)
        where = await self._written.put(pod, place, files, in_memory=True)
        return msgspec.structs.replace(where, again_at=earliest(due))

    async def tear_down(self, place: Place) -> None:
        """See `Plugin`."""
        await self._written.tear_down(place)

    def _why_not(self, kind: str) -> str:
        if self._parts and kind in _GATES:  # a node of a cluster
            return f"needs the gate {_GATES[kind]} and the API with it, which is off by default"
        return f"{_JOINED}; use a secret from a file of the node"

    async def _made(self, pod: DesiredPod, part: v1.VolumeProjection, mode: int) -> Made:
        kind = _kind(part)
        if kind in _OWN:
            return Made(files=await self._files(pod, part, mode))
        if kind not in self._parts:
            raise NotSupported(op="project", target=kind, detail=self._why_not(kind))
        return await self._parts[kind](pod, part, mode)

    async def _files(self, pod: DesiredPod, part: v1.VolumeProjection, mode: int) -> Payload:
        home = pod.namespace
        if part.configMap is not None:
            wish = _wish(part.configMap, mode)
            where = self._data.place(DataKind.CONFIG_MAP)
            config_map = await self._data.config_map(home, wish.name)
            return config_map_files(config_map, wish, namespace=home, place=where)
        if part.secret is not None:
            wish = _wish(part.secret, mode)
            where = self._data.place(DataKind.SECRET)
            secret = await self._data.secret(home, wish.name)
            return secret_files(secret, wish, namespace=home, place=where)
        assert part.downwardAPI is not None
        try:
            return downward_files(pod, part.downwardAPI.items, mode=mode, node=self._node())
        except ConfigError as error:
            raise MountFailed(op=error.op, target=error.target, detail=error.detail) from error


def _wish(source: v1.ConfigMapProjection | v1.SecretProjection, mode: int) -> Wish:
    return Wish(
        name=source.name or "",
        items=tuple(source.items or ()),
        mode=mode,
        optional=bool(source.optional),
    )


def _kind(part: v1.VolumeProjection) -> str:
    fields = part.__struct_fields__
    return next((name for name in fields if getattr(part, name) is not None), "")
