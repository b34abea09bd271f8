"""A start that was broken off by the agent's death is not an exit."""

import msgspec
import pytest

from nodeagent.core.broken_start import free_attempts, was_broken_off, without_broken_off
from nodeagent.core.plan import plan_pod
from nodeagent.model.actions import RemoveContainer, StartContainer
from nodeagent.model.memory import Ending, EndWhy, ImageOutcome, ImageState, PodMemory
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer
from tests.fakes.pods import RULES, UID, a_box, a_container, a_pod, seen

KILLED = "failed to create containerd task: failed to start shim: start failed: : signal: killed"


def broken(message: str = KILLED, **fields: object) -> SeenContainer:
    made = seen("web", phase=Phase.EXITED, exit_code=128, reason="StartError", message=message)
    return msgspec.structs.replace(made, **{"started_at": 0.0, "finished_at": 5.0, **fields})


@pytest.mark.parametrize("words", ["context canceled", "signal: killed: unknown"])
def test_a_start_that_nobody_waited_for_was_broken_off(words: str) -> None:
    assert was_broken_off(broken(f"failed to create containerd task: {words}"))


def test_a_program_that_is_not_there_was_not_broken_off() -> None:
    missing = 'exec: "nothing": executable file not found in $PATH: unknown'
    assert not was_broken_off(broken(missing))


def test_a_container_that_ran_was_not_broken_off() -> None:
    assert not was_broken_off(broken(started_at=4.0))


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_it_starts_again_with_the_same_restart_count_under_a_free_number(policy: str) -> None:
    ready = ImageOutcome(attempt=0, state=ImageState.READY, image="busybox:1")
    pod = a_pod(a_container(), restartPolicy=policy)
    sight = ObservedPod(uid=UID, sandboxes=(a_box(),), containers=(broken(),))
    assert without_broken_off(sight).containers == ()
    attempts = free_attempts({}, sight)
    assert attempts == {"web": 1}
    memory = PodMemory(
        pod=pod, seen_at=0.0, admitted=True, prepared=True, images={"web": ready}, attempts=attempts
    )
    (start,) = plan_pod(memory, without_broken_off(sight), rules=RULES, now=6.0).actions
    assert isinstance(start, StartContainer)
    assert (start.restart_count, start.attempt, start.backoff) == (0, 1, None)


def test_it_is_removed_at_the_pods_end() -> None:
    sight = ObservedPod(uid=UID, containers=(broken(),))
    ending = Ending(why=EndWhy.DELETED, at=5.0, grace=1.0)
    memory = PodMemory(pod=a_pod(a_container()), seen_at=0.0, ending=ending, torn_down=True)
    first = plan_pod(memory, sight, rules=RULES, now=6.0).actions[0]
    assert first == RemoveContainer(id=sight.containers[0].id, name="web", with_logs=True)
