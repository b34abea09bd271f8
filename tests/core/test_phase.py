"""A pod's phase from its container statuses, case by case (kubelet-behaviour 1.4)."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.phase import has_regular_begun, phase_of
from tests.fakes.pods import a_container, a_pod

R = v1.ContainerState(running=v1.ContainerStateRunning())
W = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason="ContainerCreating"))
NOTHING = v1.ContainerState()


def dead(code: int, reason: str = "") -> v1.ContainerState:
    return v1.ContainerState(
        terminated=v1.ContainerStateTerminated(exitCode=code, reason=reason or None)
    )


def status(
    name: str,
    state: v1.ContainerState,
    *,
    last: v1.ContainerState | None = None,
    started: bool = False,
) -> v1.ContainerStatus:
    return v1.ContainerStatus(
        name=name,
        image="",
        imageID="",
        ready=False,
        restartCount=0,
        state=state,
        lastState=last,
        started=started,
    )


def phase(
    policy: str,
    *statuses: v1.ContainerStatus,
    ending: bool = False,
    is_static: bool = False,
    replaced: tuple[str, ...] = (),
) -> str:
    """Of a pod with the regular containers a and b."""
    spec = a_pod(a_container("a"), a_container("b"), restartPolicy=policy).spec
    return phase_of(spec, statuses, ending=ending, is_static=is_static, replaced=replaced)


@pytest.mark.parametrize(
    ("policy", "a", "b", "expected"),
    [
        ("Always", W, W, "Pending"),
        ("Always", R, W, "Pending"),
        ("Always", R, R, "Running"),
        ("Always", R, dead(1), "Running"),
        ("Never", R, dead(1), "Running"),
        ("Always", dead(0), dead(0), "Running"),
        ("Always", dead(1), dead(0), "Running"),
        ("OnFailure", dead(0), dead(0), "Succeeded"),
        ("OnFailure", dead(1), dead(0), "Running"),
        ("Never", dead(0), dead(0), "Succeeded"),
        ("Never", dead(1), dead(0), "Failed"),
        ("Never", dead(137), dead(0), "Failed"),
        ("Always", NOTHING, R, "Pending"),
        ("Always", NOTHING, NOTHING, "Pending"),
    ],
)
def test_phases_of_two_regular_containers(
    policy: str, a: v1.ContainerState, b: v1.ContainerState, expected: str
) -> None:
    assert phase(policy, status("a", a), status("b", b)) == expected


def test_a_container_that_waits_for_its_restart_counts_as_ended() -> None:
    crashing = status("a", W, last=dead(1))
    assert phase("Always", crashing, status("b", R)) == "Running"
    assert phase("Always", crashing, status("b", dead(0))) == "Running"


def test_a_container_without_status_keeps_the_pod_pending() -> None:
    assert phase("Always", status("a", R)) == "Pending"
    assert phase("Never", status("a", dead(0))) == "Pending"


@pytest.mark.parametrize(("code", "expected"), [(0, "Succeeded"), (1, "Failed")])
def test_a_pod_that_ends_is_over_whatever_its_policy_says(code: int, expected: str) -> None:
    both = status("a", dead(0)), status("b", dead(code))
    assert phase("Always", *both, ending=True) == expected
    assert phase("Always", *both, ending=True, is_static=True) == "Running"


def test_an_end_of_our_own_making_is_not_the_pods() -> None:
    both = status("a", dead(137)), status("b", dead(0))
    assert phase("Never", *both) == "Failed"
    assert phase("Never", *both, replaced=("a",)) == "Running"


def with_init(
    policy: str, init: v1.ContainerStatus | None, *regular: v1.ContainerStatus, side: bool = False
) -> str:
    """Of a pod with the init container i and the regular container a."""
    first = a_container("i", restartPolicy="Always") if side else a_container("i")
    spec = a_pod(a_container("a"), initContainers=[first], restartPolicy=policy).spec
    every = [*([init] if init else []), *regular]
    return phase_of(spec, every, ending=False, is_static=False)


@pytest.mark.parametrize(
    ("policy", "init", "expected"),
    [
        ("Always", W, "Pending"),
        ("Always", R, "Pending"),
        ("Always", dead(1), "Pending"),
        ("OnFailure", dead(1), "Pending"),
        ("Never", dead(1), "Failed"),
        ("Never", dead(0), "Pending"),
    ],
)
def test_an_init_container_that_is_not_done_keeps_the_pod_pending(
    policy: str, init: v1.ContainerState, expected: str
) -> None:
    assert with_init(policy, status("i", init), status("a", W)) == expected


def test_an_init_container_without_status_keeps_the_pod_pending() -> None:
    assert with_init("Always", None, status("a", W)) == "Pending"


def test_once_a_regular_container_ran_init_containers_no_longer_count() -> None:
    assert with_init("Always", status("i", dead(1)), status("a", R)) == "Running"
    assert with_init("Never", status("i", W), status("a", dead(0))) == "Succeeded"


def test_the_exit_code_of_a_sidecar_does_not_count() -> None:
    over = status("a", dead(0))
    assert with_init("Never", status("i", dead(137)), over, side=True) == "Succeeded"


@pytest.mark.parametrize(("started", "state"), [(False, R), (True, R)])
def test_a_sidecar_must_have_started(started: bool, state: v1.ContainerState) -> None:
    side = status("i", state, started=started)
    assert with_init("Always", side, status("a", W), side=True) == "Pending"
    assert with_init("Always", side, status("a", R), side=True) == "Running"
    assert with_init("Always", None, status("a", W), side=True) == "Pending"


def test_a_pod_has_begun_once_a_regular_container_runs_or_ran() -> None:
    spec = a_pod(a_container("a"), initContainers=[a_container("i")]).spec
    assert not has_regular_begun(spec, [status("i", R), status("a", W)])
    assert has_regular_begun(spec, [status("a", R)])
    assert has_regular_begun(spec, [status("a", W, last=dead(1))])
