"""Manifest text to the pod it asks for: read strictly, decode, default, name, validate."""

import datetime

import msgspec
import yaml
from lightkube.models import core_v1 as v1

from nodeagent.core.defaults import apply_defaults
from nodeagent.core.hashing import fnv1a_128
from nodeagent.core.manifest_decode import decode, plain_type
from nodeagent.core.manifest_yaml import Finding, Unreadable, locate, read_tree, show_path, spot
from nodeagent.core.qos import CONFIG_MIRROR, CONFIG_SOURCE
from nodeagent.core.validation import validate_pod
from nodeagent.errors import ManifestError
from nodeagent.model.desired import DesiredPod, Problem, Source
from nodeagent.model.ids import PodUid

SEEN_ANNOTATION = "kubernetes.io/config.seen"
HASH_ANNOTATION = "kubernetes.io/config.hash"
_LISTS = ("List", "PodList")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a manifest was found, and on which node and when (Unix seconds)."""

    source: Source
    place: str  # file path or URL; part of the uid
    node_name: str
    seen_at: float


def parse_manifest(
    text: bytes, *, origin: str, source: Source, node_name: str, seen_at: float
) -> DesiredPod:
    """The pod of one manifest, complete: defaulted, validated, named for the node.

    Equal content at an equal origin gives an equal uid, at any time. Raises ManifestError for the
    first thing that is wrong, saying how many more there are.
    """
    where = Origin(source=source, place=origin, node_name=node_name, seen_at=seen_at)
    found = read_manifest(text, where)
    if isinstance(found, DesiredPod):
        return found
    raise as_error(found)


def check_manifest(text: bytes, *, origin: str, node_name: str) -> tuple[Problem, ...]:
    """Everything that is wrong with a manifest file, in the order of its lines."""
    where = Origin(source=Source.FILE, place=origin, node_name=node_name, seen_at=0.0)
    found = read_manifest(text, where)
    return () if isinstance(found, DesiredPod) else found


def parse_url_body(
    body: bytes, *, origin: str, node_name: str, seen_at: float
) -> tuple[DesiredPod, ...]:
    """The pods of a URL's answer, a Pod or a PodList. One bad pod makes the whole a ManifestError.

    Sources: behaviour of `staticPodURL` (KubeletConfiguration v1beta1).
    """
    where = Origin(source=Source.HTTP, place=origin, node_name=node_name, seen_at=seen_at)
    pods: list[DesiredPod] = []
    findings: list[Finding] = []
    try:
        root = read_tree(body)
        kind = _scalar(root, "kind")
        roots = _items(root) if kind == "PodList" else [_as_pod(root)]
    except Unreadable as error:
        raise as_error(_problems(where, [error.finding])) from error
    for node in roots:
        pod, wrong = _build(node, where)
        findings += wrong
        pods += [pod] if pod is not None else []
    if findings:
        raise as_error(_problems(where, findings))
    return tuple(pods)


def read_manifest(text: bytes, where: Origin) -> DesiredPod | tuple[Problem, ...]:
    """The pod of one manifest, or all that is wrong with it."""
    try:
        pod, findings = _build(_as_pod(read_tree(text)), where)
    except Unreadable as error:
        return _problems(where, [error.finding])
    return pod if pod is not None else _problems(where, findings)


def as_error(problems: tuple[Problem, ...]) -> ManifestError:
    """Problems of one manifest as the error to raise: the first in full, the others counted."""
    first, more = problems[0], len(problems) - 1
    also = f" (and {more} more)" if more else ""
    return ManifestError(
        op="read manifest",
        target=first.origin,
        detail=first.message + also,
        reason=first.reason,
        line=first.line,
        column=first.column,
    )


def keep_seen(fresh: DesiredPod, earlier: DesiredPod) -> DesiredPod:
    """`fresh` as if it had been seen when `earlier`, of the same uid, was; `earlier` if equal."""
    seen = earlier.annotations.get(SEEN_ANNOTATION)
    if fresh.uid != earlier.uid or seen is None or fresh.pod.metadata is None:
        return fresh
    annotations = {**fresh.annotations, SEEN_ANNOTATION: seen}
    metadata = msgspec.structs.replace(fresh.pod.metadata, annotations=annotations)
    pod = msgspec.structs.replace(fresh.pod, metadata=metadata)
    same = msgspec.structs.replace(fresh, pod=pod)
    return earlier if same == earlier else same


def static_uid(pod: v1.Pod, where: Origin) -> PodUid:
    """128 bits of FNV-1a over what the manifest says, then the node, then the place.

    Layout, comments, the order of keys, `status` and the time do not count.
    """
    content = msgspec.json.encode(msgspec.structs.replace(pod, status=None), order="sorted")
    scheme = "url" if where.source is Source.HTTP else "file"
    tail = f"host:{where.node_name}{scheme}:{where.place}"
    return PodUid(f"{fnv1a_128(content + tail.encode()):032x}")


def _as_pod(root: yaml.Node) -> yaml.Node:
    """The tree, if it calls itself a v1 Pod."""
    if not isinstance(root, yaml.MappingNode):
        has = plain_type(root) or "a text"
        message = f"needs a mapping with apiVersion, kind, metadata and spec, has {has}"
        raise Unreadable(message, *spot(root))
    kind, version = _scalar(root, "kind"), _scalar(root, "apiVersion")
    if kind in _LISTS:
        place = locate(root, ("kind",))
        raise Unreadable(f"kind: is a {kind}; write one Pod a file, with kind: Pod", *place)
    if kind != "Pod":
        has = f'is "{kind}"' if kind else "is missing"
        raise Unreadable(f"kind: {has}; only kind: Pod runs from here", *locate(root, ("kind",)))
    if version != "v1":
        has = f'is "{version}"' if version else "is missing"
        place = locate(root, ("apiVersion",))
        raise Unreadable(f"apiVersion: {has}; a Pod needs apiVersion: v1", *place)
    return root


def _scalar(root: yaml.Node, name: str) -> str:
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    for key, value in pairs:
        if key.value == name:
            return str(value.value) if isinstance(value, yaml.ScalarNode) else ""
    return ""


def _items(root: yaml.Node) -> list[yaml.Node]:
    for key, value in root.value:
        if key.value == "items" and isinstance(value, yaml.SequenceNode):
            return list(value.value)
    return []


def _build(root: yaml.Node, where: Origin) -> tuple[DesiredPod | None, list[Finding]]:
    pod, findings = decode(v1.Pod, root)
    if pod is None:
        return None, findings
    uncommon = _refuse_uncommon(pod, root)
    if uncommon:
        return None, uncommon
    _decorate(pod, where)
    apply_defaults(pod)
    findings = [
        Finding(f"{show_path(path)}: {message}", *locate(root, path))
        for path, message in validate_pod(pod)
    ]
    if findings:
        return None, findings
    assert pod.metadata is not None and pod.metadata.uid is not None
    uid = PodUid(pod.metadata.uid)
    return DesiredPod(uid=uid, source=where.source, origin=where.place, pod=pod), []


def _refuse_uncommon(pod: v1.Pod, root: yaml.Node) -> list[Finding]:
    """What must be there before a pod can be named, and what only an API server may set."""
    findings: list[Finding] = []
    meta = pod.metadata
    if meta is None or not meta.name:
        findings.append(Finding("metadata.name: is missing", *locate(root, ("metadata", "name"))))
    if pod.spec is None:
        findings.append(Finding("spec: is missing", *spot(root)))
    if meta is not None and meta.deletionTimestamp is not None:
        place = locate(root, ("metadata", "deletionTimestamp"))
        message = "metadata.deletionTimestamp: only the API server sets it; remove the file instead"
        findings.append(Finding(message, *place))
    if meta is not None and CONFIG_MIRROR in (meta.annotations or {}):
        path = ("metadata", "annotations", CONFIG_MIRROR)
        message = f"{show_path(path)}: marks the copy of a static pod, which never runs; remove it"
        findings.append(Finding(message, *locate(root, path)))
    return findings


def _decorate(pod: v1.Pod, where: Origin) -> None:
    """Name, node, annotations and tolerations of a static pod, before defaults."""
    meta, spec = pod.metadata, pod.spec
    assert meta is not None and spec is not None
    meta.managedFields = None
    meta.uid = meta.uid or static_uid(pod, where)
    meta.name = f"{meta.name}-{where.node_name.lower()}"
    meta.namespace = meta.namespace or "default"
    meta.annotations = {
        **(meta.annotations or {}),
        CONFIG_SOURCE: where.source.value,
        SEEN_ANNOTATION: seen_text(where.seen_at),
        HASH_ANNOTATION: meta.uid,
    }
    spec.nodeName = where.node_name
    if where.source is Source.FILE:
        forever = v1.Toleration(operator="Exists", effect="NoExecute")
        spec.tolerations = [*(t for t in spec.tolerations or () if t != forever), forever]
    pod.status = v1.PodStatus(phase="Pending")


def seen_text(at: float) -> str:
    """RFC 3339 in UTC with nine digits, the form of annotation `kubernetes.io/config.seen`."""
    whole = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return whole.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _problems(where: Origin, findings: list[Finding]) -> tuple[Problem, ...]:
    ordered = sorted(findings, key=lambda finding: (finding.line, finding.column))
    return tuple(
        Problem(origin=where.place, message=one.message, line=one.line, column=one.column)
        for one in ordered
    )
