"""The causal line of `why`, for each way a pod can be stuck, ended or well."""

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.exits import end_text, one_line
from nodeagent.core.explain import Explanation, explain, explain_absent, problem_text
from nodeagent.core.story import Case
from nodeagent.model.desired import DesiredPod, Problem, Source
from nodeagent.model.events import SeenEvent
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import (
    Backoff,
    Ending,
    EndWhy,
    ImageOutcome,
    ImageState,
    PodMemory,
    Rejected,
    Trouble,
)
from tests.fakes.local_node import NOW, a_pod, an_event, at, ended, running, waiting

BAD = Problem(origin="/m/web.yaml", message="cpu: not a quantity", line=7, column=9)


def end(code: int = 1, **fields: object) -> v1.ContainerStateTerminated:
    base = v1.ContainerStateTerminated(
        exitCode=code, containerID="containerd://x", startedAt=at(33), finishedAt=at(30)
    )
    return msgspec.structs.replace(base, **fields)


def memory(pod: v1.Pod, **fields: object) -> PodMemory:
    wanted = DesiredPod(uid=PodUid("u"), source=Source.FILE, origin="/m/web.yaml", pod=pod)
    return msgspec.structs.replace(PodMemory(pod=wanted, seen_at=NOW - 290), **fields)


def why(
    pod: v1.Pod, *events: SeenEvent, problems: tuple[Problem, ...] = (), **remembered: object
) -> Explanation:
    known = memory(pod, **remembered) if remembered else None
    return explain(Case(pod=pod, now=NOW, memory=known, events=events, problems=problems))


def crashed(last: v1.ContainerStateTerminated | None = None, restarts: int = 3) -> v1.Pod:
    return a_pod("web", waiting(reason="CrashLoopBackOff", restarts=restarts, last=last or end()))


def test_a_pod_that_is_well_says_since_when() -> None:
    found = why(a_pod())
    assert found.cause == "Runs as wanted: 1 of 1 containers ready for 15s."
    assert (found.state, found.next, found.fix) == ("Running", "", "")


def test_a_crash_tells_the_end_and_when_it_starts_again() -> None:
    backoff = Backoff(key="k", delay=40.0, at=NOW - 30)
    found = why(crashed(end(message="no such table\n")), backoffs={"web": backoff})
    assert found.cause == (
        "Container web exited with code 1 after 3s: no such table (4 runs so far)"
    )
    assert found.next == "It is started again in 10s (back-off 40s)."
    assert found.fix == "See what it wrote: nodeagent logs web -c web -p"


def test_a_crash_without_memory_promises_no_time() -> None:
    found = why(crashed(restarts=0))
    assert found.cause == "Container web exited with code 1 after 3s"
    assert found.next == "It is started again after its back-off."
    lost = a_pod("web", waiting(reason="CrashLoopBackOff"))
    assert why(lost).cause == "Container web failed"


def test_a_retry_that_is_due_happens_now() -> None:
    trouble = Trouble(reason="CrashLoopBackOff", message="", at=NOW - 50, retry_at=NOW - 1)
    assert why(crashed(), troubles={"web": trouble}).next == "It is started again now."


def test_an_image_that_failed_tells_when_it_is_pulled_again() -> None:
    pod = a_pod("web", waiting(reason="ErrImagePull", message="not found"))
    failed = ImageOutcome(attempt=0, state=ImageState.FAILED, retry_at=NOW + 9)
    assert why(pod, images={"web": failed}).next == "It is tried again in 9s."
    assert why(pod, prepared=True).next == ""


def test_out_of_memory_names_the_limit_and_the_remedy() -> None:
    pod = crashed(end(137, reason="OOMKilled"))
    assert pod.spec is not None
    limited = v1.Container(name="web", resources=v1.ResourceRequirements(limits={"memory": "64Mi"}))
    pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=[limited]))
    found = why(pod)
    assert "using more memory than its limit of 64Mi (OOMKilled, exit code 137)" in found.cause
    assert "limits.memory" in found.fix


def test_a_probe_that_killed_is_the_cause_of_the_crash_loop() -> None:
    events = (
        an_event("Unhealthy", "Liveness probe failed: HTTP 500", warning=True, ago=33),
        an_event("Killing", "Container web failed liveness probe, will be restarted", ago=32),
    )
    found = why(crashed(end(137)), *events)
    assert found.cause.startswith(
        "Container web was stopped by the agent: Container web failed liveness probe, "
        "will be restarted (Liveness probe failed: HTTP 500)"
    )


@pytest.mark.parametrize(
    "event",
    [
        an_event("Killing", "Stopping container web", ago=31),
        an_event("Killing", "Container web definition changed, will be restarted", ago=900),
        an_event("Killing", "Container web definition changed, will be restarted", ago=2),
    ],
)
def test_a_stop_that_fits_not_in_time_or_words_is_not_blamed(event: SeenEvent) -> None:
    assert "exited with code 1" in why(crashed(), event).cause


def test_an_edit_that_restarted_a_container_is_told() -> None:
    edit = an_event("Killing", "Container web definition changed, will be restarted", ago=31)
    found = why(a_pod("web", running(restarts=1)), edit)
    assert found.cause == (
        "Runs as wanted: 1 of 1 containers ready for 15s. Restarted 30s ago: container web was "
        "stopped by the agent: Container web definition changed, will be restarted"
    )


def test_an_image_back_off_gives_the_registrys_words() -> None:
    pod = a_pod("web", waiting(reason="ImagePullBackOff", message='Back-off pulling image "x"'))
    failed = an_event("Failed", 'Failed to pull image "x": denied', warning=True)
    trouble = Trouble(reason="ImagePullBackOff", message="", at=NOW, retry_at=NOW + 20)
    found = why(pod, failed, troubles={"web": trouble})
    assert found.cause == (
        'Container web cannot start (ImagePullBackOff): Failed to pull image "x": denied'
    )
    assert found.next == "It is tried again in 20s."
    assert "registry" in found.fix
    assert "Back-off pulling" in why(pod).cause


@pytest.mark.parametrize(
    ("reason", "next_"),
    [
        ("ErrImageNeverPull", "Nothing changes until the manifest or the image does."),
        ("CreateContainerConfigError", ""),
    ],
)
def test_a_start_that_fails_gives_its_message_and_a_remedy(reason: str, next_: str) -> None:
    found = why(a_pod("web", waiting(reason=reason, message="it says so")))
    assert found.cause == f"Container web cannot start ({reason}): it says so"
    assert found.next == next_
    assert found.fix


def test_a_failed_start_without_message_takes_the_events() -> None:
    pod = a_pod("web", waiting(reason="RunContainerError"))
    failed = an_event("Failed", "Error: no such file", warning=True)
    assert why(pod, failed).cause.endswith("Error: no such file")
    assert why(pod).cause.endswith("(RunContainerError): RunContainerError")


def test_a_volume_that_fails_is_the_cause_of_the_wait() -> None:
    pod = a_pod("web", waiting(reason="ContainerCreating"), phase="Pending")
    event = an_event("FailedMount", "hostPath /x is no directory", warning=True, container="")
    assert why(pod, event).cause == (
        "Nothing can start yet (FailedMount): hostPath /x is no directory"
    )


def test_a_pull_in_progress_is_told() -> None:
    pod = a_pod("web", waiting(reason="ContainerCreating"), phase="Pending")
    pulling = ImageOutcome(attempt=0, state=ImageState.PULLING)
    found = why(pod, an_event("Pulling", "", ago=12), images={"web": pulling})
    assert found.cause == ("Container web waits for its image busybox, being pulled for 12s")


def test_an_image_whose_pull_waits_for_others_says_so() -> None:
    queued = ImageOutcome(attempt=0, state=ImageState.PULLING, queued=True)
    pod = a_pod("web", waiting(reason="ContainerCreating"), phase="Pending")
    found = why(pod, an_event("Pulling", "", ago=12), images={"web": queued})
    assert found.cause.endswith("busybox, whose pull has waited for its turn for 12s")


def test_a_pod_that_only_starts_says_so() -> None:
    pod = a_pod("web", waiting(reason="ContainerCreating"), phase="Pending")
    assert why(pod).cause == "The pod is being started for 4m50s; container web is next"
    told = a_pod("web", waiting(reason="PodInitializing", message="soon"), phase="Pending")
    assert why(told).cause == "Container web is being created: soon"


def test_a_running_init_container_holds_the_rest() -> None:
    pod = a_pod("web", waiting(reason="PodInitializing"), phase="Pending")
    assert pod.spec is not None
    assert pod.status is not None
    pod = msgspec.structs.replace(
        pod,
        spec=msgspec.structs.replace(pod.spec, initContainers=[v1.Container(name="i")]),
        status=msgspec.structs.replace(pod.status, initContainerStatuses=[running("i")]),
    )
    assert why(pod).cause.startswith("Init container i has been running for 20s")


def test_an_init_container_that_is_done_holds_nothing() -> None:
    pod = a_pod()
    assert pod.spec is not None
    assert pod.status is not None
    pod = msgspec.structs.replace(
        pod,
        spec=msgspec.structs.replace(pod.spec, initContainers=[v1.Container(name="i")]),
        status=msgspec.structs.replace(pod.status, initContainerStatuses=[ended("i")]),
    )
    assert why(pod).cause.startswith("Runs as wanted")


def probed(
    *,
    started: bool,
    readiness: v1.Probe | None = None,
    startup: v1.Probe | None = None,
) -> v1.Pod:
    status = msgspec.structs.replace(running(ready=False), started=started)
    pod = a_pod("web", status)
    assert pod.spec is not None
    spec = v1.Container(name="web", readinessProbe=readiness, startupProbe=startup)
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=[spec]))


def test_a_container_that_is_not_ready_names_its_probe() -> None:
    pod = probed(started=True, readiness=v1.Probe())
    event = an_event("Unhealthy", "Readiness probe failed: connection refused", warning=True)
    assert why(pod, event).cause == (
        "Container web runs for 20s but is not ready: Readiness probe failed: connection refused"
    )
    assert why(pod).cause.endswith("its readiness probe has not succeeded yet")
    starting = why(probed(started=False, startup=v1.Probe()))
    assert starting.cause.endswith("its startup probe has not succeeded yet")
    assert "restarted" in starting.next
    assert why(probed(started=True)).cause.startswith("Runs as wanted: 0 of 1")


def test_a_container_that_ended_in_a_running_pod_is_told() -> None:
    pod = a_pod("web", ended("job", code=2), running("side"), policy="Never")
    found = why(pod)
    assert found.cause == "Container job exited with code 2 after 10s"
    assert found.next == "restartPolicy is Never."
    fine = a_pod("web", ended("job"), running("side"), policy="OnFailure")
    assert why(fine).cause.startswith("Runs as wanted")
    soon = Backoff(key="k", delay=45.0, at=NOW)
    again = why(a_pod("web", ended("job")), backoffs={"job": soon})
    assert again.next == "It is started again in 15s (back-off 45s)."
    assert again.fix == ""


def test_finished_pods_tell_how() -> None:
    done = why(a_pod("web", ended(), phase="Succeeded", policy="Never"))
    assert done.cause == "All containers completed with code 0."
    failed = why(a_pod("web", ended(code=3), phase="Failed", policy="Never"))
    assert failed.cause == "Container web exited with code 3 after 10s"
    assert failed.next == "Nothing: restartPolicy is Never."


def test_a_rejected_pod_tells_why_and_that_it_is_final() -> None:
    rejected = Rejected(reason="OutOfcpu", message="Node didn't have enough resource: cpu")
    found = why(a_pod(phase="Failed"), rejected=rejected)
    assert found.cause == (
        "The node refused the pod (OutOfcpu): Node didn't have enough resource: cpu"
    )
    assert "not tried again" in found.next


def test_a_pod_that_failed_as_a_whole_gives_its_message() -> None:
    pod = a_pod()
    status = v1.PodStatus(phase="Failed", reason="Evicted", message="memory is low")
    found = why(msgspec.structs.replace(pod, status=status))
    assert found.cause == "The pod failed as a whole (Evicted): memory is low"


@pytest.mark.parametrize(
    ("grace", "next_"),
    [
        (30.0, "Whatever still runs is killed in 20s."),
        (5.0, "Its grace is over: what is left is being killed and cleaned up."),
    ],
)
def test_a_pod_that_is_being_stopped_tells_why_and_till_when(grace: float, next_: str) -> None:
    ending = Ending(why=EndWhy.DELETED, at=NOW - 10, grace=grace, message="edited")
    found = why(a_pod(), ending=ending)
    assert found.cause == (
        "Being stopped for 10s because its manifest was removed or replaced: edited"
    )
    assert found.next == next_


@pytest.mark.parametrize("why_", list(EndWhy))
def test_every_way_to_end_has_words(why_: EndWhy) -> None:
    assert "because" in why(a_pod(), ending=Ending(why=why_, at=NOW, grace=1)).cause


def test_an_ended_pod_is_no_longer_being_stopped() -> None:
    ending = Ending(why=EndWhy.FINISHED, at=NOW - 10, grace=0)
    found = why(a_pod("web", ended(), phase="Succeeded"), ending=ending)
    assert found.cause == "All containers completed with code 0."


def test_a_bad_edit_of_a_running_pod_is_the_cause_that_nothing_changed() -> None:
    found = why(a_pod(), problems=(BAD,))
    assert found.cause == (
        "An edit has no effect, the last good version runs: /m/web.yaml:7:9: cpu: not a quantity"
    )
    assert found.also == ()
    assert why(crashed(), problems=(BAD,)).also[0].startswith("An edit has no effect")


def test_a_manifest_that_never_ran_is_explained_by_its_mistake() -> None:
    found = explain_absent("default", "web", (BAD, BAD), ())
    assert found is not None
    assert found.state == "InvalidManifest"
    assert "/m/web.yaml:7:9" in found.cause
    assert "/m/web.yaml" in found.fix
    assert len(found.also) == 1


def test_a_pod_that_is_gone_is_explained_by_its_last_event() -> None:
    events = (an_event("Killing", "Stopping container web", ago=5), an_event(ago=50))
    found = explain_absent("default", "web", (), events)
    assert found is not None
    assert found.state == "Gone"
    assert found.cause.endswith("Killing [web]: Stopping container web")
    assert explain_absent("default", "web", (), ()) is None


def test_a_pod_before_its_first_status_is_about_to_be_acted_on() -> None:
    pod = a_pod()
    found = why(msgspec.structs.replace(pod, status=None))
    assert found.cause == "The pod is Pending: the agent is about to act on it."


def test_the_timeline_is_in_order_and_holds_ends_and_events() -> None:
    pod = a_pod("web", running(restarts=1))
    node_wide = an_event("Evicted", "low", warning=True, ago=1, container="", count=4)
    found = why(pod, an_event(ago=20), node_wide, seen_at=NOW - 290)
    assert [(m.what, m.warning, m.count) for m in found.timeline] == [
        ("Wanted by /m/web.yaml", False, 1),
        ("Container web exited with code 1 after 10s", True, 1),
        ("Started [web]: Container started", False, 1),
        ("Evicted: low", True, 4),
    ]


@pytest.mark.parametrize(
    ("ended_", "text"),
    [
        (end(0), "completed with code 0 after 3s"),
        (end(127), "exited with code 127 (its command was not found in the image) after 3s"),
        (end(143), "was ended by SIGTERM (exit code 143) after 3s"),
        (end(200), "exited with code 200 after 3s"),
        (end(160), "exited with code 160 after 3s"),
        (end(159), "was ended by SIGSYS (exit code 159) after 3s"),
        (end(137, reason="OOMKilled"), "was killed for using more memory than there was (OOMKilled, exit code 137) after 3s"),  # noqa: E501
        (end(128, reason="StartError", startedAt=None, message="no such file"), "could not be started (StartError, exit code 128): no such file"),  # noqa: E501
        (end(137, reason="ContainerStatusUnknown", startedAt=None), "was lost: the runtime no longer knows it"),  # noqa: E501
    ],
)  # fmt: skip
def test_ends_in_words(ended_: v1.ContainerStateTerminated, text: str) -> None:
    assert end_text(ended_) == text


def test_last_words_are_one_short_line() -> None:
    assert one_line("first\n\n last \n\n") == "last"
    assert one_line("") == ""
    assert len(one_line("x" * 500)) == 160


def test_a_problem_reads_like_a_compilers() -> None:
    assert problem_text(BAD) == "/m/web.yaml:7:9: cpu: not a quantity"
    assert problem_text(Problem(origin="/m/a", message="m", line=3)) == "/m/a:3: m"
    assert problem_text(Problem(origin="/m/a", message="m")) == "/m/a: m"


def test_an_ephemeral_container_and_one_without_a_state_explain_nothing() -> None:
    stateless = msgspec.structs.replace(running(), state=None)
    pod = a_pod("web", stateless)
    assert pod.spec is not None
    assert pod.status is not None
    debug = v1.EphemeralContainer(name="debug")
    pod = msgspec.structs.replace(
        pod,
        spec=msgspec.structs.replace(pod.spec, ephemeralContainers=[debug]),
        status=msgspec.structs.replace(
            pod.status, ephemeralContainerStatuses=[ended("debug", code=1)]
        ),
    )
    assert why(pod).cause.startswith("Runs as wanted")
