"""Check manifest files together, as `validate` and `plan` do: each by itself, then their names."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Final

import msgspec
import yaml

from nodeagent.core.manifest import Origin, read_manifest
from nodeagent.core.manifest_yaml import Unreadable, locate, read_documents
from nodeagent.core.objects import MAX_BYTES, read_objects
from nodeagent.model.data import DataKey, DataKind, DataObject, key_of
from nodeagent.model.desired import DesiredPod, Problem, Source

DUPLICATE_REASON: Final = "DuplicateName"
_DATA: Final = tuple(DataKind)
_DATA_WORDS: Final = frozenset({*_DATA, *(f"{kind}List" for kind in _DATA)})


class ManifestFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file's text, or why it has none."""

    origin: str
    text: bytes = b""
    trouble: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The pods and data objects of the files that are right, and what is wrong with the others."""

    pods: tuple[DesiredPod, ...]
    problems: tuple[Problem, ...]
    objects: tuple[DataObject, ...] = ()


def check_files(files: Iterable[ManifestFile], *, node_name: str) -> Checked:
    """Read every file strictly. A name that two files share is a problem of both.

    A file holds one pod, or config maps, secrets, claims and volumes. Problems come file by file
    in the given order, each file's in the order of its lines.
    """
    given = list(files)
    pods: dict[int, DesiredPod] = {}
    objects: dict[int, tuple[DataObject, ...]] = {}
    problems: dict[int, list[Problem]] = {}
    for i, file in enumerate(given):
        if file.trouble:
            trouble = Problem(origin=file.origin, message=file.trouble, reason="Unreadable")
            problems[i] = [trouble]
        elif _holds_data(file.text):
            found = read_objects(file.text, origin=file.origin, allowed=_DATA)
            objects[i] = found.objects
            problems[i] = list(found.problems)
        else:
            _take_pod(read_manifest(file.text, _origin(file, node_name)), i, pods, problems)
    for i, problem in _duplicates(given, pods, objects):
        problems.setdefault(i, []).append(problem)
        pods.pop(i, None)
        objects.pop(i, None)
    return Checked(
        pods=tuple(pods.values()),
        problems=tuple(problem for i in sorted(problems) for problem in problems[i]),
        objects=tuple(one for i in sorted(objects) for one in objects[i]),
    )


def _origin(file: ManifestFile, node_name: str) -> Origin:
    return Origin(source=Source.FILE, place=file.origin, node_name=node_name, seen_at=0.0)


def _take_pod(
    found: DesiredPod | tuple[Problem, ...],
    i: int,
    pods: dict[int, DesiredPod],
    problems: dict[int, list[Problem]],
) -> None:
    if isinstance(found, DesiredPod):
        pods[i] = found
    else:
        problems[i] = list(found)


def _holds_data(text: bytes) -> bool:
    """Whether the first document says that it is a config map, secret, claim or volume.

    A text that cannot be read at all, or a list of anything, counts as a pod's manifest.
    """
    try:
        roots = read_documents(text, most=MAX_BYTES)
    except Unreadable:
        return False
    pairs = roots[0].value if roots and isinstance(roots[0], yaml.MappingNode) else []
    kinds = {value.value for key, value in pairs if key.value == "kind"}
    return bool(kinds & _DATA_WORDS)


def _duplicates(
    files: list[ManifestFile],
    pods: dict[int, DesiredPod],
    objects: dict[int, tuple[DataObject, ...]],
) -> list[tuple[int, Problem]]:
    """A problem for each file that shares a name with another one."""
    named: defaultdict[Hashable, list[int]] = defaultdict(list)
    for i, pod in pods.items():
        named[pod.key].append(i)
    for i, some in objects.items():
        for one in some:
            named[key_of(one)].append(i)
    found: list[tuple[int, Problem]] = []
    for key, same in named.items():
        for i in same if len(same) > 1 else ():
            others = sorted({files[j].origin for j in same if j != i}) or [files[i].origin]
            what = _what(key) if isinstance(key, DataKey) else _pod_name(pods[i])
            found.append((i, _duplicate(files[i], what, others, is_pod=i in pods)))
    return found


def _what(key: DataKey) -> str:
    full = f"{key.namespace}/{key.name}" if key.namespace else key.name
    return f"{key.kind} {full}"


def _pod_name(pod: DesiredPod) -> str:
    """As it is written, without the node's suffix."""
    suffix = f"-{(pod.spec.nodeName or '').lower()}"
    return f"pod {pod.namespace}/{pod.name.removesuffix(suffix)}"


def _duplicate(file: ManifestFile, what: str, others: list[str], *, is_pod: bool) -> Problem:
    roots = read_documents(file.text, most=MAX_BYTES)
    # Which of several objects it is would have to be looked for: then the file alone is named.
    line, column = locate(roots[0], ("metadata", "name")) if len(roots) == 1 else (0, 0)
    field = "metadata.name: " if is_pod or len(roots) == 1 else ""
    return Problem(
        origin=file.origin,
        message=f"{field}{what} is also in {', '.join(others)}; give each a name of its own",
        line=line,
        column=column,
        reason=DUPLICATE_REASON,
    )
