"""Check manifest files together, as `validate` and `plan` do: each by itself, then their names."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from nodeagent.core.manifest import Origin, read_manifest
from nodeagent.core.manifest_yaml import locate, read_tree
from nodeagent.model.desired import DesiredPod, Problem, Source
from nodeagent.model.ids import PodKey

DUPLICATE_REASON = "DuplicateName"


class ManifestFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file's text, or why it has none."""

    origin: str
    text: bytes = b""
    trouble: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The pods of the files that are right, and all that is wrong with the others."""

    pods: tuple[DesiredPod, ...]
    problems: tuple[Problem, ...]


def check_files(files: Iterable[ManifestFile], *, node_name: str) -> Checked:
    """Read every file strictly. A pod name that two files share is a problem of both.

    Problems come file by file in the given order, each file's in the order of its lines.
    """
    given = list(files)
    pods: dict[int, DesiredPod] = {}
    problems: dict[int, list[Problem]] = {}
    for i, file in enumerate(given):
        found = _read(file, node_name)
        if isinstance(found, DesiredPod):
            pods[i] = found
        else:
            problems[i] = list(found)
    named: defaultdict[PodKey, list[int]] = defaultdict(list)
    for i, pod in pods.items():
        named[pod.key].append(i)
    for same in named.values():
        for i in same if len(same) > 1 else ():
            others = [given[j].origin for j in same if j != i]
            problems[i] = [_duplicate(given[i], pods.pop(i), others)]
    ordered = [problem for i in sorted(problems) for problem in problems[i]]
    return Checked(pods=tuple(pods.values()), problems=tuple(ordered))


def _read(file: ManifestFile, node_name: str) -> DesiredPod | tuple[Problem, ...]:
    if file.trouble:
        return (Problem(origin=file.origin, message=file.trouble, reason="Unreadable"),)
    where = Origin(source=Source.FILE, place=file.origin, node_name=node_name, seen_at=0.0)
    return read_manifest(file.text, where)


def _duplicate(file: ManifestFile, pod: DesiredPod, others: list[str]) -> Problem:
    line, column = locate(read_tree(file.text), ("metadata", "name"))
    suffix = f"-{(pod.spec.nodeName or '').lower()}"
    written = f"{pod.namespace}/{pod.name.removesuffix(suffix)}"
    return Problem(
        origin=file.origin,
        message=f"metadata.name: pod {written} is also in {', '.join(others)}; "
        "give each pod a name of its own",
        line=line,
        column=column,
        pod=pod.key,
        reason=DUPLICATE_REASON,
    )
