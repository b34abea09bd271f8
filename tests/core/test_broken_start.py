"""A start that was broken off by the agent's death is not an exit."""

import msgspec
import pytest

from nodeagent.core.broken_start import was_broken_off, without_broken_off
from nodeagent.core.plan import plan_pod
from nodeagent.model.actions import RemoveContainer, StartContainer
from nodeagent.model.memory import ImageOutcome, ImageState, PodMemory
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
def test_it_is_removed_and_starts_again_under_the_same_number(policy: str) -> None:
    ready = ImageOutcome(attempt=0, state=ImageState.READY, image="busybox:1")
    pod = a_pod(a_container(), restartPolicy=policy)
    memory = PodMemory(pod=pod, seen_at=0.0, admitted=True, prepared=True, images={"web": ready})
    before = ObservedPod(uid=UID, sandboxes=(a_box(),), containers=(broken(),))
    assert plan_pod(memory, before, rules=RULES, now=6.0).actions == (
        RemoveContainer(id=before.containers[0].id, name="web"),
    )
    after = without_broken_off(before)
    assert after.containers == ()
    (start,) = plan_pod(memory, after, rules=RULES, now=6.0).actions
    assert isinstance(start, StartContainer)
    assert (start.restart_count, start.attempt, start.backoff) == (0, 0, None)
