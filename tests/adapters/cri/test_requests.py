"""Manifests -> the messages the runtime gets. Golden files; `UPDATE_GOLDEN=1` writes them anew."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from google.protobuf import text_format
from google.protobuf.message import Message

from nodeagent.adapters.cri import requests
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.core.container_config import Instance, container_config
from nodeagent.core.manifest import parse_manifest
from nodeagent.core.mounts import Places
from nodeagent.core.sandbox_config import sandbox_config
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import ImageRef, PodUid
from nodeagent.model.launch import (
    ContainerConfig,
    ContainerSecurity,
    DeviceSpec,
    IdRange,
    Namespaces,
    Profile,
    Resources,
    SandboxConfig,
    VolumePlace,
)
from nodeagent.model.memory import ImageOutcome, ImageState
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs

GOLDEN = Path(__file__).parent / "golden"
NODE = NodeFacts(
    name="n1",
    ips=("192.0.2.1",),
    capacity={"cpu": 4000, "memory": 8 << 30},
    allocatable={"cpu": 4000, "memory": 8 << 30},
    cpus=4,
    page_sizes=("2Mi",),
    runtime_classes={"boxed": "boxed"},
    runtime_features={
        "boxed": ("userNamespaces", "recursiveReadOnlyMounts"),
        "": ("recursiveReadOnlyMounts",),
    },
    supplemental_groups_policy=True,
    apparmor=True,
)
RULES = NodeRules(cluster_domain="cluster.local", cluster_dns=("10.96.0.10",))
DIRS = PodDirs(root="/var/lib/kubelet", logs="/var/log/pods")
USERS = IdRange(host_id=65536, container_id=0, length=65536)
IMAGE = ImageOutcome(
    attempt=2, state=ImageState.READY, ref=ImageRef("sha256:abcd"), username="nobody"
)


@pytest.mark.parametrize("manifest", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_manifest_becomes_these_requests(manifest: Path) -> None:
    pod = parse_manifest(
        manifest.read_bytes(),
        origin=f"/manifests/{manifest.name}",
        source=Source.FILE,
        node_name="n1",
        seen_at=1_700_000_000.0,
    )
    told = as_text(pod)
    golden = manifest.with_suffix(".textproto")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


def test_a_sandbox_gets_what_the_value_says_and_nothing_else() -> None:
    message = requests.sandbox_config(bare_sandbox())
    assert message.metadata == pb.PodSandboxMetadata(
        name="web", uid="u1", namespace="default", attempt=3
    )
    assert not message.HasField("dns_config")
    security = message.linux.security_context
    assert not security.HasField("run_as_user")
    assert security.seccomp.profile_type == pb.SecurityProfile.RuntimeDefault
    assert security.namespace_options == pb.NamespaceOption(
        network=pb.POD, pid=pb.CONTAINER, ipc=pb.POD
    )
    assert not message.linux.HasField("resources")


def test_user_zero_differs_from_no_user() -> None:
    root = bare_container(security=ContainerSecurity(run_as_user=0))
    assert context_of(root).HasField("run_as_user")
    assert not context_of(bare_container()).HasField("run_as_user")


def test_a_target_container_is_named_for_its_process_namespace() -> None:
    namespaces = Namespaces(pid="TARGET", pid_target="c-1")
    options = context_of(
        bare_container(security=ContainerSecurity(namespaces=namespaces))
    ).namespace_options
    assert (options.pid, options.target_id) == (pb.TARGET, "c-1")


@pytest.mark.parametrize(
    ("profile", "legacy"),
    [
        (Profile(kind="RuntimeDefault"), "runtime/default"),
        (Profile(kind="Unconfined"), "unconfined"),
        (Profile(kind="Localhost", ref="boxed"), "localhost/boxed"),
        (None, ""),
    ],
)
def test_apparmor_is_said_in_the_old_words_too(profile: Profile | None, legacy: str) -> None:
    context = context_of(bare_container(security=ContainerSecurity(apparmor=profile)))
    assert context.apparmor_profile == legacy
    assert context.HasField("apparmor") is (profile is not None)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("", pb.RUNTIME_DEFAULT),
        ("SIGTERM", pb.SIGTERM),
        ("SIGRTMIN", pb.SIGRTMIN),
        ("SIGRTMIN+15", pb.SIGRTMINPLUS15),
        ("SIGRTMAX-14", pb.SIGRTMAXMINUS14),
    ],
)
def test_stop_signals_have_the_numbers_of_cri(name: str, number: int) -> None:
    assert requests.container_config(bare_container(stop_signal=name)).stop_signal == number


def test_environment_values_that_are_not_text_go_out_as_they_came_in() -> None:
    value = b"caf\xe9".decode("utf-8", "surrogateescape")
    message = requests.container_config(bare_container(env=(("NAME", value),)))
    assert message.envs[0].value == b"caf\xe9"


def test_devices_and_resources_are_passed_through() -> None:
    device = DeviceSpec(container_path="/dev/x", host_path="/dev/sdx", permissions="mrw")
    resources = Resources(
        cpu_quota=-1, hugepages=(("2MB", 0),), unified=(("memory.oom.group", "1"),)
    )
    message = requests.container_config(
        bare_container(devices=(device,), cdi_devices=("v/c=d",), resources=resources)
    )
    assert message.devices[0].permissions == "mrw"
    assert [one.name for one in message.CDI_devices] == ["v/c=d"]
    assert message.linux.resources == pb.LinuxContainerResources(
        cpu_quota=-1,
        hugepage_limits=[pb.HugepageLimit(page_size="2MB", limit=0)],
        unified={"memory.oom.group": "1"},
    )


def as_text(pod: DesiredPod) -> str:
    """The sandbox request and one request for each container, as protobuf text."""
    user = USERS if pod.spec.hostUsers is False else None
    places = places_of(pod)
    sandbox = sandbox_config(
        pod,
        attempt=1,
        node=NODE,
        rules=RULES,
        dirs=DIRS,
        host_resolv="nameserver 192.0.2.2\nsearch example\n",
        user=user,
        places=places.values(),
    )
    parts = [section("sandbox", requests.sandbox_config(sandbox))]
    for container in pod.spec.containers:
        subpaths = {
            index: f"/var/lib/kubelet/pods/{pod.uid}/volume-subpaths/{mount.name}/{index}"
            for index, mount in enumerate(container.volumeMounts or ())
            if mount.subPath and not places[mount.name].image
        }
        config = container_config(
            pod,
            container,
            Instance(
                attempt=2,
                restart_count=4,
                image=IMAGE,
                ips=("10.0.0.7",),
                places=Places(
                    volumes=places,
                    subpaths=subpaths,
                    hosts=f"/var/lib/kubelet/pods/{pod.uid}/etc-hosts",
                    message=f"/var/lib/kubelet/pods/{pod.uid}/containers/{container.name}/1",
                ),
                user=user,
            ),
            node=NODE,
            rules=RULES,
            dirs=DIRS,
        )
        parts.append(section(f"container {container.name}", requests.container_config(config)))
    return "\n".join(parts)


def places_of(pod: DesiredPod) -> Mapping[str, VolumePlace]:
    places = {}
    for volume in pod.spec.volumes or ():
        if volume.hostPath is not None:
            places[volume.name] = VolumePlace(host_path=volume.hostPath.path)
        elif volume.image is not None:
            places[volume.name] = VolumePlace(image=volume.image.reference or "")
        else:
            kind = "kubernetes.io~empty-dir"
            path = f"/var/lib/kubelet/pods/{pod.uid}/volumes/{kind}/{volume.name}"
            places[volume.name] = VolumePlace(host_path=path)
    return places


def section(title: str, message: Message) -> str:
    return f"# {title}\n{text_format.MessageToString(message, as_utf8=True)}"


def context_of(config: ContainerConfig) -> pb.LinuxContainerSecurityContext:
    return requests.container_config(config).linux.security_context


def bare_sandbox() -> SandboxConfig:
    return SandboxConfig(
        uid=PodUid("u1"),
        name="web",
        namespace="default",
        attempt=3,
        hostname="web",
        log_directory="/var/log/pods/default_web_u1",
        cgroup_parent="/kubepods/podu1",
        labels={},
        annotations={},
    )


def bare_container(
    *,
    security: ContainerSecurity | None = None,
    resources: Resources | None = None,
    env: tuple[tuple[str, str], ...] = (),
    devices: tuple[DeviceSpec, ...] = (),
    cdi_devices: tuple[str, ...] = (),
    stop_signal: str = "",
) -> ContainerConfig:
    return ContainerConfig(
        name="web",
        attempt=0,
        image="busybox",
        image_ref=ImageRef("sha256:1"),
        labels={},
        annotations={},
        log_path="web/0.log",
        env=env,
        devices=devices,
        cdi_devices=cdi_devices,
        resources=resources or Resources(),
        security=security or ContainerSecurity(),
        stop_signal=stop_signal,
    )
