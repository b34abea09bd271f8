"""Whether a pod may use a claim's volume here, and how; decisions without I/O."""

from collections.abc import Iterator, Sequence
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.core.fit import matches_terms
from nodeagent.errors import VolumeStep
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.node import NodeFacts

_FLAGS: Final = {  # options of mount(8) that a bind mount can have, and their bits
    "rw": 0,
    "bind": 0,
    "defaults": 0,
    "ro": 0x1,
    "nosuid": 0x2,
    "nodev": 0x4,
    "noexec": 0x8,
    "noatime": 0x400,
    "nodiratime": 0x800,
    "relatime": 0x200000,
    "strictatime": 0x1000000,
}


def claim_name(pod: DesiredPod, volume: v1.Volume) -> str:
    """The claim of a volume; that of an ephemeral one has pod's and volume's name."""
    if volume.persistentVolumeClaim is not None:
        return volume.persistentVolumeClaim.claimName
    return f"{pod.name}-{volume.name}"


def refuses_claim(pod: DesiredPod, volume: v1.Volume, claim: Claim) -> str:
    """Why the pod may not use the claim, "" if it may. Whether it is bound is another matter."""
    key = f"{claim.namespace}/{claim.name}"
    if volume.ephemeral is not None and claim.owner != pod.uid:
        return f"PVC {key} was not created for pod {pod.key} (pod is not owner)"
    if claim.deleting:
        return f"error processing PVC {key}: PVC is being deleted"
    return ""


def refuses_volume(pod: DesiredPod, name: str, claim: Claim, volume: PersistentVolume) -> str:
    """Why the claim's volume cannot be the pod's volume `name`, "" if it can."""
    spec = volume.spec
    reserved = spec.claimRef.uid if spec.claimRef is not None else None
    if reserved and claim.uid and reserved != claim.uid:
        return f'PersistentVolume "{volume.name}" is bound to another claim of that name'
    return _wrong_mode(pod, name, block=spec.volumeMode == "Block")


def unfit(volume: PersistentVolume, node: NodeFacts) -> Iterator[tuple[VolumeStep, str]]:
    """Why the volume cannot be mounted on this node, with the step that finds it."""
    spec = volume.spec
    required = spec.nodeAffinity.required if spec.nodeAffinity else None
    if required is not None and not matches_terms(required, node):
        yield VolumeStep.AFFINITY, f'PersistentVolume "{volume.name}" is not for this node'
    options = spec.mountOptions or ()
    if options and not (spec.nfs or spec.csi or spec.local):
        text = ", ".join(options)
        why = f"mount options ({text}) are for nfs, local and CSI: {volume.name} has them"
        yield VolumeStep.OPTIONS, why


def is_for_one_pod(volume: PersistentVolume) -> bool:
    """Whether only one pod may use it at a time (ReadWriteOncePod)."""
    return volume.spec.accessModes == ["ReadWriteOncePod"]


def bind_flags(options: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Bits of mount options for a bind mount, and the options that it cannot have."""
    bits = 0
    for one in options:
        bits |= _FLAGS.get(one, 0)
    return bits, tuple(one for one in options if one not in _FLAGS)


def _wrong_mode(pod: DesiredPod, name: str, *, block: bool) -> str:
    mode = "Block" if block else "Filesystem"
    for _, container in each_container(pod.spec):
        mounted = any(one.name == name for one in container.volumeMounts or ())
        as_device = any(one.name == name for one in container.volumeDevices or ())
        if mounted if block else as_device:
            where = "volumeMounts" if block else "volumeDevices"
            return f"volume {name} has volumeMode {mode}, but is specified in {where}"
    return ""
