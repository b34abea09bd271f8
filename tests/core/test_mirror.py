"""Which copies of static pods the API is to have."""

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1
from msgspec.structs import replace

from nodeagent.core.manifest import HASH_ANNOTATION
from nodeagent.core.mirror import (
    CreateMirror,
    DeleteMirror,
    is_mirror,
    is_mirror_of,
    mirror_pod,
    plan_mirrors,
)
from nodeagent.core.qos import CONFIG_MIRROR
from nodeagent.core.times import as_time
from nodeagent.model.desired import DesiredPod
from tests.fakes.pods import a_pod

OWNER = meta_v1.OwnerReference(apiVersion="v1", kind="Node", name="n1", uid="n", controller=True)
KEY = "default/web-n1"


def static(hash_: str = "h1") -> DesiredPod:
    return a_pod(uid=hash_, annotations={HASH_ANNOTATION: hash_})


def made(pod: DesiredPod, **meta: object) -> v1.Pod:
    mirror = mirror_pod(pod, OWNER)
    assert mirror.metadata is not None
    return replace(mirror, metadata=replace(mirror.metadata, uid="m1", **meta))


def test_a_copy_carries_the_hash_and_belongs_to_the_node() -> None:
    copy = mirror_pod(static(), OWNER)
    assert copy.metadata is not None
    assert (copy.metadata.annotations or {})[CONFIG_MIRROR] == "h1"
    assert copy.metadata.ownerReferences == [OWNER]
    assert copy.metadata.uid is None and copy.status is None
    assert is_mirror(copy) and is_mirror_of(copy, static().pod)
    assert not is_mirror_of(copy, static("h2").pod)
    assert not is_mirror(static().pod)


def test_a_missing_copy_is_made_and_a_good_one_stays() -> None:
    assert plan_mirrors([static()], {}) == (CreateMirror(key=KEY, pod=static()),)
    assert plan_mirrors([static()], {KEY: made(static())}) == ()


def test_a_copy_of_another_version_or_one_that_is_deleted_goes_first() -> None:
    gone = (DeleteMirror(key=KEY, uid="m1"),)
    assert plan_mirrors([static("h2")], {KEY: made(static())}) == gone
    deleting = made(static(), deletionTimestamp=as_time(5))
    assert plan_mirrors([static()], {KEY: deleting}) == gone


def test_a_copy_without_its_pod_is_deleted_once_that_has_ended() -> None:
    known = {KEY: made(static())}
    assert plan_mirrors([], known, busy=[KEY]) == ()
    assert plan_mirrors([], known) == (DeleteMirror(key=KEY, uid="m1"),)
    leaving = replace(static(), deleting=True)
    assert plan_mirrors([leaving], {}) == ()


def test_pods_of_the_api_are_left_alone() -> None:
    other = v1.Pod(metadata=meta_v1.ObjectMeta(name="web-n1", namespace="default", uid="x"))
    assert plan_mirrors([], {KEY: other}) == ()
    assert plan_mirrors([static()], {KEY: other}) == ()
