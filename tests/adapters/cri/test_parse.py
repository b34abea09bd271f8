"""Answers of the runtime -> values."""

import json

import pytest

from nodeagent.adapters.cri import parse
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.model.ids import PodUid, SandboxId
from nodeagent.model.observed import (
    EventKind,
    Phase,
    RuntimeHealth,
    SeenMount,
    SeenResources,
    SeenUser,
)

LABELS = {
    "io.kubernetes.pod.name": "web",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "u1",
}


def test_a_container_status_is_read_in_full() -> None:
    status = pb.ContainerStatus(
        id="c1",
        metadata=pb.ContainerMetadata(name="server", attempt=2),
        state=pb.CONTAINER_EXITED,
        created_at=1_000_000_000,
        started_at=2_500_000_000,
        finished_at=3_000_000_000,
        exit_code=137,
        image=pb.ImageSpec(image="registry.example/web:1"),
        image_ref="registry.example/web@sha256:1",
        reason="OOMKilled",
        message="out of memory",
        annotations={
            "io.kubernetes.container.restartCount": "7",
            "io.kubernetes.container.hash": "abcd",
            "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
            "io.kubernetes.container.terminationMessagePolicy": "FallbackToLogsOnError",
        },
        mounts=[
            pb.Mount(container_path="/data", host_path="/a", readonly=True),
            pb.Mount(container_path="/dev/termination-log", host_path="/b"),
        ],
        log_path="/var/log/pods/x/server/7.log",
        resources=pb.ContainerResources(
            linux=pb.LinuxContainerResources(cpu_shares=512, memory_limit_in_bytes=64)
        ),
        user=pb.ContainerUser(
            linux=pb.LinuxContainerUser(uid=1, gid=2, supplemental_groups=[3, 4])
        ),
    )
    seen = parse.parse_container_status(status, SandboxId("s1"))
    assert (seen.id, seen.name, seen.sandbox_id, seen.attempt) == ("c1", "server", "s1", 2)
    assert (seen.phase, seen.exit_code, seen.restart_count) == (Phase.EXITED, 137, 7)
    assert (seen.created_at, seen.started_at, seen.finished_at) == (1.0, 2.5, 3.0)
    assert (seen.reason, seen.message, seen.spec_hash) == ("OOMKilled", "out of memory", "abcd")
    assert (seen.message_policy, seen.message_host_path) == ("FallbackToLogsOnError", "/b")
    assert seen.mounts[0] == SeenMount(container_path="/data", host_path="/a", readonly=True)
    assert seen.resources == SeenResources(cpu_shares=512, memory_limit_bytes=64)
    assert seen.user == SeenUser(uid=1, gid=2, supplemental_groups=(3, 4))
    assert seen.log_path == "/var/log/pods/x/server/7.log"


def test_what_the_runtime_does_not_tell_stays_unknown() -> None:
    seen = parse.parse_container_status(
        pb.ContainerStatus(id="c1", metadata=pb.ContainerMetadata(name="a", attempt=3)),
        SandboxId("s1"),
    )
    assert (seen.resources, seen.user, seen.message_host_path) == (None, None, "")
    assert (seen.phase, seen.message_policy) == (Phase.CREATED, "File")


@pytest.mark.parametrize("told", ["", "many", "-1", "²"])
def test_a_restart_count_that_is_no_number_falls_back_to_the_attempt(told: str) -> None:
    item = pb.Container(
        metadata=pb.ContainerMetadata(name="a", attempt=3),
        annotations={"io.kubernetes.container.restartCount": told},
    )
    assert parse.parse_container(item).restart_count == 3


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (pb.CONTAINER_CREATED, Phase.CREATED),
        (pb.CONTAINER_RUNNING, Phase.RUNNING),
        (pb.CONTAINER_EXITED, Phase.EXITED),
        (pb.CONTAINER_UNKNOWN, Phase.UNKNOWN),
        (17, Phase.UNKNOWN),
    ],
)
def test_states_become_phases(state: int, phase: Phase) -> None:
    assert parse.parse_container(pb.Container(state=state)).phase is phase


def test_a_sandbox_status_has_its_addresses_in_order() -> None:
    status = pb.PodSandboxStatus(
        id="s1",
        metadata=pb.PodSandboxMetadata(attempt=1),
        state=pb.SANDBOX_READY,
        created_at=5_000_000_000,
        network=pb.PodSandboxNetworkStatus(ip="10.0.0.2", additional_ips=[pb.PodIP(ip="fd00::2")]),
        runtime_handler="boxed",
    )
    seen = parse.parse_sandbox_status(status)
    assert (seen.ready, seen.attempt, seen.created_at) == (True, 1, 5.0)
    assert seen.ips == ("10.0.0.2", "fd00::2")
    assert (seen.host_network, seen.runtime_handler) == (False, "boxed")


def test_a_host_network_sandbox_has_no_address() -> None:
    options = pb.NamespaceOption(network=pb.NODE)
    status = pb.PodSandboxStatus(
        state=pb.SANDBOX_NOTREADY,
        network=pb.PodSandboxNetworkStatus(ip=""),
        linux=pb.LinuxPodSandboxStatus(namespaces=pb.Namespace(options=options)),
    )
    seen = parse.parse_sandbox_status(status)
    assert (seen.ips, seen.host_network, seen.ready) == ((), True, False)


def test_listed_records_are_grouped_by_pod_newest_first() -> None:
    pods = parse.parse_pods(
        [
            sandbox("old", created_at=1, labels={**LABELS, "app": "old"}),
            sandbox("new", created_at=2, labels={**LABELS, "app": "new"}, annotations={"a": "b"}),
        ],
        [
            container("c1", created_at=1, attempt=0),
            container("c3", created_at=3, attempt=1),
            container("c2", created_at=3, attempt=0),
        ],
    )
    (pod,) = pods
    assert (pod.uid, pod.name, pod.namespace) == ("u1", "web", "shop")
    assert (pod.labels, pod.annotations) == ({"app": "new"}, {"a": "b"})
    assert [box.id for box in pod.sandboxes] == ["new", "old"]
    assert [one.id for one in pod.containers] == ["c3", "c2", "c1"]


def test_records_of_others_are_no_pods() -> None:
    assert parse.parse_pods([pb.PodSandbox(id="s")], [pb.Container(id="c")]) == ()


def test_a_pod_without_sandbox_still_has_its_name() -> None:
    (pod,) = parse.parse_pods([], [container("c1")])
    assert (pod.name, pod.namespace, pod.labels) == ("web", "shop", {})


@pytest.mark.parametrize(
    ("image", "user"),
    [
        (pb.Image(uid=pb.Int64Value(value=0)), (0, "")),
        (pb.Image(uid=pb.Int64Value(value=7)), (7, "")),
        (pb.Image(username="web"), (None, "web")),
        (pb.Image(), (None, "")),
    ],
)
def test_the_user_of_an_image(image: pb.Image, user: tuple[int | None, str]) -> None:
    seen = parse.parse_image(image)
    assert (seen.uid, seen.username) == user


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (pb.CONTAINER_CREATED_EVENT, EventKind.CREATED),
        (pb.CONTAINER_STARTED_EVENT, EventKind.STARTED),
        (pb.CONTAINER_STOPPED_EVENT, EventKind.EXITED),
        (pb.CONTAINER_DELETED_EVENT, EventKind.DELETED),
    ],
)
def test_an_event_says_what_happened_to_whom(kind: int, told: EventKind) -> None:
    event = parse.parse_event(
        pb.ContainerEventResponse(
            container_id="c1",
            container_event_type=kind,
            created_at=1_500_000_000,
            pod_sandbox_status=pb.PodSandboxStatus(metadata=pb.PodSandboxMetadata(uid="u1")),
        )
    )
    assert event is not None
    assert (event.kind, event.container_id, event.at, event.uid) == (told, "c1", 1.5, "u1")


def test_an_event_of_a_kind_from_the_future_is_left_out() -> None:
    assert parse.parse_event(pb.ContainerEventResponse(container_event_type=9)) is None


def test_an_event_without_sandbox_has_no_owner() -> None:
    event = parse.parse_event(pb.ContainerEventResponse(container_id="s1"))
    assert event is not None and event.uid is None


def test_a_condition_that_is_not_told_is_not_met() -> None:
    assert parse.parse_health(pb.RuntimeStatus()) == RuntimeHealth(
        message="NotTold", network_message="NotTold"
    )


def test_conditions_say_why_they_are_not_met() -> None:
    network = pb.RuntimeCondition(
        type="NetworkReady", reason="NetworkPluginNotReady", message="cni config uninitialized"
    )
    runtime = pb.RuntimeCondition(type="RuntimeReady", status=True)
    health = parse.parse_health(pb.RuntimeStatus(conditions=[runtime, network]))
    assert (health.runtime_ready, health.message) == (True, "")
    assert health.network_message == "NetworkPluginNotReady: cni config uninitialized"


VERSION = pb.VersionResponse(
    runtime_name="containerd", runtime_version="2.1.0", runtime_api_version="v1"
)


def test_a_new_runtime_tells_driver_handlers_and_features() -> None:
    status = pb.StatusResponse(
        runtime_handlers=[
            pb.RuntimeHandler(name=""),
            pb.RuntimeHandler(
                name="boxed",
                features=pb.RuntimeHandlerFeatures(
                    recursive_read_only_mounts=True, user_namespaces=True
                ),
            ),
        ],
        features=pb.RuntimeFeatures(supplemental_groups_policy=True),
    )
    linux = pb.LinuxRuntimeConfiguration(cgroup_driver=pb.SYSTEMD)
    info = parse.parse_info(VERSION, status, pb.RuntimeConfigResponse(linux=linux))
    assert (info.name, info.version, info.api_version) == ("containerd", "2.1.0", "v1")
    assert (info.cgroup_driver, info.handlers) == ("systemd", ("", "boxed"))
    assert info.features["boxed"] == ("recursiveReadOnlyMounts", "userNamespaces")
    assert info.supplemental_groups_policy


@pytest.mark.parametrize(
    ("options", "driver"),
    [(None, "cgroupfs"), ({}, "cgroupfs"), ({"SystemdCgroup": True}, "systemd")],
)
def test_an_old_containerd_tells_its_driver_in_its_configuration(
    options: object, driver: str
) -> None:
    runc = {"runtimeType": "io.containerd.runc.v2", "options": options}
    config = {"containerd": {"defaultRuntimeName": "runc", "runtimes": {"runc": runc}}}
    status = pb.StatusResponse(info={"config": json.dumps(config)})
    info = parse.parse_info(VERSION, status, None)
    assert (info.cgroup_driver, info.handlers) == (driver, ("", "runc"))


@pytest.mark.parametrize(
    "config", ["{", "[]", "null", "{}", '{"containerd": 1}', '{"containerd": {"runtimes": 3}}']
)
def test_a_configuration_that_is_not_understood_tells_nothing(config: str) -> None:
    info = parse.parse_info(VERSION, pb.StatusResponse(info={"config": config}), None)
    assert (info.cgroup_driver, info.handlers) == ("", ("",))


def sandbox(
    id_: str, *, created_at: int, labels: dict[str, str], annotations: dict[str, str] | None = None
) -> pb.PodSandbox:
    return pb.PodSandbox(
        id=id_, created_at=created_at, labels=labels, annotations=annotations or {}
    )


def container(id_: str, *, created_at: int = 1, attempt: int = 0) -> pb.Container:
    return pb.Container(
        id=id_,
        created_at=created_at,
        metadata=pb.ContainerMetadata(name="server", attempt=attempt),
        labels=LABELS,
    )


def test_an_empty_pod_is_gone() -> None:
    assert parse.parse_pod(PodUid("u1"), (), ()).is_gone
