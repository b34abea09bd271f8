"""What we write for a containerd of our own: its configuration and its pods' network, as text."""

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from nodeagent.adapters.containerd.oci import PAUSE_IMAGE
from nodeagent.errors import SettingsError

Version = tuple[int, int]
SUBNETS = tuple(
    subnet
    for block in ("10.88.0.0/16", "10.188.0.0/16", "172.28.0.0/16", "192.168.240.0/20")
    for subnet in ipaddress.IPv4Network(block).subnets(new_prefix=21)
)


class ContainerdSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How our own containerd is to be, and where it keeps what.

    Everything lasting lies in `root`/containerd and `root`/cni. `state` is what need not survive a
    reboot; None means the same place under /run if `root` is in /var/lib, else inside `root`.
    `search_path` is the PATH that containerd, runc and iptables are found in; empty means ours.
    `cni_bin_dirs` are tried in order. `network` and `bridge` tell apart several containerds on one
    machine and are made from `root` if empty; `subnet` empty means one that no route touches.
    `registries` is the folder of hosts.toml files. `patience` is in seconds.
    """

    root: Path
    socket: Path
    state: Path | None = None
    cgroup_driver: Literal["cgroupfs", "systemd"] = "cgroupfs"
    sandbox_image: str = PAUSE_IMAGE
    search_path: str = ""
    cni_bin_dirs: tuple[Path, ...] = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
    network: str = ""
    bridge: str = ""
    subnet: str = ""
    registries: Path = Path("/etc/containerd/certs.d")
    patience: float = 30.0

    def __post_init__(self) -> None:
        """Give network and bridge, which is at most 15 bytes, names that no other root has."""
        mark = hashlib.sha256(bytes(self.root)).hexdigest()[:8]
        if not self.network:
            msgspec.structs.force_setattr(self, "network", f"nodeagent-{mark}")
        if not self.bridge:
            msgspec.structs.force_setattr(self, "bridge", f"na{mark}")

    @property
    def home(self) -> Path:
        """Where configuration, log and data lie."""
        return self.root / "containerd"

    @property
    def config_file(self) -> Path:
        """The file whose name also tells our process from others."""
        return self.home / "config.toml"

    @property
    def log_file(self) -> Path:
        """Where containerd writes what it has to say."""
        return self.home / "containerd.log"

    @property
    def state_dir(self) -> Path:
        """What `state` means, resolved."""
        if self.state is not None:
            return self.state
        if self.root.is_relative_to("/var/lib"):
            return Path("/run") / self.root.relative_to("/var/lib") / "containerd"
        return self.home / "state"

    @property
    def network_dir(self) -> Path:
        """The folder of the CNI network list."""
        return self.root / "cni" / "net.d"

    @property
    def lease_dir(self) -> Path:
        """Where host-local keeps which pod has which address."""
        return self.root / "cni" / "leases"


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine is like, as far as containerd's configuration depends on it."""

    version: Version
    snapshotter: Literal["overlayfs", "native"]
    may_lower_oom_score: bool
    cni_bin_dir: Path
    runc: Path


def parse_version(text: str) -> Version:
    """Major and minor from what `containerd --version` prints."""
    found = re.search(r"\sv?(\d+)\.(\d+)", text)
    if found is None:
        detail = f'"{text.strip()}" has no version in it'
        raise SettingsError(op="read the version of", target="containerd", detail=detail)
    return int(found[1]), int(found[2])


def containerd_config(settings: ContainerdSettings, findings: Findings) -> str:
    """The whole config.toml: format 3 for containerd 2 and later, format 2 before."""
    parts = _format_3 if findings.version >= (2, 0) else _format_2
    return "\n".join([*_general(settings, findings), *parts(settings, findings), ""])


def _general(settings: ContainerdSettings, findings: Findings) -> list[str]:
    unused = ["aufs", "blockfile", "btrfs", "devmapper", "erofs", "zfs"]
    return [
        "# Written by nodeagent at every start of this containerd: changes here are lost.",
        f"version = {3 if findings.version >= (2, 0) else 2}",
        f"root = {_quoted(settings.home / 'data')}",
        f"state = {_quoted(settings.state_dir)}",
        f"disabled_plugins = {_list('io.containerd.snapshotter.v1.' + name for name in unused)}",
        "[grpc]",
        f"address = {_quoted(settings.socket)}",
        '[plugins."io.containerd.internal.v1.opt"]',
        f"path = {_quoted(settings.home / 'opt')}",
        # Its socket has one fixed path for the whole machine.
        '[plugins."io.containerd.nri.v1.nri"]',
        "disable = true",
    ]


def _format_2(settings: ContainerdSettings, findings: Findings) -> list[str]:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return [
        f"[{cri}]",
        f"sandbox_image = {_quoted(settings.sandbox_image)}",
        *_cri_common(findings),
        f"[{cri}.containerd]",
        f"snapshotter = {_quoted(findings.snapshotter)}",
        'default_runtime_name = "runc"',
        *_runc(cri, settings, findings),
        f"[{cri}.cni]",
        f"bin_dir = {_quoted(findings.cni_bin_dir)}",
        f"conf_dir = {_quoted(settings.network_dir)}",
        f"[{cri}.registry]",
        f"config_path = {_quoted(settings.registries)}",
    ]


def _format_3(settings: ContainerdSettings, findings: Findings) -> list[str]:
    images, runtime = (
        'plugins."io.containerd.cri.v1.images"',
        'plugins."io.containerd.cri.v1.runtime"',
    )
    folder = _quoted(findings.cni_bin_dir)
    return [
        f"[{images}]",
        f"snapshotter = {_quoted(findings.snapshotter)}",
        f"[{images}.pinned_images]",
        f"sandbox = {_quoted(settings.sandbox_image)}",
        f"[{images}.registry]",
        f"config_path = {_quoted(settings.registries)}",
        f"[{runtime}]",
        *_cri_common(findings),
        f"[{runtime}.containerd]",
        'default_runtime_name = "runc"',
        *_runc(runtime, settings, findings),
        f"[{runtime}.cni]",
        f"bin_dirs = [{folder}]" if findings.version >= (2, 1) else f"bin_dir = {folder}",
        f"conf_dir = {_quoted(settings.network_dir)}",
    ]


def _cri_common(findings: Findings) -> list[str]:
    return [
        f"restrict_oom_score_adj = {_bool(not findings.may_lower_oom_score)}",
        # With the state they go at a reboot, and whoever removes the state removes them.
        "netns_mounts_under_state_dir = true",
    ]


def _runc(cri: str, settings: ContainerdSettings, findings: Findings) -> list[str]:
    return [
        f"[{cri}.containerd.runtimes.runc]",
        'runtime_type = "io.containerd.runc.v2"',
        f"[{cri}.containerd.runtimes.runc.options]",
        f"BinaryName = {_quoted(findings.runc)}",
        f"Root = {_quoted(settings.state_dir / 'runc')}",
        f"SystemdCgroup = {_bool(settings.cgroup_driver == 'systemd')}",
    ]


def cni_network(settings: ContainerdSettings, *, subnet: str, forwarding_is_denied: bool) -> bytes:
    """A CNI network list: a bridge with addresses of `subnet`, masqueraded, with host ports.

    Where the machine drops forwarded packets by default, pods' traffic is let through by rules.
    """
    bridge = {
        "type": "bridge",
        "bridge": settings.bridge,
        "isDefaultGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(settings.lease_dir),
            "ranges": [[{"subnet": subnet}]],
        },
    }
    plugins: list[dict[str, object]] = [
        bridge,
        {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
    ]
    if forwarding_is_denied:
        plugins.append({"type": "firewall"})
    network = {"cniVersion": "0.4.0", "name": settings.network, "plugins": plugins}
    return json.dumps(network, indent=2).encode() + b"\n"


def free_subnet(routes: str) -> str:
    """The first of our subnets that no route touches; `routes` is the text of /proc/net/route.

    Raises SettingsError when all are taken.
    """
    taken = list(_networks(routes))
    for subnet in SUBNETS:
        if not any(subnet.overlaps(other) for other in taken):
            return str(subnet)
    detail = f"{len(SUBNETS)} candidates all clash with the machine's routes; write a CNI network"
    raise SettingsError(op="choose", target="the pods' subnet", detail=detail)


def _networks(routes: str) -> Iterable[ipaddress.IPv4Network]:
    """Destinations and masks are hexadecimal, lowest byte first. The default route clashes not."""
    for line in routes.splitlines()[1:]:
        fields = line.split()
        address, mask = (bytes.fromhex(fields[i])[::-1] for i in (1, 7))
        if any(mask):
            yield ipaddress.IPv4Network((address, str(ipaddress.IPv4Address(mask))), strict=False)


def _quoted(value: object) -> str:
    return json.dumps(str(value))


def _list(values: Iterable[str]) -> str:
    return json.dumps(list(values))


def _bool(value: bool) -> str:
    return "true" if value else "false"
