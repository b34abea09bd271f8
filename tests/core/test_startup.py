"""How long a pod took to start, less what was not the node's doing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1 as v1

from nodeagent.core.startup import has_started, is_stateful, time_covered, time_of_init

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING = v1.ContainerState(running=v1.ContainerStateRunning(startedAt=AT))


def ended(seconds: float) -> v1.ContainerState:
    until = AT + timedelta(seconds=seconds)
    state = v1.ContainerStateTerminated(exitCode=0, startedAt=AT, finishedAt=until)
    return v1.ContainerState(terminated=state)


def status(name: str, state: v1.ContainerState | None, **more: Any) -> v1.ContainerStatus:
    return v1.ContainerStatus(
        name=name, image="i", imageID="", ready=False, restartCount=0, state=state, **more
    )


def test_a_pod_has_started_when_all_its_containers_run() -> None:
    both = [status("a", RUNNING), status("b", RUNNING)]
    assert has_started(v1.PodStatus(containerStatuses=both))
    assert not has_started(v1.PodStatus(containerStatuses=[both[0], status("b", ended(1))]))
    assert not has_started(v1.PodStatus(containerStatuses=[status("a", None)]))
    assert not has_started(v1.PodStatus())


@pytest.mark.parametrize(
    ("volume", "stateful"),
    [
        (v1.Volume(name="v", emptyDir=v1.EmptyDirVolumeSource()), False),
        (v1.Volume(name="v", secret=v1.SecretVolumeSource(secretName="s")), False),
        (v1.Volume(name="v", projected=v1.ProjectedVolumeSource()), False),
        (v1.Volume(name="v", hostPath=v1.HostPathVolumeSource(path="/x")), True),
        (v1.Volume(name="v", image=v1.ImageVolumeSource(reference="i")), True),
    ],
)
def test_a_volume_from_outside_makes_a_pod_stateful(volume: v1.Volume, stateful: bool) -> None:
    assert is_stateful(v1.PodSpec(containers=[], volumes=[volume])) is stateful


def test_init_containers_that_ended_are_taken_off_with_their_last_try() -> None:
    init = [
        v1.Container(name="first"),
        v1.Container(name="beside", restartPolicy="Always"),
        v1.Container(name="second"),
    ]
    found = [
        status("first", ended(3), lastState=ended(2)),
        status("beside", ended(50)),
        status("second", RUNNING),
    ]
    pod = v1.Pod(
        spec=v1.PodSpec(containers=[], initContainers=init),
        status=v1.PodStatus(initContainerStatuses=found),
    )
    assert time_of_init(pod) == 5.0
    assert time_of_init(v1.Pod()) == 0.0


def test_spans_that_overlap_count_once() -> None:
    assert time_covered([]) == 0.0
    assert time_covered([(0, 4), (2, 6), (3, 5), (10, 11)]) == 7.0


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda p: (p[0], sum(p))))


@given(SPANS)
def test_the_time_covered_is_that_of_every_second_looked_at(spans: list[tuple[int, int]]) -> None:
    seconds = {at for begin, end in spans for at in range(begin, end)}
    assert time_covered(spans) == len(seconds)
