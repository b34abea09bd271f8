"""KubeletConfiguration v1beta1 as a frozen value: every field, its type, its default, its range.

Field names are kubelet's in files and snake_case here; durations are seconds, sizes bytes.
The defaults and ranges follow the Kubernetes v1.36 reference of kubelet.config.k8s.io/v1beta1.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from nodeagent.settings import rules as r
from nodeagent.settings.names import (
    AuthorizationMode,
    CgroupDriver,
    ChangeDetection,
    CpuManagerPolicy,
    Enforce,
    HairpinMode,
    ImageVerification,
    LogFormat,
    MemoryManagerPolicy,
    MemoryReservationPolicy,
    SwapBehavior,
    TaintEffect,
    TlsVersion,
    TopologyManagerPolicy,
    TopologyManagerScope,
)

API_VERSION = "kubelet.config.k8s.io/v1beta1"
KIND = "KubeletConfiguration"

DEFAULT_EVICTION_HARD: Mapping[str, str] = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}
SIGNALS = r.Keys(
    (
        "memory.available",
        "nodefs.available",
        "nodefs.inodesFree",
        "imagefs.available",
        "imagefs.inodesFree",
        "containerfs.available",
        "containerfs.inodesFree",
        "pid.available",
    )
)
RESERVABLE = r.Keys(("cpu", "memory", "ephemeral-storage", "pid"))

Positive = r.Between(0)
Thresholds = Annotated[Mapping[str, r.Threshold], SIGNALS]
Reservation = Annotated[Mapping[str, r.Amount], RESERVABLE]
CountOrDefault = Annotated[r.Count, r.ZERO]
SecondsOrDefault = Annotated[r.Seconds, Positive, r.ZERO]
ShutdownPeriod = Annotated[r.Seconds, r.Between(1, zero=True)]

# Names whose capitals are not those of plain camelCase.
_SPELLED = {
    "static_pod_url": "staticPodURL",
    "static_pod_url_header": "staticPodURLHeader",
    "server_tls_bootstrap": "serverTLSBootstrap",
    "client_ca_file": "clientCAFile",
    "cache_ttl": "cacheTTL",
    "cache_authorized_ttl": "cacheAuthorizedTTL",
    "cache_unauthorized_ttl": "cacheUnauthorizedTTL",
    "registry_pull_qps": "registryPullQPS",
    "event_record_qps": "eventRecordQPS",
    "cluster_dns": "clusterDNS",
    "image_minimum_gc_age": "imageMinimumGCAge",
    "image_maximum_gc_age": "imageMaximumGCAge",
    "image_gc_high_threshold_percent": "imageGCHighThresholdPercent",
    "image_gc_low_threshold_percent": "imageGCLowThresholdPercent",
    "cgroups_per_qos": "cgroupsPerQOS",
    "single_process_oom_kill": "singleProcessOOMKill",
    "pod_cidr": "podCIDR",
    "cpu_cfs_quota": "cpuCFSQuota",
    "cpu_cfs_quota_period": "cpuCFSQuotaPeriod",
    "kube_api_qps": "kubeAPIQPS",
    "kube_api_burst": "kubeAPIBurst",
    "make_iptables_util_chains": "makeIPTablesUtilChains",
    "container_log_max_size_bytes": "containerLogMaxSize",
    "reserved_system_cpus": "reservedSystemCPUs",
    "provider_id": "providerID",
}


def spell(name: str) -> str:
    """The name a field has in a configuration file."""
    first, *rest = name.split("_")
    return _SPELLED.get(name) or first + "".join(word.capitalize() for word in rest)


class X509Authentication(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    client_ca_file: str = ""


class WebhookAuthentication(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    enabled: bool = True
    cache_ttl: SecondsOrDefault = 120.0


class AnonymousAuthentication(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    enabled: bool = False


class Authentication(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    x509: X509Authentication = X509Authentication()
    webhook: WebhookAuthentication = WebhookAuthentication()
    anonymous: AnonymousAuthentication = AnonymousAuthentication()


class WebhookAuthorization(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    cache_authorized_ttl: SecondsOrDefault = 300.0
    cache_unauthorized_ttl: SecondsOrDefault = 30.0


class Authorization(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    mode: Annotated[AuthorizationMode, r.ZERO] = AuthorizationMode.WEBHOOK
    webhook: WebhookAuthorization = WebhookAuthorization()


class MemorySwap(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    swap_behavior: SwapBehavior = SwapBehavior.UNSET


class MemoryReservation(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    """Memory of one NUMA node that pods may not have."""

    numa_node: r.Count = 0
    limits: Annotated[Mapping[str, r.Amount], r.Keys(("memory", "hugepages-*"))] = {}


class Taint(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    key: str = ""
    value: str = ""
    effect: TaintEffect
    time_added: str = ""


class Tracing(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    endpoint: str = ""
    sampling_rate_per_million: Annotated[int, r.Between(0, 1_000_000)] = 0


class UserNamespaces(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    ids_per_pod: Annotated[int, r.Between(65536, 2**32 - 1)] = 65536


class ShutdownGracePeriod(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    """Seconds that pods of this priority and above get at node shutdown."""

    priority: Annotated[int, r.Between(-(2**31), 2**31 - 1)] = 0
    shutdown_grace_period_seconds: r.Count = 0


class CrashLoopBackOff(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    max_container_restart_period: Annotated[r.Seconds, r.Between(1, 300)] = 300.0


class Logging(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    """kubelet's log settings; only format and verbosity mean something to this agent."""

    format: Annotated[LogFormat, r.ZERO] = LogFormat.TEXT
    verbosity: r.Count = 0
    flush_frequency: Any = None
    vmodule: Any = None
    options: Any = None


class KubeletConfiguration(msgspec.Struct, frozen=True, kw_only=True, rename=spell):
    """Every field of kubelet.config.k8s.io/v1beta1, with defaults applied; mappings are read-only.

    `None` stands only where kubelet itself tells "not set" from every value.
    """

    enable_server: bool = True
    static_pod_path: str = ""
    static_pod_url: str = ""
    static_pod_url_header: Mapping[str, tuple[str, ...]] = {}
    sync_frequency: SecondsOrDefault = 60.0
    file_check_frequency: SecondsOrDefault = 20.0
    http_check_frequency: SecondsOrDefault = 20.0
    address: Annotated[r.Address, r.ZERO] = "0.0.0.0"
    port: Annotated[r.Port, r.ZERO] = 10250
    read_only_port: r.PortOrOff = 0
    tls_cert_file: str = ""
    tls_private_key_file: str = ""
    tls_cipher_suites: tuple[str, ...] = ()
    tls_min_version: TlsVersion = TlsVersion.UNSET
    rotate_certificates: bool = False
    server_tls_bootstrap: bool = False
    authentication: Authentication = Authentication()
    authorization: Authorization = Authorization()
    registry_pull_qps: r.Count = 5
    registry_burst: CountOrDefault = 10
    max_parallel_image_pulls: Annotated[int, r.Between(1)] | None = None
    serialize_image_pulls: bool = True
    image_pull_credentials_verification_policy: Annotated[ImageVerification, r.ZERO] = (
        ImageVerification.NOT_PRELOADED
    )
    preloaded_images_verification_allowlist: tuple[str, ...] = ()
    event_record_qps: r.Count = 50
    event_burst: CountOrDefault = 100
    enable_debugging_handlers: bool = True
    enable_profiling_handler: bool = True
    enable_debug_flags_handler: bool = True
    enable_contention_profiling: bool = False
    enable_system_log_handler: bool = True
    enable_system_log_query: bool = False
    healthz_port: r.PortOrOff = 10248
    healthz_bind_address: Annotated[r.Address, r.ZERO] = "127.0.0.1"
    oom_score_adj: Annotated[int, r.Between(-1000, 1000)] = -999
    cluster_domain: str = ""
    cluster_dns: tuple[r.Address, ...] = ()
    streaming_connection_idle_timeout: SecondsOrDefault = 14400.0
    node_status_update_frequency: SecondsOrDefault = 10.0
    node_status_report_frequency: SecondsOrDefault = 300.0
    node_lease_duration_seconds: CountOrDefault = 40
    image_minimum_gc_age: SecondsOrDefault = 120.0
    image_maximum_gc_age: Annotated[r.Seconds, Positive] = 0.0
    image_gc_high_threshold_percent: r.PercentNumber = 85
    image_gc_low_threshold_percent: r.PercentNumber = 80
    volume_stats_agg_period: Annotated[r.Seconds, r.ZERO] = 60.0
    kubelet_cgroups: str = ""
    system_cgroups: str = ""
    cgroup_root: str = ""
    cgroups_per_qos: bool = True
    cgroup_driver: Annotated[CgroupDriver, r.ZERO] = CgroupDriver.CGROUPFS
    cpu_manager_policy: Annotated[CpuManagerPolicy, r.ZERO] = CpuManagerPolicy.NONE
    cpu_manager_policy_options: Mapping[str, str] = {}
    cpu_manager_reconcile_period: SecondsOrDefault = 10.0
    single_process_oom_kill: bool | None = None
    memory_manager_policy: Annotated[MemoryManagerPolicy, r.ZERO] = MemoryManagerPolicy.NONE
    reserved_memory: tuple[MemoryReservation, ...] = ()
    topology_manager_policy: Annotated[TopologyManagerPolicy, r.ZERO] = TopologyManagerPolicy.NONE
    topology_manager_scope: Annotated[TopologyManagerScope, r.ZERO] = TopologyManagerScope.CONTAINER
    topology_manager_policy_options: Mapping[str, str] = {}
    qos_reserved: Annotated[Mapping[str, r.Percent], r.Keys(("memory",))] = {}
    runtime_request_timeout: SecondsOrDefault = 120.0
    hairpin_mode: Annotated[HairpinMode, r.ZERO] = HairpinMode.PROMISCUOUS_BRIDGE
    max_pods: CountOrDefault = 110
    pods_per_core: r.Count = 0
    pod_cidr: r.Network = ""
    pod_pids_limit: Annotated[int, r.Between(-1)] = -1
    resolv_conf: str = "/etc/resolv.conf"
    run_once: bool = False
    cpu_cfs_quota: bool = True
    cpu_cfs_quota_period: Annotated[r.Seconds, r.Between(0.001, 1)] = 0.1
    node_status_max_images: Annotated[int, r.Between(-1)] = 50
    max_open_files: Annotated[int, Positive, r.ZERO] = 1_000_000
    content_type: Annotated[str, r.ZERO] = "application/vnd.kubernetes.protobuf"
    kube_api_qps: r.Count = 50
    kube_api_burst: CountOrDefault = 100
    eviction_hard: Thresholds = msgspec.field(default_factory=lambda: DEFAULT_EVICTION_HARD)
    eviction_soft: Thresholds = {}
    eviction_soft_grace_period: Annotated[Mapping[str, r.Seconds], SIGNALS] = {}
    eviction_pressure_transition_period: SecondsOrDefault = 300.0
    eviction_max_pod_grace_period: Annotated[int, r.Between(-1)] = 0
    eviction_minimum_reclaim: Thresholds = {}
    merge_default_eviction_settings: bool = False
    enable_controller_attach_detach: bool = True
    protect_kernel_defaults: bool = False
    make_iptables_util_chains: bool = True
    fail_swap_on: bool = True
    memory_swap: MemorySwap = MemorySwap()
    container_log_max_size_bytes: Annotated[r.Bytes, r.ZERO] = 10 * 2**20
    container_log_max_files: Annotated[int, r.Between(2)] = 5
    container_log_max_workers: Annotated[int, r.Between(1)] = 1
    container_log_monitor_interval: Annotated[r.Seconds, r.Between(3)] = 10.0
    config_map_and_secret_change_detection_strategy: Annotated[ChangeDetection, r.ZERO] = (
        ChangeDetection.WATCH
    )
    system_reserved: Reservation = {}
    kube_reserved: Reservation = {}
    reserved_system_cpus: r.Cpus = ""
    system_reserved_cgroup: str = ""
    kube_reserved_cgroup: str = ""
    enforce_node_allocatable: tuple[Enforce, ...] = (Enforce.PODS,)
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    volume_plugin_dir: Annotated[str, r.ZERO] = (
        "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/"
    )
    provider_id: str = ""
    kernel_memcg_notification: bool = False
    seccomp_default: bool = False
    memory_throttling_factor: Annotated[float, r.Between(0.0001, 1)] = 0.9
    memory_reservation_policy: Annotated[MemoryReservationPolicy, r.ZERO] = (
        MemoryReservationPolicy.NONE
    )
    register_with_taints: tuple[Taint, ...] = ()
    register_node: bool = True
    tracing: Tracing | None = None
    local_storage_capacity_isolation: bool = True
    container_runtime_endpoint: Annotated[r.Endpoint, r.ZERO] = (
        "unix:///run/containerd/containerd.sock"
    )
    image_service_endpoint: r.Endpoint = ""
    fail_cgroup_v1: bool = True
    user_namespaces: UserNamespaces = UserNamespaces()
    pod_logs_dir: Annotated[r.AbsolutePath, r.ZERO] = "/var/log/pods"
    shutdown_grace_period: ShutdownPeriod = 0.0
    shutdown_grace_period_critical_pods: ShutdownPeriod = 0.0
    shutdown_grace_period_by_pod_priority: tuple[ShutdownGracePeriod, ...] = ()
    crash_loop_back_off: CrashLoopBackOff = CrashLoopBackOff()
    logging: Logging = Logging()
    feature_gates: Mapping[str, bool] = {}
    show_hidden_metrics_for_version: str = ""
