"""Mounts and devices of a container, in the order Kubernetes gives them."""

from collections.abc import Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import AnyContainer
from nodeagent.core.env import expand_strictly
from nodeagent.core.hosts import HOSTS_PATH
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import DeviceSpec, IdRange, MountSpec, Propagation, SubPath, VolumePlace

RECURSIVE_READ_ONLY: Final = "recursiveReadOnlyMounts"


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where on the host the things are that a container mounts.

    `volumes` by volume name; `subpaths` by the index of the volumeMount, for those with a subPath
    on a volume of the host; `hosts` and `message` are files, "" where there is none.
    """

    volumes: Mapping[str, VolumePlace] = {}
    subpaths: Mapping[int, str] = {}
    hosts: str = ""
    message: str = ""


class MountRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime and the node can do about mounts."""

    recursive_read_only: bool = False
    selinux: bool = False
    user: IdRange | None = None


def sub_paths(
    pod: DesiredPod, container: AnyContainer, *, env: Mapping[str, str]
) -> tuple[SubPath, ...]:
    """The subPaths of a container's mounts, `subPathExpr` expanded with its environment.

    Those of image volumes are left to the runtime. ConfigError for a variable that is not known,
    and for a path that leaves the volume.
    """
    images = {volume.name for volume in pod.spec.volumes or () if volume.image}
    return tuple(
        SubPath(index=index, volume=mount.name, path=path)
        for index, mount in enumerate(container.volumeMounts or ())
        if mount.name not in images and (path := _sub_path(pod, container, mount, env))
    )


def container_mounts(
    pod: DesiredPod,
    container: AnyContainer,
    *,
    places: Places,
    env: Mapping[str, str],
    rules: MountRules,
) -> tuple[MountSpec, ...]:
    """Volume mounts as listed, then /etc/hosts, then the termination message ("Volumes").

    /etc/hosts is left to the container where it mounts something there. ConfigError names the
    volume that is missing or the mode that cannot be had.
    """
    mounts = [
        _mount(pod, container, index, places=places, env=env, rules=rules)
        for index in range(len(container.volumeMounts or ()))
    ]
    if places.hosts and not mounts_hosts(container):
        mounts.append(_file(HOSTS_PATH, places.hosts, rules))
    if places.message and container.terminationMessagePath:
        mounts.append(_file(container.terminationMessagePath, places.message, rules))
    return tuple(mounts)


def mounts_hosts(container: AnyContainer) -> bool:
    """Whether the container brings its own /etc/hosts."""
    return any(mount.mountPath == HOSTS_PATH for mount in container.volumeMounts or ())


def container_devices(
    pod: DesiredPod, container: AnyContainer, *, volumes: Mapping[str, VolumePlace]
) -> tuple[DeviceSpec, ...]:
    """Block volumes as devices ("Raw Block Volume Support")."""
    devices = []
    for device in container.volumeDevices or ():
        place = volumes.get(device.name)
        if place is None or not place.device:
            detail = f'cannot find volume "{device.name}" to pass into container "{container.name}"'
            raise _error(pod, container, detail)
        devices.append(
            DeviceSpec(
                container_path=device.devicePath,
                host_path=place.host_path,
                permissions="r" if place.read_only else "mrw",
            )
        )
    return tuple(devices)


def _mount(
    pod: DesiredPod,
    container: AnyContainer,
    index: int,
    *,
    places: Places,
    env: Mapping[str, str],
    rules: MountRules,
) -> MountSpec:
    mount = (container.volumeMounts or [])[index]
    place = places.volumes.get(mount.name)
    if place is None or place.device:
        detail = f'cannot find volume "{mount.name}" to mount into container "{container.name}"'
        raise _error(pod, container, detail)
    host_path, sub_path = place.host_path, ""
    if mount.subPath or mount.subPathExpr:
        sub_path = _sub_path(pod, container, mount, env)
    if sub_path and not place.image:
        if index not in places.subpaths:
            detail = (
                f'failed to prepare subPath for volumeMount "{mount.name}" of container '
                f'"{container.name}"'
            )
            raise _error(pod, container, detail)
        host_path = places.subpaths[index]
    path = mount.mountPath
    return MountSpec(
        container_path=path if path.startswith("/") else f"/{path}",
        host_path="" if place.image else host_path,
        readonly=bool(mount.readOnly or place.read_only or place.image),
        recursive_read_only=_recursive(pod, container, mount, rules),
        propagation=Propagation(mount.mountPropagation or "None"),
        selinux_relabel=place.relabel and rules.selinux,
        id_map=rules.user,
        image=place.image,
        image_sub_path=sub_path if place.image else "",
    )


def _file(container_path: str, host_path: str, rules: MountRules) -> MountSpec:
    return MountSpec(
        container_path=container_path,
        host_path=host_path,
        selinux_relabel=rules.selinux,
        id_map=rules.user,
    )


def _sub_path(
    pod: DesiredPod, container: AnyContainer, mount: v1.VolumeMount, env: Mapping[str, str]
) -> str:
    path = mount.subPath or ""
    if mount.subPathExpr:
        path, missing = expand_strictly(mount.subPathExpr, env)
        if missing:
            raise _error(pod, container, f"missing value for {', '.join(missing)}")
    if path.startswith("/"):
        raise _error(pod, container, f"error SubPath `{path}` must not be an absolute path")
    if ".." in path.split("/"):
        raise _error(pod, container, f"unable to provision SubPath `{path}`: must not contain '..'")
    return path


def _recursive(
    pod: DesiredPod, container: AnyContainer, mount: v1.VolumeMount, rules: MountRules
) -> bool:
    """Whether the mount is read-only all the way down (KEP-3857)."""
    wish = mount.recursiveReadOnly or "Disabled"
    if wish == "Disabled":
        return False
    if not mount.readOnly:
        why = "but it is not read-only"
    elif (mount.mountPropagation or "None") != "None":
        why = f'but it is not compatible with propagation "{mount.mountPropagation}"'
    elif wish == "Enabled" and not rules.recursive_read_only:
        why = "but it is not supported by the runtime"
    else:
        return rules.recursive_read_only
    detail = f'volume "{mount.name}" requested recursive read-only mode, {why}'
    raise _error(pod, container, f"failed to resolve recursive read-only mode: {detail}")


def _error(pod: DesiredPod, container: AnyContainer, detail: str) -> ConfigError:
    return ConfigError(
        op="build mounts", target=f"container {container.name} of {pod.key}", detail=detail
    )
