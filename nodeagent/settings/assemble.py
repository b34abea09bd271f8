"""Put decoded flags and documents together: which places, listeners and accesses they mean."""

from pathlib import Path

from nodeagent.errors import SettingsError
from nodeagent.settings.agent import AgentConfiguration
from nodeagent.settings.decode import is_zero
from nodeagent.settings.flags import CommandLine
from nodeagent.settings.kubelet import KubeletConfiguration
from nodeagent.settings.node import is_node_name, wrong_addresses, wrong_labels
from nodeagent.settings.tree import Branch, Scalar, find
from nodeagent.settings.value import (
    ClusterAccess,
    CredentialProviders,
    DeadContainers,
    InstanceLock,
    Listener,
    Listeners,
    NodeIdentity,
    Paths,
    RuntimeAccess,
    Settings,
)

STANDALONE_MANIFESTS = "/etc/kubernetes/manifests"
JOINED_CERTIFICATES = "/var/lib/kubelet/pki"


def assemble(
    command: CommandLine,
    config: KubeletConfiguration,
    extras: AgentConfiguration,
    tree: Branch,
    host_name: str,
) -> Settings:
    """The whole value. `tree` tells what was written from what is a default.

    Raises SettingsError for flags that do not go together.
    """
    cluster = _cluster(command)
    return Settings(
        node=_node(command, host_name),
        kubelet=config,
        agent=extras,
        paths=_paths(command, config, extras, tree, standalone=cluster is None),
        runtime=RuntimeAccess(
            endpoint=config.container_runtime_endpoint,
            images=config.image_service_endpoint or config.container_runtime_endpoint,
            embedded=command.embedded_containerd,
            cgroups=command.runtime_cgroups,
        ),
        listeners=_listeners(config, tree, standalone=cluster is None),
        cluster=cluster,
        dead_containers=DeadContainers(
            per_container=command.maximum_dead_containers_per_container,
            total=command.maximum_dead_containers,
            min_age=command.minimum_container_ttl_duration,
        ),
        credential_providers=_credential_providers(command),
        lock=_lock(command),
        ignore_eviction_in_allocatable=command.experimental_allocatable_ignore_eviction,
        verbosity=config.logging.verbosity if command.v is None else command.v,
    )


def _node(command: CommandLine, host_name: str) -> NodeIdentity:
    name = (command.hostname_override or host_name).strip().lower()
    if not is_node_name(name):
        where = "flag --hostname-override" if command.hostname_override else "the host name"
        detail = (
            f'"{name}" is not allowed as a node name; allowed are lower case letters, digits, '
            "'-' and '.' with a letter or digit at both ends; --hostname-override sets another"
        )
        raise SettingsError(op="configure", target=where, detail=detail)
    wrong = " ".join(wrong_labels(command.node_labels))
    if wrong:
        raise SettingsError(op="configure", target="flag --node-labels", detail=wrong)
    wrong = wrong_addresses(command.node_ip)
    if wrong:
        raise SettingsError(op="configure", target="flag --node-ip", detail=wrong)
    if command.cloud_provider not in ("", "external"):
        detail = f'"{command.cloud_provider}" is not allowed; allowed are "external" and ""'
        raise SettingsError(op="configure", target="flag --cloud-provider", detail=detail)
    return NodeIdentity(
        name=name,
        ips=command.node_ip,
        labels=command.node_labels,
        cloud_provider=command.cloud_provider,
    )


def _paths(
    command: CommandLine,
    config: KubeletConfiguration,
    extras: AgentConfiguration,
    tree: Branch,
    *,
    standalone: bool,
) -> Paths:
    root = Path(command.root_dir).absolute()
    certificates = command.cert_dir or (root / "pki" if standalone else JOINED_CERTIFICATES)
    manifests = config.static_pod_path
    # Standalone there is no other source of pods; an empty text in the file still means none.
    if standalone and not config.static_pod_url and find(tree, "staticPodPath") is None:
        manifests = STANDALONE_MANIFESTS
    place = Path(manifests).absolute() if manifests else None

    def beside(given: str, name: str) -> Path | None:
        if given or place is None or not standalone:
            return Path(given) if given and standalone else None
        return place.parent / name

    return Paths(
        root=root,
        certificates=Path(certificates).absolute(),
        manifests=place,
        config_maps=beside(extras.config_map_dir, "configmaps"),
        secrets=beside(extras.secret_dir, "secrets"),
        volumes=beside(extras.volume_dir, "volumes"),
        pod_logs=Path(config.pod_logs_dir),
        socket=Path(command.socket).absolute(),
    )


def _listeners(config: KubeletConfiguration, tree: Branch, *, standalone: bool) -> Listeners:
    def is_asked_for(*fields: str) -> bool:
        found = [find(tree, field) for field in fields]
        return not standalone or any(
            isinstance(node, Scalar) and not is_zero(node.value) for node in found
        )

    https = config.enable_server and is_asked_for("enableServer", "port", "address")
    read_only = config.enable_server and config.read_only_port
    healthz = config.healthz_port and is_asked_for("healthzPort", "healthzBindAddress")
    return Listeners(
        https=Listener(address=config.address, port=config.port) if https else None,
        read_only=(
            Listener(address=config.address, port=config.read_only_port) if read_only else None
        ),
        healthz=(
            Listener(address=config.healthz_bind_address, port=config.healthz_port)
            if healthz
            else None
        ),
    )


def _cluster(command: CommandLine) -> ClusterAccess | None:
    if not command.kubeconfig:
        if command.bootstrap_kubeconfig:
            raise SettingsError(
                op="configure",
                target="flag --bootstrap-kubeconfig",
                detail="needs --kubeconfig, the file that the bootstrap will write",
            )
        return None
    bootstrap = command.bootstrap_kubeconfig
    return ClusterAccess(
        kubeconfig=Path(command.kubeconfig).absolute(),
        bootstrap=Path(bootstrap).absolute() if bootstrap else None,
    )


def _credential_providers(command: CommandLine) -> CredentialProviders | None:
    config, folder = (
        command.image_credential_provider_config,
        command.image_credential_provider_bin_dir,
    )
    if bool(config) != bool(folder):
        raise SettingsError(
            op="configure",
            target="flag --image-credential-provider-config",
            detail="and --image-credential-provider-bin-dir need each other",
        )
    if not config:
        return None
    return CredentialProviders(config=Path(config).absolute(), bin_dir=Path(folder).absolute())


def _lock(command: CommandLine) -> InstanceLock | None:
    if command.lock_file:
        return InstanceLock(
            path=Path(command.lock_file).absolute(), yield_to_others=command.exit_on_lock_contention
        )
    if command.exit_on_lock_contention:
        raise SettingsError(
            op="configure", target="flag --exit-on-lock-contention", detail="needs --lock-file"
        )
    return None
