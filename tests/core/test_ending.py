"""When a pod must end, and by when (kubelet-behaviour 1.2, 1.4)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1

from nodeagent.core.ending import deadline_of, ending_due, spec_grace
from nodeagent.core.orphan import ORPHAN_GRACE, orphan_pod
from nodeagent.core.times import as_time
from nodeagent.model.desired import Over
from nodeagent.model.memory import Ending, EndRequest, EndWhy, PodMemory, Rejected
from nodeagent.model.observed import ObservedPod
from tests.fakes.pods import UID, a_box, a_pod, remembered, seen

NOW = 1000.0


def due(memory: PodMemory, now: float = NOW, request: EndRequest | None = None) -> Ending | None:
    return ending_due(memory, now=now, request=request)


def in_force(why: EndWhy, grace: float = 30.0, at: float = NOW) -> Ending:
    return Ending(why=why, at=at, grace=grace)


def test_a_pod_that_is_wanted_and_runs_does_not_end() -> None:
    assert due(remembered()) is None


@pytest.mark.parametrize(
    ("grace", "spec", "granted"),
    [(None, 30, 30.0), (5.0, 30, 5.0), (0.0, 30, 1.0), (None, 0, 1.0), (None, None, 30.0)],
)
def test_a_delete_grants_its_own_grace_or_the_specs_and_at_least_a_second(
    grace: float | None, spec: int | None, granted: float
) -> None:
    pod = a_pod(deleting=True, grace=grace, terminationGracePeriodSeconds=spec)
    assert due(remembered(pod)) == Ending(why=EndWhy.DELETED, at=NOW, grace=granted)
    assert spec_grace(remembered(pod)) == (30.0 if spec is None else spec)


def test_a_finished_or_refused_pod_ends() -> None:
    over = remembered(status=v1.PodStatus(phase="Succeeded"))
    assert due(over) == Ending(why=EndWhy.FINISHED, at=NOW, grace=30.0)
    told = remembered(msgspec.structs.replace(a_pod(), over=Over(phase="Failed")))
    assert due(told) == Ending(why=EndWhy.FINISHED, at=NOW, grace=30.0)
    refused = remembered(rejected=Rejected(reason="OutOfcpu", message="no"))
    assert due(refused) == Ending(why=EndWhy.REJECTED, at=NOW, grace=1.0)


def test_the_deadline_counts_from_the_start_time() -> None:
    memory = remembered(
        a_pod(activeDeadlineSeconds=60), status=v1.PodStatus(startTime=as_time(NOW))
    )
    assert deadline_of(memory) == NOW + 60
    assert due(memory, NOW + 59.9) is None
    ending = due(memory, NOW + 60)
    assert ending is not None and ending.why is EndWhy.DEADLINE
    assert deadline_of(remembered(a_pod(activeDeadlineSeconds=60))) is None
    assert deadline_of(remembered(status=v1.PodStatus(startTime=as_time(NOW)))) is None


def test_a_longer_grace_changes_nothing_and_a_shorter_one_does() -> None:
    memory = remembered(a_pod(deleting=True, grace=60.0), ending=in_force(EndWhy.DELETED))
    assert due(memory, NOW + 5) == memory.ending
    shorter = remembered(a_pod(deleting=True, grace=3.0), ending=in_force(EndWhy.DELETED))
    assert due(shorter, NOW + 5) == Ending(why=EndWhy.DELETED, at=NOW + 5, grace=3.0)


def test_an_end_that_began_goes_on_where_the_pod_is_wanted_again() -> None:
    memory = remembered(ending=in_force(EndWhy.DELETED))
    assert due(memory, NOW + 5) == memory.ending


@pytest.mark.parametrize("why", [w for w in EndWhy if w is not EndWhy.DELETED])
def test_a_delete_of_a_pod_that_ends_keeps_the_nearer_deadline(why: EndWhy) -> None:
    ends = remembered(a_pod(deleting=True, grace=60.0), ending=in_force(why))
    assert due(ends, NOW + 10) == Ending(why=EndWhy.DELETED, at=NOW + 10, grace=20.0)
    late = due(ends, NOW + 100)
    assert late == Ending(why=EndWhy.DELETED, at=NOW, grace=30.0)


def test_a_delete_of_a_pod_that_is_over_shows_its_own_grace() -> None:
    over = remembered(
        a_pod(deleting=True, grace=60.0), ending=in_force(EndWhy.FINISHED), torn_down=True
    )
    assert due(over, NOW + 500) == Ending(why=EndWhy.DELETED, at=NOW + 500, grace=60.0)


def test_the_node_may_end_a_pod_with_less_grace_than_its_spec_has() -> None:
    request = EndRequest(why=EndWhy.EVICTED, grace=5.0, message="low on memory")
    assert due(remembered(), request=request) == Ending(
        why=EndWhy.EVICTED, at=NOW, grace=5.0, message="low on memory"
    )
    deleted = remembered(ending=in_force(EndWhy.DELETED))
    ending = due(deleted, NOW + 1, request)
    assert ending is not None and (ending.why, ending.grace) == (EndWhy.DELETED, 5.0)
    assert due(deleted, NOW + 29, request) == deleted.ending


@given(
    graces=st.lists(
        st.tuples(st.one_of(st.none(), st.floats(0, 100)), st.floats(0, 20)), max_size=8
    ),
    why=st.sampled_from(EndWhy),
)
def test_the_deadline_only_moves_nearer(
    graces: list[tuple[float | None, float]], why: EndWhy
) -> None:
    ending, now = in_force(why), NOW
    for grace, later in graces:
        now += later
        after = due(remembered(a_pod(deleting=True, grace=grace), ending=ending), now)
        assert after is not None
        assert after.deadline_at <= ending.deadline_at + 1e-6
        ending = after


def test_an_orphan_is_ended_by_what_its_records_tell() -> None:
    view = ObservedPod(
        uid=UID,
        name="web-n1",
        namespace="shop",
        labels={"app": "web"},
        sandboxes=(a_box(host_network=True),),
        containers=(seen("b"), seen("a"), seen("a", restart_count=1)),
    )
    pod = orphan_pod(view)
    assert (pod.uid, pod.key, pod.labels) == (UID, "shop/web-n1", {"app": "web"})
    assert [c.name for c in pod.spec.containers] == ["a", "b"]
    assert pod.deleting and pod.grace == ORPHAN_GRACE and pod.spec.hostNetwork


def test_an_orphan_without_names_goes_by_its_uid() -> None:
    pod = orphan_pod(ObservedPod(uid=UID, sandboxes=(a_box(),)))
    assert (pod.name, pod.namespace, pod.spec.containers) == (UID, "default", [])
