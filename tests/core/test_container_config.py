"""Containers as the runtime is asked for them."""

import json

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.container_config import Instance, container_config
from nodeagent.core.hashing import spec_hash
from nodeagent.core.log_paths import log_link_name
from nodeagent.core.mounts import Places
from nodeagent.core.security import MASKED, READ_ONLY
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import ImageRef, PodUid
from nodeagent.model.launch import (
    ContainerConfig,
    ContainerSecurity,
    IdRange,
    MountSpec,
    Resources,
    VolumePlace,
)
from nodeagent.model.memory import ImageOutcome, ImageState
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs

NODE = NodeFacts(
    name="n",
    ips=("10.0.0.7",),
    capacity={"memory": 1 << 30},
    runtime_features={"": ("recursiveReadOnlyMounts",)},
)
DIRS = PodDirs(root="/var/lib/kubelet", logs="/var/log/pods")
IMAGE = ImageOutcome(attempt=3, state=ImageState.READY, ref=ImageRef("sha256:aa"), uid=7)
RANGE = IdRange(host_id=65536, container_id=0, length=65536)
WEB = v1.Container(
    name="web",
    image="web:1",
    command=["/bin/$(KIND)", "$$(KIND)"],
    args=["--ip=$(IP)", "$(UNKNOWN)"],
    env=[
        v1.EnvVar(name="KIND", value="server"),
        v1.EnvVar(
            name="IP",
            valueFrom=v1.EnvVarSource(fieldRef=v1.ObjectFieldSelector(fieldPath="status.podIP")),
        ),
    ],
    ports=[v1.ContainerPort(containerPort=80, protocol="TCP", name="http")],
    lifecycle=v1.Lifecycle(
        preStop=v1.LifecycleHandler(exec=v1.ExecAction(command=["bye"])), stopSignal="SIGUSR1"
    ),
    workingDir="/srv",
    stdin=True,
    tty=True,
    terminationMessagePath="/dev/termination-log",
    terminationMessagePolicy="File",
    volumeMounts=[
        v1.VolumeMount(name="data", mountPath="/data", readOnly=True, recursiveReadOnly="Enabled")
    ],
)


def a_pod(container: v1.Container = WEB, **spec: object) -> DesiredPod:
    return DesiredPod(
        uid=PodUid("u-1"),
        source=Source.FILE,
        origin="",
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(name="shop", namespace="ns", annotations={"not": "copied"}),
            spec=v1.PodSpec(
                containers=[container],
                terminationGracePeriodSeconds=30,
                **spec,  # type: ignore[arg-type]
            ),
        ),
    )


INSTANCE = Instance(
    attempt=3,
    restart_count=2,
    image=IMAGE,
    ips=("10.4.0.2",),
    places=Places(
        volumes={"data": VolumePlace(host_path="/host/data")}, hosts="/hosts", message="/message"
    ),
)


def configured(
    pod: DesiredPod, container: v1.Container = WEB, instance: Instance = INSTANCE
) -> ContainerConfig:
    return container_config(pod, container, instance, node=NODE, rules=NodeRules(), dirs=DIRS)


def test_everything_about_a_container_is_resolved() -> None:
    assert configured(a_pod()) == ContainerConfig(
        name="web",
        attempt=3,
        image="web:1",
        image_ref=ImageRef("sha256:aa"),
        labels={
            "io.kubernetes.container.name": "web",
            "io.kubernetes.pod.name": "shop",
            "io.kubernetes.pod.namespace": "ns",
            "io.kubernetes.pod.uid": "u-1",
        },
        annotations={
            "io.kubernetes.container.hash": spec_hash(WEB),
            "io.kubernetes.container.restartCount": "2",
            "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
            "io.kubernetes.container.terminationMessagePolicy": "File",
            "io.kubernetes.pod.terminationGracePeriod": "30",
            "io.kubernetes.container.preStopHandler": '{"exec":{"command":["bye"]}}',
            "io.kubernetes.container.ports": (
                '[{"name":"http","containerPort":80,"protocol":"TCP"}]'
            ),
        },
        log_path="web/2.log",
        command=("/bin/server", "$(KIND)"),
        args=("--ip=10.4.0.2", "$(UNKNOWN)"),
        working_dir="/srv",
        env=(("KIND", "server"), ("IP", "10.4.0.2")),
        mounts=(
            MountSpec(
                container_path="/data",
                host_path="/host/data",
                readonly=True,
                recursive_read_only=True,
            ),
            MountSpec(container_path="/etc/hosts", host_path="/hosts"),
            MountSpec(container_path="/dev/termination-log", host_path="/message"),
        ),
        stdin=True,
        tty=True,
        resources=Resources(cpu_period=100_000, cpu_shares=2, oom_score_adj=1000),
        security=ContainerSecurity(run_as_user=7, masked_paths=MASKED, readonly_paths=READ_ONLY),
        stop_signal="SIGUSR1",
    )


def test_a_bare_container_says_only_what_must_be_known_later() -> None:
    bare = v1.Container(name="c", stdinOnce=True)
    pod = a_pod(bare)
    metadata = meta_v1.ObjectMeta(name="p", deletionGracePeriodSeconds=4)
    pod = DesiredPod(
        uid=pod.uid,
        source=pod.source,
        origin="",
        pod=v1.Pod(metadata=metadata, spec=v1.PodSpec(containers=[bare])),
    )
    got = configured(pod, bare, Instance(attempt=0, restart_count=0, image=IMAGE))
    assert got.annotations == {
        "io.kubernetes.container.hash": spec_hash(bare),
        "io.kubernetes.container.restartCount": "0",
        "io.kubernetes.container.terminationMessagePath": "",
        "io.kubernetes.container.terminationMessagePolicy": "",
        "io.kubernetes.pod.deletionGracePeriod": "4",
    }
    assert (got.mounts, got.command, got.image, got.stop_signal) == ((), (), "", "")
    assert got.stdin_once
    assert got.labels["io.kubernetes.pod.namespace"] == "default"


def test_ports_on_the_host_are_remembered_whole() -> None:
    port = v1.ContainerPort(containerPort=80, hostPort=81, hostIP="::1", protocol="UDP")
    container = v1.Container(name="c", ports=[port])
    got = configured(a_pod(container), container)
    assert json.loads(got.annotations["io.kubernetes.container.ports"]) == [
        {"hostPort": 81, "containerPort": 80, "protocol": "UDP", "hostIP": "::1"}
    ]


def test_an_ephemeral_container_joins_its_target() -> None:
    entry = v1.EphemeralContainer(name="debug", image="busybox", targetContainerName="web")
    instance = Instance(attempt=0, restart_count=0, image=IMAGE, target="abc")
    got = container_config(a_pod(), entry, instance, node=NODE, rules=NodeRules(), dirs=DIRS)
    assert (got.security.namespaces.pid, got.security.namespaces.pid_target) == ("TARGET", "abc")


def test_a_user_namespace_maps_every_mount() -> None:
    instance = Instance(attempt=0, restart_count=0, image=IMAGE, places=INSTANCE.places, user=RANGE)
    got = configured(a_pod(hostUsers=False), WEB, instance)
    assert {mount.id_map for mount in got.mounts} == {RANGE}
    assert got.security.namespaces.user == RANGE
    assert {mount.id_map for mount in configured(a_pod(), WEB, instance).mounts} == {None}


def test_the_features_of_the_pods_own_runtime_count() -> None:
    node = NodeFacts(
        name="n",
        runtime_classes={"deep": "kata"},
        runtime_features={"": ("recursiveReadOnlyMounts",)},
    )
    with pytest.raises(ConfigError, match="not supported by the runtime"):
        container_config(
            a_pod(runtimeClassName="deep"),
            WEB,
            INSTANCE,
            node=node,
            rules=NodeRules(),
            dirs=DIRS,
        )


def test_log_links_fit_into_a_directory() -> None:
    def link(container: str) -> str:
        return log_link_name(name="web", namespace="shop", container=container, container_id="0123")

    assert link("c") == "web_shop_c-0123.log"
    assert len(link("c" * 300)) == 255
    assert link("c" * 300).endswith("ccc.log")
