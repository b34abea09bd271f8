"""Pods of the API: what is taken off, what is kept, and when two wishes are the same."""

import datetime

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.admission import admit
from nodeagent.core.api_pod import age_order, desired_of
from nodeagent.core.manifest import SEEN_ANNOTATION
from nodeagent.core.mirror import is_mirror
from nodeagent.model.desired import DesiredPod, Over, Source
from tests.fakes.pods import NODE, RULES

AT = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)


def of_api(**changes: object) -> v1.Pod:
    """A pod as the API server tells it; `changes` are fields of its metadata, or spec, status."""
    spec = changes.pop("spec", None) or v1.PodSpec(
        containers=[v1.Container(name="web", image="busybox:1")], nodeName="n1"
    )
    status = changes.pop("status", v1.PodStatus(phase="Pending"))
    meta = meta_v1.ObjectMeta(
        name="web", namespace="shop", uid="u1", resourceVersion="7", creationTimestamp=AT
    )
    meta = msgspec.structs.replace(meta, **changes)
    return v1.Pod(metadata=meta, spec=spec, status=status)  # type: ignore[arg-type]


def wish(pod: v1.Pod, before: DesiredPod | None = None, seen_at: float = 100.0) -> DesiredPod:
    found = desired_of(pod, seen_at=seen_at, before=before)
    assert found is not None
    return found


def test_a_pod_of_the_api_says_where_it_is_from_and_when_it_was_seen() -> None:
    found = wish(of_api(annotations={"team": "shop"}))
    assert (found.uid, found.source, found.origin, found.key) == ("u1", Source.API, "", "shop/web")
    assert found.annotations == {
        "team": "shop",
        "kubernetes.io/config.source": "api",
        SEEN_ANNOTATION: "1970-01-01T00:01:40.000000000Z",
    }


def test_a_change_of_the_status_alone_changes_no_wish() -> None:
    first = wish(of_api())
    running = of_api(resourceVersion="9", status=v1.PodStatus(phase="Running"))
    assert wish(running, first, seen_at=500.0) is first


def test_a_terminal_phase_is_part_of_the_wish() -> None:
    first = wish(of_api())
    status = v1.PodStatus(phase="Failed", reason="NodeLost", message="gone")
    over = wish(of_api(status=status), first)
    assert over != first
    assert over.over == Over(phase="Failed", reason="NodeLost", message="gone")


def test_a_change_of_labels_is_another_wish_seen_when_the_first_was() -> None:
    first = wish(of_api())
    later = wish(of_api(labels={"a": "b"}), first, seen_at=500.0)
    assert later != first
    assert later.annotations[SEEN_ANNOTATION] == first.annotations[SEEN_ANNOTATION]


def test_what_the_api_knew_at_first_sight_stays() -> None:
    done = v1.PodStatus(phase="Succeeded", startTime=AT)
    first = wish(of_api(status=done))
    later = wish(of_api(status=v1.PodStatus(phase="Running"), labels={"a": "b"}), first)
    assert first.known == done
    assert later.known == done


def test_another_uid_under_the_same_name_is_another_pod() -> None:
    first = wish(of_api(status=v1.PodStatus(phase="Failed")))
    later = wish(of_api(uid="u2"), first, seen_at=500.0)
    assert later.known == v1.PodStatus(phase="Pending")
    assert later.annotations[SEEN_ANNOTATION] != first.annotations[SEEN_ANNOTATION]


def test_conditions_of_others_belong_to_the_wish_and_ours_do_not() -> None:
    first = wish(of_api())
    gate = v1.PodCondition(type="example.com/gate", status="True")
    ours = v1.PodCondition(type="Ready", status="True")
    told = v1.PodStatus(phase="Running", conditions=[ours, gate])
    later = wish(of_api(status=told), first)
    assert later.others == (gate,)
    assert later != first


def test_a_delete_carries_its_grace() -> None:
    assert (wish(of_api()).deleting, wish(of_api()).grace) == (False, None)
    ending = wish(of_api(deletionTimestamp=AT, deletionGracePeriodSeconds=0))
    assert (ending.deleting, ending.grace) == (True, 0.0)


def test_defaults_that_an_old_server_lacks_are_filled_in() -> None:
    container = wish(of_api()).spec.containers[0]
    assert (container.imagePullPolicy, container.terminationMessagePolicy) == (
        "IfNotPresent",
        "File",
    )


def test_what_is_no_pod_is_told_as_such() -> None:
    for broken in (
        of_api(uid=None),
        of_api(name=None),
        of_api(spec=v1.PodSpec(containers=[])),
        v1.Pod(metadata=None, spec=None),
    ):
        assert desired_of(broken, seen_at=0.0, before=None) is None


def test_a_mirror_pod_is_known_by_its_annotation() -> None:
    assert is_mirror(of_api(annotations={"kubernetes.io/config.mirror": "h"}))
    assert not is_mirror(of_api())
    assert not is_mirror(v1.Pod())


def test_older_pods_come_first() -> None:
    young = wish(of_api(creationTimestamp=AT + datetime.timedelta(seconds=1), name="a"))
    assert sorted([young, wish(of_api())], key=age_order) == [wish(of_api()), young]
    assert age_order(wish(of_api(creationTimestamp=None)))[0] == 0.0


def test_a_feature_this_agent_lacks_rejects_the_pod_by_name() -> None:
    claims = [v1.PodResourceClaim(name="gpu", resourceClaimName="g")]
    spec = v1.PodSpec(
        containers=[v1.Container(name="web", image="busybox:1")],
        nodeName="n1",
        resourceClaims=claims,
    )
    rejected = admit(wish(of_api(spec=spec)), others=(), node=NODE, rules=RULES)
    assert rejected is not None
    assert rejected.reason == "PodFeatureUnsupported"
    assert rejected.message.startswith("spec.resourceClaims: is not supported")
    assert admit(wish(of_api()), others=(), node=NODE, rules=RULES) is None
