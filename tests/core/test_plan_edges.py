"""Rare turns of the planner, and what of them is remembered."""

import pytest
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.plan import with_wake
from nodeagent.core.plan_init import next_init
from nodeagent.core.remember import (
    with_counts,
    with_failed_hook,
    with_restarts,
    with_stops,
    with_trouble,
    without_trouble,
)
from nodeagent.core.status import derive_status
from nodeagent.model.actions import (
    EnsureImage,
    Plan,
    RemoveContainer,
    StartContainer,
    StopContainers,
    StopOne,
    StopWhy,
)
from nodeagent.model.desired import Source
from nodeagent.model.ends import EndReason
from nodeagent.model.ids import ContainerId, SandboxId
from nodeagent.model.memory import (
    Backoff,
    Ending,
    EndWhy,
    Health,
    ImageOutcome,
    ImageState,
    Trouble,
)
from nodeagent.model.observed import Phase
from tests.core.test_plan import NOTHING_SEEN, NOW, plan, starts, stops
from tests.fakes.pods import (
    BOX,
    NODE,
    RULES,
    a_box,
    a_container,
    a_pod,
    ended,
    remembered,
    seen,
    sight,
)

SIDE = a_container("side", restartPolicy="Always")


def first_stop(result: Plan) -> StopOne:
    (action,) = result.actions
    assert isinstance(action, StopContainers)
    return action.stops[0]


def images_of(result: Plan) -> list[str]:
    return [a.name for a in result.actions if isinstance(a, EnsureImage)]


def test_a_container_that_left_the_spec_is_stopped() -> None:
    stop = first_stop(plan(remembered(), sight(seen("gone"), seen())))
    assert (stop.name, stop.message) == ("gone", "no longer in the pod's spec")


def test_a_container_in_an_unknown_state_is_stopped_and_not_run_again_for_that() -> None:
    stop = first_stop(plan(remembered(), sight(seen(phase=Phase.UNKNOWN))))
    assert (stop.why, stop.grace) == (StopWhy.UNKNOWN, 2.0)
    stopped = StopContainers(stops=(stop,))
    assert with_stops(remembered(), stopped, now=NOW).replaced == {}


def test_a_container_whose_hook_failed_is_stopped_for_that() -> None:
    memory = with_failed_hook(remembered(), "web-0", "exit 1", now=NOW)
    assert first_stop(plan(memory, sight(seen()))).why is StopWhy.POST_START


def test_a_failed_startup_probe_stops_with_the_probes_words() -> None:
    pod = a_pod(a_container(startupProbe=v1.Probe()))
    sick = {"web": Health(id="web-0", failed="Startup", message="refused")}
    stop = first_stop(plan(remembered(pod, health=sick), sight(seen())))
    assert (stop.why, stop.detail, stop.grace) == (StopWhy.STARTUP, "refused", 30.0)


def test_a_restart_the_operator_asked_for_stops_what_started_before() -> None:
    memory = with_restarts(remembered(), {"web": NOW})
    assert first_stop(plan(memory, sight(seen()))).why is StopWhy.OPERATOR
    assert plan(memory, sight(seen(started_at=NOW + 1))).actions == ()
    assert with_restarts(memory, {}) == memory


def test_the_operators_wish_forgets_back_off_and_trouble() -> None:
    memory = remembered(
        backoffs={"web": Backoff(key="k", delay=9.0, at=1.0)},
        troubles={"web": Trouble(reason="r", message="m", at=NOW)},
    )
    memory = with_restarts(memory, {"web": NOW})
    assert (memory.backoffs, memory.troubles) == ({}, {})


def test_the_second_failed_start_in_a_row_moves_to_the_next_attempt() -> None:
    action = StartContainer(name="web", attempt=3, restart_count=2)
    once = Trouble(reason="CreateContainerError", message="taken", at=NOW)
    memory = with_trouble(remembered(), action, once)
    assert (memory.attempts, memory.troubles) == ({}, {"web": once})
    memory = with_trouble(memory, action, replace(once, count=2))
    assert memory.attempts == {"web": 4}
    assert without_trouble(memory, "web").troubles == {}
    (start,) = plan(
        replace(without_trouble(memory, "web"), restart_counts={"web": 1}, images={}), sight()
    ).actions
    assert start == EnsureImage(name="web", attempt=2)


def test_counts_only_grow_and_leave_out_what_never_started() -> None:
    memory = with_counts(remembered(), sight(seen(restart_count=4)))
    assert memory.restart_counts == {"web": 4}
    memory = with_counts(memory, sight(seen(restart_count=7, phase=Phase.CREATED), ended()))
    assert memory.restart_counts == {"web": 4}


def test_a_repeated_stop_keeps_the_time_of_the_first() -> None:
    stop = StopOne(id=ContainerId("web-0"), name="web", grace=3.0, why=StopWhy.LIVENESS)
    action = StopContainers(stops=(stop,))
    memory = with_stops(with_stops(remembered(), action, now=NOW), action, now=NOW + 9)
    assert memory.ends["web-0"].at == NOW
    deleted = StopContainers(stops=(replace(stop, why=StopWhy.POD_DELETED),))
    memory = with_stops(memory, deleted, now=NOW + 9)
    assert (memory.ends["web-0"].reason, memory.ends["web-0"].at) == (
        EndReason.POD_DELETED,
        NOW + 9,
    )


def test_a_container_made_for_an_older_definition_is_not_started() -> None:
    old = seen(phase=Phase.CREATED, spec_hash="old")
    result = plan(remembered(images_at={"web": 0}), sight(old))
    (start,) = (a for a in result.actions if isinstance(a, StartContainer))
    assert (start.adopt, start.attempt, start.restart_count) == (None, 1, 0)


def test_a_container_made_too_late_is_removed_and_never_started() -> None:
    late = seen(phase=Phase.CREATED, restart_count=0, created_at=1.0)
    result = plan(remembered(), sight(seen(restart_count=1, id="web-x"), late))
    assert result.actions == (RemoveContainer(id=ContainerId("web-0"), name="web", with_logs=True),)


@pytest.mark.parametrize("side", [ended("side", code=1), seen("side", phase=Phase.UNKNOWN)])
def test_a_sidecar_that_does_not_run_lets_nothing_pass(side: object) -> None:
    memory = remembered(a_pod(initContainers=[SIDE]), images_at={"side": 1, "web": 0})
    assert "web" not in starts(plan(memory, sight(side)))  # type: ignore[arg-type]


def test_a_sidecar_in_an_unknown_state_has_not_started() -> None:
    memory = remembered(a_pod(initContainers=[SIDE]))
    assert next_init(memory, (seen("side", phase=Phase.UNKNOWN),)) == ([], False)


def test_a_record_without_its_sandbox_does_not_disturb() -> None:
    lone = ended(code=1, sandbox_id=SandboxId("gone"))
    assert plan(remembered(), sight(seen(restart_count=1), lone)).actions == ()


def test_an_ephemeral_container_starts_once_before_anything_else() -> None:
    debug = v1.EphemeralContainer(name="debug", image="busybox:1")
    pod = a_pod(ephemeralContainers=[debug], initContainers=[a_container("init")])
    memory = remembered(pod, images_at={"debug": 0, "init": 0})
    assert starts(plan(memory, sight())) == ["debug", "init"]
    assert starts(plan(memory, sight(ended("debug", code=1), seen("init")))) == []


def test_a_new_sandbox_asks_for_the_images_of_what_starts_first() -> None:
    debug = v1.EphemeralContainer(name="debug", image="busybox:1")
    pod = a_pod(initContainers=[SIDE, a_container("init")], ephemeralContainers=[debug])
    asked = [
        a.name for a in plan(remembered(pod), NOTHING_SEEN).actions if isinstance(a, EnsureImage)
    ]
    assert asked == ["side", "init"]
    plain = a_pod(ephemeralContainers=[debug])
    asked = [
        a.name for a in plan(remembered(plain), NOTHING_SEEN).actions if isinstance(a, EnsureImage)
    ]
    assert asked == ["web"]
    failed = ImageOutcome(attempt=0, state=ImageState.FAILED, retry_at=NOW + 1)
    held = plan(remembered(images={"web": failed}), NOTHING_SEEN)
    assert images_of(held) == []


def test_a_dead_sandbox_of_a_pod_with_its_own_policies_is_replaced_by_them() -> None:
    dead = a_box(ready=False)
    often = a_pod(a_container(restartPolicy="Always"), restartPolicy="Never")
    memory = remembered(often, stopped_sandboxes=(BOX,))
    assert plan(memory, sight(ended(), boxes=(dead,))).actions
    both = a_pod(a_container("a"), a_container("b"), restartPolicy="OnFailure")
    memory = remembered(both, stopped_sandboxes=(BOX,))
    assert plan(memory, sight(ended("a"), boxes=(dead,))).actions
    assert plan(memory, sight(ended("a"), ended("b"), boxes=(dead,))).actions == ()


def test_waking_takes_the_nearer_time() -> None:
    assert with_wake(Plan(wake_at=5.0), 3.0).wake_at == 3.0
    assert with_wake(Plan(wake_at=5.0), 9.0).wake_at == 5.0
    assert with_wake(Plan(), 9.0).wake_at == 9.0
    assert with_wake(Plan(wake_at=5.0), None) == Plan(wake_at=5.0)


def test_a_pod_of_the_api_that_ended_half_way_has_failed_once_taken_down() -> None:
    pod = replace(a_pod(a_container("a"), a_container("b")), source=Source.API)
    ending = Ending(why=EndWhy.DELETED, at=NOW, grace=1.0)
    memory = remembered(pod, ending=ending, torn_down=True)
    view = sight(ended("a"), seen("b", phase=Phase.CREATED))
    told = derive_status(memory, view, node=NODE, rules=RULES, now=NOW)
    assert told.phase == "Failed"
    assert stops(plan(memory, view)) == []


@pytest.mark.parametrize(
    ("policy", "again"), [("Always", True), ("OnFailure", True), ("Never", False)]
)
def test_a_container_that_a_probe_ended_failed_whatever_its_exit_code(
    policy: str, again: bool
) -> None:
    pod = a_pod(a_container(livenessProbe=v1.Probe()), restartPolicy=policy)
    stop = StopOne(id=ContainerId("web-0"), name="web", grace=3.0, why=StopWhy.LIVENESS)
    memory = remembered(pod, images_at={"web": 1})
    memory = with_stops(memory, StopContainers(stops=(stop,)), now=NOW)
    view = sight(ended(code=0, at=NOW))
    result = plan(memory, view)
    assert bool(starts(result)) is again
    told = derive_status(memory, view, node=NODE, rules=RULES, now=NOW)
    assert told.phase == ("Running" if again else "Succeeded")
    if again:
        (start,) = result.actions
        assert isinstance(start, StartContainer) and start.backoff is not None


def test_a_stop_by_a_probe_of_what_is_no_longer_in_the_spec_is_just_a_stop() -> None:
    stop = StopOne(id=ContainerId("x-0"), name="x", grace=3.0, why=StopWhy.LIVENESS)
    assert with_stops(remembered(), StopContainers(stops=(stop,)), now=NOW).replaced == {}
