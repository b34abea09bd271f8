"""What the planner decides, case by case."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1

from nodeagent.core.plan import plan_pod
from nodeagent.model.actions import (
    CreateSandbox,
    EnsureImage,
    ForgetPod,
    Plan,
    PreparePod,
    RemoveContainer,
    RemoveSandbox,
    RestartAll,
    StartContainer,
    StopContainers,
    StopSandbox,
    StopWhy,
    TearDownPod,
)
from nodeagent.model.ids import ContainerId, SandboxId
from nodeagent.model.memory import (
    Backoff,
    Ending,
    EndWhy,
    Health,
    ImageOutcome,
    ImageState,
    PodMemory,
    Trouble,
)
from nodeagent.model.observed import ObservedPod, Phase
from tests.fakes.pods import (
    BOX,
    RULES,
    UID,
    a_box,
    a_container,
    a_pod,
    an_image,
    ended,
    remembered,
    seen,
    sight,
)

NOW = 1000.0
NOTHING_SEEN = ObservedPod(uid=UID)


def plan(memory: PodMemory, view: ObservedPod, now: float = NOW) -> Plan:
    return plan_pod(memory, view, rules=RULES, now=now)


def starts(result: Plan) -> list[str]:
    return [a.name for a in result.actions if isinstance(a, StartContainer)]


def stops(result: Plan) -> list[str]:
    return [s.name for a in result.actions if isinstance(a, StopContainers) for s in a.stops]


def test_a_new_pod_gets_its_image_asked_for_its_folders_and_a_sandbox() -> None:
    result = plan(remembered(prepared=False), NOTHING_SEEN)
    assert result.actions == (
        EnsureImage(name="web", attempt=0),
        PreparePod(),
        CreateSandbox(attempt=0),
    )


def test_a_container_waits_for_its_image_and_then_starts() -> None:
    pulling = ImageOutcome(attempt=0, state=ImageState.PULLING)
    assert plan(remembered(images={"web": pulling}), sight()).actions == ()
    result = plan(remembered(images={"web": an_image()}), sight())
    assert result.actions == (StartContainer(name="web", attempt=0, restart_count=0),)


def test_a_failed_image_is_asked_for_again_when_its_time_has_come() -> None:
    failed = ImageOutcome(attempt=0, state=ImageState.FAILED, retry_at=NOW + 5)
    memory = remembered(images={"web": failed})
    assert plan(memory, sight()).wake_at == NOW + 5
    assert plan(memory, sight(), NOW + 5).actions == (EnsureImage(name="web", attempt=0),)


def test_a_start_after_a_restart_of_the_agent_prepares_the_pod_first() -> None:
    result = plan(remembered(prepared=False, images_at={"web": 0}), sight())
    assert [type(a) for a in result.actions] == [PreparePod, StartContainer]


def test_a_running_pod_needs_nothing() -> None:
    assert plan(remembered(), sight(seen())).actions == ()


def test_the_first_crash_restarts_at_once_and_remembers_ten_seconds() -> None:
    result = plan(remembered(images_at={"web": 1}), sight(ended(code=1, at=NOW)))
    (start,) = result.actions
    assert isinstance(start, StartContainer)
    assert (start.attempt, start.restart_count) == (1, 1)
    assert start.backoff is not None and start.backoff.delay == 10.0


@pytest.mark.parametrize(
    ("delay", "waited", "restarted"),
    [(10.0, 9.9, False), (10.0, 10.0, True), (300.0, 299.0, False), (300.0, 300.0, True)],
)
def test_a_crashed_container_waits_out_its_delay(
    delay: float, waited: float, restarted: bool
) -> None:
    crash = sight(ended(code=1, at=NOW))
    first = plan(remembered(images_at={"web": 1}), crash).actions[0]
    assert isinstance(first, StartContainer) and first.backoff is not None
    entry = msgspec.structs.replace(first.backoff, delay=delay, after="the one before")
    memory = remembered(images_at={"web": 1}, backoffs={"web": entry})
    result = plan(memory, crash, NOW + waited)
    assert bool(starts(result)) is restarted
    if not restarted:
        assert result.wake_at == NOW + delay


def test_ten_minutes_of_running_forgive_earlier_crashes() -> None:
    crash = sight(ended(code=1, at=NOW + 700))
    entry = Backoff(key="other", delay=300.0, at=NOW)
    key_of = plan(remembered(images_at={"web": 1}), crash, NOW + 700).actions[0]
    assert isinstance(key_of, StartContainer) and key_of.backoff is not None
    entry = msgspec.structs.replace(entry, key=key_of.backoff.key)
    memory = remembered(images_at={"web": 1}, backoffs={"web": entry})
    (start,) = plan(memory, crash, NOW + 700).actions
    assert isinstance(start, StartContainer) and start.backoff is not None
    assert start.backoff.delay == 10.0


def test_a_clock_set_back_does_not_hold_a_container() -> None:
    entry = Backoff(key="x", delay=300.0, at=NOW + 9e6)
    memory = remembered(images_at={"web": 1}, backoffs={"web": entry})
    assert starts(plan(memory, sight(ended(code=1, at=NOW + 9e6)))) == ["web"]


def test_a_pod_may_shorten_its_own_delays() -> None:
    pod = a_pod(annotations={"crashloop.nodeagent.dev/initial": "500ms"})
    result = plan(remembered(pod, images_at={"web": 1}), sight(ended(code=1, at=NOW)))
    (start,) = result.actions
    assert isinstance(start, StartContainer) and start.backoff is not None
    assert start.backoff.delay == 0.5


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_restart_policies(policy: str, code: int, again: bool) -> None:
    memory = remembered(a_pod(restartPolicy=policy), images_at={"web": 1})
    assert bool(starts(plan(memory, sight(ended(code=code))))) is again


@given(
    phase=st.sampled_from([Phase.RUNNING, Phase.EXITED]),
    code=st.integers(0, 255),
    now=st.floats(0, 1e9),
)
def test_never_means_never(phase: Phase, code: int, now: float) -> None:
    memory = remembered(a_pod(restartPolicy="Never"), images_at={"web": 1})
    record = seen(phase=phase, exit_code=code, finished_at=50.0)
    assert not starts(plan(memory, sight(record), now))


def test_a_container_rule_wins_over_the_policies() -> None:
    rule = v1.ContainerRestartRule(
        action="Restart",
        exitCodes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=[42]),
    )
    ruled = a_container(restartPolicy="Never", restartPolicyRules=[rule])
    memory = remembered(a_pod(ruled, restartPolicy="Never"), images_at={"web": 1})
    assert starts(plan(memory, sight(ended(code=42)))) == ["web"]
    assert starts(plan(memory, sight(ended(code=41)))) == []


def test_restart_all_stops_then_forgets_then_begins_anew() -> None:
    rule = v1.ContainerRestartRule(
        action="RestartAllContainers",
        exitCodes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=[7]),
    )
    pod = a_pod(a_container(restartPolicy="Never", restartPolicyRules=[rule]), a_container("b"))
    view = sight(ended(code=7), seen("b"))
    assert plan(remembered(pod), view).restart_all is RestartAll.BEGIN
    begun = remembered(pod, restart_all=NOW)
    result = plan(begun, view)
    assert stops(result) == ["b"]
    assert all(s.grace == 0 and not s.pre_stop for s in result.actions[0].stops)  # type: ignore[union-attr]
    after = sight(ended(code=7), ended("b", code=137))
    assert {type(a) for a in plan(begun, after).actions} == {RemoveContainer}
    assert plan(begun, sight()).restart_all is RestartAll.END


def test_a_changed_image_stops_the_container_and_runs_it_again_under_any_policy() -> None:
    pod = a_pod(a_container(image="busybox:2"), restartPolicy="Never")
    result = plan(remembered(pod), sight(seen()))
    (stop,) = result.actions
    assert isinstance(stop, StopContainers) and stop.stops[0].why is StopWhy.SPEC_CHANGED
    memory = remembered(pod, replaced={"web": ContainerId("web-0")}, images_at={"web": 1})
    assert starts(plan(memory, sight(ended(code=137)))) == ["web"]


def test_a_failed_liveness_probe_stops_with_the_probes_own_grace() -> None:
    probe = v1.Probe(terminationGracePeriodSeconds=3)
    pod = a_pod(a_container(livenessProbe=probe))
    sick = {"web": Health(id="web-0", failed="Liveness")}
    (stop,) = plan(remembered(pod, health=sick), sight(seen())).actions
    assert isinstance(stop, StopContainers)
    assert (stop.stops[0].grace, stop.stops[0].why) == (3.0, StopWhy.LIVENESS)


def test_the_verdict_on_an_older_instance_does_not_touch_the_new_one() -> None:
    sick = {"web": Health(id="web-0", failed="Liveness")}
    view = sight(seen(restart_count=1), ended(code=1))
    assert stops(plan(remembered(health=sick), view)) == []


def test_a_created_container_is_started_and_not_made_again() -> None:
    result = plan(remembered(images_at={"web": 0}), sight(seen(phase=Phase.CREATED)))
    (start,) = result.actions
    assert isinstance(start, StartContainer) and start.adopt == "web-0"
    assert start.restart_count == 0


def test_a_start_that_failed_waits_for_its_next_try() -> None:
    trouble = Trouble(reason="CreateContainerError", message="no", at=NOW, retry_at=NOW + 3)
    memory = remembered(troubles={"web": trouble}, images_at={"web": 0})
    assert plan(memory, sight()).wake_at == NOW + 3
    assert starts(plan(memory, sight(), NOW + 3)) == ["web"]


def test_restart_counts_go_on_where_the_runtime_lost_its_records() -> None:
    memory = remembered(restart_counts={"web": 4}, images_at={"web": 5})
    (start,) = plan(memory, sight()).actions
    assert isinstance(start, StartContainer) and start.restart_count == 5


# --- init containers --------------------------------------------------------------------------


def with_init(*init: v1.Container, **spec: Any) -> PodMemory:
    names = [c.name for c in init] + ["web"]
    return remembered(
        a_pod(initContainers=list(init), **spec), images_at={name: 0 for name in names}
    )


def test_init_containers_run_one_by_one_before_the_others() -> None:
    memory = with_init(a_container("a"), a_container("b"))
    assert starts(plan(memory, sight())) == ["a"]
    assert starts(plan(memory, sight(seen("a")))) == []
    assert starts(plan(memory, sight(ended("a")))) == ["b"]
    assert starts(plan(memory, sight(ended("a"), ended("b")))) == ["web"]


def test_a_failed_init_container_runs_again_unless_the_policy_is_never() -> None:
    memory = with_init(a_container("a"))
    memory = msgspec.structs.replace(memory, images={"a": an_image(1)})
    assert starts(plan(memory, sight(ended("a", code=1)))) == ["a"]
    never = with_init(a_container("a"), restartPolicy="Never")
    assert plan(never, sight(ended("a", code=1))).actions == ()


def test_a_sidecar_lets_the_next_one_start_once_it_has_started() -> None:
    side = a_container("s", restartPolicy="Always", startupProbe=v1.Probe())
    memory = with_init(side)
    assert starts(plan(memory, sight(seen("s")))) == []
    up = msgspec.structs.replace(memory, health={"s": Health(id="s-0", started=True)})
    assert starts(plan(up, sight(seen("s")))) == ["web"]


def test_a_sidecar_comes_back_in_every_phase_and_plain_init_never_again() -> None:
    side = a_container("s", restartPolicy="Always")
    memory = with_init(a_container("a"), side)
    memory = msgspec.structs.replace(memory, images={"s": an_image(1), "web": an_image()})
    assert starts(plan(memory, sight(ended("a"), ended("s", code=1), seen()))) == ["s"]
    assert starts(plan(memory, sight(seen("s"), seen()))) == []


# --- sandboxes --------------------------------------------------------------------------------


def test_a_dead_sandbox_is_stopped_once_and_replaced_by_the_next_attempt() -> None:
    dead = a_box(ready=False)
    view = sight(ended(code=137), boxes=(dead,))
    assert plan(remembered(), view).actions == (StopSandbox(id=BOX),)
    memory = remembered(stopped_sandboxes=(BOX,), images_at={"web": 1})
    assert plan(memory, view).actions == (CreateSandbox(attempt=1),)


def test_containers_of_a_dead_sandbox_are_ended_first() -> None:
    view = sight(seen(), boxes=(a_box(ready=False),))
    assert stops(plan(remembered(), view)) == ["web"]


def test_a_grace_of_nothing_is_nothing_also_where_the_sandbox_died() -> None:
    view = sight(seen(), boxes=(a_box(ready=False),))
    (stop,) = plan(remembered(a_pod(terminationGracePeriodSeconds=0)), view).actions
    assert isinstance(stop, StopContainers) and stop.stops[0].grace == 0.0


def test_a_pod_that_must_not_restart_gets_no_second_sandbox() -> None:
    view = sight(ended(code=0), boxes=(a_box(ready=False),))
    never = remembered(a_pod(restartPolicy="Never"), stopped_sandboxes=(BOX,))
    assert plan(never, view).actions == ()
    done = remembered(a_pod(restartPolicy="OnFailure"), stopped_sandboxes=(BOX,))
    assert plan(done, view).actions == ()


@pytest.mark.parametrize(
    ("boxes", "spec"),
    [
        ((a_box(attempt=1, id=SandboxId("b1")), a_box()), {}),
        ((a_box(host_network=True),), {}),
        ((a_box(ips=()),), {}),
        ((a_box(),), {"hostNetwork": True}),
    ],
)
def test_a_sandbox_that_does_not_serve_is_replaced(
    boxes: tuple[object, ...], spec: dict[str, object]
) -> None:
    result = plan(remembered(a_pod(**spec)), sight(boxes=boxes))  # type: ignore[arg-type]
    assert [type(a) for a in result.actions] == [StopSandbox] * len(boxes)


def test_old_records_are_swept_and_the_last_two_kept() -> None:
    view = sight(
        seen(restart_count=3),
        ended(code=1, restart_count=2),
        ended(code=1, restart_count=1),
        ended(code=1, restart_count=0, sandbox_id=SandboxId("old")),
        boxes=(a_box(), a_box(id=SandboxId("old"), ready=False, created_at=0.5)),
    )
    result = plan(remembered(), view)
    removed = {a.id for a in result.actions if isinstance(a, RemoveContainer)}
    assert removed == {"web-1", "web-0"}
    assert [a.id for a in result.actions if isinstance(a, RemoveSandbox)] == ["old"]


# --- the end ----------------------------------------------------------------------------------


def ending(why: EndWhy = EndWhy.DELETED, grace: float = 30.0, at: float = NOW) -> Ending:
    return Ending(why=why, at=at, grace=grace)


def test_a_deleted_pod_ends_in_stages() -> None:
    memory = remembered(ending=ending())
    assert stops(plan(memory, sight(seen()))) == ["web"]
    assert plan(memory, sight(ended())).actions == (StopSandbox(id=BOX),)
    quiet = sight(ended(), boxes=(a_box(ready=False),))
    memory = msgspec.structs.replace(memory, stopped_sandboxes=(BOX,))
    assert plan(memory, quiet).actions == (TearDownPod(),)
    memory = msgspec.structs.replace(memory, torn_down=True)
    assert plan(memory, quiet).actions == (
        RemoveContainer(id=ContainerId("web-0"), name="web", with_logs=True),
        RemoveSandbox(id=BOX),
        ForgetPod(),
    )
    assert plan(memory, NOTHING_SEEN).actions == (ForgetPod(),)


def test_a_finished_pod_keeps_its_records() -> None:
    memory = remembered(ending=ending(EndWhy.FINISHED), torn_down=True, stopped_sandboxes=(BOX,))
    assert plan(memory, sight(ended(), boxes=(a_box(ready=False),))).actions == ()


def test_stopping_spends_what_is_left_of_the_one_deadline() -> None:
    memory = remembered(ending=ending(grace=30.0, at=NOW - 20))
    (stop,) = plan(memory, sight(seen())).actions
    assert isinstance(stop, StopContainers) and stop.stops[0].grace == 10.0
    late = remembered(ending=ending(grace=30.0, at=NOW - 100))
    (stop,) = plan(late, sight(seen())).actions
    assert isinstance(stop, StopContainers)
    assert stop.stops[0].grace == 0.0 and not stop.stops[0].pre_stop


def test_sidecars_end_after_the_others_in_reverse_order() -> None:
    pod = a_pod(
        initContainers=[
            a_container("s1", restartPolicy="Always"),
            a_container("s2", restartPolicy="Always"),
        ]
    )
    memory = remembered(pod, ending=ending())
    (stop,) = plan(memory, sight(seen("s1"), seen("s2"), seen())).actions
    assert isinstance(stop, StopContainers)
    after = {s.name: s.after for s in stop.stops}
    assert after == {"web": (), "s2": ("web",), "s1": ("web", "s2")}


def test_equal_inputs_give_equal_plans() -> None:
    memory, view = remembered(images_at={"web": 1}), sight(ended(code=1, at=NOW))
    assert plan(memory, view) == plan(memory, view)
