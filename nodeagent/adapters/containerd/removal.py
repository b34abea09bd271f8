"""Taking a containerd of our own away with all it made, also after a crash: for stop and tests."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from nodeagent.adapters.containerd import processes
from nodeagent.adapters.containerd.config import ContainerdSettings
from nodeagent.adapters.containerd.embedded import STOP_PATIENCE, find_ours
from nodeagent.adapters.containerd.findings import find_program

CNI_RESULTS = Path("/var/lib/cni/results")
CGROUPS = Path("/sys/fs/cgroup")
GONE_PATIENCE = 5.0

log = structlog.get_logger()


def remove(settings: ContainerdSettings, *, cgroup_roots: Iterable[str] = ()) -> None:
    """Kill what our containerd runs and delete whatever it put on the machine.

    Containers, shims, mounts, network namespaces, bridge, iptables rules, leases, the cgroups
    named by `cgroup_roots` (as "nodeagent-test-1"), the folders. Nothing of another containerd is
    touched. Safe to repeat, blocks for up to some seconds; what resists is logged and left.
    """
    daemon = find_ours(settings)
    if daemon is not None:
        processes.end(daemon, patience=STOP_PATIENCE)
    _kill_containers(settings)
    folders = (settings.state_dir, settings.home, settings.root)
    for place in _mounts_below(folders):
        subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
    _remove_network(settings)
    for root in cgroup_roots:
        _remove_cgroups(root)
    for folder in (settings.state_dir, settings.home, settings.root / "cni"):
        shutil.rmtree(folder, ignore_errors=True)
    for name in (settings.socket, Path(f"{settings.socket}.ttrpc")):
        name.unlink(missing_ok=True)


def _kill_containers(settings: ContainerdSettings) -> None:
    """A shim adopts its containers' orphans, so all of a pod's processes descend from it."""
    doomed: set[int] = set()
    for shim in set(processes.with_words("-address", str(settings.socket))):
        doomed.update(processes.descendants(shim))
        doomed.add(shim)
        processes.kill(shim)
    for pid in doomed:
        processes.kill(pid)
    left = processes.wait_gone(doomed, patience=GONE_PATIENCE)
    if left:
        log.warning("processes do not die", pids=sorted(left))


def _mounts_below(folders: Iterable[Path]) -> list[str]:
    """Mount points in these folders, the last mounted first."""
    roots = tuple(os.path.realpath(folder) for folder in folders)
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4])
        if any(Path(place).is_relative_to(root) for root in roots):
            found.append(place)
    return found[::-1]


def _remove_network(settings: ContainerdSettings) -> None:
    if Path("/sys/class/net", settings.bridge).exists():
        subprocess.run(["ip", "link", "delete", settings.bridge], check=False, capture_output=True)
    for result in CNI_RESULTS.glob(f"{settings.network}-*"):
        sandbox = result.name.removeprefix(f"{settings.network}-").partition("-")[0]
        (CNI_RESULTS / f"cni-loopback-{sandbox}-lo").unlink(missing_ok=True)
        result.unlink(missing_ok=True)
    for program in ("iptables-save", "ip6tables-save"):
        save = find_program(program, settings)
        if save is None:
            continue
        saved = subprocess.run([save, "-t", "nat"], capture_output=True, text=True, check=False)
        undo = undo_rules(saved.stdout, settings.network)
        if undo:
            restore = [save.replace("-save", "-restore"), "--noflush"]
            done = subprocess.run(restore, input=undo, capture_output=True, text=True, check=False)
            if done.returncode:
                log.warning("iptables rules stay", error=done.stderr.strip())


def undo_rules(saved: str, network: str) -> str:
    """What iptables-restore must read to forget a CNI network; empty if nothing knows it.

    `saved` is what `iptables-save -t nat` prints. The bridge and portmap plugins write the
    network's name into the comment of each rule that jumps to a chain of theirs.
    """
    mentions = (f'name: "{network}" ', f"name: '{network}' ")
    deleted, chains = [], set()
    for line in saved.splitlines():
        if not line.startswith("-A "):
            continue
        words = shlex.split(line)
        comment = words[words.index("--comment") + 1] + " " if "--comment" in words else ""
        if any(mention in comment for mention in mentions):
            deleted.append("-D" + line[2:])
            target = words[words.index("-j") + 1] if "-j" in words else ""
            if re.match(r"CNI-(DN-)?[0-9a-f]+$", target):
                chains.add(target)
    if not deleted:
        return ""
    inner = [line for line in deleted if line.split()[1] not in chains]
    flushed = [f"-F {chain}" for chain in sorted(chains)]
    dropped = [f"-X {chain}" for chain in sorted(chains)]
    return "\n".join(["*nat", *inner, *flushed, *dropped, "COMMIT", ""])


def _remove_cgroups(root: str) -> None:
    """Remove an empty cgroup and those below it, in every hierarchy there is."""
    hierarchies = [CGROUPS] if (CGROUPS / "cgroup.controllers").exists() else CGROUPS.iterdir()
    for hierarchy in hierarchies:
        top = hierarchy / root.strip("/")
        if not root.strip("/") or not top.is_dir():
            continue
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        if top.exists():
            log.warning("cgroup stays", cgroup=str(top))
