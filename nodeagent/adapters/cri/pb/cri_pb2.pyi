"""Types of package runtime.v1. Made from protos/cri.proto by protos/generate.py; do not edit."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import (
    MessageMap,
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
    ScalarMap,
)
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor
TCP: int
UDP: int
SCTP: int
PROPAGATION_PRIVATE: int
PROPAGATION_HOST_TO_CONTAINER: int
PROPAGATION_BIDIRECTIONAL: int
POD: int
CONTAINER: int
NODE: int
TARGET: int
Merge: int
Strict: int
SANDBOX_READY: int
SANDBOX_NOTREADY: int
RUNTIME_DEFAULT: int
SIGABRT: int
SIGALRM: int
SIGBUS: int
SIGCHLD: int
SIGCLD: int
SIGCONT: int
SIGFPE: int
SIGHUP: int
SIGILL: int
SIGINT: int
SIGIO: int
SIGIOT: int
SIGKILL: int
SIGPIPE: int
SIGPOLL: int
SIGPROF: int
SIGPWR: int
SIGQUIT: int
SIGSEGV: int
SIGSTKFLT: int
SIGSTOP: int
SIGSYS: int
SIGTERM: int
SIGTRAP: int
SIGTSTP: int
SIGTTIN: int
SIGTTOU: int
SIGURG: int
SIGUSR1: int
SIGUSR2: int
SIGVTALRM: int
SIGWINCH: int
SIGXCPU: int
SIGXFSZ: int
SIGRTMIN: int
SIGRTMINPLUS1: int
SIGRTMINPLUS2: int
SIGRTMINPLUS3: int
SIGRTMINPLUS4: int
SIGRTMINPLUS5: int
SIGRTMINPLUS6: int
SIGRTMINPLUS7: int
SIGRTMINPLUS8: int
SIGRTMINPLUS9: int
SIGRTMINPLUS10: int
SIGRTMINPLUS11: int
SIGRTMINPLUS12: int
SIGRTMINPLUS13: int
SIGRTMINPLUS14: int
SIGRTMINPLUS15: int
SIGRTMAXMINUS14: int
SIGRTMAXMINUS13: int
SIGRTMAXMINUS12: int
SIGRTMAXMINUS11: int
SIGRTMAXMINUS10: int
SIGRTMAXMINUS9: int
SIGRTMAXMINUS8: int
SIGRTMAXMINUS7: int
SIGRTMAXMINUS6: int
SIGRTMAXMINUS5: int
SIGRTMAXMINUS4: int
SIGRTMAXMINUS3: int
SIGRTMAXMINUS2: int
SIGRTMAXMINUS1: int
SIGRTMAX: int
CONTAINER_CREATED: int
CONTAINER_RUNNING: int
CONTAINER_EXITED: int
CONTAINER_UNKNOWN: int
CONTAINER_CREATED_EVENT: int
CONTAINER_STARTED_EVENT: int
CONTAINER_STOPPED_EVENT: int
CONTAINER_DELETED_EVENT: int
COUNTER: int
GAUGE: int
SYSTEMD: int
CGROUPFS: int

class VersionRequest(Message):
    version: str
    def __init__(
        self,
        *,
        version: str = ...,
    ) -> None: ...

class VersionResponse(Message):
    version: str
    runtime_name: str
    runtime_version: str
    runtime_api_version: str
    def __init__(
        self,
        *,
        version: str = ...,
        runtime_name: str = ...,
        runtime_version: str = ...,
        runtime_api_version: str = ...,
    ) -> None: ...

class DNSConfig(Message):
    @property
    def servers(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def searches(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def options(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        servers: Iterable[str] = ...,
        searches: Iterable[str] = ...,
        options: Iterable[str] = ...,
    ) -> None: ...

class PortMapping(Message):
    protocol: int
    container_port: int
    host_port: int
    host_ip: str
    def __init__(
        self,
        *,
        protocol: int = ...,
        container_port: int = ...,
        host_port: int = ...,
        host_ip: str = ...,
    ) -> None: ...

class Mount(Message):
    container_path: str
    host_path: str
    readonly: bool
    selinux_relabel: bool
    propagation: int
    @property
    def uidMappings(self) -> RepeatedCompositeFieldContainer[IDMapping]: ...
    @property
    def gidMappings(self) -> RepeatedCompositeFieldContainer[IDMapping]: ...
    recursive_read_only: bool
    @property
    def image(self) -> ImageSpec: ...
    image_sub_path: str
    def __init__(
        self,
        *,
        container_path: str = ...,
        host_path: str = ...,
        readonly: bool = ...,
        selinux_relabel: bool = ...,
        propagation: int = ...,
        uidMappings: Iterable[IDMapping] = ...,
        gidMappings: Iterable[IDMapping] = ...,
        recursive_read_only: bool = ...,
        image: ImageSpec | None = ...,
        image_sub_path: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["image"]) -> bool: ...

class IDMapping(Message):
    host_id: int
    container_id: int
    length: int
    def __init__(
        self,
        *,
        host_id: int = ...,
        container_id: int = ...,
        length: int = ...,
    ) -> None: ...

class UserNamespace(Message):
    mode: int
    @property
    def uids(self) -> RepeatedCompositeFieldContainer[IDMapping]: ...
    @property
    def gids(self) -> RepeatedCompositeFieldContainer[IDMapping]: ...
    def __init__(
        self,
        *,
        mode: int = ...,
        uids: Iterable[IDMapping] = ...,
        gids: Iterable[IDMapping] = ...,
    ) -> None: ...

class NamespaceOption(Message):
    network: int
    pid: int
    ipc: int
    target_id: str
    @property
    def userns_options(self) -> UserNamespace: ...
    def __init__(
        self,
        *,
        network: int = ...,
        pid: int = ...,
        ipc: int = ...,
        target_id: str = ...,
        userns_options: UserNamespace | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["userns_options"]) -> bool: ...

class Int64Value(Message):
    value: int
    def __init__(
        self,
        *,
        value: int = ...,
    ) -> None: ...

class LinuxSandboxSecurityContext(Message):
    @property
    def namespace_options(self) -> NamespaceOption: ...
    @property
    def selinux_options(self) -> SELinuxOption: ...
    @property
    def run_as_user(self) -> Int64Value: ...
    @property
    def run_as_group(self) -> Int64Value: ...
    readonly_rootfs: bool
    @property
    def supplemental_groups(self) -> RepeatedScalarFieldContainer[int]: ...
    supplemental_groups_policy: int
    privileged: bool
    @property
    def seccomp(self) -> SecurityProfile: ...
    @property
    def apparmor(self) -> SecurityProfile: ...
    seccomp_profile_path: str
    def __init__(
        self,
        *,
        namespace_options: NamespaceOption | None = ...,
        selinux_options: SELinuxOption | None = ...,
        run_as_user: Int64Value | None = ...,
        run_as_group: Int64Value | None = ...,
        readonly_rootfs: bool = ...,
        supplemental_groups: Iterable[int] = ...,
        supplemental_groups_policy: int = ...,
        privileged: bool = ...,
        seccomp: SecurityProfile | None = ...,
        apparmor: SecurityProfile | None = ...,
        seccomp_profile_path: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["namespace_options", "selinux_options", "run_as_user", "run_as_group", "seccomp", "apparmor"]) -> bool: ...

class SecurityProfile(Message):
    RuntimeDefault: ClassVar[int]
    Unconfined: ClassVar[int]
    Localhost: ClassVar[int]
    profile_type: int
    localhost_ref: str
    def __init__(
        self,
        *,
        profile_type: int = ...,
        localhost_ref: str = ...,
    ) -> None: ...

class LinuxPodSandboxConfig(Message):
    cgroup_parent: str
    @property
    def security_context(self) -> LinuxSandboxSecurityContext: ...
    @property
    def sysctls(self) -> ScalarMap[str, str]: ...
    @property
    def overhead(self) -> LinuxContainerResources: ...
    @property
    def resources(self) -> LinuxContainerResources: ...
    def __init__(
        self,
        *,
        cgroup_parent: str = ...,
        security_context: LinuxSandboxSecurityContext | None = ...,
        sysctls: Mapping[str, str] = ...,
        overhead: LinuxContainerResources | None = ...,
        resources: LinuxContainerResources | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["security_context", "overhead", "resources"]) -> bool: ...

class PodSandboxMetadata(Message):
    name: str
    uid: str
    namespace: str
    attempt: int
    def __init__(
        self,
        *,
        name: str = ...,
        uid: str = ...,
        namespace: str = ...,
        attempt: int = ...,
    ) -> None: ...

class PodSandboxConfig(Message):
    @property
    def metadata(self) -> PodSandboxMetadata: ...
    hostname: str
    log_directory: str
    @property
    def dns_config(self) -> DNSConfig: ...
    @property
    def port_mappings(self) -> RepeatedCompositeFieldContainer[PortMapping]: ...
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    @property
    def linux(self) -> LinuxPodSandboxConfig: ...
    @property
    def windows(self) -> WindowsPodSandboxConfig: ...
    def __init__(
        self,
        *,
        metadata: PodSandboxMetadata | None = ...,
        hostname: str = ...,
        log_directory: str = ...,
        dns_config: DNSConfig | None = ...,
        port_mappings: Iterable[PortMapping] = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
        linux: LinuxPodSandboxConfig | None = ...,
        windows: WindowsPodSandboxConfig | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata", "dns_config", "linux", "windows"]) -> bool: ...

class RunPodSandboxRequest(Message):
    @property
    def config(self) -> PodSandboxConfig: ...
    runtime_handler: str
    def __init__(
        self,
        *,
        config: PodSandboxConfig | None = ...,
        runtime_handler: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["config"]) -> bool: ...

class RunPodSandboxResponse(Message):
    pod_sandbox_id: str
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
    ) -> None: ...

class StopPodSandboxRequest(Message):
    pod_sandbox_id: str
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
    ) -> None: ...

class StopPodSandboxResponse(Message):
    def __init__(self) -> None: ...

class RemovePodSandboxRequest(Message):
    pod_sandbox_id: str
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
    ) -> None: ...

class RemovePodSandboxResponse(Message):
    def __init__(self) -> None: ...

class PodSandboxStatusRequest(Message):
    pod_sandbox_id: str
    verbose: bool
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
        verbose: bool = ...,
    ) -> None: ...

class PodIP(Message):
    ip: str
    def __init__(
        self,
        *,
        ip: str = ...,
    ) -> None: ...

class PodSandboxNetworkStatus(Message):
    ip: str
    @property
    def additional_ips(self) -> RepeatedCompositeFieldContainer[PodIP]: ...
    def __init__(
        self,
        *,
        ip: str = ...,
        additional_ips: Iterable[PodIP] = ...,
    ) -> None: ...

class Namespace(Message):
    @property
    def options(self) -> NamespaceOption: ...
    def __init__(
        self,
        *,
        options: NamespaceOption | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["options"]) -> bool: ...

class LinuxPodSandboxStatus(Message):
    @property
    def namespaces(self) -> Namespace: ...
    def __init__(
        self,
        *,
        namespaces: Namespace | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["namespaces"]) -> bool: ...

class PodSandboxStatus(Message):
    id: str
    @property
    def metadata(self) -> PodSandboxMetadata: ...
    state: int
    created_at: int
    @property
    def network(self) -> PodSandboxNetworkStatus: ...
    @property
    def linux(self) -> LinuxPodSandboxStatus: ...
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    runtime_handler: str
    def __init__(
        self,
        *,
        id: str = ...,
        metadata: PodSandboxMetadata | None = ...,
        state: int = ...,
        created_at: int = ...,
        network: PodSandboxNetworkStatus | None = ...,
        linux: LinuxPodSandboxStatus | None = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
        runtime_handler: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata", "network", "linux"]) -> bool: ...

class PodSandboxStatusResponse(Message):
    @property
    def status(self) -> PodSandboxStatus: ...
    @property
    def info(self) -> ScalarMap[str, str]: ...
    @property
    def containers_statuses(self) -> RepeatedCompositeFieldContainer[ContainerStatus]: ...
    timestamp: int
    def __init__(
        self,
        *,
        status: PodSandboxStatus | None = ...,
        info: Mapping[str, str] = ...,
        containers_statuses: Iterable[ContainerStatus] = ...,
        timestamp: int = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["status"]) -> bool: ...

class PodSandboxStateValue(Message):
    state: int
    def __init__(
        self,
        *,
        state: int = ...,
    ) -> None: ...

class PodSandboxFilter(Message):
    id: str
    @property
    def state(self) -> PodSandboxStateValue: ...
    @property
    def label_selector(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        id: str = ...,
        state: PodSandboxStateValue | None = ...,
        label_selector: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["state"]) -> bool: ...

class ListPodSandboxRequest(Message):
    @property
    def filter(self) -> PodSandboxFilter: ...
    def __init__(
        self,
        *,
        filter: PodSandboxFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class PodSandbox(Message):
    id: str
    @property
    def metadata(self) -> PodSandboxMetadata: ...
    state: int
    created_at: int
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    runtime_handler: str
    def __init__(
        self,
        *,
        id: str = ...,
        metadata: PodSandboxMetadata | None = ...,
        state: int = ...,
        created_at: int = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
        runtime_handler: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata"]) -> bool: ...

class ListPodSandboxResponse(Message):
    @property
    def items(self) -> RepeatedCompositeFieldContainer[PodSandbox]: ...
    def __init__(
        self,
        *,
        items: Iterable[PodSandbox] = ...,
    ) -> None: ...

class StreamPodSandboxesRequest(Message):
    @property
    def filter(self) -> PodSandboxFilter: ...
    def __init__(
        self,
        *,
        filter: PodSandboxFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class StreamPodSandboxesResponse(Message):
    @property
    def pod_sandboxes(self) -> RepeatedCompositeFieldContainer[PodSandbox]: ...
    def __init__(
        self,
        *,
        pod_sandboxes: Iterable[PodSandbox] = ...,
    ) -> None: ...

class PodSandboxStatsRequest(Message):
    pod_sandbox_id: str
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
    ) -> None: ...

class PodSandboxStatsResponse(Message):
    @property
    def stats(self) -> PodSandboxStats: ...
    def __init__(
        self,
        *,
        stats: PodSandboxStats | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["stats"]) -> bool: ...

class PodSandboxStatsFilter(Message):
    id: str
    @property
    def label_selector(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        id: str = ...,
        label_selector: Mapping[str, str] = ...,
    ) -> None: ...

class ListPodSandboxStatsRequest(Message):
    @property
    def filter(self) -> PodSandboxStatsFilter: ...
    def __init__(
        self,
        *,
        filter: PodSandboxStatsFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class ListPodSandboxStatsResponse(Message):
    @property
    def stats(self) -> RepeatedCompositeFieldContainer[PodSandboxStats]: ...
    def __init__(
        self,
        *,
        stats: Iterable[PodSandboxStats] = ...,
    ) -> None: ...

class StreamPodSandboxStatsRequest(Message):
    @property
    def filter(self) -> PodSandboxStatsFilter: ...
    def __init__(
        self,
        *,
        filter: PodSandboxStatsFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class StreamPodSandboxStatsResponse(Message):
    @property
    def pod_sandbox_stats(self) -> RepeatedCompositeFieldContainer[PodSandboxStats]: ...
    def __init__(
        self,
        *,
        pod_sandbox_stats: Iterable[PodSandboxStats] = ...,
    ) -> None: ...

class PodSandboxAttributes(Message):
    id: str
    @property
    def metadata(self) -> PodSandboxMetadata: ...
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        id: str = ...,
        metadata: PodSandboxMetadata | None = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata"]) -> bool: ...

class PodSandboxStats(Message):
    @property
    def attributes(self) -> PodSandboxAttributes: ...
    @property
    def linux(self) -> LinuxPodSandboxStats: ...
    @property
    def windows(self) -> WindowsPodSandboxStats: ...
    def __init__(
        self,
        *,
        attributes: PodSandboxAttributes | None = ...,
        linux: LinuxPodSandboxStats | None = ...,
        windows: WindowsPodSandboxStats | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["attributes", "linux", "windows"]) -> bool: ...

class LinuxPodSandboxStats(Message):
    @property
    def cpu(self) -> CpuUsage: ...
    @property
    def memory(self) -> MemoryUsage: ...
    @property
    def network(self) -> NetworkUsage: ...
    @property
    def process(self) -> ProcessUsage: ...
    @property
    def containers(self) -> RepeatedCompositeFieldContainer[ContainerStats]: ...
    @property
    def io(self) -> IoUsage: ...
    def __init__(
        self,
        *,
        cpu: CpuUsage | None = ...,
        memory: MemoryUsage | None = ...,
        network: NetworkUsage | None = ...,
        process: ProcessUsage | None = ...,
        containers: Iterable[ContainerStats] = ...,
        io: IoUsage | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["cpu", "memory", "network", "process", "io"]) -> bool: ...

class WindowsPodSandboxStats(Message):
    @property
    def cpu(self) -> WindowsCpuUsage: ...
    @property
    def memory(self) -> WindowsMemoryUsage: ...
    @property
    def network(self) -> WindowsNetworkUsage: ...
    @property
    def process(self) -> WindowsProcessUsage: ...
    @property
    def containers(self) -> RepeatedCompositeFieldContainer[WindowsContainerStats]: ...
    def __init__(
        self,
        *,
        cpu: WindowsCpuUsage | None = ...,
        memory: WindowsMemoryUsage | None = ...,
        network: WindowsNetworkUsage | None = ...,
        process: WindowsProcessUsage | None = ...,
        containers: Iterable[WindowsContainerStats] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["cpu", "memory", "network", "process"]) -> bool: ...

class NetworkUsage(Message):
    timestamp: int
    @property
    def default_interface(self) -> NetworkInterfaceUsage: ...
    @property
    def interfaces(self) -> RepeatedCompositeFieldContainer[NetworkInterfaceUsage]: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        default_interface: NetworkInterfaceUsage | None = ...,
        interfaces: Iterable[NetworkInterfaceUsage] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["default_interface"]) -> bool: ...

class WindowsNetworkUsage(Message):
    timestamp: int
    @property
    def default_interface(self) -> WindowsNetworkInterfaceUsage: ...
    @property
    def interfaces(self) -> RepeatedCompositeFieldContainer[WindowsNetworkInterfaceUsage]: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        default_interface: WindowsNetworkInterfaceUsage | None = ...,
        interfaces: Iterable[WindowsNetworkInterfaceUsage] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["default_interface"]) -> bool: ...

class NetworkInterfaceUsage(Message):
    name: str
    @property
    def rx_bytes(self) -> UInt64Value: ...
    @property
    def rx_errors(self) -> UInt64Value: ...
    @property
    def tx_bytes(self) -> UInt64Value: ...
    @property
    def tx_errors(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        name: str = ...,
        rx_bytes: UInt64Value | None = ...,
        rx_errors: UInt64Value | None = ...,
        tx_bytes: UInt64Value | None = ...,
        tx_errors: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["rx_bytes", "rx_errors", "tx_bytes", "tx_errors"]) -> bool: ...

class WindowsNetworkInterfaceUsage(Message):
    name: str
    @property
    def rx_bytes(self) -> UInt64Value: ...
    @property
    def rx_packets_dropped(self) -> UInt64Value: ...
    @property
    def tx_bytes(self) -> UInt64Value: ...
    @property
    def tx_packets_dropped(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        name: str = ...,
        rx_bytes: UInt64Value | None = ...,
        rx_packets_dropped: UInt64Value | None = ...,
        tx_bytes: UInt64Value | None = ...,
        tx_packets_dropped: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["rx_bytes", "rx_packets_dropped", "tx_bytes", "tx_packets_dropped"]) -> bool: ...

class ProcessUsage(Message):
    timestamp: int
    @property
    def process_count(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        process_count: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["process_count"]) -> bool: ...

class WindowsProcessUsage(Message):
    timestamp: int
    @property
    def process_count(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        process_count: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["process_count"]) -> bool: ...

class ImageSpec(Message):
    image: str
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    user_specified_image: str
    runtime_handler: str
    image_ref: str
    def __init__(
        self,
        *,
        image: str = ...,
        annotations: Mapping[str, str] = ...,
        user_specified_image: str = ...,
        runtime_handler: str = ...,
        image_ref: str = ...,
    ) -> None: ...

class KeyValue(Message):
    key: str
    value: bytes
    def __init__(
        self,
        *,
        key: str = ...,
        value: bytes = ...,
    ) -> None: ...

class LinuxContainerResources(Message):
    cpu_period: int
    cpu_quota: int
    cpu_shares: int
    memory_limit_in_bytes: int
    oom_score_adj: int
    cpuset_cpus: str
    cpuset_mems: str
    @property
    def hugepage_limits(self) -> RepeatedCompositeFieldContainer[HugepageLimit]: ...
    @property
    def unified(self) -> ScalarMap[str, str]: ...
    memory_swap_limit_in_bytes: int
    def __init__(
        self,
        *,
        cpu_period: int = ...,
        cpu_quota: int = ...,
        cpu_shares: int = ...,
        memory_limit_in_bytes: int = ...,
        oom_score_adj: int = ...,
        cpuset_cpus: str = ...,
        cpuset_mems: str = ...,
        hugepage_limits: Iterable[HugepageLimit] = ...,
        unified: Mapping[str, str] = ...,
        memory_swap_limit_in_bytes: int = ...,
    ) -> None: ...

class HugepageLimit(Message):
    page_size: str
    limit: int
    def __init__(
        self,
        *,
        page_size: str = ...,
        limit: int = ...,
    ) -> None: ...

class SELinuxOption(Message):
    user: str
    role: str
    type: str
    level: str
    def __init__(
        self,
        *,
        user: str = ...,
        role: str = ...,
        type: str = ...,
        level: str = ...,
    ) -> None: ...

class Capability(Message):
    @property
    def add_capabilities(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def drop_capabilities(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def add_ambient_capabilities(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        add_capabilities: Iterable[str] = ...,
        drop_capabilities: Iterable[str] = ...,
        add_ambient_capabilities: Iterable[str] = ...,
    ) -> None: ...

class LinuxContainerSecurityContext(Message):
    @property
    def capabilities(self) -> Capability: ...
    privileged: bool
    @property
    def namespace_options(self) -> NamespaceOption: ...
    @property
    def selinux_options(self) -> SELinuxOption: ...
    @property
    def run_as_user(self) -> Int64Value: ...
    @property
    def run_as_group(self) -> Int64Value: ...
    run_as_username: str
    readonly_rootfs: bool
    @property
    def supplemental_groups(self) -> RepeatedScalarFieldContainer[int]: ...
    supplemental_groups_policy: int
    no_new_privs: bool
    @property
    def masked_paths(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def readonly_paths(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def seccomp(self) -> SecurityProfile: ...
    @property
    def apparmor(self) -> SecurityProfile: ...
    apparmor_profile: str
    seccomp_profile_path: str
    def __init__(
        self,
        *,
        capabilities: Capability | None = ...,
        privileged: bool = ...,
        namespace_options: NamespaceOption | None = ...,
        selinux_options: SELinuxOption | None = ...,
        run_as_user: Int64Value | None = ...,
        run_as_group: Int64Value | None = ...,
        run_as_username: str = ...,
        readonly_rootfs: bool = ...,
        supplemental_groups: Iterable[int] = ...,
        supplemental_groups_policy: int = ...,
        no_new_privs: bool = ...,
        masked_paths: Iterable[str] = ...,
        readonly_paths: Iterable[str] = ...,
        seccomp: SecurityProfile | None = ...,
        apparmor: SecurityProfile | None = ...,
        apparmor_profile: str = ...,
        seccomp_profile_path: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["capabilities", "namespace_options", "selinux_options", "run_as_user", "run_as_group", "seccomp", "apparmor"]) -> bool: ...

class LinuxContainerConfig(Message):
    @property
    def resources(self) -> LinuxContainerResources: ...
    @property
    def security_context(self) -> LinuxContainerSecurityContext: ...
    def __init__(
        self,
        *,
        resources: LinuxContainerResources | None = ...,
        security_context: LinuxContainerSecurityContext | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["resources", "security_context"]) -> bool: ...

class LinuxContainerUser(Message):
    uid: int
    gid: int
    @property
    def supplemental_groups(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(
        self,
        *,
        uid: int = ...,
        gid: int = ...,
        supplemental_groups: Iterable[int] = ...,
    ) -> None: ...

class WindowsNamespaceOption(Message):
    network: int
    def __init__(
        self,
        *,
        network: int = ...,
    ) -> None: ...

class WindowsSandboxSecurityContext(Message):
    run_as_username: str
    credential_spec: str
    host_process: bool
    @property
    def namespace_options(self) -> WindowsNamespaceOption: ...
    def __init__(
        self,
        *,
        run_as_username: str = ...,
        credential_spec: str = ...,
        host_process: bool = ...,
        namespace_options: WindowsNamespaceOption | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["namespace_options"]) -> bool: ...

class WindowsPodSandboxConfig(Message):
    @property
    def security_context(self) -> WindowsSandboxSecurityContext: ...
    def __init__(
        self,
        *,
        security_context: WindowsSandboxSecurityContext | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["security_context"]) -> bool: ...

class WindowsContainerSecurityContext(Message):
    run_as_username: str
    credential_spec: str
    host_process: bool
    def __init__(
        self,
        *,
        run_as_username: str = ...,
        credential_spec: str = ...,
        host_process: bool = ...,
    ) -> None: ...

class WindowsContainerConfig(Message):
    @property
    def resources(self) -> WindowsContainerResources: ...
    @property
    def security_context(self) -> WindowsContainerSecurityContext: ...
    def __init__(
        self,
        *,
        resources: WindowsContainerResources | None = ...,
        security_context: WindowsContainerSecurityContext | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["resources", "security_context"]) -> bool: ...

class WindowsContainerResources(Message):
    cpu_shares: int
    cpu_count: int
    cpu_maximum: int
    memory_limit_in_bytes: int
    rootfs_size_in_bytes: int
    @property
    def affinity_cpus(self) -> RepeatedCompositeFieldContainer[WindowsCpuGroupAffinity]: ...
    def __init__(
        self,
        *,
        cpu_shares: int = ...,
        cpu_count: int = ...,
        cpu_maximum: int = ...,
        memory_limit_in_bytes: int = ...,
        rootfs_size_in_bytes: int = ...,
        affinity_cpus: Iterable[WindowsCpuGroupAffinity] = ...,
    ) -> None: ...

class WindowsCpuGroupAffinity(Message):
    cpu_mask: int
    cpu_group: int
    def __init__(
        self,
        *,
        cpu_mask: int = ...,
        cpu_group: int = ...,
    ) -> None: ...

class ContainerMetadata(Message):
    name: str
    attempt: int
    def __init__(
        self,
        *,
        name: str = ...,
        attempt: int = ...,
    ) -> None: ...

class Device(Message):
    container_path: str
    host_path: str
    permissions: str
    def __init__(
        self,
        *,
        container_path: str = ...,
        host_path: str = ...,
        permissions: str = ...,
    ) -> None: ...

class CDIDevice(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class ContainerConfig(Message):
    @property
    def metadata(self) -> ContainerMetadata: ...
    @property
    def image(self) -> ImageSpec: ...
    @property
    def command(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def args(self) -> RepeatedScalarFieldContainer[str]: ...
    working_dir: str
    @property
    def envs(self) -> RepeatedCompositeFieldContainer[KeyValue]: ...
    @property
    def mounts(self) -> RepeatedCompositeFieldContainer[Mount]: ...
    @property
    def devices(self) -> RepeatedCompositeFieldContainer[Device]: ...
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    log_path: str
    stdin: bool
    stdin_once: bool
    tty: bool
    @property
    def linux(self) -> LinuxContainerConfig: ...
    @property
    def windows(self) -> WindowsContainerConfig: ...
    @property
    def CDI_devices(self) -> RepeatedCompositeFieldContainer[CDIDevice]: ...
    stop_signal: int
    def __init__(
        self,
        *,
        metadata: ContainerMetadata | None = ...,
        image: ImageSpec | None = ...,
        command: Iterable[str] = ...,
        args: Iterable[str] = ...,
        working_dir: str = ...,
        envs: Iterable[KeyValue] = ...,
        mounts: Iterable[Mount] = ...,
        devices: Iterable[Device] = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
        log_path: str = ...,
        stdin: bool = ...,
        stdin_once: bool = ...,
        tty: bool = ...,
        linux: LinuxContainerConfig | None = ...,
        windows: WindowsContainerConfig | None = ...,
        CDI_devices: Iterable[CDIDevice] = ...,
        stop_signal: int = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata", "image", "linux", "windows"]) -> bool: ...

class CreateContainerRequest(Message):
    pod_sandbox_id: str
    @property
    def config(self) -> ContainerConfig: ...
    @property
    def sandbox_config(self) -> PodSandboxConfig: ...
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
        config: ContainerConfig | None = ...,
        sandbox_config: PodSandboxConfig | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["config", "sandbox_config"]) -> bool: ...

class CreateContainerResponse(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class StartContainerRequest(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class StartContainerResponse(Message):
    def __init__(self) -> None: ...

class StopContainerRequest(Message):
    container_id: str
    timeout: int
    def __init__(
        self,
        *,
        container_id: str = ...,
        timeout: int = ...,
    ) -> None: ...

class StopContainerResponse(Message):
    def __init__(self) -> None: ...

class RemoveContainerRequest(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class RemoveContainerResponse(Message):
    def __init__(self) -> None: ...

class ContainerStateValue(Message):
    state: int
    def __init__(
        self,
        *,
        state: int = ...,
    ) -> None: ...

class ContainerFilter(Message):
    id: str
    @property
    def state(self) -> ContainerStateValue: ...
    pod_sandbox_id: str
    @property
    def label_selector(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        id: str = ...,
        state: ContainerStateValue | None = ...,
        pod_sandbox_id: str = ...,
        label_selector: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["state"]) -> bool: ...

class ListContainersRequest(Message):
    @property
    def filter(self) -> ContainerFilter: ...
    def __init__(
        self,
        *,
        filter: ContainerFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class Container(Message):
    id: str
    pod_sandbox_id: str
    @property
    def metadata(self) -> ContainerMetadata: ...
    @property
    def image(self) -> ImageSpec: ...
    image_ref: str
    state: int
    created_at: int
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    image_id: str
    def __init__(
        self,
        *,
        id: str = ...,
        pod_sandbox_id: str = ...,
        metadata: ContainerMetadata | None = ...,
        image: ImageSpec | None = ...,
        image_ref: str = ...,
        state: int = ...,
        created_at: int = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
        image_id: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata", "image"]) -> bool: ...

class ListContainersResponse(Message):
    @property
    def containers(self) -> RepeatedCompositeFieldContainer[Container]: ...
    def __init__(
        self,
        *,
        containers: Iterable[Container] = ...,
    ) -> None: ...

class StreamContainersRequest(Message):
    @property
    def filter(self) -> ContainerFilter: ...
    def __init__(
        self,
        *,
        filter: ContainerFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class StreamContainersResponse(Message):
    @property
    def containers(self) -> RepeatedCompositeFieldContainer[Container]: ...
    def __init__(
        self,
        *,
        containers: Iterable[Container] = ...,
    ) -> None: ...

class ContainerStatusRequest(Message):
    container_id: str
    verbose: bool
    def __init__(
        self,
        *,
        container_id: str = ...,
        verbose: bool = ...,
    ) -> None: ...

class ContainerStatus(Message):
    id: str
    @property
    def metadata(self) -> ContainerMetadata: ...
    state: int
    created_at: int
    started_at: int
    finished_at: int
    exit_code: int
    @property
    def image(self) -> ImageSpec: ...
    image_ref: str
    reason: str
    message: str
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    @property
    def mounts(self) -> RepeatedCompositeFieldContainer[Mount]: ...
    log_path: str
    @property
    def resources(self) -> ContainerResources: ...
    image_id: str
    @property
    def user(self) -> ContainerUser: ...
    stop_signal: int
    def __init__(
        self,
        *,
        id: str = ...,
        metadata: ContainerMetadata | None = ...,
        state: int = ...,
        created_at: int = ...,
        started_at: int = ...,
        finished_at: int = ...,
        exit_code: int = ...,
        image: ImageSpec | None = ...,
        image_ref: str = ...,
        reason: str = ...,
        message: str = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
        mounts: Iterable[Mount] = ...,
        log_path: str = ...,
        resources: ContainerResources | None = ...,
        image_id: str = ...,
        user: ContainerUser | None = ...,
        stop_signal: int = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata", "image", "resources", "user"]) -> bool: ...

class ContainerStatusResponse(Message):
    @property
    def status(self) -> ContainerStatus: ...
    @property
    def info(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        status: ContainerStatus | None = ...,
        info: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["status"]) -> bool: ...

class ContainerResources(Message):
    @property
    def linux(self) -> LinuxContainerResources: ...
    @property
    def windows(self) -> WindowsContainerResources: ...
    def __init__(
        self,
        *,
        linux: LinuxContainerResources | None = ...,
        windows: WindowsContainerResources | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["linux", "windows"]) -> bool: ...

class ContainerUser(Message):
    @property
    def linux(self) -> LinuxContainerUser: ...
    def __init__(
        self,
        *,
        linux: LinuxContainerUser | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["linux"]) -> bool: ...

class UpdateContainerResourcesRequest(Message):
    container_id: str
    @property
    def linux(self) -> LinuxContainerResources: ...
    @property
    def windows(self) -> WindowsContainerResources: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        container_id: str = ...,
        linux: LinuxContainerResources | None = ...,
        windows: WindowsContainerResources | None = ...,
        annotations: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["linux", "windows"]) -> bool: ...

class UpdateContainerResourcesResponse(Message):
    def __init__(self) -> None: ...

class ExecSyncRequest(Message):
    container_id: str
    @property
    def cmd(self) -> RepeatedScalarFieldContainer[str]: ...
    timeout: int
    def __init__(
        self,
        *,
        container_id: str = ...,
        cmd: Iterable[str] = ...,
        timeout: int = ...,
    ) -> None: ...

class ExecSyncResponse(Message):
    stdout: bytes
    stderr: bytes
    exit_code: int
    def __init__(
        self,
        *,
        stdout: bytes = ...,
        stderr: bytes = ...,
        exit_code: int = ...,
    ) -> None: ...

class ExecRequest(Message):
    container_id: str
    @property
    def cmd(self) -> RepeatedScalarFieldContainer[str]: ...
    tty: bool
    stdin: bool
    stdout: bool
    stderr: bool
    def __init__(
        self,
        *,
        container_id: str = ...,
        cmd: Iterable[str] = ...,
        tty: bool = ...,
        stdin: bool = ...,
        stdout: bool = ...,
        stderr: bool = ...,
    ) -> None: ...

class ExecResponse(Message):
    url: str
    def __init__(
        self,
        *,
        url: str = ...,
    ) -> None: ...

class AttachRequest(Message):
    container_id: str
    stdin: bool
    tty: bool
    stdout: bool
    stderr: bool
    def __init__(
        self,
        *,
        container_id: str = ...,
        stdin: bool = ...,
        tty: bool = ...,
        stdout: bool = ...,
        stderr: bool = ...,
    ) -> None: ...

class AttachResponse(Message):
    url: str
    def __init__(
        self,
        *,
        url: str = ...,
    ) -> None: ...

class PortForwardRequest(Message):
    pod_sandbox_id: str
    @property
    def port(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
        port: Iterable[int] = ...,
    ) -> None: ...

class PortForwardResponse(Message):
    url: str
    def __init__(
        self,
        *,
        url: str = ...,
    ) -> None: ...

class ImageFilter(Message):
    @property
    def image(self) -> ImageSpec: ...
    def __init__(
        self,
        *,
        image: ImageSpec | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["image"]) -> bool: ...

class ListImagesRequest(Message):
    @property
    def filter(self) -> ImageFilter: ...
    def __init__(
        self,
        *,
        filter: ImageFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class Image(Message):
    id: str
    @property
    def repo_tags(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def repo_digests(self) -> RepeatedScalarFieldContainer[str]: ...
    size: int
    @property
    def uid(self) -> Int64Value: ...
    username: str
    @property
    def spec(self) -> ImageSpec: ...
    pinned: bool
    def __init__(
        self,
        *,
        id: str = ...,
        repo_tags: Iterable[str] = ...,
        repo_digests: Iterable[str] = ...,
        size: int = ...,
        uid: Int64Value | None = ...,
        username: str = ...,
        spec: ImageSpec | None = ...,
        pinned: bool = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["uid", "spec"]) -> bool: ...

class ListImagesResponse(Message):
    @property
    def images(self) -> RepeatedCompositeFieldContainer[Image]: ...
    def __init__(
        self,
        *,
        images: Iterable[Image] = ...,
    ) -> None: ...

class StreamImagesRequest(Message):
    @property
    def filter(self) -> ImageFilter: ...
    def __init__(
        self,
        *,
        filter: ImageFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class StreamImagesResponse(Message):
    @property
    def images(self) -> RepeatedCompositeFieldContainer[Image]: ...
    def __init__(
        self,
        *,
        images: Iterable[Image] = ...,
    ) -> None: ...

class ImageStatusRequest(Message):
    @property
    def image(self) -> ImageSpec: ...
    verbose: bool
    def __init__(
        self,
        *,
        image: ImageSpec | None = ...,
        verbose: bool = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["image"]) -> bool: ...

class ImageStatusResponse(Message):
    @property
    def image(self) -> Image: ...
    @property
    def info(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        image: Image | None = ...,
        info: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["image"]) -> bool: ...

class AuthConfig(Message):
    username: str
    password: str
    auth: str
    server_address: str
    identity_token: str
    registry_token: str
    def __init__(
        self,
        *,
        username: str = ...,
        password: str = ...,
        auth: str = ...,
        server_address: str = ...,
        identity_token: str = ...,
        registry_token: str = ...,
    ) -> None: ...

class PullImageRequest(Message):
    @property
    def image(self) -> ImageSpec: ...
    @property
    def auth(self) -> AuthConfig: ...
    @property
    def sandbox_config(self) -> PodSandboxConfig: ...
    def __init__(
        self,
        *,
        image: ImageSpec | None = ...,
        auth: AuthConfig | None = ...,
        sandbox_config: PodSandboxConfig | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["image", "auth", "sandbox_config"]) -> bool: ...

class PullImageResponse(Message):
    image_ref: str
    def __init__(
        self,
        *,
        image_ref: str = ...,
    ) -> None: ...

class RemoveImageRequest(Message):
    @property
    def image(self) -> ImageSpec: ...
    def __init__(
        self,
        *,
        image: ImageSpec | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["image"]) -> bool: ...

class RemoveImageResponse(Message):
    def __init__(self) -> None: ...

class NetworkConfig(Message):
    pod_cidr: str
    def __init__(
        self,
        *,
        pod_cidr: str = ...,
    ) -> None: ...

class RuntimeConfig(Message):
    @property
    def network_config(self) -> NetworkConfig: ...
    def __init__(
        self,
        *,
        network_config: NetworkConfig | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["network_config"]) -> bool: ...

class UpdateRuntimeConfigRequest(Message):
    @property
    def runtime_config(self) -> RuntimeConfig: ...
    def __init__(
        self,
        *,
        runtime_config: RuntimeConfig | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["runtime_config"]) -> bool: ...

class UpdateRuntimeConfigResponse(Message):
    def __init__(self) -> None: ...

class RuntimeCondition(Message):
    type: str
    status: bool
    reason: str
    message: str
    def __init__(
        self,
        *,
        type: str = ...,
        status: bool = ...,
        reason: str = ...,
        message: str = ...,
    ) -> None: ...

class RuntimeStatus(Message):
    @property
    def conditions(self) -> RepeatedCompositeFieldContainer[RuntimeCondition]: ...
    def __init__(
        self,
        *,
        conditions: Iterable[RuntimeCondition] = ...,
    ) -> None: ...

class StatusRequest(Message):
    verbose: bool
    def __init__(
        self,
        *,
        verbose: bool = ...,
    ) -> None: ...

class RuntimeHandlerFeatures(Message):
    recursive_read_only_mounts: bool
    user_namespaces: bool
    def __init__(
        self,
        *,
        recursive_read_only_mounts: bool = ...,
        user_namespaces: bool = ...,
    ) -> None: ...

class RuntimeHandler(Message):
    name: str
    @property
    def features(self) -> RuntimeHandlerFeatures: ...
    def __init__(
        self,
        *,
        name: str = ...,
        features: RuntimeHandlerFeatures | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["features"]) -> bool: ...

class RuntimeFeatures(Message):
    supplemental_groups_policy: bool
    user_namespaces_host_network: bool
    def __init__(
        self,
        *,
        supplemental_groups_policy: bool = ...,
        user_namespaces_host_network: bool = ...,
    ) -> None: ...

class StatusResponse(Message):
    @property
    def status(self) -> RuntimeStatus: ...
    @property
    def info(self) -> ScalarMap[str, str]: ...
    @property
    def runtime_handlers(self) -> RepeatedCompositeFieldContainer[RuntimeHandler]: ...
    @property
    def features(self) -> RuntimeFeatures: ...
    def __init__(
        self,
        *,
        status: RuntimeStatus | None = ...,
        info: Mapping[str, str] = ...,
        runtime_handlers: Iterable[RuntimeHandler] = ...,
        features: RuntimeFeatures | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["status", "features"]) -> bool: ...

class ImageFsInfoRequest(Message):
    def __init__(self) -> None: ...

class UInt64Value(Message):
    value: int
    def __init__(
        self,
        *,
        value: int = ...,
    ) -> None: ...

class FilesystemIdentifier(Message):
    mountpoint: str
    def __init__(
        self,
        *,
        mountpoint: str = ...,
    ) -> None: ...

class FilesystemUsage(Message):
    timestamp: int
    @property
    def fs_id(self) -> FilesystemIdentifier: ...
    @property
    def used_bytes(self) -> UInt64Value: ...
    @property
    def inodes_used(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        fs_id: FilesystemIdentifier | None = ...,
        used_bytes: UInt64Value | None = ...,
        inodes_used: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["fs_id", "used_bytes", "inodes_used"]) -> bool: ...

class WindowsFilesystemUsage(Message):
    timestamp: int
    @property
    def fs_id(self) -> FilesystemIdentifier: ...
    @property
    def used_bytes(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        fs_id: FilesystemIdentifier | None = ...,
        used_bytes: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["fs_id", "used_bytes"]) -> bool: ...

class ImageFsInfoResponse(Message):
    @property
    def image_filesystems(self) -> RepeatedCompositeFieldContainer[FilesystemUsage]: ...
    @property
    def container_filesystems(self) -> RepeatedCompositeFieldContainer[FilesystemUsage]: ...
    def __init__(
        self,
        *,
        image_filesystems: Iterable[FilesystemUsage] = ...,
        container_filesystems: Iterable[FilesystemUsage] = ...,
    ) -> None: ...

class ContainerStatsRequest(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class ContainerStatsResponse(Message):
    @property
    def stats(self) -> ContainerStats: ...
    def __init__(
        self,
        *,
        stats: ContainerStats | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["stats"]) -> bool: ...

class ListContainerStatsRequest(Message):
    @property
    def filter(self) -> ContainerStatsFilter: ...
    def __init__(
        self,
        *,
        filter: ContainerStatsFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class ContainerStatsFilter(Message):
    id: str
    pod_sandbox_id: str
    @property
    def label_selector(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        id: str = ...,
        pod_sandbox_id: str = ...,
        label_selector: Mapping[str, str] = ...,
    ) -> None: ...

class ListContainerStatsResponse(Message):
    @property
    def stats(self) -> RepeatedCompositeFieldContainer[ContainerStats]: ...
    def __init__(
        self,
        *,
        stats: Iterable[ContainerStats] = ...,
    ) -> None: ...

class StreamContainerStatsRequest(Message):
    @property
    def filter(self) -> ContainerStatsFilter: ...
    def __init__(
        self,
        *,
        filter: ContainerStatsFilter | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["filter"]) -> bool: ...

class StreamContainerStatsResponse(Message):
    @property
    def container_stats(self) -> RepeatedCompositeFieldContainer[ContainerStats]: ...
    def __init__(
        self,
        *,
        container_stats: Iterable[ContainerStats] = ...,
    ) -> None: ...

class ContainerAttributes(Message):
    id: str
    @property
    def metadata(self) -> ContainerMetadata: ...
    @property
    def labels(self) -> ScalarMap[str, str]: ...
    @property
    def annotations(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        id: str = ...,
        metadata: ContainerMetadata | None = ...,
        labels: Mapping[str, str] = ...,
        annotations: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["metadata"]) -> bool: ...

class ContainerStats(Message):
    @property
    def attributes(self) -> ContainerAttributes: ...
    @property
    def cpu(self) -> CpuUsage: ...
    @property
    def memory(self) -> MemoryUsage: ...
    @property
    def writable_layer(self) -> FilesystemUsage: ...
    @property
    def swap(self) -> SwapUsage: ...
    @property
    def io(self) -> IoUsage: ...
    def __init__(
        self,
        *,
        attributes: ContainerAttributes | None = ...,
        cpu: CpuUsage | None = ...,
        memory: MemoryUsage | None = ...,
        writable_layer: FilesystemUsage | None = ...,
        swap: SwapUsage | None = ...,
        io: IoUsage | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["attributes", "cpu", "memory", "writable_layer", "swap", "io"]) -> bool: ...

class WindowsContainerStats(Message):
    @property
    def attributes(self) -> ContainerAttributes: ...
    @property
    def cpu(self) -> WindowsCpuUsage: ...
    @property
    def memory(self) -> WindowsMemoryUsage: ...
    @property
    def writable_layer(self) -> WindowsFilesystemUsage: ...
    def __init__(
        self,
        *,
        attributes: ContainerAttributes | None = ...,
        cpu: WindowsCpuUsage | None = ...,
        memory: WindowsMemoryUsage | None = ...,
        writable_layer: WindowsFilesystemUsage | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["attributes", "cpu", "memory", "writable_layer"]) -> bool: ...

class PsiStats(Message):
    @property
    def Full(self) -> PsiData: ...
    @property
    def Some(self) -> PsiData: ...
    def __init__(
        self,
        *,
        Full: PsiData | None = ...,
        Some: PsiData | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["Full", "Some"]) -> bool: ...

class PsiData(Message):
    Total: int
    Avg10: float
    Avg60: float
    Avg300: float
    def __init__(
        self,
        *,
        Total: int = ...,
        Avg10: float = ...,
        Avg60: float = ...,
        Avg300: float = ...,
    ) -> None: ...

class CpuUsage(Message):
    timestamp: int
    @property
    def usage_core_nano_seconds(self) -> UInt64Value: ...
    @property
    def usage_nano_cores(self) -> UInt64Value: ...
    @property
    def psi(self) -> PsiStats: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        usage_core_nano_seconds: UInt64Value | None = ...,
        usage_nano_cores: UInt64Value | None = ...,
        psi: PsiStats | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["usage_core_nano_seconds", "usage_nano_cores", "psi"]) -> bool: ...

class WindowsCpuUsage(Message):
    timestamp: int
    @property
    def usage_core_nano_seconds(self) -> UInt64Value: ...
    @property
    def usage_nano_cores(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        usage_core_nano_seconds: UInt64Value | None = ...,
        usage_nano_cores: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["usage_core_nano_seconds", "usage_nano_cores"]) -> bool: ...

class MemoryUsage(Message):
    timestamp: int
    @property
    def working_set_bytes(self) -> UInt64Value: ...
    @property
    def available_bytes(self) -> UInt64Value: ...
    @property
    def usage_bytes(self) -> UInt64Value: ...
    @property
    def rss_bytes(self) -> UInt64Value: ...
    @property
    def page_faults(self) -> UInt64Value: ...
    @property
    def major_page_faults(self) -> UInt64Value: ...
    @property
    def psi(self) -> PsiStats: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        working_set_bytes: UInt64Value | None = ...,
        available_bytes: UInt64Value | None = ...,
        usage_bytes: UInt64Value | None = ...,
        rss_bytes: UInt64Value | None = ...,
        page_faults: UInt64Value | None = ...,
        major_page_faults: UInt64Value | None = ...,
        psi: PsiStats | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["working_set_bytes", "available_bytes", "usage_bytes", "rss_bytes", "page_faults", "major_page_faults", "psi"]) -> bool: ...

class IoUsage(Message):
    timestamp: int
    @property
    def psi(self) -> PsiStats: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        psi: PsiStats | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["psi"]) -> bool: ...

class SwapUsage(Message):
    timestamp: int
    @property
    def swap_available_bytes(self) -> UInt64Value: ...
    @property
    def swap_usage_bytes(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        swap_available_bytes: UInt64Value | None = ...,
        swap_usage_bytes: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["swap_available_bytes", "swap_usage_bytes"]) -> bool: ...

class WindowsMemoryUsage(Message):
    timestamp: int
    @property
    def working_set_bytes(self) -> UInt64Value: ...
    @property
    def available_bytes(self) -> UInt64Value: ...
    @property
    def page_faults(self) -> UInt64Value: ...
    @property
    def commit_memory_bytes(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        timestamp: int = ...,
        working_set_bytes: UInt64Value | None = ...,
        available_bytes: UInt64Value | None = ...,
        page_faults: UInt64Value | None = ...,
        commit_memory_bytes: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["working_set_bytes", "available_bytes", "page_faults", "commit_memory_bytes"]) -> bool: ...

class ReopenContainerLogRequest(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class ReopenContainerLogResponse(Message):
    def __init__(self) -> None: ...

class CheckpointContainerRequest(Message):
    container_id: str
    location: str
    timeout: int
    def __init__(
        self,
        *,
        container_id: str = ...,
        location: str = ...,
        timeout: int = ...,
    ) -> None: ...

class CheckpointContainerResponse(Message):
    def __init__(self) -> None: ...

class GetEventsRequest(Message):
    def __init__(self) -> None: ...

class ContainerEventResponse(Message):
    container_id: str
    container_event_type: int
    created_at: int
    @property
    def pod_sandbox_status(self) -> PodSandboxStatus: ...
    @property
    def containers_statuses(self) -> RepeatedCompositeFieldContainer[ContainerStatus]: ...
    def __init__(
        self,
        *,
        container_id: str = ...,
        container_event_type: int = ...,
        created_at: int = ...,
        pod_sandbox_status: PodSandboxStatus | None = ...,
        containers_statuses: Iterable[ContainerStatus] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["pod_sandbox_status"]) -> bool: ...

class ListMetricDescriptorsRequest(Message):
    def __init__(self) -> None: ...

class ListMetricDescriptorsResponse(Message):
    @property
    def descriptors(self) -> RepeatedCompositeFieldContainer[MetricDescriptor]: ...
    def __init__(
        self,
        *,
        descriptors: Iterable[MetricDescriptor] = ...,
    ) -> None: ...

class MetricDescriptor(Message):
    name: str
    help: str
    @property
    def label_keys(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        name: str = ...,
        help: str = ...,
        label_keys: Iterable[str] = ...,
    ) -> None: ...

class ListPodSandboxMetricsRequest(Message):
    def __init__(self) -> None: ...

class ListPodSandboxMetricsResponse(Message):
    @property
    def pod_metrics(self) -> RepeatedCompositeFieldContainer[PodSandboxMetrics]: ...
    def __init__(
        self,
        *,
        pod_metrics: Iterable[PodSandboxMetrics] = ...,
    ) -> None: ...

class StreamPodSandboxMetricsRequest(Message):
    def __init__(self) -> None: ...

class StreamPodSandboxMetricsResponse(Message):
    @property
    def pod_sandbox_metrics(self) -> RepeatedCompositeFieldContainer[PodSandboxMetrics]: ...
    def __init__(
        self,
        *,
        pod_sandbox_metrics: Iterable[PodSandboxMetrics] = ...,
    ) -> None: ...

class PodSandboxMetrics(Message):
    pod_sandbox_id: str
    @property
    def metrics(self) -> RepeatedCompositeFieldContainer[Metric]: ...
    @property
    def container_metrics(self) -> RepeatedCompositeFieldContainer[ContainerMetrics]: ...
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
        metrics: Iterable[Metric] = ...,
        container_metrics: Iterable[ContainerMetrics] = ...,
    ) -> None: ...

class ContainerMetrics(Message):
    container_id: str
    @property
    def metrics(self) -> RepeatedCompositeFieldContainer[Metric]: ...
    def __init__(
        self,
        *,
        container_id: str = ...,
        metrics: Iterable[Metric] = ...,
    ) -> None: ...

class Metric(Message):
    name: str
    timestamp: int
    metric_type: int
    @property
    def label_values(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def value(self) -> UInt64Value: ...
    def __init__(
        self,
        *,
        name: str = ...,
        timestamp: int = ...,
        metric_type: int = ...,
        label_values: Iterable[str] = ...,
        value: UInt64Value | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["value"]) -> bool: ...

class RuntimeConfigRequest(Message):
    def __init__(self) -> None: ...

class RuntimeConfigResponse(Message):
    @property
    def linux(self) -> LinuxRuntimeConfiguration: ...
    def __init__(
        self,
        *,
        linux: LinuxRuntimeConfiguration | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["linux"]) -> bool: ...

class LinuxRuntimeConfiguration(Message):
    cgroup_driver: int
    def __init__(
        self,
        *,
        cgroup_driver: int = ...,
    ) -> None: ...

class UpdatePodSandboxResourcesRequest(Message):
    pod_sandbox_id: str
    @property
    def overhead(self) -> LinuxContainerResources: ...
    @property
    def resources(self) -> LinuxContainerResources: ...
    def __init__(
        self,
        *,
        pod_sandbox_id: str = ...,
        overhead: LinuxContainerResources | None = ...,
        resources: LinuxContainerResources | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["overhead", "resources"]) -> bool: ...

class UpdatePodSandboxResourcesResponse(Message):
    def __init__(self) -> None: ...
