"""Which objects a pod, or one of its containers, refers to."""

from collections.abc import Iterator

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import AnyContainer, each_container
from nodeagent.model.data import DataKey, DataKind, PersistentVolume
from nodeagent.model.desired import DesiredPod


def pod_references(pod: DesiredPod) -> frozenset[DataKey]:
    """Config maps, secrets and claims of the pod's containers and of the volumes they use."""
    found = {key for volume in used_volumes(pod.spec) for key in _of_volume(pod, volume)}
    for _, container in each_container(pod.spec):
        found |= env_references(pod, container)
    return frozenset(found)


def pull_secrets(pod: DesiredPod) -> frozenset[DataKey]:
    """The secrets that its images are pulled with."""
    names = {one.name for one in pod.spec.imagePullSecrets or () if one.name}
    return frozenset(DataKey(DataKind.SECRET, pod.namespace, name) for name in names)


def driver_secrets(volume: PersistentVolume) -> frozenset[DataKey]:
    """The secrets that a CSI driver is handed on the node, which only the volume names."""
    source = volume.spec.csi
    if source is None:
        return frozenset()
    named = (
        source.nodeStageSecretRef,
        source.nodePublishSecretRef,
        source.nodeExpandSecretRef,
    )
    return frozenset(
        DataKey(DataKind.SECRET, one.namespace or "default", one.name)
        for one in named
        if one is not None and one.name
    )


def env_references(pod: DesiredPod, container: AnyContainer) -> frozenset[DataKey]:
    """Config maps and secrets that the container's environment is made of."""
    return frozenset(
        DataKey(kind, pod.namespace, name) for kind, name in _in_env(container) if name
    )


def env_files(container: AnyContainer) -> frozenset[tuple[str, str]]:
    """Volume and path of each file that variables are read from (KEP-3721)."""
    sources = [one.valueFrom.fileKeyRef for one in container.env or () if one.valueFrom]
    return frozenset((ref.volumeName, ref.path) for ref in sources if ref is not None)


def used_volumes(spec: v1.PodSpec) -> tuple[v1.Volume, ...]:
    """The volumes that a container mounts, has as a device, or reads variables from."""
    names: set[str] = set()
    for _, container in each_container(spec):
        names.update(mount.name for mount in container.volumeMounts or ())
        names.update(device.name for device in container.volumeDevices or ())
        names.update(volume for volume, _ in env_files(container))
    return tuple(volume for volume in spec.volumes or () if volume.name in names)


def _in_env(container: AnyContainer) -> Iterator[tuple[DataKind, str | None]]:
    for source in container.envFrom or ():
        if source.configMapRef is not None:
            yield DataKind.CONFIG_MAP, source.configMapRef.name
        if source.secretRef is not None:
            yield DataKind.SECRET, source.secretRef.name
    for variable in container.env or ():
        value = variable.valueFrom
        if value is not None and value.configMapKeyRef is not None:
            yield DataKind.CONFIG_MAP, value.configMapKeyRef.name
        if value is not None and value.secretKeyRef is not None:
            yield DataKind.SECRET, value.secretKeyRef.name


def _of_volume(pod: DesiredPod, volume: v1.Volume) -> Iterator[DataKey]:
    home = pod.namespace
    if volume.configMap is not None:
        yield DataKey(DataKind.CONFIG_MAP, home, volume.configMap.name or "")
    if volume.secret is not None:
        yield DataKey(DataKind.SECRET, home, volume.secret.secretName or "")
    if volume.persistentVolumeClaim is not None:
        yield DataKey(DataKind.CLAIM, home, volume.persistentVolumeClaim.claimName)
    if volume.ephemeral is not None:
        yield DataKey(DataKind.CLAIM, home, f"{pod.name}-{volume.name}")
    if volume.csi is not None and volume.csi.nodePublishSecretRef is not None:
        yield DataKey(DataKind.SECRET, home, volume.csi.nodePublishSecretRef.name or "")
    for part in (volume.projected.sources if volume.projected else None) or ():
        if part.configMap is not None:
            yield DataKey(DataKind.CONFIG_MAP, home, part.configMap.name or "")
        if part.secret is not None:
            yield DataKey(DataKind.SECRET, home, part.secret.name or "")
