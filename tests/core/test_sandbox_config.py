"""Sandboxes as the runtime is asked for them."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.sandbox_config import dotted, sandbox_config
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import (
    DnsSpec,
    IdRange,
    Namespaces,
    PortSpec,
    Profile,
    Resources,
    SandboxConfig,
    SelinuxSpec,
    VolumePlace,
)
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs

NODE = NodeFacts(
    name="n",
    runtime_classes={"deep": "kata"},
    runtime_features={"": (), "kata": ("userNamespaces",)},
)
DIRS = PodDirs(root="/var/lib/kubelet", logs="/var/log/pods")
RANGE = IdRange(host_id=65536, container_id=0, length=65536)


def a_pod(*containers: v1.Container, **spec: object) -> DesiredPod:
    return DesiredPod(
        uid=PodUid("u-1"),
        source=Source.FILE,
        origin="",
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(
                name="web",
                namespace="shop",
                labels={"app": "web", "io.kubernetes.pod.uid": "forged"},
                annotations={"a": "b"},
            ),
            spec=v1.PodSpec(
                containers=list(containers) or [v1.Container(name="c")],
                **spec,  # type: ignore[arg-type]
            ),
        ),
    )


def sandbox(
    pod: DesiredPod,
    rules: NodeRules | None = None,
    *,
    user: IdRange | None = None,
    places: tuple[VolumePlace, ...] = (),
) -> SandboxConfig:
    return sandbox_config(
        pod,
        attempt=2,
        node=NODE,
        rules=rules or NodeRules(),
        dirs=DIRS,
        host_resolv="nameserver 192.0.2.1\n",
        user=user,
        places=places,
    )


def test_a_plain_pod_needs_little() -> None:
    assert sandbox(a_pod()) == SandboxConfig(
        uid=PodUid("u-1"),
        name="web",
        namespace="shop",
        attempt=2,
        hostname="web",
        log_directory="/var/log/pods/shop_web_u-1",
        cgroup_parent="/kubepods/besteffort/podu-1",
        labels={
            "app": "web",
            "io.kubernetes.pod.name": "web",
            "io.kubernetes.pod.namespace": "shop",
            "io.kubernetes.pod.uid": "u-1",
        },
        annotations={"a": "b"},
        dns=DnsSpec(servers=("192.0.2.1",)),
        seccomp=Profile(kind="RuntimeDefault"),
        resources=Resources(cpu_period=100_000, cpu_shares=2),
    )


def test_the_spec_decides_on_security_and_namespaces() -> None:
    context = v1.PodSecurityContext(
        runAsUser=1,
        runAsGroup=2,
        fsGroup=3,
        supplementalGroups=[4],
        supplementalGroupsPolicy="Strict",
        seLinuxOptions=v1.SELinuxOptions(level="s0"),
        seccompProfile=v1.SeccompProfile(type="Unconfined"),
        sysctls=[v1.Sysctl(name="net/ipv4/tcp_rmem", value="1 2 3")],
    )
    loud = v1.Container(name="c", securityContext=v1.SecurityContext(privileged=True))
    pod = a_pod(
        loud, securityContext=context, hostNetwork=True, hostIPC=True, hostPID=True, hostname="h"
    )
    got = sandbox(pod, places=(VolumePlace(gid=5),))
    assert got.hostname == ""
    assert got.namespaces == Namespaces(host_network=True, host_ipc=True, pid="NODE")
    assert (got.run_as_user, got.run_as_group) == (1, 2)
    assert (got.supplemental_groups, got.supplemental_groups_policy) == ((3, 4, 5), "Strict")
    assert got.selinux == SelinuxSpec(level="s0")
    assert got.seccomp == Profile(kind="RuntimeDefault")
    assert got.sysctls == {"net.ipv4.tcp_rmem": "1 2 3"}
    assert got.privileged


def test_ports_of_regular_containers_are_mapped_once() -> None:
    pod = a_pod(
        v1.Container(
            name="a",
            ports=[
                v1.ContainerPort(containerPort=80, hostPort=8080, hostIP="127.0.0.1", name="web"),
                v1.ContainerPort(containerPort=81, name="web"),
                v1.ContainerPort(containerPort=53, protocol="UDP"),
                v1.ContainerPort(containerPort=53, protocol="UDP"),
            ],
        ),
        v1.Container(name="b", ports=[v1.ContainerPort(containerPort=81, name="web")]),
        initContainers=[v1.Container(name="i", ports=[v1.ContainerPort(containerPort=1)])],
    )
    assert sandbox(pod).ports == (
        PortSpec(protocol="TCP", container_port=80, host_port=8080, host_ip="127.0.0.1"),
        PortSpec(protocol="UDP", container_port=53),
        PortSpec(protocol="TCP", container_port=81),
    )


def test_the_systemd_driver_takes_a_slice() -> None:
    got = sandbox(a_pod(), NodeRules(cgroup_driver="systemd", cgroup_root="/t"))
    assert got.cgroup_parent == "t-kubepods-besteffort-podu_1.slice"


def test_overhead_is_told_apart() -> None:
    got = sandbox(a_pod(overhead={"cpu": "500m", "memory": "1Ki"}))
    assert got.overhead == Resources(
        cpu_period=100_000, cpu_quota=50_000, cpu_shares=512, memory_limit_bytes=1024
    )


def test_a_full_name_becomes_the_hostname() -> None:
    pod = a_pod(subdomain="sub", setHostnameAsFQDN=True)
    got = sandbox(pod, NodeRules(cluster_domain="k.local"))
    assert got.hostname == "web.sub.shop.svc.k.local"


def test_a_runtime_class_names_the_handler() -> None:
    assert sandbox(a_pod(runtimeClassName="deep")).runtime_handler == "kata"
    with pytest.raises(ConfigError) as failure:
        sandbox(a_pod(runtimeClassName="shallow"))
    assert failure.value.detail == 'RuntimeClass "shallow" not found'


def test_a_user_namespace_gets_its_range() -> None:
    got = sandbox(a_pod(runtimeClassName="deep", hostUsers=False), user=RANGE)
    assert got.namespaces.user == RANGE
    assert sandbox(a_pod(hostUsers=True), user=RANGE).namespaces.user is None


@pytest.mark.parametrize(
    ("pod", "user", "says"),
    [
        (a_pod(hostUsers=False), RANGE, "runtime does not support user namespaces"),
        (a_pod(hostUsers=False, runtimeClassName="deep"), None, "no range of ids"),
    ],
)
def test_a_user_namespace_that_cannot_be_is_an_error(
    pod: DesiredPod, user: IdRange | None, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        sandbox(pod, user=user)


def test_a_handler_without_user_namespaces_is_named() -> None:
    node = NodeFacts(name="n", runtime_classes={"deep": "kata"})
    pod = a_pod(hostUsers=False, runtimeClassName="deep")
    with pytest.raises(ConfigError, match='RuntimeClass handler "kata" does not support'):
        sandbox_config(
            pod, attempt=0, node=node, rules=NodeRules(), dirs=DIRS, host_resolv="", user=RANGE
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net.ipv4.tcp_rmem", "net.ipv4.tcp_rmem"),
        ("net/ipv4/conf/eno2.100/x", "net.ipv4.conf.eno2/100.x"),
        ("net.ipv4.conf.eno2/100.x", "net.ipv4.conf.eno2/100.x"),
        ("plain", "plain"),
    ],
)
def test_sysctls_are_written_with_dots(name: str, expected: str) -> None:
    assert dotted(name) == expected
