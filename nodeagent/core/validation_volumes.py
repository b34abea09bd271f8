"""What the API server's validation refuses in the volumes of a new Pod."""

import re
from collections.abc import Iterable

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.pod_certificates import KEY_TYPES
from nodeagent.core.quantity import as_bytes
from nodeagent.core.validation_fields import field_ref, resource_ref
from nodeagent.core.validation_names import Found

_KINDS = tuple(name for name in v1.Volume.__struct_fields__ if name != "name")
_HOST_TYPES = (
    "",
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
)
_OWN_SIGNERS_LIFE, _LONGEST_LIFE = 86400, 91 * 86400
_PARTS = tuple(v1.VolumeProjection.__struct_fields__)
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_DRIVER = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?")


def validate_volumes(volumes: Iterable[v1.Volume], path: Path) -> Found:
    """Each volume has a name of its own and exactly one source that is complete."""
    seen: set[str] = set()
    for i, volume in enumerate(volumes):
        at = (*path, i)
        yield from names.label((*at, "name"), volume.name)
        if volume.name in seen:
            yield (*at, "name"), f'is "{volume.name}" for a second volume; needs a name of its own'
        seen.add(volume.name)
        yield from names.exactly_one(at, volume, of=_KINDS, what="source")
        yield from _own(volume, at)
        yield from _configuration(volume, at)
        yield from _remote(volume, at)


def _own(volume: v1.Volume, at: Path) -> Found:
    """Sources on the node itself."""
    if volume.hostPath is not None:
        yield from names.absolute((*at, "hostPath", "path"), volume.hostPath.path)
        yield from names.one_of((*at, "hostPath", "type"), volume.hostPath.type, _HOST_TYPES)
    if volume.emptyDir is not None:
        empty = volume.emptyDir
        medium = empty.medium or ""
        if medium not in ("", "Memory", "HugePages") and not medium.startswith("HugePages-"):
            path = (*at, "emptyDir", "medium")
            yield path, f'is "{medium}"; needs "", Memory, HugePages or HugePages-<size>'
        if empty.sizeLimit is not None and as_bytes(empty.sizeLimit) < 0:
            yield (*at, "emptyDir", "sizeLimit"), "may not be negative"
    if volume.image is not None:
        yield from names.needed((*at, "image", "reference"), volume.image.reference)
        policy = volume.image.pullPolicy
        yield from names.one_of((*at, "image", "pullPolicy"), policy, _PULL_POLICIES)


def _configuration(volume: v1.Volume, at: Path) -> Found:
    """Sources made of objects."""
    if volume.secret is not None:
        secret = volume.secret
        yield from names.needed((*at, "secret", "secretName"), secret.secretName)
        yield from names.file_mode((*at, "secret", "defaultMode"), secret.defaultMode)
        yield from _items(secret.items, (*at, "secret", "items"))
    if volume.configMap is not None:
        config = volume.configMap
        yield from names.needed((*at, "configMap", "name"), config.name)
        yield from names.file_mode((*at, "configMap", "defaultMode"), config.defaultMode)
        yield from _items(config.items, (*at, "configMap", "items"))
    if volume.downwardAPI is not None:
        down = volume.downwardAPI
        yield from names.file_mode((*at, "downwardAPI", "defaultMode"), down.defaultMode)
        yield from _downward(down.items, (*at, "downwardAPI", "items"))
    if volume.projected is not None:
        whole = volume.projected
        yield from names.file_mode((*at, "projected", "defaultMode"), whole.defaultMode)
        for i, part in enumerate(whole.sources or ()):
            yield from _projection(part, (*at, "projected", "sources", i))


def _projection(part: v1.VolumeProjection, at: Path) -> Found:
    yield from names.exactly_one(at, part, of=_PARTS, what="source")
    if part.secret is not None:
        yield from names.needed((*at, "secret", "name"), part.secret.name)
        yield from _items(part.secret.items, (*at, "secret", "items"))
    if part.configMap is not None:
        yield from names.needed((*at, "configMap", "name"), part.configMap.name)
        yield from _items(part.configMap.items, (*at, "configMap", "items"))
    if part.downwardAPI is not None:
        yield from _downward(part.downwardAPI.items, (*at, "downwardAPI", "items"))
    if part.serviceAccountToken is not None:
        token, where = part.serviceAccountToken, (*at, "serviceAccountToken")
        yield from names.relative((*where, "path"), token.path, dots=False)
        seconds = token.expirationSeconds
        yield from names.between((*where, "expirationSeconds"), seconds, 600, 2**32)

    if part.podCertificate is not None:
        yield from _certificate(part.podCertificate, (*at, "podCertificate"))


def _certificate(source: v1.PodCertificateProjection, at: Path) -> Found:
    yield from names.needed((*at, "signerName"), source.signerName)
    yield from names.one_of((*at, "keyType"), source.keyType, KEY_TYPES)
    most = _OWN_SIGNERS_LIFE if source.signerName.startswith("kubernetes.io/") else _LONGEST_LIFE
    yield from names.between((*at, "maxExpirationSeconds"), source.maxExpirationSeconds, 3600, most)
    paths = ("credentialBundlePath", "keyPath", "certificateChainPath")
    given = [(name, getattr(source, name)) for name in paths if getattr(source, name)]
    if not given:
        yield at, f"names no file; needs one of {', '.join(paths)}"
    for name, path in given:
        yield from names.relative((*at, name), path, dots=False)


def _items(items: Iterable[v1.KeyToPath] | None, path: Path) -> Found:
    for i, item in enumerate(items or ()):
        yield from names.needed((*path, i, "key"), item.key)
        yield from names.relative((*path, i, "path"), item.path, dots=False)
        yield from names.file_mode((*path, i, "mode"), item.mode)


def _downward(items: Iterable[v1.DownwardAPIVolumeFile] | None, path: Path) -> Found:
    seen: set[str] = set()
    for i, item in enumerate(items or ()):
        at = (*path, i)
        yield from names.relative((*at, "path"), item.path, dots=False)
        if item.path in seen:
            yield (*at, "path"), f'is "{item.path}" for a second file'
        seen.add(item.path)
        yield from names.file_mode((*at, "mode"), item.mode)
        yield from names.exactly_one(at, item, of=("fieldRef", "resourceFieldRef"), what="value")
        if item.fieldRef is not None:
            yield from field_ref(item.fieldRef, (*at, "fieldRef"), in_volume=True)
        if item.resourceFieldRef is not None:
            where = (*at, "resourceFieldRef")
            yield from names.needed((*where, "containerName"), item.resourceFieldRef.containerName)
            yield from resource_ref(item.resourceFieldRef, where)


_NEEDED: dict[str, tuple[str, ...]] = {
    "persistentVolumeClaim": ("claimName",),
    "gitRepo": ("repository",),
    "iscsi": ("targetPortal", "iqn"),
    "flexVolume": ("driver",),
    "ephemeral": ("volumeClaimTemplate",),
}


def _remote(volume: v1.Volume, at: Path) -> Found:
    for kind, fields in _NEEDED.items():
        source: msgspec.Struct | None = getattr(volume, kind)
        if source is not None:
            for field in fields:
                yield from names.needed((*at, kind, field), getattr(source, field))
    if volume.gitRepo is not None and volume.gitRepo.directory:
        yield from names.relative((*at, "gitRepo", "directory"), volume.gitRepo.directory)
    if volume.nfs is not None:
        yield from names.needed((*at, "nfs", "server"), volume.nfs.server)
        yield from names.absolute((*at, "nfs", "path"), volume.nfs.path)
    if volume.iscsi is not None:
        yield from names.between((*at, "iscsi", "lun"), volume.iscsi.lun, 0, 255)
    if volume.csi is not None:
        driver = volume.csi.driver
        if len(driver) > 63 or not _DRIVER.fullmatch(driver):
            yield (*at, "csi", "driver"), f'is "{driver}"; needs the name of a CSI driver'
    if volume.fc is not None and not (volume.fc.targetWWNs or volume.fc.wwids):
        yield (*at, "fc"), "needs targetWWNs with a lun, or wwids"
