"""What of a pod's status is told to the API, and how soon."""

import datetime as dt
from typing import Any

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.qos import CONFIG_MIRROR
from nodeagent.core.status_patch import is_urgent, may_go, status_change

THEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def condition(type_: str, status: str = "True", at: dt.datetime = THEN) -> v1.PodCondition:
    return v1.PodCondition(type=type_, status=status, lastTransitionTime=at)


def known(*, deleting: bool = False, mirror: bool = False, **status: Any) -> v1.Pod:
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name="web",
            uid="u1",
            deletionTimestamp=THEN if deleting else None,
            annotations={CONFIG_MIRROR: "h"} if mirror else None,
        ),
        status=v1.PodStatus(**status),
    )


def container(state: v1.ContainerState | None = None, **fields: Any) -> v1.ContainerStatus:
    fields.setdefault("ready", False)
    return v1.ContainerStatus(
        name="web", image="i", imageID="", restartCount=0, state=state, **fields
    )


RUNNING = v1.ContainerState(running=v1.ContainerStateRunning(startedAt=THEN))
WAITING = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason="ContainerCreating"))
ENDED = v1.ContainerState(terminated=v1.ContainerStateTerminated(exitCode=1))


def test_only_the_difference_is_told_with_the_uid() -> None:
    pod = known(phase="Pending", qosClass="BestEffort")
    patch = status_change(pod, v1.PodStatus(phase="Running", qosClass="BestEffort"))
    assert patch == {"metadata": {"uid": "u1"}, "status": {"phase": "Running"}}
    assert status_change(pod, v1.PodStatus(phase="Pending", qosClass="BestEffort")) == {}


def test_what_says_nothing_is_no_difference() -> None:
    pod = known(
        phase="Running", message="", containerStatuses=[container(lastState=v1.ContainerState())]
    )
    assert status_change(pod, v1.PodStatus(phase="Running", containerStatuses=[container()])) == {}


def test_times_of_conditions_stay_until_they_turn_and_the_start_stays() -> None:
    pod = known(phase="Running", startTime=THEN, conditions=[condition("Ready")])
    same = v1.PodStatus(phase="Running", startTime=NOW, conditions=[condition("Ready", at=NOW)])
    assert status_change(pod, same) == {}
    turned = v1.PodStatus(phase="Running", conditions=[condition("Ready", "False", at=NOW)])
    [told] = status_change(pod, turned)["status"]["conditions"]
    assert told == {
        "type": "Ready",
        "status": "False",
        "lastTransitionTime": "2026-01-02T00:00:00Z",
    }


def test_a_condition_of_somebody_without_a_type_is_left_alone() -> None:
    pod = known(phase="Pending", conditions=[condition("")])
    patch = status_change(pod, v1.PodStatus(phase="Running"))
    assert patch == {"metadata": {"uid": "u1"}, "status": {"phase": "Running"}}


def test_conditions_and_fields_of_others_stay_and_ours_go_when_they_no_longer_hold() -> None:
    pod = known(
        phase="Running",
        nominatedNodeName="n2",
        conditions=[
            condition("example.com/lb"),
            condition("DisruptionTarget"),
            condition("PodResizePending"),
            condition("Ready"),
        ],
    )
    patch = status_change(pod, v1.PodStatus(phase="Running", conditions=[condition("Ready")]))
    assert patch["status"] == {"conditions": [{"$patch": "delete", "type": "PodResizePending"}]}


def test_addresses_are_replaced_whole() -> None:
    pod = known(phase="Running", podIPs=[v1.PodIP(ip="192.0.2.1")])
    patch = status_change(pod, v1.PodStatus(phase="Running", podIPs=[v1.PodIP(ip="192.0.2.2")]))
    assert patch["status"]["podIPs"] == [{"$patch": "replace"}, {"ip": "192.0.2.2"}]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_is_over_is_never_told_to_run(phase: str) -> None:
    assert status_change(known(phase=phase), v1.PodStatus(phase="Running")) == {}


def test_the_copy_of_a_static_pod_is_told_to_run_again() -> None:
    patch = status_change(known(phase="Failed", mirror=True), v1.PodStatus(phase="Running"))
    assert patch["status"] == {"phase": "Running"}


@pytest.mark.parametrize(
    ("before", "after", "urgent"),
    [
        ({"phase": "Pending"}, {"phase": "Pending", "startTime": NOW}, False),
        ({"phase": "Pending"}, {"phase": "Running"}, True),
        ({"phase": "Running"}, {"phase": "Running", "podIP": "192.0.2.1"}, False),
        ({"phase": "Running"}, {"phase": "Running", "conditions": [condition("Ready")]}, True),
        (
            {"phase": "Pending", "startTime": THEN, "containerStatuses": [container(WAITING)]},
            {"phase": "Pending", "startTime": THEN, "containerStatuses": [container(ENDED)]},
            True,
        ),
        (
            {"phase": "Running", "containerStatuses": [container(RUNNING)]},
            {"phase": "Running", "containerStatuses": [container(RUNNING, ready=True)]},
            True,
        ),
        ({"phase": "Running", "reason": "a"}, {"phase": "Running", "reason": "b"}, True),
    ],
)
def test_what_somebody_waits_for_is_urgent(
    before: dict[str, Any], after: dict[str, Any], urgent: bool
) -> None:
    assert is_urgent(known(**before), v1.PodStatus(**after)) is urgent


def test_an_object_goes_once_it_is_deleted_and_over_and_no_mirror() -> None:
    assert may_go(known(deleting=True, phase="Failed"))
    assert not may_go(known(deleting=True, phase="Running"))
    assert not may_go(known(phase="Failed"))
    assert not may_go(known(deleting=True, mirror=True, phase="Failed"))
