"""What would happen to the pods of this node if manifests were put in place. Changes nothing."""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from nodeagent.core.admission import admit
from nodeagent.core.check_files import ManifestFile, check_files
from nodeagent.core.containers import each_container
from nodeagent.core.defaults import default_pull_policy
from nodeagent.core.differences import differences
from nodeagent.core.ending import spec_grace
from nodeagent.core.fit import ports_clash
from nodeagent.core.hashing import spec_hash
from nodeagent.core.status import TERMINAL
from nodeagent.model.desired import DesiredPod, Problem
from nodeagent.model.memory import PodMemory, Rejected
from nodeagent.model.node import NodeFacts, NodeRules

_MAKES = "OrCreate"


class Act(enum.StrEnum):
    """What happens to a pod as a whole."""

    START = "start"
    REPLACE = "replace"  # a new pod under the same name or file, once the old one has ended
    UPDATE = "update"  # the same pod, some of its containers
    NOTHING = "nothing"
    REFUSE = "refuse"


class ImageNeed(msgspec.Struct, frozen=True, kw_only=True):
    """The image of one container. `here`: on the node now; `fails`: it may not be pulled."""

    container: str
    image: str
    policy: str
    here: bool
    size_bytes: int = 0

    @property
    def fails(self) -> bool:
        return self.policy == "Never" and not self.here


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """One pod's future. `stops` names containers that end first, within `grace` seconds.

    `clashes`: what the pod cannot run beside, or shares with others to their harm.
    """

    origin: str
    namespace: str
    name: str
    act: Act
    reason: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    grace: float = 0.0
    starts: tuple[str, ...] = ()
    images: tuple[ImageNeed, ...] = ()
    clashes: tuple[str, ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked up for the candidates: image name to its size in bytes (None: not here),
    and the kind of thing at a host path ("" for nothing)."""

    images: Mapping[str, int | None] = {}
    paths: Mapping[str, str] = {}


class Future(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `plan`: the pods in the order of the files, and what cannot be used."""

    pods: tuple[Foreseen, ...]
    problems: tuple[Problem, ...] = ()


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """The node now. `unsupported` says why a pod's volumes cannot work here, "" if they can."""

    memories: tuple[PodMemory, ...]
    node: NodeFacts
    rules: NodeRules
    manifests: str = ""
    unsupported: Callable[[DesiredPod], str] = lambda _: ""


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """The pods that files ask for, each with the file's name, as the agent would name them."""

    pods: tuple[tuple[str, DesiredPod], ...]
    problems: tuple[Problem, ...]


def candidates(files: Iterable[ManifestFile], present: Present) -> Candidates:
    """Read the files strictly, as if each lay where its pod's manifest lies, or would."""
    given = list(files)
    checked = check_files(given, node_name=present.node.name)
    texts = {file.origin: file for file in given}
    found: list[tuple[str, DesiredPod]] = []
    for pod in checked.pods:
        place = _place(pod, present)
        moved = msgspec.structs.replace(texts[pod.origin], origin=place)
        (again,) = check_files([moved], node_name=present.node.name).pods
        found.append((pod.origin, again))
    return Candidates(pods=tuple(found), problems=checked.problems)


def _place(pod: DesiredPod, present: Present) -> str:
    """Where the manifest is now, else where it would be put: in the folder, by its own name."""
    for memory in present.memories:
        if memory.pod.is_static and memory.pod.origin == pod.origin:
            return pod.origin
    for memory in present.memories:
        if memory.pod.is_static and memory.pod.key == pod.key:
            return memory.pod.origin
    return f"{present.manifests}/{pod.origin.rpartition('/')[2]}"


def foresee(asked: Candidates, present: Present, seen: Seen) -> Future:
    """Each candidate's future beside the pods that stay and the candidates before it."""
    leaving = {old.pod.uid for _, pod in asked.pods for old in _olds(pod, present.memories)}
    others = [
        memory.pod
        for memory in present.memories
        if memory.admitted and memory.pod.uid not in leaving and not _is_over(memory)
    ]
    futures: list[Foreseen] = []
    for origin, pod in asked.pods:
        one = _future(origin, pod, others, present, seen)
        futures.append(one)
        if one.act is not Act.REFUSE:
            others.append(pod)
    return Future(pods=tuple(futures), problems=asked.problems)


def _future(
    origin: str, pod: DesiredPod, others: Sequence[DesiredPod], present: Present, seen: Seen
) -> Foreseen:
    olds = _olds(pod, present.memories)
    same = next((old for old in olds if old.pod.uid == pod.uid), None)
    changes = tuple(line for old in olds for line in differences(old.pod.pod, pod.pod))
    base = Foreseen(
        origin=origin,
        namespace=pod.namespace,
        name=pod.name,
        act=Act.START,
        changes=changes,
        images=tuple(_images(pod, seen)),
        clashes=tuple(_clashes(pod, others, seen)),
    )
    if same is not None and not changes:
        return msgspec.structs.replace(base, act=Act.NOTHING, images=(), clashes=())
    rejected = _refused(pod, others, present)
    if rejected is not None and same is None:
        base = msgspec.structs.replace(
            base, act=Act.REFUSE, reason=rejected.reason, message=rejected.message
        )
        return _with_stops(base, olds)
    if same is not None:
        return _update(base, same, pod)
    base = msgspec.structs.replace(base, act=Act.REPLACE if olds else Act.START, starts=_names(pod))
    return _with_stops(base, olds)


def _with_stops(base: Foreseen, olds: Sequence[PodMemory]) -> Foreseen:
    """A manifest takes the old pod away even where the new one is refused."""
    running = [old for old in olds if not _is_over(old)]
    return msgspec.structs.replace(
        base,
        stops=tuple(name for old in running for name in _names(old.pod)),
        grace=max((spec_grace(old) for old in running), default=0.0),
    )


def _update(base: Foreseen, old: PodMemory, pod: DesiredPod) -> Foreseen:
    """A pod that fixes its own uid stays the same pod: only names and images restart containers."""
    before = {c.name: spec_hash(c) for _, c in each_container(old.pod.spec)}
    after = {c.name: spec_hash(c) for _, c in each_container(pod.spec)}
    stops = tuple(name for name, value in before.items() if after.get(name) != value)
    starts = tuple(name for name, value in after.items() if before.get(name) != value)
    grace = spec_grace(old) if stops else 0.0
    return msgspec.structs.replace(base, act=Act.UPDATE, stops=stops, starts=starts, grace=grace)


def _olds(pod: DesiredPod, memories: Iterable[PodMemory]) -> list[PodMemory]:
    """Pods that this one is, or whose place it takes: same uid, name, or file."""
    return [
        memory
        for memory in memories
        if memory.pod.uid == pod.uid
        or memory.pod.key == pod.key
        or (memory.pod.is_static and memory.pod.origin == pod.origin)
    ]


def _refused(pod: DesiredPod, others: Sequence[DesiredPod], present: Present) -> Rejected | None:
    unsupported = present.unsupported(pod)
    if unsupported:
        return Rejected(reason="VolumeNotSupported", message=unsupported)
    beside = [other.pod for other in others]
    return admit(pod, others=beside, node=present.node, rules=present.rules)


def _images(pod: DesiredPod, seen: Seen) -> Iterable[ImageNeed]:
    for _, container in each_container(pod.spec):
        image = container.image or ""
        size = seen.images.get(image)
        yield ImageNeed(
            container=container.name,
            image=image,
            policy=container.imagePullPolicy or default_pull_policy(image),
            here=size is not None,
            size_bytes=size or 0,
        )


def _clashes(pod: DesiredPod, others: Sequence[DesiredPod], seen: Seen) -> Iterable[str]:
    for other in others:
        if ports_clash(pod.pod, [other.pod]):
            yield f"a host port is taken by pod {other.key}"
    for name, path, kind in host_paths(pod):
        found = seen.paths.get(path, "")
        wanted = kind.removesuffix(_MAKES)
        if wanted and kind == wanted and found != wanted:
            what = f"is a {found}" if found else "is not there"
            yield f"volume {name}: {path} {what}, and a {wanted} is asked for"
        for other in others:
            if _writes(pod, path) and _writes(other, path):
                yield f"volume {name}: {path} is also mounted writable by pod {other.key}"


def host_paths(pod: DesiredPod) -> list[tuple[str, str, str]]:
    """Name, path and type of each hostPath volume."""
    return [
        (volume.name, volume.hostPath.path, volume.hostPath.type or "")
        for volume in pod.spec.volumes or ()
        if volume.hostPath is not None
    ]


def _writes(pod: DesiredPod, path: str) -> bool:
    names = {name for name, held, _ in host_paths(pod) if held == path}
    return any(
        mount.name in names and not mount.readOnly
        for _, container in each_container(pod.spec)
        for mount in container.volumeMounts or ()
    )


def _names(pod: DesiredPod) -> tuple[str, ...]:
    return tuple(container.name for _, container in each_container(pod.spec))


def _is_over(memory: PodMemory) -> bool:
    phase = memory.status.phase if memory.status else None
    return memory.rejected is not None or (memory.torn_down and phase in TERMINAL)
