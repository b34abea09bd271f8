"""What a decision may know of the node."""

import msgspec
from lightkube.models import core_v1 as v1


class Pressure(msgspec.Struct, frozen=True, kw_only=True):
    """What the node is short of; eviction decides, the node's conditions and admission go by it."""

    memory: bool = False
    disk: bool = False
    pid: bool = False


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The node as admission, requests and status see it. Quantities: milli-CPU, bytes, counts."""

    name: str
    ips: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    capacity: dict[str, int] = {}  # "cpu" in milli-units, "memory", "ephemeral-storage", "pods"
    allocatable: dict[str, int] = {}
    cpus: int = 1
    page_sizes: tuple[str, ...] = ()  # huge page sizes as Kubernetes writes them: "2Mi"
    cgroup_v2: bool = False
    runtime_name: str = "containerd"
    runtime_version: str = ""
    runtime_handlers: tuple[str, ...] = ("",)
    network_trouble: str = ""  # why the runtime cannot give pods a network now
    runtime_features: dict[str, tuple[str, ...]] = {}
    supplemental_groups_policy: bool = False
    runtime_classes: dict[str, str] = {}  # name -> handler
    apparmor: bool = False
    swap: bool = False  # the kernel can limit swap per cgroup
    swap_bytes: int = 0  # swap of the node as a whole
    taints: tuple[v1.Taint, ...] = ()
    selinux: bool = False
    throttle_paths: tuple[str, ...] = ()  # /sys/devices/system/cpu/cpu*/thermal_throttle
    pressure: Pressure = Pressure()
    volumes_in_use: tuple[str, ...] = ()  # unique names; the control plane must not detach them
    troubles: dict[str, str] = {}  # why the node is not ready beside its runtime, by who says so


class PodDirs(msgspec.Struct, frozen=True, kw_only=True):
    """Where the agent keeps things; absolute paths."""

    root: str
    logs: str
    container_links: str = "/var/log/containers"


class NodeRules(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that decisions about pods need, in plain values."""

    cluster_domain: str = ""
    cluster_dns: tuple[str, ...] = ()
    cpu_cfs_quota: bool = True
    cpu_cfs_period: int = 100_000  # microseconds
    pids_limit: int = -1
    seccomp_default: bool = False
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    max_pods: int = 110
    cgroup_root: str = ""
    cgroup_driver: str = "cgroupfs"
    single_process_oom_kill: bool = False
    limited_swap: bool = False  # memorySwap.swapBehavior LimitedSwap
    crash_initial: float = 10.0
    crash_max: float = 300.0
    crash_reset: float = 600.0
    ids_per_pod: int = 65536
    dead_per_container: int = 1  # ended instances of a container that are kept, never below 1
    dead_min_age: float = 0.0  # seconds that each ended instance is kept
    joined: bool = False  # there is a cluster, whose DNS pods expect
