"""How probe results add up."""

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.probes import (
    absorb,
    absorb_early,
    excuse,
    fast_pause,
    fresh,
    health_of,
    is_fast,
    may_run_from,
    settle,
    starved,
    why_not,
)
from nodeagent.model.events import Subject
from nodeagent.model.memory import Health
from nodeagent.model.probes import (
    BrokenCheck,
    Check,
    ExecCheck,
    GrpcCheck,
    HttpCheck,
    Look,
    ProbeKind,
    ProbeRules,
    ProbeSpec,
    ProbeState,
    Target,
    TcpCheck,
    Verdict,
)

RUNNING = Look(id="c1", running=True, started_at=100.0)


def a_spec(kind: ProbeKind = ProbeKind.READINESS, **more: object) -> ProbeSpec:
    spec = ProbeSpec(
        container="web", kind=kind, subject=Subject(name="web"), check=TcpCheck(port=80)
    )
    return msgspec.structs.replace(spec, **more)


class PlainModel:
    """The reference's words as a list of results: a verdict turns on enough equal last ones."""

    def __init__(self, spec: ProbeSpec) -> None:
        self.spec, self.results = spec, list[bool]()
        self.verdict = fresh(spec, "c1").verdict
        self.held = False

    def add(self, ok: bool) -> None:
        if self.held:
            return
        self.results.append(ok)
        need = self.spec.success_threshold if ok else self.spec.failure_threshold
        if len(self.results) >= need and all(r is ok for r in self.results[-need:]):
            self.verdict = Verdict.SUCCESS if ok else Verdict.FAILURE
            if self.spec.kind is ProbeKind.STARTUP:
                self.held = True
            if self.spec.kind is ProbeKind.LIVENESS and not ok:
                self.held = True


@given(
    kind=st.sampled_from(ProbeKind),
    need=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    results=st.lists(st.booleans(), max_size=40),
)
def test_tallies_agree_with_a_plain_count_of_equal_results(
    kind: ProbeKind, need: tuple[int, int], results: list[bool]
) -> None:
    spec = a_spec(kind, success_threshold=need[0], failure_threshold=need[1])
    model, state = PlainModel(spec), fresh(spec, "c1")
    for ok in results:
        model.add(ok)
        if may_run_from(spec, state, RUNNING) is not None:
            state = absorb(spec, state, ok=ok)
        assert (state.verdict, state.held) == (model.verdict, model.held)
        assert state.streak <= max(need)
        assert state.met == (True in model.results)


@given(results=st.lists(st.booleans(), max_size=20), cut=st.integers(0, 20))
def test_a_state_read_back_from_disk_goes_on_as_if_nothing_had_happened(
    results: list[bool], cut: int
) -> None:
    spec = a_spec(success_threshold=2, failure_threshold=3)
    straight = through = fresh(spec, "c1")
    for number, ok in enumerate(results):
        if number == cut:
            through = msgspec.json.decode(msgspec.json.encode(through), type=ProbeState)
            through = settle(spec, through, RUNNING)
        straight, through = absorb(spec, straight, ok=ok), absorb(spec, through, ok=ok)
    assert straight == through


def test_a_steady_probe_does_not_change_its_state() -> None:
    spec = a_spec(success_threshold=3)
    state = fresh(spec, "c1")
    for _ in range(3):
        state = absorb(spec, state, ok=True)
    assert absorb(spec, state, ok=True) == state


@pytest.mark.parametrize(
    ("kind", "started", "ready"),
    [
        (ProbeKind.LIVENESS, True, True),
        (ProbeKind.READINESS, True, False),
        (ProbeKind.STARTUP, False, False),
    ],
)
def test_before_the_first_result_each_kind_has_its_own_initial_value(
    kind: ProbeKind, started: bool, ready: bool
) -> None:
    health = health_of(RUNNING, [fresh(a_spec(kind), "c1")])
    assert (health.started, health.ready, health.failed) == (started, ready, "")


def test_a_failed_liveness_probe_is_held_until_there_is_a_new_instance() -> None:
    spec = a_spec(ProbeKind.LIVENESS, failure_threshold=1)
    state = absorb(spec, fresh(spec, "c1"), ok=False, output="no answer")
    assert may_run_from(spec, state, RUNNING) is None
    assert health_of(RUNNING, [state]) == Health(id="c1", failed="Liveness", message="no answer")
    again = settle(spec, state, Look(id="c2", running=True, started_at=200.0))
    assert again == fresh(spec, "c2")


def test_a_failed_startup_probe_says_so_and_nothing_is_ready() -> None:
    spec = a_spec(ProbeKind.STARTUP, failure_threshold=1)
    state = absorb(spec, fresh(spec, "c1"), ok=False, output="slow")
    assert health_of(RUNNING, [state]) == Health(
        id="c1", started=False, ready=False, failed="Startup", message="slow"
    )


def test_readiness_that_never_was_tells_the_output_of_the_deciding_try() -> None:
    spec = a_spec(failure_threshold=2)
    state = absorb(spec, fresh(spec, "c1"), ok=False, output="first")
    state = absorb(spec, state, ok=False, output="second")
    assert health_of(RUNNING, [state]).message == "second"
    assert absorb(spec, state, ok=False, output="third") == state


def test_a_container_that_does_not_run_is_not_ready_and_not_failed() -> None:
    over = Look(id="c1", running=False, started_at=100.0)
    live, ready = a_spec(ProbeKind.LIVENESS), a_spec()
    states = [
        settle(live, fresh(live, "c1"), over),
        settle(ready, absorb(ready, fresh(ready, "c1"), ok=True), over),
    ]
    assert health_of(over, states) == Health(id="c1", started=False, ready=False)
    assert [may_run_from(spec, s, over) for spec, s in zip((live, ready), states, strict=True)] == [
        None,
        None,
    ]


def test_while_the_pod_ends_only_readiness_goes_on() -> None:
    ending = Look(id="c1", running=True, started_at=100.0, ending=True)
    for kind in (ProbeKind.LIVENESS, ProbeKind.STARTUP):
        spec = a_spec(kind, failure_threshold=1)
        state = settle(spec, absorb(spec, fresh(spec, "c1"), ok=False), ending)
        assert may_run_from(spec, state, ending) is None
        assert health_of(ending, [state]).failed == ""
        assert settle(spec, state, ending) == state
    spec = a_spec()
    assert may_run_from(spec, settle(spec, fresh(spec, "c1"), ending), ending) == 100.0


def test_the_startup_probe_gates_the_others_and_delays_count_from_the_start() -> None:
    waiting = Look(id="c1", running=True, started_at=100.0, started=False)
    live = a_spec(ProbeKind.LIVENESS, initial_delay=5.0)
    startup = a_spec(ProbeKind.STARTUP, initial_delay=7.0)
    assert may_run_from(live, fresh(live, "c1"), waiting) is None
    assert may_run_from(startup, fresh(startup, "c1"), waiting) == 107.0
    assert may_run_from(live, fresh(live, "c1"), RUNNING) == 105.0
    passed = absorb(startup, fresh(startup, "c1"), ok=True)
    assert may_run_from(startup, passed, RUNNING) is None


def test_a_failure_between_two_declared_tries_does_not_count() -> None:
    spec = a_spec(ProbeKind.STARTUP, failure_threshold=1, fast=True)
    state = fresh(spec, "c1")
    assert absorb_early(spec, state, ok=False) == state
    assert absorb_early(spec, state, ok=True).verdict is Verdict.SUCCESS


def test_quick_polling_ends_with_the_first_success() -> None:
    spec = a_spec(fast=True, success_threshold=3)
    state = fresh(spec, "c1")
    assert is_fast(spec, state)
    assert is_fast(spec, absorb(spec, state, ok=False))
    assert not is_fast(spec, absorb(spec, state, ok=True))
    assert not is_fast(a_spec(), state)


@pytest.mark.parametrize(
    ("took", "waited", "crowd", "pause"),
    [
        (0.001, 1.0, 0.0, 0.1),
        (0.5, 1.0, 0.0, 2.0),
        (0.001, 600.0, 0.0, 1.0),
        (0.001, 1.0, 0.22, 0.22),
        (60.0, 1.0, 0.0, 10.0),
    ],
)
def test_quick_tries_spare_what_is_slow_old_or_many(
    took: float, waited: float, crowd: float, pause: float
) -> None:
    assert fast_pause(a_spec(), took=took, waited=waited, crowd=crowd) == pytest.approx(pause)


def test_excuses_are_forgotten_with_a_success_only() -> None:
    spec = a_spec(ProbeKind.LIVENESS)
    state = excuse(excuse(fresh(spec, "c1")))
    assert absorb(spec, state, ok=False).excused == 2
    assert absorb(spec, state, ok=True).excused == 0


@pytest.mark.parametrize(
    ("pressure", "lag", "says"),
    [
        ({}, 0.0, ""),
        ({"cpu.some": 79.9, "memory.full": 9.9}, 0.2, ""),
        ({}, 0.3, "the agent itself was late by 0.30 s"),
        ({"cpu.some": 95.2}, 0.0, "cpu pressure (some, avg10) was 95 %"),
        ({"memory.full": 12.0}, 0.0, "memory pressure (full, avg10) was 12 %"),
    ],
)
def test_starvation_is_named(pressure: dict[str, float], lag: float, says: str) -> None:
    assert starved(ProbeRules(), pressure, lag=lag) == says


@pytest.mark.parametrize(
    ("check", "ip", "says"),
    [
        (BrokenCheck(detail="no port"), "10.0.0.1", "no port"),
        (HttpCheck(port=80), "", "the pod has no address yet"),
        (TcpCheck(port=80), "", "the pod has no address yet"),
        (GrpcCheck(port=80), "", "the pod has no address yet"),
        (HttpCheck(port=80, host="h"), "", ""),
        (TcpCheck(port=80), "10.0.0.1", ""),
        (ExecCheck(command=("true",)), "", ""),
    ],
)
def test_a_check_without_an_address_is_never_sent_to_the_node_itself(
    check: Check, ip: str, says: str
) -> None:
    assert why_not(check, Target(container_id="c1", ip=ip)) == says


@given(text=st.text(alphabet=string.printable))
def test_states_of_other_instances_say_nothing(text: str) -> None:
    spec = a_spec(ProbeKind.LIVENESS, failure_threshold=1)
    old = absorb(spec, fresh(spec, "c0"), ok=False, output=text)
    assert health_of(RUNNING, [old]) == Health(id="c1")
