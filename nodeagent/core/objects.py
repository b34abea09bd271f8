"""Documents of config maps, secrets, volumes and claims: read strictly, with line and column."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

import msgspec
import yaml
from lightkube.models import core_v1 as v1
from lightkube.models import storage_v1

from nodeagent.core.csi import driver_rules
from nodeagent.core.manifest_decode import decode, plain_type
from nodeagent.core.manifest_yaml import (
    Finding,
    Path,
    Unreadable,
    locate,
    read_documents,
    show_path,
    spot,
)
from nodeagent.core.validation_names import Found
from nodeagent.core.validation_objects import (
    decoded,
    validate_claim,
    validate_config_map,
    validate_csi_driver,
    validate_secret,
    validate_volume,
)
from nodeagent.model.data import (
    Claim,
    ConfigMap,
    CsiDriver,
    DataKind,
    DataObject,
    PersistentVolume,
    Secret,
    key_of,
)
from nodeagent.model.desired import Problem

MAX_BYTES: Final = 4 << 20  # an object holds 1 MiB at most, which base64 and YAML make longer
_VERSIONS: Final = {DataKind.CSI_DRIVER: "storage.k8s.io/v1"}  # of the others "v1"
_LISTS: Final = ("List", *(f"{kind}List" for kind in DataKind))


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """What one file holds: its objects, or all that is wrong with it."""

    objects: tuple[DataObject, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_objects(
    text: bytes,
    *,
    origin: str,
    allowed: Collection[DataKind],
    before: Iterable[DataObject] = (),
) -> Documents:
    """The objects of a file: one or more YAML documents, a list, or JSON; none if it is empty.

    `before` is what the file held in its last good version: what was immutable in it may not
    change. One wrong object makes the whole file unused.
    """
    objects: list[DataObject] = []
    findings: list[Finding] = []
    try:
        roots = [one for root in read_documents(text, most=MAX_BYTES) for one in _unfold(root)]
        for root in roots:
            one, wrong = _build(root, allowed)
            findings += wrong
            if one is not None:
                findings += _refuse_change(one, before, root)
                objects.append(one)
    except Unreadable as error:
        findings = [error.finding]
    if not findings:
        return Documents(objects=tuple(objects))
    findings.sort(key=lambda finding: (finding.line, finding.column))
    return Documents(problems=tuple(_problem(origin, one) for one in findings))


def _problem(origin: str, one: Finding) -> Problem:
    return Problem(origin=origin, message=one.message, line=one.line, column=one.column)


def _unfold(root: yaml.Node) -> list[yaml.Node]:
    """The items of a list, or the object itself."""
    if not isinstance(root, yaml.MappingNode):
        has = plain_type(root) or "a text"
        raise Unreadable(
            f"needs a mapping with apiVersion, kind and metadata, has {has}", *spot(root)
        )
    if _scalar(root, "kind") not in _LISTS:
        return [root]
    items = next((value for key, value in root.value if key.value == "items"), None)
    return list(items.value) if isinstance(items, yaml.SequenceNode) else []


def _scalar(root: yaml.Node, name: str) -> str:
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == name), None)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""


def _build(
    root: yaml.Node, allowed: Collection[DataKind]
) -> tuple[DataObject | None, list[Finding]]:
    kind, version = _scalar(root, "kind"), _scalar(root, "apiVersion")
    if kind not in allowed:
        has = f'is "{kind}"' if kind else "is missing"
        message = f"kind: {has}; only {' and '.join(sorted(allowed))} is read from here"
        return None, [Finding(message, *locate(root, ("kind",)))]
    needed = _VERSIONS.get(DataKind(kind), "v1")
    if version != needed:
        has = f'is "{version}"' if version else "is missing"
        message = f"apiVersion: {has}; a {kind} needs apiVersion: {needed}"
        return None, [Finding(message, *locate(root, ("apiVersion",)))]
    decoded_type, validate, make = _KINDS[DataKind(kind)]
    value, findings = decode(decoded_type, root)
    if value is None:
        return None, findings
    wrong = [_finding(root, path, message) for path, message in validate(value)]
    return (None, wrong) if wrong else (make(value), [])


def _finding(root: yaml.Node, path: Path, message: str) -> Finding:
    return Finding(f"{show_path(path)}: {message}", *locate(root, path))


def _refuse_change(one: DataObject, before: Iterable[DataObject], root: yaml.Node) -> list[Finding]:
    """What is immutable stays as it was until its file is gone."""
    key = key_of(one)
    old = next((old for old in before if key_of(old) == key), None)
    if old is None or old == one or not isinstance(old, ConfigMap | Secret) or not old.immutable:
        return []
    message = (
        "may not change, for it was immutable: give the new version another name, or remove "
        "the file and put it back"
    )
    return [_finding(root, ("data",), message)]


def _config_map(value: Any) -> ConfigMap:
    binary = {key: decoded(text) or b"" for key, text in (value.binaryData or {}).items()}
    return ConfigMap(
        namespace=_namespace(value),
        name=value.metadata.name,
        data=value.data or {},
        binary=binary,
        immutable=bool(value.immutable),
    )


def _secret(value: Any) -> Secret:
    data = {key: decoded(text) or b"" for key, text in (value.data or {}).items()}
    data |= {key: text.encode() for key, text in (value.stringData or {}).items()}
    return Secret(
        namespace=_namespace(value),
        name=value.metadata.name,
        data=data,
        type=value.type or "Opaque",
        immutable=bool(value.immutable),
    )


def _claim(value: Any) -> Claim:
    return Claim(namespace=_namespace(value), name=value.metadata.name, spec=value.spec)


def _volume(value: Any) -> PersistentVolume:
    meta = value.metadata
    return PersistentVolume(
        name=meta.name,
        spec=value.spec,
        labels=meta.labels or {},
        annotations=meta.annotations or {},
    )


def _csi_driver(value: Any) -> CsiDriver:
    return CsiDriver(name=value.metadata.name, rules=driver_rules(value.spec))


def _namespace(value: Any) -> str:
    return value.metadata.namespace or "default"


_KINDS: Final[
    dict[DataKind, tuple[type[Any], Callable[[Any], Found], Callable[[Any], DataObject]]]
] = {
    DataKind.CONFIG_MAP: (v1.ConfigMap, validate_config_map, _config_map),
    DataKind.SECRET: (v1.Secret, validate_secret, _secret),
    DataKind.CLAIM: (v1.PersistentVolumeClaim, validate_claim, _claim),
    DataKind.VOLUME: (v1.PersistentVolume, validate_volume, _volume),
    DataKind.CSI_DRIVER: (storage_v1.CSIDriver, validate_csi_driver, _csi_driver),
}
