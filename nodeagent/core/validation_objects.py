"""What the API server's validation refuses in config maps, secrets, volumes and claims."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1, storage_v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.quantity import as_bytes
from nodeagent.core.validation_names import Found

_MOST_BYTES: Final = 1 << 20
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_ACCESS: Final = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_MODES: Final = ("Filesystem", "Block")
_GROUP_POLICIES: Final = ("ReadWriteOnceWithFSType", "File", "None")
_LIFECYCLES: Final = ("Persistent", "Ephemeral")
_NOT_SOURCES: Final = frozenset(
    "accessModes capacity claimRef mountOptions nodeAffinity persistentVolumeReclaimPolicy"
    " storageClassName volumeAttributesClassName volumeMode".split()
)


def decoded(text: str) -> bytes | None:
    """What base64 stands for, line breaks allowed; None where it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def validate_config_map(value: v1.ConfigMap) -> Found:
    """Names, keys, base64 and size ("ConfigMaps")."""
    yield from _metadata(value.metadata)
    data, binary = value.data or {}, value.binaryData or {}
    yield from _keys(data, ("data",))
    yield from _keys(binary, ("binaryData",))
    for key in data.keys() & binary.keys():
        yield ("binaryData", key), "is in data too; needs to be in one of them"
    sizes = [len(text.encode()) for text in data.values()]
    yield from _encoded(binary, ("binaryData",), sizes)


def validate_secret(value: v1.Secret) -> Found:
    """Names, keys, base64, size, and the keys a type needs ("Secrets")."""
    yield from _metadata(value.metadata)
    data, plain = value.data or {}, value.stringData or {}
    yield from _keys(data, ("data",))
    yield from _keys(plain, ("stringData",))
    for key in _NEEDED.get(value.type or "", ()):
        if key not in data and key not in plain:
            yield ("data", key), f"is missing; a secret of type {value.type} needs it"
    sizes = [len(text.encode()) for text in plain.values()]
    yield from _encoded(data, ("data",), sizes)


def validate_volume(value: v1.PersistentVolume) -> Found:
    """What a PersistentVolume needs; only its own fields are looked at ("Persistent Volumes")."""
    yield from _metadata(value.metadata, namespaced=False)
    spec, at = value.spec, ("spec",)
    if spec is None:
        yield at, "is missing"
        return
    sources = tuple(name for name in spec.__struct_fields__ if name not in _NOT_SOURCES)
    yield from names.exactly_one(at, spec, of=sources, what="source")
    yield from _access(spec.accessModes, (*at, "accessModes"))
    yield from names.one_of((*at, "volumeMode"), spec.volumeMode, _MODES)
    yield from _storage(spec.capacity, (*at, "capacity"))
    if spec.hostPath is not None:
        yield from names.absolute((*at, "hostPath", "path"), spec.hostPath.path)
    if spec.local is not None:
        yield from names.absolute((*at, "local", "path"), spec.local.path)
    if spec.nfs is not None:
        yield from names.needed((*at, "nfs", "server"), spec.nfs.server)
        yield from names.absolute((*at, "nfs", "path"), spec.nfs.path)
    if spec.csi is not None:
        yield from names.needed((*at, "csi", "driver"), spec.csi.driver)
        yield from names.needed((*at, "csi", "volumeHandle"), spec.csi.volumeHandle)
    if spec.claimRef is not None:
        yield from names.needed((*at, "claimRef", "name"), spec.claimRef.name)


def validate_csi_driver(value: storage_v1.CSIDriver) -> Found:
    """What a CSIDriver needs ("CSIDriver")."""
    yield from _metadata(value.metadata, namespaced=False)
    spec, at = value.spec, ("spec",)
    yield from names.one_of((*at, "fsGroupPolicy"), spec.fsGroupPolicy, _GROUP_POLICIES)
    for i, mode in enumerate(spec.volumeLifecycleModes or ()):
        yield from names.one_of((*at, "volumeLifecycleModes", i), mode, _LIFECYCLES)
    for i, token in enumerate(spec.tokenRequests or ()):
        path = (*at, "tokenRequests", i, "expirationSeconds")
        yield from names.between(path, token.expirationSeconds, 600, 2**32)


def validate_claim(value: v1.PersistentVolumeClaim) -> Found:
    """What a PersistentVolumeClaim needs ("Persistent Volumes")."""
    yield from _metadata(value.metadata)
    spec, at = value.spec, ("spec",)
    if spec is None:
        yield at, "is missing"
        return
    yield from _access(spec.accessModes, (*at, "accessModes"))
    yield from names.one_of((*at, "volumeMode"), spec.volumeMode, _MODES)
    requests = spec.resources.requests if spec.resources else None
    yield from _storage(requests, (*at, "resources", "requests"))


def _metadata(meta: meta_v1.ObjectMeta | None, *, namespaced: bool = True) -> Found:
    name = meta.name if meta is not None else None
    yield from names.subdomain(("metadata", "name"), name)
    if meta is None:
        return
    yield from names.labels(("metadata", "labels"), meta.labels)
    if not namespaced and meta.namespace:
        yield ("metadata", "namespace"), "may not be set; such an object has none"
    elif meta.namespace:
        yield from names.label(("metadata", "namespace"), meta.namespace)


def _keys(given: Mapping[str, object], path: Path) -> Found:
    for key in given:
        if not _KEY.fullmatch(key) or key == "." or key.startswith(".."):
            yield (
                (*path, key),
                'is no key; needs at most 253 of a-z, A-Z, 0-9, "-", "_" and ".", not beginning'
                ' with ".."',
            )


def _encoded(given: Mapping[str, str], path: Path, sizes: list[int]) -> Iterator[tuple[Path, str]]:
    """Everything is base64, and all together, with `sizes` beside it, is small enough."""
    for key, text in given.items():
        raw = decoded(text)
        if raw is None:
            plain = "stringData" if path == ("data",) else "data"
            yield (*path, key), f"is not base64; plain text goes into {plain}"
        else:
            sizes.append(len(raw))
    if sum(sizes) > _MOST_BYTES:
        yield path, f"is {sum(sizes)} bytes in all; needs at most {_MOST_BYTES}"


def _access(modes: list[str] | None, path: Path) -> Found:
    if not modes:
        yield path, f"is missing; needs some of {', '.join(_ACCESS)}"
    for i, mode in enumerate(modes or ()):
        yield from names.one_of((*path, i), mode, _ACCESS)


def _storage(given: Mapping[str, str] | None, path: Path) -> Found:
    size = (given or {}).get("storage")
    if size is None:
        yield (*path, "storage"), "is missing"
    elif as_bytes(size) <= 0:
        yield (*path, "storage"), f"is {size}; needs to be more than nothing"
