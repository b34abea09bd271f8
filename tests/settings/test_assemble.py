"""What the settings mean for places, ports, the node and the runtime."""

from pathlib import Path

from nodeagent.settings import (
    BackOff,
    ClusterAccess,
    InstanceLock,
    KubeletConfiguration,
    Listener,
    Listeners,
    node_version,
)
from nodeagent.settings.load import load
from tests.settings.machine import AGENT, Machine


def test_without_any_flag_the_agent_runs_standalone_with_sane_defaults(machine: Machine) -> None:
    settings, warnings = machine.load_with_warnings(host_name=" Node-1.Example ")
    assert settings.standalone and not settings.registers
    assert settings.kubelet == KubeletConfiguration()
    assert settings.node.name == "node-1.example"
    assert settings.paths.root == Path("/var/lib/kubelet")
    assert settings.paths.certificates == Path("/var/lib/kubelet/pki")
    assert settings.paths.manifests == Path("/etc/kubernetes/manifests")
    assert settings.paths.socket == Path("/run/nodeagent/nodeagent.sock")
    assert settings.listeners == Listeners()
    assert settings.verbosity == 0
    assert warnings == []


def test_the_machines_own_name_is_the_node_name() -> None:
    assert load()[0].node.name


def test_the_first_wait_is_never_above_the_configured_cap(machine: Machine) -> None:
    machine.has("crashLoopBackOff: {maxContainerRestartPeriod: 4s}\n")
    assert machine.load().back_off == BackOff(initial=4.0, max=4.0, reset=600.0)


def test_without_settings_the_back_off_is_kubelets(machine: Machine) -> None:
    assert machine.load().back_off == BackOff(initial=10.0, max=300.0, reset=600.0)


def test_a_kubeconfig_joins_a_cluster_and_opens_its_ports(machine: Machine) -> None:
    settings = machine.load("--kubeconfig=/k.conf", "--bootstrap-kubeconfig=/b.conf")
    assert settings.cluster == ClusterAccess(kubeconfig=Path("/k.conf"), bootstrap=Path("/b.conf"))
    assert settings.registers and not settings.standalone
    assert settings.paths.manifests is None
    assert settings.listeners == Listeners(
        https=Listener(address="0.0.0.0", port=10250),
        healthz=Listener(address="127.0.0.1", port=10248),
    )
    assert not machine.load("--kubeconfig=/k.conf", "--register-node=false").registers


def test_standalone_opens_only_ports_that_were_asked_for(machine: Machine) -> None:
    assert machine.load("--port=10350").listeners == Listeners(
        https=Listener(address="0.0.0.0", port=10350)
    )
    assert machine.load("--healthz-port=10248", "--read-only-port=10255").listeners == Listeners(
        read_only=Listener(address="0.0.0.0", port=10255),
        healthz=Listener(address="127.0.0.1", port=10248),
    )


def test_a_server_turned_off_stays_off(machine: Machine) -> None:
    machine.has("enableServer: false\nport: 10250\nreadOnlyPort: 10255\nhealthzPort: 0\n")
    assert machine.load("--kubeconfig=/k.conf").listeners == Listeners()


def test_standalone_certificates_stand_under_the_root_folder(machine: Machine) -> None:
    assert machine.load("--root-dir=/srv/n").paths.certificates == Path("/srv/n/pki")
    joined = machine.load("--root-dir=/srv/n", "--kubeconfig=/k.conf")
    assert joined.paths.certificates == Path("/var/lib/kubelet/pki")
    assert machine.load("--cert-dir=/c").paths.certificates == Path("/c")


def test_manifests_come_from_where_they_were_told_to(machine: Machine) -> None:
    assert machine.load("--pod-manifest-path=/m").paths.manifests == Path("/m")
    assert machine.load("--manifest-url=http://h/p").paths.manifests is None
    machine.has("staticPodPath: ''\n")
    assert machine.load().paths.manifests is None


def test_the_image_service_is_the_runtime_unless_set_apart(machine: Machine) -> None:
    runtime = machine.load("--container-runtime-endpoint=/run/c.sock").runtime
    assert runtime.images == runtime.endpoint == "unix:///run/c.sock"
    apart = machine.load("--image-service-endpoint=unix:///run/i.sock", "--embedded-containerd")
    assert apart.runtime.images == "unix:///run/i.sock" and apart.runtime.embedded


def test_verbosity_comes_from_the_flag_before_the_file(machine: Machine) -> None:
    machine.has("logging: {verbosity: 2}\n")
    assert machine.load().verbosity == 2
    assert machine.load("-v0").verbosity == 0
    assert machine.load("--v=6").verbosity == 6


def test_a_node_can_be_named_labelled_and_addressed(machine: Machine) -> None:
    node = machine.load(
        "--hostname-override=Edge-7",
        "--node-labels=tier=front,node.kubernetes.io/pool=a",
        "--node-labels=empty=",
        "--node-ip=10.0.0.7,fd00::7",
        "--cloud-provider=external",
    ).node
    assert node.name == "edge-7"
    assert node.labels == {"tier": "front", "node.kubernetes.io/pool": "a", "empty": ""}
    assert node.ips == ("10.0.0.7", "fd00::7")
    assert node.cloud_provider == "external"


def test_the_other_flags_reach_the_settings(machine: Machine) -> None:
    settings = machine.load(
        "--lock-file=/run/l",
        "--exit-on-lock-contention",
        "--image-credential-provider-config=/c.yaml",
        "--image-credential-provider-bin-dir=/bin/c",
        "--maximum-dead-containers=7",
        "--maximum-dead-containers-per-container=2",
        "--minimum-container-ttl-duration=1m",
        "--runtime-cgroups=/containerd",
        "--experimental-allocatable-ignore-eviction",
        "--pod-logs-dir=/srv/logs",
        "--socket=/run/n.sock",
    )
    assert settings.lock == InstanceLock(path=Path("/run/l"), yield_to_others=True)
    assert settings.credential_providers is not None
    assert settings.credential_providers.bin_dir == Path("/bin/c")
    dead = settings.dead_containers
    assert (dead.total, dead.per_container, dead.min_age) == (7, 2, 60.0)
    assert settings.runtime.cgroups == "/containerd"
    assert settings.ignore_eviction_in_allocatable
    assert settings.paths.pod_logs == Path("/srv/logs")
    assert settings.paths.socket == Path("/run/n.sock")


def test_the_node_reports_the_kubernetes_version_and_then_our_own() -> None:
    assert node_version().startswith("v1.36.2+nodeagent.")


def test_documents_for_static_pods_lie_beside_the_manifests_or_where_the_agent_is_told(
    machine: Machine,
) -> None:
    paths = machine.load().paths
    assert paths.config_maps == Path("/etc/kubernetes/configmaps")
    assert paths.secrets == Path("/etc/kubernetes/secrets")
    assert paths.volumes == Path("/etc/kubernetes/volumes")
    machine.has(f"staticPodPath: /srv/pods/web.yaml\n---\n{AGENT}secretDir: /run/keys\n")
    paths = machine.load().paths
    assert paths.config_maps == Path("/srv/pods/configmaps")
    assert paths.secrets == Path("/run/keys")
    machine.has('staticPodPath: ""\n')
    assert machine.load().paths.secrets is None
    joined = machine.load("--kubeconfig=/k")
    assert (joined.paths.config_maps, joined.paths.volumes) == (None, None)
