"""Conditions of a pod, case by case (kubelet-behaviour 1.5)."""

import datetime as dt

import pytest
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.conditions import Facts, derive_conditions
from tests.core.test_phase import R, W, dead, status
from tests.fakes.pods import a_container, a_pod

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
BEFORE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def ready(name: str) -> v1.ContainerStatus:
    return replace(status(name, R, started=True), ready=True)


def facts(*statuses: v1.ContainerStatus, phase: str = "Running", **others: object) -> Facts:
    pod = a_pod(
        a_container("b"),
        a_container("a"),
        initContainers=[a_container("i"), a_container("s", restartPolicy="Always")],
    )
    spec = replace(pod.spec, readinessGates=others.pop("gates", None))
    others.setdefault("sandbox_ready", True)
    return Facts(spec=spec, statuses=statuses, phase=phase, **others)  # type: ignore[arg-type]


def told(given: Facts, old: tuple[v1.PodCondition, ...] = ()) -> dict[str, v1.PodCondition]:
    return {c.type: c for c in derive_conditions(given, old, now=NOW)}


def words(condition: v1.PodCondition) -> tuple[str, str | None, str | None]:
    return condition.status, condition.reason, condition.message


INIT_DONE = replace(status("i", dead(0)), ready=True)
ALL_READY = (INIT_DONE, ready("s"), ready("a"), ready("b"))


def test_a_pod_that_runs_well_has_all_of_them() -> None:
    conditions = told(facts(*ALL_READY))
    assert {name: c.status for name, c in conditions.items()} == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
    }
    assert all(c.reason is None and c.message is None for c in conditions.values())


def test_a_sandbox_alone_makes_a_pod_ready_to_start_containers() -> None:
    assert told(facts(sandbox_ready=False))["PodReadyToStartContainers"].status == "False"
    assert told(facts())["PodReadyToStartContainers"].status == "True"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (
            (status("i", R), status("s", W), status("a", W), status("b", W)),
            "containers with incomplete status: [i s]",
        ),
        ((INIT_DONE, status("s", R)), "containers with incomplete status: [s]"),
        (
            (status("i", dead(1)),),
            "containers with unknown status: [s], containers with incomplete status: [i]",
        ),
    ],
)
def test_a_pod_is_not_initialized_before_its_init_containers_are_done(
    statuses: tuple[v1.ContainerStatus, ...], expected: str
) -> None:
    condition = told(facts(*statuses, phase="Pending"))["Initialized"]
    assert words(condition) == ("False", "ContainersNotInitialized", expected)


def test_a_pod_stays_initialized_once_a_regular_container_has_started() -> None:
    lost = (status("i", W), status("s", W), ready("a"), status("b", W))
    assert words(told(facts(*lost))["Initialized"]) == ("True", None, None)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (
            (ready("s"), ready("b"), status("a", R)),
            "containers with unready status: [a]",
        ),
        (
            (status("s", R), status("b", W), ready("a")),
            "containers with unready status: [s b]",
        ),
        (
            (status("s", R), ready("b")),
            "containers with unknown status: [a], containers with unready status: [s]",
        ),
    ],
)
def test_containers_and_sidecars_that_are_not_ready_are_named(
    statuses: tuple[v1.ContainerStatus, ...], expected: str
) -> None:
    conditions = told(facts(INIT_DONE, *statuses))
    for name in ("ContainersReady", "Ready"):
        assert words(conditions[name]) == ("False", "ContainersNotReady", expected)


@pytest.mark.parametrize(
    ("phase", "initialized", "other"),
    [("Succeeded", "PodCompleted", "PodCompleted"), ("Failed", None, "PodFailed")],
)
def test_a_pod_that_is_over_is_not_ready(phase: str, initialized: str | None, other: str) -> None:
    conditions = told(facts(*ALL_READY, phase=phase))
    assert words(conditions["Initialized"])[:2] == ("True", initialized)
    for name in ("ContainersReady", "Ready"):
        assert words(conditions[name])[:2] == ("False", other)


def test_readiness_gates_hold_ready_back_and_nothing_else() -> None:
    gates = [v1.PodReadinessGate(conditionType=name) for name in ("x/on", "x/off", "x/none")]
    old = (
        v1.PodCondition(type="x/on", status="True"),
        v1.PodCondition(type="x/off", status="False"),
    )
    conditions = told(facts(*ALL_READY, gates=gates), old)
    status_, reason, message = words(conditions["Ready"])
    assert (status_, reason) == ("False", "ReadinessGatesNotReady")
    assert message == (
        'the status of pod readiness gate "x/off" is not "True", but False, '
        'corresponding condition of pod readiness gate "x/none" does not exist.'
    )
    assert conditions["ContainersReady"].status == "True"
    assert conditions["x/on"] == old[0]


@pytest.mark.parametrize(
    ("restarting", "phase", "expected"),
    [
        (True, "Running", ("True", "RestartAllContainersStarted", None)),
        (False, "Running", ("False", None, None)),
        (False, "Succeeded", ("False", "PodCompleted", None)),
        (True, "Failed", ("False", "PodFailed", None)),
    ],
)
def test_a_restart_of_all_containers_is_a_condition(
    restarting: bool, phase: str, expected: tuple[str, str | None, str | None]
) -> None:
    conditions = told(facts(*ALL_READY, phase=phase, restarting_all=restarting))
    assert words(conditions["AllContainersRestarting"]) == expected


def test_a_disruption_is_told_where_there_is_one() -> None:
    condition = told(facts(phase="Failed", disruption="node shutdown"))["DisruptionTarget"]
    assert words(condition) == ("True", "TerminationByKubelet", "node shutdown")


def test_the_time_of_a_condition_moves_only_with_its_status() -> None:
    first = derive_conditions(facts(INIT_DONE), (), now=BEFORE)
    later = {c.type: c for c in derive_conditions(facts(*ALL_READY), first, now=NOW)}
    assert later["Ready"].lastTransitionTime == NOW
    assert later["PodScheduled"].lastTransitionTime == BEFORE
    held = facts(INIT_DONE, ready("s"), status("a", R), ready("b"))
    other = {c.type: c for c in derive_conditions(held, first, now=NOW)}
    assert other["Ready"].lastTransitionTime == BEFORE


def test_each_condition_carries_the_generation() -> None:
    assert {c.observedGeneration for c in told(facts(generation=7)).values()} == {7}
