"""Which images go: by space, by age, and which never."""

import pytest

from nodeagent.core.image_gc import GcRules, is_pause, name_of, plan_gc, remember, users_of
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.image_gc import KnownImage, Space
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenImage
from tests.fakes.pods import a_container, a_pod

NOW, DAY = 1_000_000.0, 86400.0
RULES = GcRules()


def image(name: str, size: int = 100, *, pinned: bool = False) -> SeenImage:
    return SeenImage(
        ref=ImageRef(f"sha256:{name}"),
        tags=(f"docker.io/library/{name}:1",),
        size_bytes=size,
        pinned=pinned,
    )


def known(name: str, *, used: float = 0.0, since: float = 0.0, **more: object) -> KnownImage:
    by = more.pop("by", ())
    return KnownImage(
        image=image(name, **more),  # type: ignore[arg-type]
        detected_at=since,
        used_at=used,
        used_by=by,  # type: ignore[arg-type]
    )


def space(used: int, capacity: int = 1000) -> Space:
    return Space(path="/", capacity_bytes=capacity, available_bytes=capacity * (100 - used) // 100)


def removed(
    *images: KnownImage, used: int, rules: GcRules = RULES, everything: bool = False
) -> str:
    """First letters of what goes."""
    plan = plan_gc(
        {one.image.ref: one for one in images},
        space(used),
        rules=rules,
        now=NOW,
        running_since=NOW - DAY,
        everything=everything,
    )
    return "".join(r.ref.removeprefix("sha256:")[0] for r in plan.removals)


def test_nothing_goes_below_the_high_threshold() -> None:
    assert removed(known("a"), used=84) == ""


def test_as_much_goes_as_reaches_the_low_threshold() -> None:
    images = [known(name, used=at, size=40) for name, at in (("c", 3), ("a", 1), ("b", 2))]
    assert removed(*images, used=85) == "ab"


def test_the_longest_known_goes_first_among_the_never_used() -> None:
    assert removed(known("b", since=2), known("a", since=1), used=90) == "a"


def test_used_pinned_young_and_pause_images_stay() -> None:
    stay = [
        known("used", by=("ns/pod",)),
        known("kept", pinned=True),
        known("young", since=NOW - 119),
        known("pause"),
    ]
    assert removed(*stay, used=99) == ""
    assert removed(*stay, used=99, everything=True) == ""


def test_everything_unused_goes_on_demand() -> None:
    assert removed(known("a"), known("b"), known("u", by=("x/y",)), used=1, everything=True) == "ab"


def test_old_images_go_whatever_space_there_is() -> None:
    rules = GcRules(max_age=3600.0)
    assert (
        removed(known("o", used=NOW - 3601), known("n", used=NOW - 3599), used=1, rules=rules)
        == "o"
    )


def test_age_does_not_count_before_the_agent_itself_is_that_old() -> None:
    rules = GcRules(max_age=2 * DAY)
    assert removed(known("o"), used=1, rules=rules) == ""


def test_a_threshold_of_a_hundred_turns_the_space_rule_off() -> None:
    rules = GcRules(high_percent=100)
    assert rules.is_off and removed(known("a"), used=100, rules=rules) == ""
    assert not GcRules(high_percent=100, max_age=1.0).is_off


def container(image_: str, ref: str) -> SeenContainer:
    return SeenContainer(
        id=ContainerId("c"),
        name="c",
        sandbox_id=SandboxId("b"),
        attempt=0,
        restart_count=0,
        phase=Phase.EXITED,
        created_at=1.0,
        image=image_,
        image_ref=ImageRef(ref),
    )


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        ("docker.io/library/app:1", ""),
        ("", "sha256:app"),
        ("", "docker.io/library/app@sha256:5"),
    ],
)
def test_an_ended_containers_image_is_in_use_by_whatever_name(name: str, ref: str) -> None:
    app = SeenImage(
        ref=ImageRef("sha256:app"),
        tags=("docker.io/library/app:1",),
        digests=("docker.io/library/app@sha256:5",),
    )
    pod = ObservedPod(
        uid=PodUid("u"), name="web", namespace="ns", containers=(container(name, ref),)
    )
    assert users_of([app], [pod], []) == {"sha256:app": ("ns/web",)}


def test_an_image_that_a_manifest_names_is_in_use() -> None:
    pod = a_pod(a_container("web", image="app:1"))
    users = users_of([image("app"), image("other")], [], [pod])
    assert users[image("app").ref] and not users[image("other").ref]


def test_images_there_at_the_first_look_are_old_and_later_ones_are_new() -> None:
    first = remember({}, [image("a")], {}, now=10.0, first=True)
    later = remember(
        first, [image("a"), image("b")], {image("a").ref: ("p",)}, now=20.0, first=False
    )
    assert [(one.detected_at, one.used_at) for one in later.values()] == [(0.0, 20.0), (20.0, 0.0)]
    last = remember(later, [image("a")], {}, now=30.0, first=False)
    assert [(one.used_at, one.used_by) for one in last.values()] == [(20.0, ())]


def test_a_pause_image_is_known_by_its_name() -> None:
    for tag in ("registry.k8s.io/pause:3.9", "x:5000/pause@sha256:1", "pause"):
        assert is_pause(SeenImage(ref=ImageRef("r"), tags=(tag,)))
    assert not is_pause(SeenImage(ref=ImageRef("r"), tags=("me/pauser:1",)))
    assert name_of(SeenImage(ref=ImageRef("sha256:1"))) == "sha256:1"


def test_percent_counts_what_is_not_available() -> None:
    assert space(85).used_percent == 85
    assert Space(path="/", capacity_bytes=0, available_bytes=0).used_percent == 0
