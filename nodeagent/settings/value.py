"""The settings of one run of the agent: one frozen value that everything is built from."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from nodeagent import KUBERNETES_VERSION, __version__
from nodeagent.settings.agent import AgentConfiguration
from nodeagent.settings.gates import is_enabled
from nodeagent.settings.kubelet import KubeletConfiguration


def node_version() -> str:
    """What the node reports as kubeletVersion: the behaviour stood in for, then our own version."""
    return f"{KUBERNETES_VERSION}+nodeagent.{__version__}"


class NodeIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who this node is, as flags and the host name say.

    `ips`: at most one per family, first the primary one; empty lets the agent choose.
    `cloud_provider`: "" or "external".
    """

    name: str
    ips: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    cloud_provider: str = ""


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """Places on this machine; all absolute.

    `manifests`: folder or file of static pods, None for none. `config_maps`, `secrets`, `volumes`:
    folders of the documents that static pods may refer to, None for none.
    `socket`: the agent's own API.
    """

    root: Path = Path("/var/lib/kubelet")
    certificates: Path = Path("/var/lib/kubelet/pki")
    manifests: Path | None = None
    config_maps: Path | None = None
    secrets: Path | None = None
    volumes: Path | None = None
    pod_logs: Path = Path("/var/log/pods")
    socket: Path = Path("/run/nodeagent/nodeagent.sock")


class ClusterAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the API server. `bootstrap` is used only while `kubeconfig` does not work."""

    kubeconfig: Path
    bootstrap: Path | None = None


class RuntimeAccess(msgspec.Struct, frozen=True, kw_only=True):
    """The CRI sockets, as `unix:///...`; `images` equals `endpoint` unless set apart.

    `embedded`: start a containerd of our own where no socket answers.
    `cgroups`: absolute name of the cgroup the runtime itself lives in, "" if not told.
    """

    endpoint: str = "unix:///run/containerd/containerd.sock"
    images: str = "unix:///run/containerd/containerd.sock"
    embedded: bool = False
    cgroups: str = ""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    port: int


class Listeners(msgspec.Struct, frozen=True, kw_only=True):
    """TCP ports to open; None for closed. Standalone opens only what was asked for by name."""

    https: Listener | None = None
    read_only: Listener | None = None
    healthz: Listener | None = None


class DeadContainers(msgspec.Struct, frozen=True, kw_only=True):
    """How many ended containers to keep: each pod's container, in all (-1 any), and how long."""

    per_container: int = 1
    total: int = -1
    min_age: float = 0.0


class CredentialProviders(msgspec.Struct, frozen=True, kw_only=True):
    """Exec plugins that know image registry credentials."""

    config: Path
    bin_dir: Path


class InstanceLock(msgspec.Struct, frozen=True, kw_only=True):
    """A file only one agent may hold. `yield_to_others`: exit when somebody else opens it."""

    path: Path
    yield_to_others: bool = False


class BackOff(msgspec.Struct, frozen=True, kw_only=True):
    """Crash-loop waits in seconds: the first, the longest, and running time that forgets them."""

    initial: float = 10.0
    max: float = 300.0
    reset: float = 600.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Flags over drop-ins over configuration file over defaults; read once, checked as a whole."""

    node: NodeIdentity
    kubelet: KubeletConfiguration = KubeletConfiguration()
    agent: AgentConfiguration = AgentConfiguration()
    paths: Paths = Paths()
    runtime: RuntimeAccess = RuntimeAccess()
    listeners: Listeners = Listeners()
    cluster: ClusterAccess | None = None
    dead_containers: DeadContainers = DeadContainers()
    credential_providers: CredentialProviders | None = None
    lock: InstanceLock | None = None
    ignore_eviction_in_allocatable: bool = False
    verbosity: int = 0

    @property
    def standalone(self) -> bool:
        """No API server: pods come from manifests only."""
        return self.cluster is None

    @property
    def registers(self) -> bool:
        """Whether the agent creates its own Node object."""
        return self.cluster is not None and self.kubelet.register_node

    @property
    def back_off(self) -> BackOff:
        """The node's crash-loop numbers; a first wait above the longest is cut to it (KEP-4603)."""
        ours = self.agent.crash_loop
        cap = self.kubelet.crash_loop_back_off.max_container_restart_period
        longest = cap if ours.max is None else ours.max
        return BackOff(initial=min(ours.initial, longest), max=longest, reset=ours.reset)

    def gate(self, name: str) -> bool:
        """Whether a feature gate is on: as configured, else its default in Kubernetes v1.36."""
        return is_enabled(name, self.kubelet.feature_gates)
