"""Gather from files, flags, sockets and /proc what `doctor` judges."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from nodeagent.adapters.cgroupfs.detect import read_layout
from nodeagent.adapters.containerd.ctl import diagnose
from nodeagent.adapters.containerd.embedded import choose_socket
from nodeagent.adapters.containerd.processes import answers
from nodeagent.adapters.cri.checkup import check_up
from nodeagent.adapters.host.checkup import disk_facts, look_at_host, runs_systemd
from nodeagent.adapters.host.cni import BIN_DIRS, FOLDERS, look_at_cni
from nodeagent.core.machine_facts import (
    CgroupFacts,
    DiskFacts,
    Facts,
    HostFacts,
    PortFacts,
    Rules,
    RuntimeFacts,
)
from nodeagent.settings import Settings
from nodeagent.settings.load import Loaded
from nodeagent.settings.scalars import parse_quantity
from nodeagent.settings.tree import find

PATIENCE = 1.0  # seconds for each answer of the runtime
IMAGES = Path("/var/lib/containerd")


async def gather(loaded: Loaded, errors: tuple[str, ...]) -> Facts:
    """Look at everything; `errors` are why the configuration in use is not the one asked for."""
    settings = loaded.settings
    runtime = await check_up(_endpoint(settings), timeout=PATIENCE)
    if runtime.trouble:
        runtime = _diagnosed(runtime)
    own = settings.paths.root / "cni" / "net.d"
    folders = runtime.cni_dirs or ((str(own),) if settings.runtime.embedded else FOLDERS)
    cni = look_at_cni(folders, runtime.cni_bin_dirs or BIN_DIRS)
    return Facts(host=_host(settings), runtime=runtime, cni=cni, rules=_rules(loaded, errors))


def _rules(loaded: Loaded, errors: tuple[str, ...]) -> Rules:
    settings = loaded.settings
    return Rules(
        cgroup_driver=settings.kubelet.cgroup_driver.value,
        driver_is_set=find(loaded.kubelet, "cgroupDriver") is not None,
        fail_swap_on=settings.kubelet.fail_swap_on,
        embedded=settings.runtime.embedded,
        config_errors=errors,
        config_warnings=tuple(str(warning) for warning in loaded.warnings),
    )


def _endpoint(settings: Settings) -> str:
    if not settings.runtime.embedded:
        return settings.runtime.endpoint
    return f"unix://{choose_socket(settings.runtime.endpoint, root=settings.paths.root)}"


def _diagnosed(runtime: RuntimeFacts) -> RuntimeFacts:
    """The reason in words an operator can act on, where containerd itself tells one."""
    if "Deadline" in runtime.trouble:
        return runtime
    cause, _, fix = (diagnose(Path(runtime.endpoint.removeprefix("unix://"))) or "").partition("; ")
    if not fix:
        cause = cause.partition(": ")[0]  # what follows is the usual remedy, which we tell too
    return msgspec.structs.replace(runtime, trouble=cause or runtime.trouble, fix=fix)


def _host(settings: Settings) -> HostFacts:
    return look_at_host(
        cgroups=_cgroups(),
        disks=_disks(settings),
        ports=_ports(settings),
        root=settings.paths.root,
        manifests=settings.paths.manifests,
        agent=_agent(settings),
    )


def _cgroups() -> CgroupFacts:
    layout = read_layout(Path("/proc/self/mountinfo").read_text(errors="surrogateescape"))
    if layout.version == 2:
        try:
            names = Path(layout.unified, "cgroup.controllers").read_text().split()
        except OSError:
            names = []
        return CgroupFacts(version=2, controllers=frozenset(names), systemd=runs_systemd())
    found = frozenset(c for one in layout.hierarchies for c in one.controllers)
    version = 1 if layout.hierarchies else 0
    return CgroupFacts(version=version, controllers=found, systemd=runs_systemd())


def _disks(settings: Settings) -> Iterator[DiskFacts]:
    images = settings.paths.root / "containerd" if settings.runtime.embedded else IMAGES
    limits = settings.kubelet.eviction_hard
    for use, path, signal in (
        ("pods", settings.paths.root, "nodefs"),
        ("images", images, "imagefs"),
    ):
        found = disk_facts(
            use,
            path,
            keep=_threshold(limits, f"{signal}.available"),
            keep_inodes=_threshold(limits, f"{signal}.inodesFree"),
        )
        if found is not None:
            yield found


def _threshold(limits: Mapping[str, str], signal: str) -> str:
    text = limits.get(signal, "0")
    return text if text.endswith("%") else str(parse_quantity(text).whole)


def _ports(settings: Settings) -> Iterator[PortFacts]:
    opened = settings.listeners
    for use, setting, one in (
        ("the kubelet API", "port", opened.https),
        ("the read-only API", "readOnlyPort", opened.read_only),
        ("healthz", "healthzPort", opened.healthz),
    ):
        if one is not None:
            yield PortFacts(use=use, setting=setting, address=one.address, port=one.port)


def _agent(settings: Settings) -> str:
    """Why no agent answers, "" if one does."""
    socket = settings.paths.socket
    if not socket.exists():
        return f"there is no socket {socket}"
    return "" if answers(socket) else f"nobody listens on {socket}"
