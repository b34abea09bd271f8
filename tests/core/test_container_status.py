"""One container's status from records, memory and the status before (kubelet-behaviour 1.6)."""

import pytest
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.container_status import LOST_WHEN_DELETED, LOST_WHEN_TERMINATED
from nodeagent.core.image_wait import PULLING, QUEUED
from nodeagent.core.restart import backoff_key
from nodeagent.core.times import as_time
from nodeagent.model.ends import EndNote, EndReason
from nodeagent.model.ids import ImageRef
from nodeagent.model.memory import Backoff, Health, ImageOutcome, ImageState, Trouble
from nodeagent.model.observed import ObservedPod, Phase, SeenMount, SeenUser
from tests.core.test_status import NOTHING, NOW, SIDE, after, ending, ends, shown, status, waits
from tests.fakes.pods import a_container, a_pod, ended, remembered, seen, sight


def test_the_default_reason_to_wait_depends_on_init_containers() -> None:
    assert waits(shown(remembered(), NOTHING)) == "ContainerCreating"
    pod = a_pod(initContainers=[a_container("init")])
    assert waits(shown(remembered(pod), NOTHING)) == "PodInitializing"
    assert waits(shown(remembered(pod), NOTHING, "init")) == "PodInitializing"


def test_a_running_container_tells_what_the_runtime_knows() -> None:
    mount = v1.VolumeMount(name="data", mountPath="/data", readOnly=True)
    other = v1.VolumeMount(name="more", mountPath="/more")
    pod = a_pod(
        a_container(
            volumeMounts=[mount, other],
            resources=v1.ResourceRequirements(requests={"cpu": "1"}, limits={"cpu": "2"}),
        )
    )
    running = seen(
        image="docker.io/library/busybox:1",
        image_ref=ImageRef("sha256:9"),
        started_at=20.0,
        mounts=(SeenMount(container_path="/data", host_path="/x", recursive_read_only=True),),
        user=SeenUser(uid=5, gid=6, supplemental_groups=(7,)),
    )
    told = shown(remembered(pod), sight(running))
    assert (told.containerID, told.imageID) == ("containerd://web-0", "sha256:9")
    assert told.image == "docker.io/library/busybox:1"
    assert told.state and told.state.running and told.state.running.startedAt == as_time(20.0)
    assert (told.ready, told.started, told.restartCount) == (True, True, 0)
    assert told.allocatedResources == {"cpu": "1"}
    assert [m.recursiveReadOnly for m in told.volumeMounts or ()] == ["Enabled", None]
    assert told.user and told.user.linux and told.user.linux.supplementalGroups == [7]


@pytest.mark.parametrize(
    ("code", "given", "reason"),
    [(0, "", "Completed"), (1, "", "Error"), (137, "OOMKilled", "OOMKilled")],
)
def test_an_end_tells_the_runtimes_reason_or_the_usual_one(
    code: int, given: str, reason: str
) -> None:
    record = ended(code=code, reason=given, message="last words", at=90.0)
    told = shown(remembered(a_pod(restartPolicy="Never")), sight(record))
    assert ends(told.state) == (code, reason)
    assert told.state and told.state.terminated
    assert told.state.terminated.message == "last words"
    assert told.state.terminated.finishedAt == as_time(90.0)
    assert told.state.terminated.containerID == "containerd://web-0"


def test_an_end_without_a_start_has_the_epoch_for_it() -> None:
    record = replace(ended(code=128, reason="StartError", at=90.0), started_at=0.0)
    told = shown(remembered(a_pod(restartPolicy="Never")), sight(record))
    assert told.state and told.state.terminated
    assert told.state.terminated.startedAt == as_time(0.0)


def test_a_container_that_waits_tells_what_will_be_mounted() -> None:
    mounts = [
        v1.VolumeMount(name="v", mountPath="/v"),
        v1.VolumeMount(name="r", mountPath="/r", readOnly=True),
        v1.VolumeMount(name="e", mountPath="/e", readOnly=True, recursiveReadOnly="Enabled"),
    ]
    told = shown(remembered(a_pod(a_container(volumeMounts=mounts))), NOTHING)
    assert [(m.name, m.readOnly, m.recursiveReadOnly) for m in told.volumeMounts or ()] == [
        ("v", None, None),
        ("r", True, "Disabled"),
        ("e", True, "Enabled"),
    ]


def test_only_the_two_newest_records_count() -> None:
    view = sight(seen(restart_count=2), ended(code=2, restart_count=1), ended(code=1))
    told = shown(remembered(), view)
    assert told.state and told.state.running and told.restartCount == 2
    assert ends(told.lastState) == (2, "Error")


def test_the_last_state_stays_when_its_record_is_swept() -> None:
    memory = after(remembered(), sight(seen(restart_count=1), ended(code=2)))
    assert ends(shown(memory, sight(seen(restart_count=1))).lastState) == (2, "Error")


def test_a_record_that_was_made_and_not_started_is_no_last_state() -> None:
    view = sight(seen(restart_count=1), seen(phase=Phase.CREATED))
    assert shown(remembered(), view).lastState == v1.ContainerState()
    assert waits(shown(remembered(), sight(seen(phase=Phase.CREATED)))) == "ContainerCreating"


def test_a_crash_loop_waits_with_its_end_moved_to_the_last_state() -> None:
    pod = a_pod()
    key = backoff_key(pod, a_container())
    entry = Backoff(key=key, delay=160.0, at=NOW - 100)
    memory = remembered(pod, backoffs={"web": entry})
    told = shown(memory, sight(ended(code=1, at=NOW - 10)))
    assert waits(told) == "CrashLoopBackOff"
    assert told.state and told.state.waiting
    assert told.state.waiting.message == (
        "back-off 2m40s restarting failed container=web pod=web-n1_default(u1)"
    )
    assert ends(told.lastState) == (1, "Error")
    gone = shown(memory, sight(ended(code=1, at=NOW - 200)))
    assert ends(gone.state) == (1, "Error")


def test_a_start_that_fails_again_and_again_is_a_crash_loop_after_a_moment() -> None:
    pod = a_pod()
    entry = Backoff(key=backoff_key(pod, pod.spec.containers[0]), delay=20.0, at=NOW - 60)
    record = sight(ended(code=128, reason="StartError", at=NOW - 2))
    for at, reason in ((NOW - 0.5, "RunContainerError"), (NOW - 2, "CrashLoopBackOff")):
        trouble = Trouble(reason="RunContainerError", message="no such file", at=at)
        memory = remembered(pod, backoffs={"web": entry}, troubles={"web": trouble})
        told = shown(memory, record)
        assert waits(told) == reason
        assert ends(told.lastState) == (128, "StartError")
    memory = remembered(pod, troubles={"web": trouble})
    assert waits(shown(memory, record)) == "RunContainerError", "nothing holds it back"


def test_an_ended_container_that_stays_ended_shows_its_end() -> None:
    entry = Backoff(key="k", delay=160.0, at=NOW)
    memory = remembered(a_pod(restartPolicy="Never"), backoffs={"web": entry})
    assert ends(shown(memory, sight(ended(code=1))).state) == (1, "Error")
    leaving = remembered(ending=ending(), backoffs={"web": entry})
    assert ends(shown(leaving, sight(ended(code=1))).state) == (1, "Error")


@pytest.mark.parametrize("view", [NOTHING, sight(ended(code=1)), sight(seen(phase=Phase.CREATED))])
def test_a_failed_start_is_why_a_container_waits(view: ObservedPod) -> None:
    trouble = Trouble(reason="CreateContainerConfigError", message="no such key", at=NOW)
    told = shown(remembered(troubles={"web": trouble}), view)
    assert waits(told) == "CreateContainerConfigError"
    assert told.state and told.state.waiting and told.state.waiting.message == "no such key"


def test_a_failed_image_is_why_a_container_waits() -> None:
    failed = ImageOutcome(
        attempt=0, state=ImageState.FAILED, reason="ErrImagePull", message="no route"
    )
    memory = remembered(images={"web": failed})
    assert waits(shown(memory, NOTHING)) == "ErrImagePull"
    assert waits(shown(replace(memory, ending=ending()), NOTHING)) == "ContainerCreating"


def test_a_pull_changes_the_message_and_not_the_reason_of_a_container_that_waits() -> None:
    def message(key: str, image: ImageOutcome, *, ends: bool = False) -> str | None:
        memory = remembered(images={"web/vol": looked_for, key: image})
        told = shown(replace(memory, ending=ending()) if ends else memory, NOTHING)
        assert waits(told) == "ContainerCreating"
        assert told.state and told.state.waiting
        return told.state.waiting.message

    looked_for = ImageOutcome(attempt=0, state=ImageState.PULLING)
    pulled = replace(looked_for, begun=True)
    assert message("web", looked_for) is None
    assert message("other", pulled) is None
    assert message("web", pulled) == PULLING
    assert message("web/vol", pulled) == PULLING
    assert message("web", replace(pulled, queued=True)) == QUEUED
    assert message("web", pulled, ends=True) is None


def test_a_lost_record_of_what_ran_is_an_unknown_end() -> None:
    memory = after(remembered(), sight(seen(restart_count=2)))
    told = shown(memory, sight())
    assert waits(told) == "ContainerCreating" and told.restartCount == 3
    assert ends(told.lastState) == (137, "ContainerStatusUnknown")
    assert told.lastState and told.lastState.terminated
    assert told.lastState.terminated.message == LOST_WHEN_DELETED
    memory = replace(memory, ending=ending())
    leaving = shown(memory, sight())
    assert ends(leaving.lastState) == (137, "ContainerStatusUnknown")
    assert leaving.restartCount == 2
    over = shown(replace(after(memory, sight()), torn_down=True), sight())
    assert over.state and over.state.terminated
    assert over.state.terminated.message == LOST_WHEN_TERMINATED
    assert over.lastState == leaving.lastState


def test_a_lost_record_of_what_had_ended_keeps_its_end() -> None:
    memory = after(remembered(a_pod(restartPolicy="OnFailure")), sight(ended(code=0)))
    assert memory.status is not None
    memory = replace(memory, status=v1.PodStatus(containerStatuses=memory.status.containerStatuses))
    assert ends(shown(memory, sight()).lastState) == (0, "Completed")
    assert ends(shown(replace(memory, ending=ending()), sight()).state) == (0, "Completed")


def test_a_container_in_a_state_the_runtime_cannot_tell() -> None:
    lost = sight(seen(phase=Phase.UNKNOWN))
    assert waits(shown(remembered(), lost)) == "ContainerCreating"
    ran = after(remembered(), sight(seen()))
    assert ends(shown(ran, lost).state) == (137, "ContainerStatusUnknown")


# --- init containers, sidecars, probes --------------------------------------------------------

WITH_INIT = a_pod(initContainers=[a_container("init"), SIDE])


def test_init_containers_keep_their_order_and_are_ready_when_they_exited_well() -> None:
    view = sight(ended("init"), seen("side"))
    told = status(remembered(WITH_INIT), view)
    assert [c.name for c in told.initContainerStatuses or ()] == ["init", "side"]
    assert shown(remembered(WITH_INIT), view, "init").ready
    assert not shown(remembered(WITH_INIT), sight(ended("init", code=1)), "init").ready
    assert not shown(remembered(WITH_INIT), sight(seen("init")), "init").ready


def test_a_lost_init_container_of_a_pod_that_has_begun_is_completed() -> None:
    told = shown(remembered(WITH_INIT), sight(seen("side"), seen()), "init")
    assert ends(told.state) == (0, "Completed") and told.ready
    memory = after(remembered(WITH_INIT), sight(ended("init", at=55.0), seen("side"), seen()))
    kept = shown(memory, sight(seen("side"), seen()), "init")
    assert kept.state and kept.state.terminated
    assert kept.state.terminated.finishedAt == as_time(55.0)


def test_an_init_container_that_failed_before_the_pod_began_is_not_held_back_later() -> None:
    entry = Backoff(key=backoff_key(WITH_INIT, a_container("init")), delay=99.0, at=NOW)
    memory = remembered(WITH_INIT, backoffs={"init": entry})
    failed = ended("init", code=1, at=NOW)
    assert waits(shown(memory, sight(failed), "init")) == "CrashLoopBackOff"
    assert ends(shown(memory, sight(failed, seen()), "init").state) == (1, "Error")


@pytest.mark.parametrize(
    ("health", "ready", "started"),
    [
        (None, False, False),
        (Health(id="web-0"), True, True),
        (Health(id="web-0", ready=False), False, True),
        (Health(id="web-0", started=False), False, False),
        (Health(id="the one before"), False, False),
    ],
)
def test_probes_decide_of_ready_and_started(
    health: Health | None, ready: bool, started: bool
) -> None:
    pod = a_pod(a_container(readinessProbe=v1.Probe(), startupProbe=v1.Probe()))
    memory = remembered(pod, health={"web": health} if health else {})
    told = shown(memory, sight(seen()))
    assert (told.ready, told.started) == (ready, started)


def test_of_an_ephemeral_container_nobody_says_that_it_is_started_or_ready() -> None:
    debug = v1.EphemeralContainer(name="debug", image="busybox:1")
    told = shown(remembered(a_pod(ephemeralContainers=[debug])), sight(seen("debug")), "debug")
    assert (told.ready, told.started) == (False, None)
    told = shown(remembered(a_pod(ephemeralContainers=[debug])), NOTHING, "debug")
    assert (told.ready, told.started) == (False, None)


def test_a_container_whose_post_start_hook_failed_is_not_told_to_run() -> None:
    note = EndNote(reason=EndReason.POST_START, at=NOW, text="its postStart hook failed: no")
    trouble = Trouble(reason="PostStartHookError", message="no", at=NOW)
    memory = remembered(ends={"web-0": note}, troubles={"web": trouble})
    told = shown(memory, sight(seen()))
    assert waits(told) == "PostStartHookError"
    assert (told.ready, told.started) == (False, False)


def test_containers_wait_for_the_restart_of_all_whatever_their_policy() -> None:
    pod = a_pod(a_container(), a_container("b"), restartPolicy="Never")
    memory = remembered(pod, restart_all=NOW)
    told = shown(memory, sight(ended(code=7)))
    assert waits(told) == "RestartingAllContainers"
    assert told.lastState and told.lastState.terminated and told.lastState.terminated.exitCode == 7
    assert waits(shown(memory, sight(ended(code=7)), "b")) == "RestartingAllContainers"
    running = shown(memory, sight(seen("b")), "b").state
    assert running and running.running
    assert status(memory, sight(ended(code=7))).phase == "Pending"


def test_messages_of_all_containers_share_twelve_kibibytes() -> None:
    pod = a_pod(a_container("web"), a_container("log"), initContainers=[a_container("init")])
    crashed = ended("web", code=1, message="ä" * 4000)
    states = shown(remembered(pod), sight(crashed))
    (end,) = [s.terminated for s in (states.state, states.lastState) if s and s.terminated]
    assert end.message == "ä" * 2048
