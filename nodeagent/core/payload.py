"""The files of volumes that are made of objects or of the pod itself. Text in, files out."""

import posixpath
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.core.downward import field_value, resource_value
from nodeagent.errors import MountFailed, SourceMissing
from nodeagent.model.data import ConfigMap, DataKind, Secret
from nodeagent.model.desired import DesiredPod
from nodeagent.model.node import NodeFacts

DEFAULT_MODE: Final = 0o644
_LONGEST_NAME, _LONGEST_PATH = 255, 4096


class VolumeFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its bytes, permission bits, and the user it belongs to (None: root)."""

    data: bytes
    mode: int
    uid: int | None = None


Payload = Mapping[str, VolumeFile]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Files by path, and when they are to be made again (Unix seconds), 0.0 for never."""

    files: Payload
    again_at: float = 0.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a volume asks of one object; without `items` it is every key under its own name."""

    name: str
    items: tuple[v1.KeyToPath, ...] = ()
    mode: int = DEFAULT_MODE
    optional: bool = False


def config_map_files(found: ConfigMap | None, wish: Wish, *, namespace: str, place: str) -> Payload:
    """Files of a config map ("ConfigMaps as volumes"). SourceMissing names what is not there.

    `place` is where config maps are looked for, "" to say nothing of it.
    """
    if found is None:
        return _absent(DataKind.CONFIG_MAP, wish, namespace, place)
    given = {key: text.encode() for key, text in found.data.items()} | found.binary
    return _files(given, wish, "configmap references non-existent config key")


def secret_files(found: Secret | None, wish: Wish, *, namespace: str, place: str) -> Payload:
    """Files of a secret ("Using Secrets as files"). SourceMissing names what is not there."""
    if found is None:
        return _absent(DataKind.SECRET, wish, namespace, place)
    return _files(found.data, wish, "references non-existent secret key")


def downward_files(
    pod: DesiredPod,
    items: Iterable[v1.DownwardAPIVolumeFile] | None,
    *,
    mode: int,
    node: NodeFacts,
) -> Payload:
    """Files that show fields of the pod ("Downward API"). ConfigError names a wrong field."""
    files: dict[str, VolumeFile] = {}
    for item in items or ():
        if item.fieldRef is not None:
            text = field_value(pod, item.fieldRef.fieldPath, node=node, ips=())
        else:
            assert item.resourceFieldRef is not None, "validation wants one of both"
            text = resource_value(pod, None, item.resourceFieldRef, node=node)
        bits = mode if item.mode is None else item.mode
        files[file_path(item.path)] = VolumeFile(data=text.encode(), mode=bits)
    return files


def file_path(path: str) -> str:
    """The path of a file below its volume, in its one spelling. MountFailed where it is none."""
    plain = posixpath.normpath(path)
    parts = plain.split("/")
    wrong = (
        not path
        or path.startswith("/")
        or parts[0].startswith("..")
        or ".." in path.split("/")
        or plain == "."
    )
    if wrong or len(plain) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in parts):
        detail = f'"{path}" is no path below a volume that could be a file of it'
        raise MountFailed(op="make file", target=path, detail=detail)
    return plain


def nested_mounts(pod: DesiredPod, volume: str) -> tuple[str, ...]:
    """Folders inside a volume on which containers mount others, parents first.

    The volume is read-only for containers, so that the runtime could not make them.
    """
    found: set[str] = set()
    for _, container in each_container(pod.spec):
        mounts = [(_plain(m.mountPath), m) for m in container.volumeMounts or ()]
        for top in [at for at, mount in mounts if mount.name == volume and not _is_part(mount)]:
            within = f"{top.rstrip('/')}/"
            inside = (at.removeprefix(within) for at, _ in mounts if at.startswith(within))
            found.update(at for at in inside if at and not at.startswith("..") and "\0" not in at)
    return tuple(sorted(found))


def _is_part(mount: v1.VolumeMount) -> bool:
    return bool(mount.subPath or mount.subPathExpr)


def _plain(path: str) -> str:
    return posixpath.normpath(f"/{path.lstrip('/')}")


def _files(given: Mapping[str, bytes], wish: Wish, missing: str) -> Payload:
    if not wish.items:
        return {
            file_path(key): VolumeFile(data=data, mode=wish.mode) for key, data in given.items()
        }
    files: dict[str, VolumeFile] = {}
    for item in wish.items:
        if item.key in given:
            bits = wish.mode if item.mode is None else item.mode
            files[file_path(item.path)] = VolumeFile(data=given[item.key], mode=bits)
        elif not wish.optional:
            detail = f"{missing}: {item.key} (it has {', '.join(sorted(given)) or 'none'})"
            raise SourceMissing(op="read", target=wish.name, detail=detail)
    return files


def _absent(kind: DataKind, wish: Wish, namespace: str, place: str) -> Payload:
    if wish.optional:
        return {}
    raise SourceMissing(
        op="read", target=wish.name, detail=not_found(kind, wish.name, namespace, place)
    )


def not_found(kind: DataKind, name: str, namespace: str, place: str) -> str:
    """That an object is not there, in the API server's words, and which folder would hold it."""
    found = f'{kind.value.lower()} "{name}" not found'
    return f'{found} in namespace "{namespace}"; no file in {place} holds it' if place else found
