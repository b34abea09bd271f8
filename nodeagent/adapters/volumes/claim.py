"""persistentVolumeClaim and ephemeral: the volume that a claim is bound to, by its own kind."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import (
    Data,
    HostFiles,
    Measured,
    PersistentPlugin,
    Place,
    place_of,
)
from nodeagent.adapters.volumes.failures import about, failing_at
from nodeagent.adapters.volumes.timing import (
    MOUNT,
    Looked,
    Tell,
    looked,
    nobody,
    timed,
    unheard,
    with_driver,
)
from nodeagent.aio.threads import Threads
from nodeagent.aio.turns import Turns
from nodeagent.core.claim_use import (
    claim_name,
    is_for_one_pod,
    refuses_claim,
    refuses_volume,
    unfit,
)
from nodeagent.core.cut_texts import NO_NUL, has_nul
from nodeagent.core.payload import not_found
from nodeagent.errors import MountFailed, NotSupported, SourceMissing, VolumeStep
from nodeagent.model.data import Claim, DataKind, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.node import NodeFacts
from nodeagent.model.usage import FileSystem

_GROUP = "pv.beta.kubernetes.io/gid"
_ALONE = "alone"  # a file with the name of the volume that the pod has for itself
_JOINED = (
    "needs an API server, and this node has none; use an emptyDir, or a claim with a volume from a"
    " file of the node"
)


class ClaimVolume:
    """Has no place of its own: what it sets up lies, and is taken down, under the volume's kind.

    `root` is the agent's folder. `joined` says that the node is of a cluster, which makes the
    claims of ephemeral volumes. `tell` hears what the volumes' own kinds do,
    `looked` what measuring them takes.
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
        files: HostFiles,
        threads: Threads,
        joined: bool = False,
    ) -> None:
        self._data, self._kinds, self._root, self._node = data, kinds, root, node
        self._files, self._threads, self._joined = files, threads, joined
        self._turns = Turns()
        self.tell: Tell = nobody
        self.looked: Looked = unheard

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a persistentVolumeClaim, or has a claim made for it."""
        return volume.persistentVolumeClaim is not None or volume.ephemeral is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nobody makes claims without a cluster. What others will be bound to is not known yet."""
        if volume.ephemeral is not None and not self._joined:
            return f'kind "ephemeral" {_JOINED}'
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """SourceMissing while the claim is not there or not bound; MountFailed where the volume
        is not for this node or pod, or is used as what it is not.
        """
        with failing_at(VolumeStep.CLAIM):
            claim = await self._claim(pod, volume)
            found = await self._volume(claim)
            if why := refuses_volume(pod, volume.name, claim, found):
                raise MountFailed(op="check", target=claim.name, detail=why)
        with about(found):
            return await self._set_up(pod, volume, place, claim, found)

    async def _set_up(
        self,
        pod: DesiredPod,
        volume: v1.Volume,
        place: Place,
        claim: Claim,
        found: PersistentVolume,
    ) -> VolumePlace:
        for step, why in unfit(found, self._node()):
            with failing_at(step):
                raise MountFailed(op="check", target=claim.name, detail=why)
        if has_nul(found.spec):
            raise MountFailed(op="read", target=found.name, detail=f"the volume {NO_NUL}")
        kind = next((one for one in self._kinds if one.handles_persistent(found.spec)), None)
        if kind is None:
            detail = f'PersistentVolume "{found.name}" is of a kind that is not supported yet'
            raise NotSupported(op="mount", target=found.name, detail=detail)
        if is_for_one_pod(found):
            async with self._turns.of(found.name):
                await self._threads.run(_take_alone, self._root, place, found.name)
        where = place_of(self._root, pod.uid, kind.name, found.name)
        source = volume.persistentVolumeClaim
        read_only = bool(source.readOnly) if source is not None else False
        with timed(self.tell, with_driver(kind.name, found.spec.csi), MOUNT):
            made = await kind.set_up_persistent(pod, found, where, claim=claim, read_only=read_only)
        return msgspec.structs.replace(made, gid=_gid(found))

    async def _volume(self, claim: Claim) -> PersistentVolume:
        found = await self._data.volume(claim.volume)
        if found is None:
            detail = (
                f"error processing PVC {claim.namespace}/{claim.name}:"
                f' persistentvolume "{claim.volume}" not found'
            )
            raise SourceMissing(op="read", target=claim.volume, detail=detail)
        return found

    async def tear_down(self, place: Place) -> None:
        """Others may have it. The kind of the volume takes down what it has set up."""
        await self._files.remove_tree(place.meta)

    async def space(self, pod: DesiredPod, volume: v1.Volume) -> FileSystem | None:
        """How full the claim's volume is, by its kind; None where that cannot be said."""
        claim = await self._data.claim(pod.namespace, claim_name(pod, volume))
        found = await self._data.volume(claim.volume) if claim is not None else None
        if found is None or found.spec.volumeMode == "Block":
            return None
        kind = next((one for one in self._kinds if one.handles_persistent(found.spec)), None)
        if kind is None or found.spec.hostPath is not None:
            return None
        where = place_of(self._root, pod.uid, kind.name, found.name)
        with looked(self.looked, found.spec.csi):
            if isinstance(kind, Measured):
                return await kind.space(where)
            return await self._files.space(where.path)

    async def _claim(self, pod: DesiredPod, volume: v1.Volume) -> Claim:
        namespace, name = pod.namespace, claim_name(pod, volume)
        claim = await self._data.claim(namespace, name)
        if claim is None:
            where = self._data.place(DataKind.CLAIM)
            why = not_found(DataKind.CLAIM, name, namespace, where)
            if not where:  # a kubelet's words, of the API server's answer
                why = (
                    "failed to fetch PVC from API server:"
                    f' persistentvolumeclaims "{name}" not found'
                )
            detail = f"error processing PVC {namespace}/{name}: {why}"
            raise SourceMissing(op="read", target=name, detail=detail)
        if why := refuses_claim(pod, volume, claim):
            raise MountFailed(op="check", target=name, detail=why)
        if not claim.volume:
            why = f": {claim.why}" if claim.why else ""
            detail = f"error processing PVC {namespace}/{name}: PVC is not bound{why}"
            raise SourceMissing(op="read", target=name, detail=detail)
        return claim


def _take_alone(root: str, place: Place, name: str) -> None:
    """Note that the pod has the volume for itself. MountFailed where another has it. Blocks."""
    kind = Path(place.meta).parent.name
    try:
        for other in Path(root, "pods").glob(f"*/plugins/{kind}/*/{_ALONE}"):
            holder = other.parts[-5]
            if holder != place.uid and other.read_text() == name:
                detail = (
                    "volume uses the ReadWriteOncePod access mode and is already in use by another"
                    f" pod, {holder}"
                )
                raise MountFailed(op="check", target=name, detail=detail)
        Path(place.meta).mkdir(mode=0o750, parents=True, exist_ok=True)
        Path(place.meta, _ALONE).write_text(name)
    except OSError as error:
        raise MountFailed(op="check", target=name, detail=str(error)) from error


def _gid(volume: PersistentVolume) -> int | None:
    text = volume.annotations.get(_GROUP, "")
    return int(text) if text.isdecimal() else None
