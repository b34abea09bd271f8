"""Pods of several sources made into one desired set, with what no two of them may share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from nodeagent.model.desired import DesiredPod, Problem, SourceUpdate
from nodeagent.model.ids import PodKey, PodUid

CLASH_REASON = "FailedValidation"


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted in all. `changed`: uids that are new, differ from before, or are gone."""

    desired: dict[PodUid, DesiredPod]
    problems: tuple[Problem, ...]
    changed: frozenset[PodUid]


def merge(updates: Iterable[SourceUpdate], previous: Mapping[PodUid, DesiredPod]) -> Merged:
    """Join the latest update of every source; `previous` is the desired set of the last merge.

    Pods that share a full name or a uid are refused, all of them, each with a problem that names
    the others; what `previous` has under that name stays as it was. A pod that its source is
    deleting clashes with nobody: it makes room, and the worker waits for its end.
    """
    pods: list[DesiredPod] = []
    problems: list[Problem] = []
    for update in updates:
        pods += update.pods
        problems += update.problems
    clashes = _clashes(pods)
    desired = {pod.uid: pod for i, pod in enumerate(pods) if i not in clashes}
    for i in clashes:
        problems.append(_problem(pods[i], [pods[j] for j in clashes[i]]))
    refused = [pods[i] for i in clashes]
    for pod in _kept(refused, previous):
        desired.setdefault(pod.uid, pod)
    changed = {uid for uid, pod in desired.items() if previous.get(uid) != pod}
    changed |= previous.keys() - desired.keys()
    return Merged(desired=desired, problems=tuple(problems), changed=frozenset(changed))


def _clashes(pods: list[DesiredPod]) -> dict[int, list[int]]:
    """By index of a pod: the indexes of those it cannot be together with."""
    names: defaultdict[PodKey, list[int]] = defaultdict(list)
    uids: defaultdict[PodUid, list[int]] = defaultdict(list)
    for i, pod in enumerate(pods):
        uids[pod.uid].append(i)
        if not pod.deleting:
            names[pod.key].append(i)
    clashes: dict[int, list[int]] = {}
    for group in (*names.values(), *uids.values()):
        for i in group if len(group) > 1 else ():
            others = clashes.setdefault(i, [])
            others += [j for j in group if j != i and j not in others]
    return clashes


def _kept(refused: list[DesiredPod], previous: Mapping[PodUid, DesiredPod]) -> list[DesiredPod]:
    """What runs under the names and uids of refused pods, as it was."""
    names = {pod.key for pod in refused}
    uids = {pod.uid for pod in refused}
    return [
        pod
        for pod in previous.values()
        if (pod.key in names and not pod.deleting) or pod.uid in uids
    ]


def _problem(pod: DesiredPod, others: list[DesiredPod]) -> Problem:
    same_name = any(other.key == pod.key for other in others)
    what = f"pod {pod.key}" if same_name else f"a pod with the uid {pod.uid}"
    places = ", ".join(sorted({_place(other) for other in others}))
    return Problem(
        origin=pod.origin,
        message=f"{what} is also in {places}; none of them is used until only one is left, and "
        "what runs under that name keeps running",
        pod=pod.key,
        reason=CLASH_REASON,
    )


def _place(pod: DesiredPod) -> str:
    return pod.origin or "the API"
