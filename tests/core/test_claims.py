"""Which volume a claim gets: the smallest that fits, what was bound stays, reasons are told."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.claims import bind, selects
from nodeagent.model.data import Claim, PersistentVolume


def volume(
    name: str, size: str = "1Gi", labels: dict[str, str] | None = None, **spec: Any
) -> PersistentVolume:
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    made = v1.PersistentVolumeSpec(capacity={"storage": size}, **spec)
    return PersistentVolume(name=name, spec=made, labels=labels or {})


def claim(name: str = "c", size: str = "1Gi", **spec: Any) -> Claim:
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    asked = v1.VolumeResourceRequirements(requests={"storage": size})
    made = v1.PersistentVolumeClaimSpec(resources=asked, **spec)
    return Claim(namespace="default", name=name, spec=made)


def bound(claims: list[Claim], volumes: list[PersistentVolume], **before: str) -> dict[str, str]:
    known = {f"default/{name}": volume for name, volume in before.items()}
    return {one.name: one.volume for one in bind(claims, volumes, bound=known)}


def why(one: Claim, *volumes: PersistentVolume) -> str:
    (found,) = bind([one], volumes, bound={})
    assert found.volume == ""
    return found.why


def test_the_smallest_volume_that_is_large_enough_is_taken() -> None:
    volumes = [volume("big", "9Gi"), volume("small", "1Gi"), volume("fits", "3Gi")]
    assert bound([claim(size="2Gi")], volumes) == {"c": "fits"}


def test_no_volume_goes_to_two_claims_and_what_is_bound_stays() -> None:
    volumes = [volume("a"), volume("b", "2Gi")]
    assert bound([claim("x"), claim("y")], volumes) == {"x": "a", "y": "b"}
    assert bound([claim("w"), claim("x")], volumes, x="a") == {"w": "b", "x": "a"}
    assert bound([claim("x")], volumes, x="gone") == {"x": "a"}


def test_a_claim_may_name_its_volume_whatever_the_class() -> None:
    volumes = [volume("a"), volume("b", "2Gi", storageClassName="fast")]
    assert bound([claim("x", volumeName="b"), claim("a0")], volumes) == {"a0": "a", "x": "b"}
    assert why(claim(volumeName="z"), *volumes) == 'there is no PersistentVolume "z"'
    assert why(claim(volumeName="a", size="5Gi"), *volumes) == "has less than 5Gi"


def test_a_volume_may_be_kept_for_a_claim() -> None:
    own = volume("own", "9Gi", claimRef=v1.ObjectReference(namespace="default", name="x"))
    assert bound([claim("w"), claim("x")], [own, volume("a")]) == {"w": "a", "x": "own"}
    assert "own is reserved for another claim" in why(claim("w"), own)


def test_class_mode_access_and_labels_must_fit_and_the_reason_is_told() -> None:
    assert why(claim()) == "there is no PersistentVolume"
    said = why(
        claim(
            storageClassName="fast",
            selector=meta_v1.LabelSelector(matchLabels={"disk": "ssd"}),
        ),
        volume("a"),
        volume("b", storageClassName="fast"),
        volume("c", storageClassName="fast", volumeMode="Block"),
        volume("d", storageClassName="fast", accessModes=["ReadOnlyMany"]),
    )
    assert said == (
        'no PersistentVolume fits: a is of the storage class "", not "fast"; '
        "b does not match the selector; c is Block; d does not offer ReadWriteOnce"
    )


def test_selectors_know_all_operators() -> None:
    def holds(operator: str, *values: str) -> bool:
        one = meta_v1.LabelSelectorRequirement(key="k", operator=operator, values=list(values))
        return selects(meta_v1.LabelSelector(matchExpressions=[one]), {"k": "a"})

    assert selects(None, {})
    assert (holds("In", "a"), holds("In", "b")) == (True, False)
    assert (holds("NotIn", "b"), holds("NotIn", "a")) == (True, False)
    assert (holds("Exists"), holds("DoesNotExist"), holds("Odd")) == (True, False, False)


@given(
    sizes=st.lists(st.integers(1, 9), max_size=6),
    asked=st.lists(st.integers(1, 9), max_size=6),
    data=st.data(),
)
def test_binding_again_changes_nothing(sizes: list[int], asked: list[int], data: Any) -> None:
    volumes = [volume(f"v{i}", f"{size}Gi") for i, size in enumerate(sizes)]
    claims = [claim(f"c{i}", f"{size}Gi") for i, size in enumerate(asked)]
    first = bind(claims, volumes, bound={})
    known = {f"default/{one.name}": one.volume for one in first if one.volume}
    assert len(set(known.values())) == len(known)
    shuffled = data.draw(st.permutations(claims))
    assert bind(shuffled, volumes[::-1], bound=known) == first
