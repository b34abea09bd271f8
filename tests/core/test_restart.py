"""Whether and when an ended container runs again (kubelet-behaviour 1.1, 1.8)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, ephemeral_as_container, field_path
from nodeagent.core.restart import (
    CrashLoop,
    Decision,
    backoff_key,
    crash_loop,
    may_restart,
    next_backoff,
    parse_seconds,
    restart_at,
    restart_decision,
)
from nodeagent.core.times import as_seconds, as_time, as_time_or_none, short_duration
from nodeagent.model.memory import Backoff
from nodeagent.model.node import NodeRules
from tests.fakes.pods import a_container, a_pod, ended

STAY, AGAIN, ALL = Decision.STAY, Decision.RESTART, Decision.RESTART_ALL
LOOP = CrashLoop()


def rule(operator: str, *codes: int, action: str = "Restart") -> v1.ContainerRestartRule:
    return v1.ContainerRestartRule(
        action=action,
        exitCodes=v1.ContainerRestartRuleOnExitCodes(operator=operator, values=list(codes)),
    )


def decide(
    policy: str | None, code: int, *, kind: Kind = Kind.REGULAR, reason: str = "", **fields: Any
) -> Decision:
    pod = a_pod(restartPolicy=policy)
    return restart_decision(pod.spec, kind, a_container(**fields), exit_code=code, reason=reason)


@pytest.mark.parametrize(
    ("policy", "ok", "failed", "oom"),
    [
        ("Always", AGAIN, AGAIN, AGAIN),
        (None, AGAIN, AGAIN, AGAIN),
        ("OnFailure", STAY, AGAIN, AGAIN),
        ("Never", STAY, STAY, STAY),
    ],
)
def test_the_pods_policy(policy: str | None, ok: Decision, failed: Decision, oom: Decision) -> None:
    assert decide(policy, 0) is ok
    assert decide(policy, 1) is failed
    assert decide(policy, 0, reason="OOMKilled") is oom


def test_an_init_container_that_succeeded_never_runs_again() -> None:
    assert decide("Always", 0, kind=Kind.INIT) is STAY
    assert decide("Always", 1, kind=Kind.INIT) is AGAIN
    assert decide("Never", 1, kind=Kind.INIT) is STAY
    assert decide("Never", 0, kind=Kind.SIDECAR, restartPolicy="Always") is AGAIN


def test_an_ephemeral_container_never_runs_again() -> None:
    assert decide("Always", 1, kind=Kind.EPHEMERAL) is STAY


@pytest.mark.parametrize(
    ("rules", "code", "expected"),
    [
        ([rule("In", 42)], 42, AGAIN),
        ([rule("In", 42)], 41, STAY),
        ([rule("NotIn", 42)], 41, AGAIN),
        ([rule("NotIn", 42)], 42, STAY),
        ([rule("In", 1), rule("In", 1, action="RestartAllContainers")], 1, AGAIN),
        ([rule("In", 1, action="RestartAllContainers"), rule("In", 1)], 1, ALL),
        ([v1.ContainerRestartRule(action="Restart"), rule("In", 5)], 5, AGAIN),
    ],
)
def test_the_first_rule_that_fits_decides(
    rules: list[v1.ContainerRestartRule], code: int, expected: Decision
) -> None:
    assert decide("Always", code, restartPolicy="Never", restartPolicyRules=rules) is expected


def test_a_containers_own_policy_comes_before_the_pods() -> None:
    assert decide("Never", 1, restartPolicy="OnFailure") is AGAIN
    assert decide("Always", 0, restartPolicy="OnFailure") is STAY
    pod = a_pod(restartPolicy="Never")
    assert may_restart(pod.spec, Kind.REGULAR, a_container(restartPolicy="Always"), ended())
    assert not may_restart(pod.spec, Kind.REGULAR, a_container(), ended(code=1))


def test_waits_double_from_ten_seconds_to_five_minutes() -> None:
    entry, now, waits = None, 1000.0, []
    for number in range(9):
        last = ended(code=1, at=now, restart_count=number)
        at = restart_at(entry, "k", last, loop=LOOP, now=now)
        waits.append(at - now)
        entry = next_backoff(entry, "k", last, loop=LOOP, now=at)
        now = at + 1.0
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300, 300]


def test_another_key_starts_afresh() -> None:
    entry = Backoff(key="old", delay=300.0, at=1000.0)
    last = ended(code=1, at=1001.0)
    assert restart_at(entry, "new", last, loop=LOOP, now=1001.0) == 1001.0
    assert next_backoff(entry, "new", last, loop=LOOP, now=1001.0).delay == 10.0


def test_a_lowered_cap_holds_for_delays_noted_before() -> None:
    entry = Backoff(key="k", delay=300.0, at=1000.0)
    low = CrashLoop(initial=2.0, longest=5.0)
    last = ended(code=1, at=1001.0)
    assert restart_at(entry, "k", last, loop=low, now=1001.0) == 1006.0
    assert next_backoff(entry, "k", last, loop=low, now=1006.0).delay == 5.0


@pytest.mark.parametrize(("ran", "delay"), [(600.0, 300.0), (600.1, 10.0)])
def test_more_than_ten_minutes_of_running_forgive(ran: float, delay: float) -> None:
    entry = Backoff(key="k", delay=160.0, at=1000.0)
    last = ended(code=1, at=1000.0 + ran)
    assert next_backoff(entry, "k", last, loop=LOOP, now=2000.0).delay == delay
    held = restart_at(entry, "k", last, loop=LOOP, now=1600.0) - last.finished_at
    assert held == pytest.approx(160.0 if delay == 300.0 else 0.0)


def test_an_end_that_was_answered_is_not_answered_anew() -> None:
    last = ended(code=1, at=1000.0)
    entry = next_backoff(None, "k", last, loop=LOOP, now=1000.0)
    assert restart_at(entry, "k", last, loop=LOOP, now=1001.0) == 1000.0
    assert next_backoff(entry, "k", last, loop=LOOP, now=1001.0) == entry


def test_an_end_in_the_future_does_not_hold() -> None:
    entry = Backoff(key="k", delay=10.0, at=1.0)
    assert restart_at(entry, "k", ended(at=9e9), loop=LOOP, now=1000.0) == 1000.0


def test_the_key_follows_image_and_resources() -> None:
    limits = v1.ResourceRequirements(limits={"cpu": "1"})
    keys = {
        backoff_key(a_pod(), a_container()),
        backoff_key(a_pod(uid="u2"), a_container()),
        backoff_key(a_pod(), a_container(image="busybox:2")),
        backoff_key(a_pod(), a_container(resources=limits)),
    }
    assert len(keys) == 4
    assert backoff_key(a_pod(), a_container(env=[])) in keys


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, (10.0, 300.0, 600.0)),
        ({"initial": "500ms", "max": "1m", "reset": "1h"}, (0.5, 60.0, 3600.0)),
        ({"max": "4"}, (4.0, 4.0, 600.0)),
        ({"initial": "soon", "max": "-1", "reset": "5 parsecs"}, (10.0, 300.0, 600.0)),
    ],
)
def test_a_pod_sets_its_own_delays(
    annotations: dict[str, str], expected: tuple[float, float, float]
) -> None:
    given_ = {f"crashloop.nodeagent.dev/{k}": v for k, v in annotations.items()}
    loop = crash_loop(NodeRules(), given_)
    assert (loop.initial, loop.longest, loop.reset) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10.0), ("1.5s", 1.5), ("2m", 120.0), ("1h", 3600.0), ("", None), ("1hm", None)],
)
def test_seconds_of_annotations(text: str, seconds: float | None) -> None:
    assert parse_seconds(text) == seconds


@given(st.text(max_size=12))
def test_any_text_gives_seconds_or_none(text: str) -> None:
    found = parse_seconds(text)
    assert found is None or 0 <= found < 1e9


def test_times_are_cut_to_whole_seconds() -> None:
    assert as_seconds(as_time(1000.9)) == 1000.0
    assert as_seconds(None) == 0.0
    assert as_time_or_none(0.0) is None and as_time_or_none(5.0) == as_time(5.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (10, "10s"), (160, "2m40s"), (300, "5m0s"), (3600, "1h0m0s")],
)
def test_durations_read_as_go_prints_them(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text


def test_an_ephemeral_container_reads_like_any_other() -> None:
    entry = v1.EphemeralContainer(name="debug", image="busybox:1", tty=True)
    assert ephemeral_as_container(entry) == a_container("debug", tty=True)
    assert field_path(Kind.EPHEMERAL, "debug") == "spec.ephemeralContainers{debug}"
