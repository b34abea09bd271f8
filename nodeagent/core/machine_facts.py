"""What `doctor` judges: the machine, its runtime and its network, as they were found."""

import msgspec


class RuntimeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the CRI socket answered. `trouble`: why it did not, then nothing else is known.

    `sandboxes`: ids of all sandboxes, None where they could not be listed. `cni_dirs` and
    `cni_bin_dirs`: where the runtime looks for networks and plugins, empty if it does not tell.
    """

    endpoint: str
    trouble: str = ""
    fix: str = ""
    name: str = ""
    version: str = ""
    cgroup_driver: str = ""
    ready: bool = True
    ready_message: str = ""
    network_ready: bool = True
    network_message: str = ""
    sandboxes: frozenset[str] | None = None
    cni_dirs: tuple[str, ...] = ()
    cni_bin_dirs: tuple[str, ...] = ()


class CniFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The network that would be used: the first file in the folder. `missing`: plugin programs.

    `leases`: addresses in use by host-local with the sandbox id each belongs to.
    """

    folders: tuple[str, ...]
    bin_dirs: tuple[str, ...]
    file: str = ""
    network: str = ""
    trouble: str = ""
    missing: tuple[str, ...] = ()
    leases: tuple[tuple[str, str], ...] = ()
    lease_dir: str = ""


class CgroupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How cgroups are mounted; `version` 0 means not at all."""

    version: int = 0
    controllers: frozenset[str] = frozenset()
    systemd: bool = False  # systemd is pid 1


class DiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One file system. `keep`: free parts of a whole below which pods are evicted."""

    use: str
    path: str
    free: float
    free_inodes: float
    keep: float = 0.0
    keep_inodes: float = 0.0


class PortFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A port the agent is configured to open. `taken_by`: who has it, "" if nobody."""

    use: str
    setting: str
    address: str
    port: int
    taken_by: str = ""


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine says of itself. None or -1 where it does not tell."""

    is_root: bool
    now: float
    clock_synchronized: bool | None = None
    newest_file_at: float = 0.0
    files_limit: int = -1
    watches: int = -1
    instances: int = -1
    swap_bytes: int = 0
    conntrack_used: int = -1
    conntrack_max: int = -1
    forwarding: bool | None = None
    bridge_filtered: bool | None = None
    cgroups: CgroupFacts = CgroupFacts()
    disks: tuple[DiskFacts, ...] = ()
    ports: tuple[PortFacts, ...] = ()
    manifests: str = ""
    manifests_trouble: str = ""
    agent: str = ""  # "" if an agent answers on its socket, else why not


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration asks of the machine."""

    cgroup_driver: str = "cgroupfs"
    driver_is_set: bool = False  # somebody wrote it
    fail_swap_on: bool = True
    embedded: bool = False
    config_errors: tuple[str, ...] = ()
    config_warnings: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is judged."""

    host: HostFacts
    runtime: RuntimeFacts
    cni: CniFacts
    rules: Rules
