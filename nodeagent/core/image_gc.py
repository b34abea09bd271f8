"""Which images go when space is short, or when nobody has used them for long.

Follows Kubernetes' documentation "Garbage Collection", section "Container image lifecycle".
"""

from collections.abc import Iterable, Mapping

import msgspec

from nodeagent.core.containers import each_container
from nodeagent.core.images import full_name
from nodeagent.errors import ImageError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ImageRef
from nodeagent.model.image_gc import GcPlan, KnownImage, Removal, Space
from nodeagent.model.observed import ObservedPod, SeenImage

_AGED = "not used for longer than imageMaximumGCAge"
Known = Mapping[ImageRef, KnownImage]


class GcRules(msgspec.Struct, frozen=True, kw_only=True):
    """imageGCHighThresholdPercent, imageGCLowThresholdPercent and the two ages in seconds.

    A `max_age` of 0 means that age alone removes nothing.
    """

    high_percent: int = 85
    low_percent: int = 80
    min_age: float = 120.0
    max_age: float = 0.0

    @property
    def is_off(self) -> bool:
        """Whether nothing is ever removed."""
        return self.high_percent >= 100 and self.max_age <= 0


def users_of(
    images: Iterable[SeenImage], pods: Iterable[ObservedPod], wanted: Iterable[DesiredPod]
) -> dict[ImageRef, tuple[str, ...]]:
    """Pods that have a container of the image, ended ones too, or whose manifest names it."""
    by_name: dict[str, set[str]] = {}
    wishes = {wish.uid: wish for wish in wanted}
    for pod in pods:
        wish = wishes.get(pod.uid)
        user = wish.key if wish else f"{pod.namespace}/{pod.name}" if pod.name else pod.uid
        for container in pod.containers:
            for name in (container.image, container.image_ref):
                by_name.setdefault(name, set()).add(user)
    for wish in wishes.values():
        for _, container_spec in each_container(wish.spec):
            name = _full(container_spec.image or "")
            by_name.setdefault(name, set()).add(wish.key)
    users = {}
    for image in images:
        names = {image.ref, *image.tags, *image.digests} - {""}
        users[image.ref] = tuple(sorted(set().union(*(by_name.get(n, set()) for n in names))))
    return users


def remember(
    known: Known,
    images: Iterable[SeenImage],
    users: Mapping[ImageRef, tuple[str, ...]],
    *,
    now: float,
    first: bool,
) -> dict[ImageRef, KnownImage]:
    """What is known after a look. On the `first` one every image is taken for an old one."""
    seen = {}
    for image in images:
        old = known.get(image.ref)
        used_by = users.get(image.ref, ())
        seen[image.ref] = KnownImage(
            image=image,
            detected_at=old.detected_at if old else 0.0 if first else now,
            used_at=now if used_by else old.used_at if old else 0.0,
            used_by=used_by,
        )
    return seen


def plan_gc(
    known: Known,
    space: Space | None,
    *,
    rules: GcRules,
    now: float,
    running_since: float,
    everything: bool = False,
) -> GcPlan:
    """What is to go now; with `everything`, every image that may, however much space there is.

    Least recently used first, then the longest known. Images in use, pinned ones, the pause
    image and those younger than the minimum age stay. The maximum age counts only once the agent
    itself has run that long: it knows of no earlier use.
    """
    candidates = sorted(
        (one for one in known.values() if _may_go(one, rules, now)),
        key=lambda one: (one.used_at, one.detected_at, one.image.ref),
    )
    if everything:
        return GcPlan(removals=tuple(_removal(one, "not used by any pod") for one in candidates))
    aged = [one for one in candidates if _is_aged(one, rules, now, running_since)]
    rest = [one for one in candidates if one not in aged]
    removals = [_removal(one, _AGED, aged=True) for one in aged]
    wanted = _bytes_to_free(space, rules)
    freed = sum(removal.size_bytes for removal in removals)
    for one in rest:
        if freed >= wanted:
            break
        removals.append(_removal(one, "space on the image file system is short"))
        freed += one.image.size_bytes
    return GcPlan(removals=tuple(removals), wanted_bytes=wanted)


def is_pause(image: SeenImage) -> bool:
    """Whether sandboxes are made of it: no container shows that it is used, and older runtimes
    do not pin it.
    """
    return any(_base_name(name) == "pause" for name in (*image.tags, *image.digests))


def name_of(image: SeenImage) -> str:
    """The name to show: a tag, else a digest, else the id."""
    return next(iter((*image.tags, *image.digests)), image.ref)


def _may_go(one: KnownImage, rules: GcRules, now: float) -> bool:
    return (
        not one.used_by
        and not one.image.pinned
        and not is_pause(one.image)
        and now - one.detected_at >= rules.min_age
    )


def _is_aged(one: KnownImage, rules: GcRules, now: float, running_since: float) -> bool:
    last = max(one.used_at, one.detected_at, running_since)
    return rules.max_age > 0 and now - last > rules.max_age


def _bytes_to_free(space: Space | None, rules: GcRules) -> int:
    if space is None or rules.high_percent >= 100 or space.used_percent < rules.high_percent:
        return 0
    goal = space.capacity_bytes * (100 - rules.low_percent) // 100
    return max(0, goal - space.available_bytes)


def _removal(one: KnownImage, why: str, *, aged: bool = False) -> Removal:
    image = one.image
    name = name_of(image)
    return Removal(ref=image.ref, name=name, size_bytes=image.size_bytes, why=why, aged=aged)


def _base_name(name: str) -> str:
    return name.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _full(image: str) -> str:
    try:
        return full_name(image)
    except ImageError:
        return image
