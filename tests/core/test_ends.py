"""Why a container ended: out of a closed set, whoever did it."""

from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.ends import (
    END_REASONS,
    OURS,
    event_of_exit,
    note_of_exit,
    note_of_stop,
    take_ends,
    without_plans,
)
from nodeagent.core.plan import plan_pod
from nodeagent.core.remember import with_failed_hook, with_stops
from nodeagent.core.status import derive_status
from nodeagent.model.actions import StopContainers, StopOne, StopWhy
from nodeagent.model.ends import EndNote, EndReason, OomKill, OomScope
from nodeagent.model.events import EventType
from nodeagent.model.ids import ContainerId
from nodeagent.model.memory import EndWhy, Health, PodMemory
from tests.fakes.pods import NODE, RULES, a_container, a_pod, ended, remembered, seen, sight

ID = ContainerId("web-0")


def kill(scope: OomScope, at: float = 99.9) -> OomKill:
    return OomKill(scope=scope, process="hog", pid=7, at=at)


def a_stop(why: StopWhy = StopWhy.LIVENESS, detail: str = "") -> StopOne:
    return StopOne(id=ID, name="web", grace=5.0, why=why, detail=detail)


def shown(memory: PodMemory, **record: Any) -> v1.ContainerStateTerminated:
    """The terminated state of a container that will not run again."""
    sights = sight(ended(**record))
    status = derive_status(memory, sights, node=NODE, rules=RULES, now=200.0)
    assert status.containerStatuses
    state = status.containerStatuses[0].state
    assert state is not None and state.terminated is not None
    return state.terminated


NEVER = a_pod(restartPolicy="Never")


def test_every_reason_for_a_stop_is_a_reason_for_an_end() -> None:
    assert {reason.value for reason in OURS} == {why.value for why in StopWhy}
    assert set(END_REASONS) == set(EndWhy)


@pytest.mark.parametrize("why", StopWhy)
def test_every_stop_has_words(why: StopWhy) -> None:
    assert note_of_stop(a_stop(why), now=1.0).text


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"code": 0}, EndReason.COMPLETED),
        ({"code": 3}, EndReason.CRASHED),
        ({"code": 139}, EndReason.SIGNALLED),
        ({"code": 255}, EndReason.CRASHED),
        ({"code": 137, "reason": "OOMKilled"}, EndReason.OOM_KILLED),
        ({"code": 128, "reason": "StartError"}, EndReason.START_ERROR),
        ({"code": 255, "reason": "Unknown"}, EndReason.LOST),
        ({"code": 137, "oom": kill(OomScope.CONTAINER)}, EndReason.OOM_KILLED),
        ({"code": 137, "oom": kill(OomScope.POD)}, EndReason.POD_OOM),
        ({"code": 137, "oom": kill(OomScope.PODS)}, EndReason.POD_OOM),
        ({"code": 137, "oom": kill(OomScope.NODE)}, EndReason.NODE_OOM),
        ({"code": 1, "oom": kill(OomScope.NODE)}, EndReason.NODE_OOM),
        ({"code": 1, "oom": kill(OomScope.NODE, at=50.0)}, EndReason.CRASHED),
        ({"code": 0, "oom": kill(OomScope.CONTAINER)}, EndReason.COMPLETED),
    ],
)
def test_an_end_that_is_not_ours_has_one_reason(record: dict[str, Any], reason: EndReason) -> None:
    assert note_of_exit(ended(**record)).reason is reason


def test_the_limit_of_a_pod_with_one_container_is_that_containers() -> None:
    record = ended(code=137, oom=kill(OomScope.POD))
    assert take_ends(remembered(), sight(record))[ID].reason is EndReason.OOM_KILLED
    two = remembered(a_pod(a_container(), a_container("b")))
    assert take_ends(two, sight(record))[ID].reason is EndReason.POD_OOM


def test_a_stop_of_ours_explains_the_exit_whatever_its_code() -> None:
    note = note_of_stop(a_stop(detail="HTTP probe failed with statuscode: 500"), now=90.0)
    memory = remembered(NEVER, ends={ID: note})
    assert take_ends(memory, sight(ended(code=137))) == {ID: note}
    state = shown(memory, code=137)
    assert (state.reason, state.signal) == ("Error", None)
    assert state.message == (
        "Liveness: its liveness probe failed: HTTP probe failed with statuscode: 500"
    )


def test_the_containers_own_words_are_left_as_they_are() -> None:
    memory = remembered(NEVER, ends={ID: note_of_stop(a_stop(StopWhy.OPERATOR), now=90.0)})
    state = shown(memory, code=143, message="bye")
    assert state.message == "bye"


def test_a_plain_crash_has_only_the_containers_words() -> None:
    memory = remembered(NEVER, ends={ID: note_of_exit(ended(code=3))})
    state = shown(memory, code=3, message="no such table")
    assert (state.reason, state.message, state.signal) == ("Error", "no such table", None)


@pytest.mark.parametrize("scope", OomScope)
def test_a_kill_for_memory_is_shown_as_tools_know_it_and_says_whose_memory(scope: OomScope) -> None:
    record = ended(code=137, reason="Error", oom=kill(scope))
    memory = remembered(NEVER, ends={ID: note_of_exit(record)})
    state = shown(memory, code=137, reason="Error")
    assert state.reason == "OOMKilled"
    assert state.message is not None
    assert state.message.startswith(f"{note_of_exit(record).reason}: the kernel killed hog (pid 7)")


def test_notes_of_records_that_are_gone_are_forgotten() -> None:
    old = EndNote(reason=EndReason.CRASHED, at=1.0)
    memory = remembered(ends={"gone-0": old, ID: old})
    assert set(take_ends(memory, sight(ended()))) == {ID}


def test_a_stop_that_is_no_longer_planned_is_not_blamed_later() -> None:
    memory = with_stops(remembered(), StopContainers(stops=(a_stop(),)), now=1.0)
    assert without_plans(memory, sight(seen())).ends == {}
    assert without_plans(memory, sight(ended())).ends == memory.ends


def test_a_repeated_stop_keeps_its_first_note() -> None:
    action = StopContainers(stops=(a_stop(),))
    memory = with_stops(with_stops(remembered(), action, now=1.0), action, now=9.0)
    assert memory.ends[ID].at == 1.0
    other = StopContainers(stops=(a_stop(StopWhy.POD_DELETED),))
    assert with_stops(memory, other, now=9.0).ends[ID].reason is EndReason.POD_DELETED


def test_a_container_whose_post_start_hook_failed_is_stopped_for_it() -> None:
    memory = with_failed_hook(remembered(), ID, "exit 1", now=1.0)
    plan = plan_pod(memory, sight(seen()), rules=RULES, now=2.0)
    (action,) = plan.actions
    assert isinstance(action, StopContainers)
    (stop,) = action.stops
    assert (stop.why, stop.message) == (StopWhy.POST_START, "FailedPostStartHook")
    assert with_stops(memory, action, now=2.0).ends[ID].text == "its postStart hook failed: exit 1"


def test_the_note_of_a_failed_probe_has_the_probes_answer() -> None:
    pod = a_pod(a_container(livenessProbe=v1.Probe(tcpSocket=v1.TCPSocketAction(port=1))))
    health = Health(id=ID, failed="Liveness", message="connection refused")
    plan = plan_pod(remembered(pod, health={"web": health}), sight(seen()), rules=RULES, now=2.0)
    (action,) = plan.actions
    assert isinstance(action, StopContainers)
    note = note_of_stop(action.stops[0], now=2.0)
    assert note.text == "its liveness probe failed: connection refused"


def test_the_event_of_an_end_names_reason_code_and_signal() -> None:
    record = ended(code=139)
    assert event_of_exit(record, note_of_exit(record)) == (
        EventType.WARNING,
        "Signalled",
        "Container web was ended by SIGSEGV (exit code 139)",
    )
    record = ended(code=0)
    assert event_of_exit(record, note_of_exit(record)) == (
        EventType.NORMAL,
        "Completed",
        "Container web ended (exit code 0)",
    )
    record = ended(code=128 + 60)
    assert event_of_exit(record, note_of_exit(record))[2] == (
        "Container web was ended by signal 60 (exit code 188)"
    )
