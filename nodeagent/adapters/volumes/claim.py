"""persistentVolumeClaim: the volume that the claim is bound to, set up by its own kind."""

from collections.abc import Callable, Sequence

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Data, PersistentPlugin, Place, place_of
from nodeagent.core.containers import each_container
from nodeagent.core.fit import matches_terms
from nodeagent.core.payload import not_found
from nodeagent.errors import MountFailed, NotSupported, SourceMissing
from nodeagent.model.data import Claim, DataKind, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.node import NodeFacts

_GROUP = "pv.beta.kubernetes.io/gid"


class ClaimVolume:
    """Has no place of its own: what it sets up lies, and is taken down, under the volume's kind.

    `root` is the agent's folder.
    """

    name = "kubernetes.io/persistent-volume-claim"
    refreshes = True  # a volume may have grown, or its driver wants to be called again

    def __init__(
        self,
        data: Data,
        kinds: Sequence[PersistentPlugin],
        *,
        root: str,
        node: Callable[[], NodeFacts],
    ) -> None:
        self._data, self._kinds, self._root, self._node = data, kinds, root, node

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a persistentVolumeClaim."""
        return volume.persistentVolumeClaim is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused: what the claim will be bound to is not known yet."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """SourceMissing while the claim is not there or not bound; MountFailed where the volume
        is not for this node or is used as what it is not.
        """
        source = volume.persistentVolumeClaim
        assert source is not None
        claim = await self._claim(pod.namespace, source.claimName)
        found = await self._data.volume(claim.volume)
        if found is None:
            detail = f'persistentvolume "{claim.volume}" not found'
            raise SourceMissing(op="read", target=claim.volume, detail=detail)
        self._check(pod, volume.name, claim, found)
        kind = next((one for one in self._kinds if one.handles_persistent(found.spec)), None)
        if kind is None:
            detail = f'PersistentVolume "{found.name}" is of a kind that is not supported yet'
            raise NotSupported(op="mount", target=found.name, detail=detail)
        where = place_of(self._root, pod.uid, kind.name, found.name)
        read_only = bool(source.readOnly)
        made = await kind.set_up_persistent(pod, found, where, claim=claim, read_only=read_only)
        return msgspec.structs.replace(made, gid=_gid(found))

    async def tear_down(self, place: Place) -> None:
        """There is nothing: the kind of the volume takes down what it has set up."""

    async def _claim(self, namespace: str, name: str) -> Claim:
        claim = await self._data.claim(namespace, name)
        if claim is None:
            where = self._data.place(DataKind.CLAIM)
            detail = not_found(DataKind.CLAIM, name, namespace, where)
            raise SourceMissing(op="read", target=name, detail=detail)
        if not claim.volume:
            why = f": {claim.why}" if claim.why else ""
            detail = f"error processing PVC {namespace}/{name}: PVC is not bound{why}"
            raise SourceMissing(op="read", target=name, detail=detail)
        return claim

    def _check(self, pod: DesiredPod, name: str, claim: Claim, volume: PersistentVolume) -> None:
        block = volume.spec.volumeMode == "Block"
        mode = "Block" if block else "Filesystem"
        for _, container in each_container(pod.spec):
            mounted = any(one.name == name for one in container.volumeMounts or ())
            as_device = any(one.name == name for one in container.volumeDevices or ())
            if mounted if block else as_device:
                where = "volumeMounts" if block else "volumeDevices"
                detail = f"volume {name} has volumeMode {mode}, but is specified in {where}"
                raise MountFailed(op="check", target=claim.name, detail=detail)
        options = ", ".join(volume.spec.mountOptions or ())
        if options and volume.spec.nfs is None and volume.spec.csi is None:
            detail = f"mount options ({options}) are for nfs and CSI: {volume.name} has them"
            raise MountFailed(op="check", target=claim.name, detail=detail)
        required = volume.spec.nodeAffinity.required if volume.spec.nodeAffinity else None
        if required is not None and not matches_terms(required, self._node()):
            detail = f'PersistentVolume "{volume.name}" is not for this node (nodeAffinity)'
            raise MountFailed(op="check", target=claim.name, detail=detail)


def _gid(volume: PersistentVolume) -> int | None:
    text = volume.annotations.get(_GROUP, "")
    return int(text) if text.isdecimal() else None
