"""A pod's status from what is seen and remembered (kubelet-behaviour 1.4 to 1.8)."""

from typing import Any

import pytest
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.container_status import LOST_WHEN_TERMINATED
from nodeagent.core.status import derive_status
from nodeagent.core.times import as_time
from nodeagent.model.ids import SandboxId
from nodeagent.model.memory import (
    Ending,
    EndWhy,
    PodMemory,
    Rejected,
)
from nodeagent.model.node import NodeFacts
from nodeagent.model.observed import ObservedPod, Phase
from tests.fakes.pods import (
    RULES,
    UID,
    a_box,
    a_container,
    a_pod,
    ended,
    remembered,
    seen,
    sight,
)

NOW = 1000.0
NODE = NodeFacts(name="n1", ips=("192.0.2.1", "2001:db8::1"))
NOTHING = ObservedPod(uid=UID)
SIDE = a_container("side", restartPolicy="Always")


def status(memory: PodMemory, view: ObservedPod, now: float = NOW) -> v1.PodStatus:
    return derive_status(memory, view, node=NODE, rules=RULES, now=now)


def shown(memory: PodMemory, view: ObservedPod, name: str = "web") -> v1.ContainerStatus:
    """One container of the status."""
    told = status(memory, view)
    every: list[v1.ContainerStatus] = [
        *(told.initContainerStatuses or ()),
        *(told.containerStatuses or ()),
        *(told.ephemeralContainerStatuses or ()),
    ]
    return next(c for c in every if c.name == name)


def waits(container: v1.ContainerStatus) -> str | None:
    state = container.state
    return state.waiting.reason if state and state.waiting else None


def ends(state: v1.ContainerState | None) -> tuple[int, str | None]:
    """Exit code and reason of a state that must be an end."""
    assert state is not None and state.terminated is not None
    return state.terminated.exitCode, state.terminated.reason


def after(memory: PodMemory, view: ObservedPod) -> PodMemory:
    """The memory with the status that this sight gives."""
    return replace(memory, status=status(memory, view))


def ending(why: EndWhy = EndWhy.DELETED, **fields: Any) -> Ending:
    return Ending(why=why, at=NOW, grace=30.0, **fields)


def conditions(told: v1.PodStatus) -> dict[str, str]:
    return {c.type: c.status for c in told.conditions or ()}


# --- the pod ----------------------------------------------------------------------------------


def test_a_running_pod_tells_addresses_times_and_class() -> None:
    pod = a_pod(a_container("z"), a_container("a"))
    told = status(remembered(pod), sight(seen("z"), seen("a")))
    assert (told.phase, told.hostIP, told.podIP) == ("Running", "192.0.2.1", "10.0.0.2")
    assert [ip.ip for ip in told.hostIPs or ()] == ["192.0.2.1", "2001:db8::1"]
    assert told.startTime == as_time(1.0) and told.qosClass == "BestEffort"
    assert [c.name for c in told.containerStatuses or ()] == ["a", "z"]


def test_a_pod_on_the_host_network_has_the_nodes_addresses() -> None:
    view = sight(seen(), boxes=(a_box(host_network=True, ips=()),))
    told = status(remembered(a_pod(hostNetwork=True)), view)
    assert [ip.ip for ip in told.podIPs or ()] == ["192.0.2.1", "2001:db8::1"]
    assert conditions(told)["PodReadyToStartContainers"] == "True"
    assert status(remembered(a_pod(hostNetwork=True)), NOTHING).podIP is None


def test_a_sandbox_is_told_before_any_image_is_there() -> None:
    told = status(remembered(), sight())
    assert conditions(told)["PodReadyToStartContainers"] == "True"
    assert (told.phase, told.podIP) == ("Pending", "10.0.0.2")
    assert conditions(status(remembered(), NOTHING))["PodReadyToStartContainers"] == "False"


def test_a_pod_that_is_over_keeps_its_addresses_and_one_that_lost_its_sandbox_does_not() -> None:
    memory = after(remembered(), sight(seen()))
    assert status(memory, NOTHING).podIP is None
    assert status(replace(memory, ending=ending()), NOTHING).podIP == "10.0.0.2"


def test_the_generation_is_carried() -> None:
    pod = a_pod()
    assert pod.pod.metadata is not None
    metadata = replace(pod.pod.metadata, generation=4)
    told = status(remembered(replace(pod, pod=replace(pod.pod, metadata=metadata))), NOTHING)
    assert told.observedGeneration == 4
    assert {c.observedGeneration for c in told.conditions or ()} == {4}


def test_a_refused_pod_has_failed_with_the_prefix_and_its_class() -> None:
    memory = remembered(rejected=Rejected(reason="OutOfcpu", message="not enough"))
    told = status(memory, NOTHING)
    assert (told.phase, told.reason, told.message) == (
        "Failed",
        "OutOfcpu",
        "Pod was rejected: not enough",
    )
    assert told.qosClass == "BestEffort" and told.startTime is not None
    assert (told.hostIP, told.conditions, told.containerStatuses) == (None, None, None)


def test_a_terminal_phase_never_changes_back() -> None:
    memory = remembered(status=v1.PodStatus(phase="Failed", reason="Evicted", message="why"))
    told = status(memory, sight(seen()))
    assert (told.phase, told.reason, told.message) == ("Failed", "Evicted", "why")


def test_reason_and_message_go_with_their_phase() -> None:
    memory = remembered(status=v1.PodStatus(phase="Pending", reason="r", message="m"))
    assert status(memory, NOTHING).reason == "r"
    assert status(memory, sight(seen())).reason is None


@pytest.mark.parametrize(
    ("why", "reason", "message"),
    [
        (EndWhy.DEADLINE, "DeadlineExceeded", "longer than the specified deadline"),
        (EndWhy.PREEMPTED, "Preempting", "to admit critical pod"),
        (EndWhy.NODE_SHUTDOWN, "Terminated", "node shutdown"),
    ],
)
def test_a_pod_ended_by_the_node_fails_once_nothing_runs(
    why: EndWhy, reason: str, message: str
) -> None:
    memory = after(remembered(), sight(seen()))
    memory = replace(memory, ending=ending(why))
    busy = status(memory, sight(seen()))
    assert (busy.phase, busy.reason) == ("Running", reason)
    assert "DisruptionTarget" not in conditions(busy)
    over = status(memory, sight(ended(code=0)))
    assert (over.phase, over.reason) == ("Failed", reason)
    assert message in (over.message or "")
    assert ("DisruptionTarget" in conditions(over)) is (why is not EndWhy.DEADLINE)
    assert conditions(over)["Ready"] == "False"


def test_an_eviction_says_why_in_its_own_words() -> None:
    memory = remembered(ending=ending(EndWhy.EVICTED, message="The node was low on memory."))
    told = status(memory, sight(ended(code=137)))
    assert (told.reason, told.message) == ("Evicted", "The node was low on memory.")


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (1, "Failed")])
def test_a_drained_pod_ends_by_its_exit_codes(code: int, phase: str) -> None:
    pod = replace(a_pod(), source=a_pod().source.API)
    memory = after(remembered(pod), sight(seen()))
    memory = replace(memory, ending=ending(EndWhy.DRAINED))
    assert status(memory, sight(seen())).phase == "Running"
    assert status(memory, sight(ended(code=code))).phase == phase


def test_a_pending_pod_that_is_deleted_has_failed_once_it_is_taken_down() -> None:
    pod = replace(a_pod(deleting=True), source=a_pod().source.API)
    memory = remembered(pod, ending=ending())
    assert status(memory, NOTHING).phase == "Pending"
    told = status(replace(memory, torn_down=True), NOTHING)
    assert told.phase == "Failed"
    assert told.containerStatuses is not None
    (container,) = told.containerStatuses
    assert ends(container.state) == (137, "ContainerStatusUnknown")
    assert container.state and container.state.terminated
    assert container.state.terminated.message == LOST_WHEN_TERMINATED


def test_containers_whose_turn_never_came_go_on_waiting_where_an_init_container_failed() -> None:
    inits = [a_container(name) for name in ("i1", "i2", "i3")]
    pod = a_pod(restartPolicy="Never", initContainers=inits)
    memory = remembered(pod, ending=ending(EndWhy.FINISHED), torn_down=True)
    told = status(memory, sight(ended("i1", code=0), ended("i2", code=2)))
    assert told.phase == "Failed"
    first, second, third = told.initContainerStatuses or []
    assert ends(first.state) == (0, "Completed")
    assert ends(second.state) == (2, "Error")
    (web,) = told.containerStatuses or []
    for waiting in (third, web):
        assert waiting.state and waiting.state.waiting
        assert waiting.state.waiting.reason == "PodInitializing"
    (initialized,) = [c for c in told.conditions or () if c.type == "Initialized"]
    assert (initialized.status, initialized.reason) == ("False", "ContainersNotInitialized")


def test_a_pod_that_is_deleted_while_it_initializes_has_failed_once_it_is_taken_down() -> None:
    inits = [a_container(name) for name in ("i1", "i2")]
    pod = replace(a_pod(deleting=True, initContainers=inits), source=a_pod().source.API)
    memory = remembered(pod, ending=ending())
    assert status(memory, sight(ended("i1", code=2))).phase == "Pending"
    told = status(replace(memory, torn_down=True), sight(ended("i1", code=2)))
    assert told.phase == "Failed"
    (web,) = told.containerStatuses or []
    assert web.state and web.state.waiting


def test_a_lost_container_of_an_initialized_pod_that_is_over_has_ended() -> None:
    pod = a_pod(restartPolicy="Never", initContainers=[a_container("i1")])
    memory = remembered(pod, ending=ending(), torn_down=True)
    told = status(memory, sight(ended("i1", code=0)))
    (web,) = told.containerStatuses or []
    assert ends(web.state) == (137, "ContainerStatusUnknown")


def test_what_ended_before_the_pod_was_taken_down_keeps_its_end() -> None:
    memory = remembered(ending=ending(), torn_down=True)
    assert ends(shown(memory, sight(ended(code=3))).state) == (3, "Error")


def test_a_phase_is_not_terminal_while_something_runs() -> None:
    pod = a_pod(restartPolicy="Never", initContainers=[SIDE])
    memory = remembered(pod, ending=ending(EndWhy.DELETED))
    assert status(memory, sight(ended(code=0), seen("side"))).phase == "Running"


def test_a_restart_of_all_containers_is_not_the_end_of_the_pod() -> None:
    rule = v1.ContainerRestartRule(
        action="RestartAllContainers",
        exitCodes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=[7]),
    )
    pod = a_pod(
        a_container(restartPolicy="Never", restartPolicyRules=[rule]), restartPolicy="Never"
    )
    quiet = status(remembered(pod), sight(seen()))
    assert conditions(quiet)["AllContainersRestarting"] == "False"
    busy = status(remembered(pod, restart_all=NOW), sight(ended(code=137)))
    assert busy.phase == "Running"
    assert conditions(busy)["AllContainersRestarting"] == "True"


def test_a_container_we_replace_does_not_end_a_pod_that_never_restarts() -> None:
    pod = a_pod(restartPolicy="Never")
    replaced = remembered(pod, replaced={"web": "web-0"})
    assert status(replaced, sight(ended(code=137))).phase == "Running"
    made = sight(ended(code=137), seen(restart_count=1, phase=Phase.CREATED))
    assert status(replaced, made).phase == "Running"
    assert status(remembered(pod), sight(ended(code=137))).phase == "Failed"


def test_a_new_sandbox_leaves_the_old_address_behind() -> None:
    boxes = (a_box(id=SandboxId("b1"), attempt=1, ips=("10.0.0.9",)), a_box(ready=False))
    assert status(remembered(), sight(boxes=boxes)).podIP == "10.0.0.9"


def test_equal_inputs_give_equal_statuses() -> None:
    memory, view = remembered(), sight(ended(code=1))
    assert status(memory, view) == status(memory, view)
    settled = after(memory, view)
    assert status(settled, view, NOW + 50) == settled.status
