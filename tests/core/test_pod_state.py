"""How a pod is, in one word, and its counts; rows of tables."""

import msgspec
import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core import table
from nodeagent.core.image_wait import PULLING, QUEUED
from nodeagent.core.pod_state import PodState, short_age, state_of
from tests.fakes.local_node import NOW, a_pod, an_event, at, ended, running, waiting

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


def with_init(
    pod: v1.Pod, *statuses: v1.ContainerStatus, sidecars: tuple[str, ...] = (), done: bool = False
) -> v1.Pod:
    assert pod.spec is not None
    assert pod.status is not None
    containers = [
        v1.Container(name=s.name, restartPolicy="Always" if s.name in sidecars else None)
        for s in statuses
    ]
    condition = v1.PodCondition(type="Initialized", status="True" if done else "False")
    return msgspec.structs.replace(
        pod,
        spec=msgspec.structs.replace(pod.spec, initContainers=containers),
        status=msgspec.structs.replace(
            pod.status, initContainerStatuses=list(statuses), conditions=[condition]
        ),
    )


def word_of(pod: v1.Pod) -> str:
    return state_of(pod).word


def changed(status: v1.ContainerStatus, **fields: object) -> v1.ContainerStatus:
    return msgspec.structs.replace(status, **fields)


def test_a_running_pod_counts_its_ready_containers_and_restarts() -> None:
    pod = a_pod("p", running("a", restarts=2), running("b", ready=False))
    assert state_of(pod) == PodState(
        word="Running", ready=1, total=2, restarts=2, restarted_at=NOW - 30
    )


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ((waiting(reason="ContainerCreating"),), "ContainerCreating"),
        ((running("a"), waiting("b", reason="CrashLoopBackOff")), "CrashLoopBackOff"),
        ((waiting("a", reason="ErrImagePull"), ended("b", code=1)), "ErrImagePull"),
        ((ended("a", code=1), ended("b")), "Error"),
        ((ended("a"), ended("b")), "Completed"),
        ((ended("a"), running("b")), "NotReady"),
        ((waiting(reason=""),), "Running"),
        ((waiting(reason="ContainerCreating", message=PULLING),), "Pulling"),
        ((waiting(reason="ContainerCreating", message=QUEUED),), "PullQueued"),
        ((waiting(reason="PodInitializing", message=PULLING),), "Pulling"),
        ((waiting(reason="CreateContainerError", message=PULLING),), "CreateContainerError"),
    ],
)
def test_the_most_telling_container_gives_the_word(
    statuses: tuple[v1.ContainerStatus, ...], word: str
) -> None:
    assert word_of(a_pod("p", *statuses)) == word


def test_a_pod_whose_job_is_done_beside_a_running_container_runs() -> None:
    pod = a_pod("p", ended("a"), running("b"))
    assert pod.status is not None
    ready = [v1.PodCondition(type="Ready", status="True")]
    pod = msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, conditions=ready))
    assert word_of(pod) == "Running"


@pytest.mark.parametrize(
    ("end", "word"),
    [
        (v1.ContainerStateTerminated(exitCode=3), "ExitCode:3"),
        (v1.ContainerStateTerminated(exitCode=137, signal=9), "Signal:9"),
        (v1.ContainerStateTerminated(exitCode=137, reason="OOMKilled"), "OOMKilled"),
    ],
)
def test_an_end_without_reason_shows_its_code(end: v1.ContainerStateTerminated, word: str) -> None:
    state = v1.ContainerState(terminated=end)
    assert word_of(a_pod("p", changed(ended(), state=state))) == word
    one = changed(ended("init", code=1), state=state)
    assert word_of(with_init(a_pod("p"), one)) == f"Init:{word}"


def test_init_containers_show_how_far_they_are() -> None:
    pod = a_pod("p", waiting(reason="PodInitializing"), phase="Pending")
    first, second = ended("one"), waiting("two", reason="PodInitializing")
    assert word_of(with_init(pod, waiting("one", reason="PodInitializing"), second)) == "Init:0/2"
    assert word_of(with_init(pod, first, running("two"))) == "Init:1/2"
    pulled = waiting("one", reason="PodInitializing", message=PULLING)
    assert word_of(with_init(pod, pulled, second)) == "Init:Pulling"
    failing = waiting("two", reason="CrashLoopBackOff")
    assert word_of(with_init(pod, first, failing)) == "Init:CrashLoopBackOff"


def test_restarts_are_those_of_the_init_containers_until_they_are_done() -> None:
    pod = a_pod("p", waiting(reason="PodInitializing"), phase="Pending")
    assert state_of(with_init(pod, running("one", restarts=3))).restarts == 3
    pod = a_pod("p", running(restarts=1))
    assert state_of(with_init(pod, changed(ended("one"), restartCount=3), done=True)).restarts == 1


def test_started_sidecars_count_as_containers() -> None:
    side = running("side", restarts=2)
    pod = with_init(a_pod("p", running()), side, ended("one"), sidecars=("side",), done=True)
    assert state_of(pod) == PodState(
        word="Running", ready=2, total=2, restarts=2, restarted_at=NOW - 30
    )


def test_a_pod_as_a_whole_may_have_a_reason() -> None:
    pod = a_pod("p", phase="Failed")
    status = v1.PodStatus(phase="Failed", reason="Evicted")
    assert word_of(msgspec.structs.replace(pod, status=status)) == "Evicted"
    assert word_of(v1.Pod()) == "Pending"


@pytest.mark.parametrize(
    ("phase", "reason", "word"),
    [
        ("Running", None, "Terminating"),
        ("Running", "NodeLost", "Unknown"),
        ("Succeeded", None, "Completed"),
    ],
)
def test_a_pod_that_is_being_removed_says_so(phase: str, reason: str | None, word: str) -> None:
    pod = a_pod("p", ended(), phase=phase)
    assert pod.metadata is not None
    assert pod.status is not None
    pod = msgspec.structs.replace(
        pod,
        metadata=msgspec.structs.replace(pod.metadata, deletionTimestamp=at(1)),
        status=msgspec.structs.replace(pod.status, reason=reason),
    )
    assert word_of(pod) == word


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (303, "5m3s"),
        (599, "9m59s"),
        (10 * MINUTE, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR + 12 * MINUTE, "3h12m"),
        (8 * HOUR, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY + 5 * HOUR, "2d5h"),
        (8 * DAY, "8d"),
        (700 * DAY, "700d"),
        (2 * YEAR + 11 * DAY, "2y11d"),
        (9 * YEAR, "9y"),
    ],
)
def test_ages_have_at_most_two_units(seconds: float, text: str) -> None:
    assert short_age(seconds) == text


def test_a_pod_has_one_cell_a_column() -> None:
    cells = table.pod_cells(a_pod("p", running(restarts=1)), now=NOW)
    assert dict(zip((c.name for c in table.POD_COLUMNS), cells, strict=True)) == {
        "Name": "p",
        "Ready": "1/1",
        "Status": "Running",
        "Restarts": "1 (30s ago)",
        "Age": "5m",
        "IP": "10.1.0.7",
        "Node": "node1",
        "QoS": "BestEffort",
        "UID": "uid-p",
        "Images": "busybox",
    }


def test_what_is_not_known_of_a_pod_is_said_so() -> None:
    cells = table.pod_cells(v1.Pod(), now=NOW)
    assert cells == ["", "0/0", "Pending", "0", "<unknown>"] + ["<none>"] * 5


def test_an_event_has_one_cell_a_column() -> None:
    from nodeagent.server.kinds import event_object

    event = event_object(an_event(count=3), "1", node="node1")
    cells = table.event_cells(event, now=NOW)
    assert len(cells) == len(table.EVENT_COLUMNS)
    assert cells[:7] == [
        "20s",
        "Normal",
        "Started",
        "pod/web-node1",
        "spec.containers{web}",
        "kubelet, node1",
        "Container started",
    ]
    assert cells[8] == 3


def test_a_node_shows_its_state_roles_and_versions() -> None:
    node = v1.Node(
        metadata=meta_v1.ObjectMeta(
            name="n", labels={"node-role.kubernetes.io/edge": "", "other": "x"}
        ),
        spec=v1.NodeSpec(unschedulable=True),
        status=v1.NodeStatus(
            conditions=[v1.NodeCondition(type="Ready", status="False")],
            addresses=[v1.NodeAddress(type="InternalIP", address="192.0.2.1")],
        ),
    )
    cells = table.node_cells(node, now=NOW)
    assert len(cells) == len(table.NODE_COLUMNS)
    assert cells[:3] == ["n", "NotReady,SchedulingDisabled", "edge"]
    assert cells[5] == "192.0.2.1"
    assert table.node_cells(v1.Node(), now=NOW)[1] == "Unknown"


def test_a_namespace_is_active() -> None:
    space = v1.Namespace(metadata=meta_v1.ObjectMeta(name="default"))
    assert table.namespace_cells(space, now=NOW) == ["default", "Active", "<unknown>"]
