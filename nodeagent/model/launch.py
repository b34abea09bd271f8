"""What the runtime is asked to make: sandboxes and containers with every value resolved."""

import enum

import msgspec

from nodeagent.model.ids import ImageRef, PodUid


class Propagation(enum.StrEnum):
    """Mount propagation, with the Kubernetes spelling."""

    NONE = "None"
    HOST_TO_CONTAINER = "HostToContainer"
    BIDIRECTIONAL = "Bidirectional"


class IdRange(msgspec.Struct, frozen=True, kw_only=True):
    """One user-namespace mapping."""

    host_id: int
    container_id: int
    length: int


class MountSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One mount of a container. `image` mounts that image instead of `host_path`."""

    container_path: str
    host_path: str = ""
    readonly: bool = False
    recursive_read_only: bool = False
    propagation: Propagation = Propagation.NONE
    selinux_relabel: bool = False
    id_map: IdRange | None = None
    image: str = ""
    image_sub_path: str = ""


class DeviceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A device node; `permissions` are of "r", "w", "m"."""

    container_path: str
    host_path: str
    permissions: str


class PortSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A port mapping of the sandbox; host_port 0 means none."""

    protocol: str
    container_port: int
    host_port: int = 0
    host_ip: str = ""


class DnsSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The resolv.conf of a sandbox."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A seccomp or AppArmor profile: kind RuntimeDefault, Unconfined or Localhost with a ref."""

    kind: str
    ref: str = ""


class SelinuxSpec(msgspec.Struct, frozen=True, kw_only=True):
    """SELinux label parts."""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """cgroup values in kernel units: microseconds, bytes, shares; 0 or None means not set."""

    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit_bytes: int = 0
    memory_swap_limit_bytes: int = 0
    oom_score_adj: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    hugepages: tuple[tuple[str, int], ...] = ()  # ("2MB", bytes)
    unified: tuple[tuple[str, str], ...] = ()  # cgroup v2 files


class Namespaces(msgspec.Struct, frozen=True, kw_only=True):
    """Which namespaces are the host's or shared; `pid` is POD, CONTAINER, NODE or TARGET."""

    host_network: bool = False
    host_ipc: bool = False
    pid: str = "CONTAINER"
    pid_target: str = ""  # container id, for TARGET
    user: IdRange | None = None  # None: the host's user namespace


class SandboxConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything RunPodSandbox needs. Paths are absolute on the host."""

    uid: PodUid
    name: str
    namespace: str
    attempt: int
    hostname: str
    log_directory: str
    cgroup_parent: str
    labels: dict[str, str]
    annotations: dict[str, str]
    namespaces: Namespaces = Namespaces(pid="CONTAINER")
    dns: DnsSpec | None = None
    ports: tuple[PortSpec, ...] = ()
    sysctls: dict[str, str] = {}
    privileged: bool = False
    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str = "Merge"
    selinux: SelinuxSpec | None = None
    seccomp: Profile = Profile(kind="RuntimeDefault")
    overhead: Resources | None = None
    resources: Resources | None = None
    runtime_handler: str = ""


class ContainerSecurity(msgspec.Struct, frozen=True, kw_only=True):
    """The security context of one container, pod and container fields already merged."""

    privileged: bool = False
    run_as_user: int | None = None
    run_as_username: str = ""
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str = "Merge"
    readonly_rootfs: bool = False
    no_new_privs: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    selinux: SelinuxSpec | None = None
    seccomp: Profile = Profile(kind="Unconfined")
    apparmor: Profile | None = None
    namespaces: Namespaces = Namespaces()


class ContainerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything CreateContainer needs. `log_path` is relative to the sandbox's log directory."""

    name: str
    attempt: int
    image: str  # as the user wrote it
    image_ref: ImageRef  # what is really run
    labels: dict[str, str]
    annotations: dict[str, str]
    log_path: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[MountSpec, ...] = ()
    devices: tuple[DeviceSpec, ...] = ()
    cdi_devices: tuple[str, ...] = ()
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    resources: Resources = Resources()
    security: ContainerSecurity = ContainerSecurity()
    stop_signal: str = ""  # "SIGUSR1"; "" means the image's own


class ExecResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a command inside a container gave; `timed_out` means that it was ended at its limit."""

    exit_code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    timed_out: bool = False


class PodCgroup(msgspec.Struct, frozen=True, kw_only=True):
    """A pod's cgroup: `path` from the cgroup root ("/kubepods/burstable/pod<uid>"), and limits."""

    path: str
    resources: Resources = Resources()
    pids_max: int = 0


class VolumePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where one volume of a pod is on the host once it is set up.

    `image` names an image volume, which the runtime mounts; `device` says it is a block device.
    `again_at` (Unix seconds) is when it is to be set up again though nothing of it has changed,
    because what it shows runs out; 0.0 for never.
    """

    host_path: str = ""
    read_only: bool = False
    relabel: bool = False
    image: str = ""
    device: bool = False
    gid: int | None = None  # a group its files belong to, added to the pod's groups
    again_at: float = 0.0


class SubPath(msgspec.Struct, frozen=True, kw_only=True):
    """A path below a volume that must be made and held safe before the container is."""

    index: int  # of the volumeMount
    volume: str
    path: str
