"""What is right and wrong with this machine for running pods: facts in, findings with fixes out."""

import enum
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from nodeagent.core.machine_facts import Facts

YEAR: Final = 365 * 86400.0
EARLIEST: Final = 1_767_225_600.0  # 2026-01-01: this program did not exist before
LATEST: Final = EARLIEST + 50 * YEAR
FILES_LOW, FILES_LEAST = 65_536, 4_096
WATCHES_LOW, WATCHES_LEAST = 65_536, 8_192
INSTANCES_LOW, INSTANCES_LEAST = 256, 128
CONNTRACK_FULL, CONNTRACK_HIGH = 0.95, 0.8
NEEDED_CONTROLLERS: Final = ("cpu", "memory", "pids")


class Level(enum.StrEnum):
    """How bad a finding is. WARN: pods run, something will hurt. FAIL: pods cannot run."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `fix` is a command or an edit, "" where nothing needs one."""

    check: str
    level: Level
    says: str
    cause: str = ""
    fix: str = ""


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Every check's findings, in the order of a reader who mends from the top."""
    return tuple(finding for check in _CHECKS for finding in check(facts))


def _configuration(facts: Facts) -> Iterator[Finding]:
    for error in facts.rules.config_errors:
        yield _fail("configuration", "cannot be used", error, "correct it; nodeagent config check")
    for warning in facts.rules.config_warnings:
        yield _warn("configuration", "has a part without effect", warning, "remove it")
    if not facts.rules.config_errors and not facts.rules.config_warnings:
        yield _ok("configuration", "can be used")


def _agent(facts: Facts) -> Iterator[Finding]:
    host = facts.host
    if not host.is_root:
        yield _warn(
            "user", "not root", "some checks cannot see everything", "sudo nodeagent doctor"
        )
    if host.agent:
        yield _warn("agent", "is not running", host.agent, "systemctl start nodeagent")
    else:
        yield _ok("agent", "is running")
    if not host.manifests:
        return
    if host.manifests_trouble:
        fix = f"mkdir -p {host.manifests}"
        yield _warn("manifests", f"{host.manifests} cannot be read", host.manifests_trouble, fix)
    else:
        yield _ok("manifests", f"are read from {host.manifests}")


def _runtime(facts: Facts) -> Iterator[Finding]:
    runtime, check = facts.runtime, "runtime"
    if runtime.trouble:
        if facts.rules.embedded:
            yield _ok(check, "no containerd runs yet; the agent starts its own")
            return
        says = f"{runtime.endpoint} cannot be used"
        fix = runtime.fix or "systemctl start containerd, or nodeagent run --embedded-containerd"
        yield _fail(check, says, runtime.trouble, fix)
        return
    if not runtime.ready:
        fix = "journalctl -u containerd -n 50"
        yield _fail(check, f"{runtime.name} is not ready", runtime.ready_message, fix)
        return
    yield _ok(check, f"{runtime.name} {runtime.version} answers CRI on {runtime.endpoint}")


def _cgroups(facts: Facts) -> Iterator[Finding]:
    cgroups, check = facts.host.cgroups, "cgroups"
    lacking = [name for name in NEEDED_CONTROLLERS if name not in cgroups.controllers]
    if cgroups.version == 0:
        fix = "mount -t cgroup2 none /sys/fs/cgroup"
        yield _fail(check, "are not mounted", "no cgroup file system in /proc/self/mountinfo", fix)
        return
    if lacking:
        names = ", ".join(lacking)
        cause = "without these controllers the limits of pods do not hold"
        fix = f"add cgroup_enable={lacking[0]} to the kernel's command line and reboot"
        yield _fail(check, f"v{cgroups.version} without {names}", cause, fix)
    elif cgroups.version == 1:
        cause = "Kubernetes no longer maintains v1, and this agent has less to measure there"
        fix = "boot with systemd.unified_cgroup_hierarchy=1"
        yield _warn(check, "version 1", cause, fix)
    else:
        yield _ok(check, "version 2 with cpu, memory and pids")
    yield from _driver(facts)


def _driver(facts: Facts) -> Iterator[Finding]:
    told, rules, check = facts.runtime.cgroup_driver, facts.rules, "cgroup driver"
    if told and told != rules.cgroup_driver:
        cause = f"the configuration says {rules.cgroup_driver}, the runtime uses {told}"
        fix = f"write cgroupDriver: {told} into the configuration"
        if rules.cgroup_driver == "systemd":
            yield _fail(check, "containers would land outside of their pods' slices", cause, fix)
            return
        if rules.driver_is_set:
            yield _warn(check, f"{told}, as the runtime says", cause, fix)
            return
    driver = told or rules.cgroup_driver
    if driver == "cgroupfs" and facts.host.cgroups.systemd:
        cause = "systemd also manages the cgroup tree and may undo limits it did not set"
        fix = "set SystemdCgroup = true for runc in /etc/containerd/config.toml, restart containerd"
        yield _warn(check, "cgroupfs on a machine that systemd runs", cause, fix)
    elif driver == "systemd" and not facts.host.cgroups.systemd:
        cause = "systemd is not pid 1, so nobody makes the cgroups"
        fix = "set SystemdCgroup = false for runc in /etc/containerd/config.toml"
        yield _fail(check, "systemd on a machine without it", cause, fix)
    else:
        yield _ok(check, driver if told else f"{driver}; the runtime does not tell its own")


def _network(facts: Facts) -> Iterator[Finding]:
    cni, check = facts.cni, "network"
    if facts.rules.embedded and not cni.file:
        yield _ok(check, "none yet; the agent's own containerd gets one")
        return
    where = ", ".join(cni.folders)
    if cni.trouble:
        yield _fail(check, f"{cni.file or where} cannot be used", cni.trouble, f"edit {cni.file}")
    elif not cni.file:
        cause = f"there is no *.conflist, *.conf or *.json in {where}"
        fix = "install a network plugin that writes one, or run --embedded-containerd"
        yield _fail(check, "no CNI network is configured", cause, fix)
    elif cni.missing:
        cause = f"not in {', '.join(cni.bin_dirs)}"
        fix = "apt-get install containernetworking-plugins"
        yield _fail(check, f"CNI plugins are missing: {', '.join(cni.missing)}", cause, fix)
    elif not facts.runtime.trouble and not facts.runtime.network_ready:
        cause, fix = facts.runtime.network_message, "systemctl restart containerd"
        yield _fail(check, "the runtime's network is not ready", cause, fix)
    else:
        yield _ok(check, f"{cni.network} by {cni.file}")
    yield from _leases(facts)
    yield from _forwarding(facts)


def _leases(facts: Facts) -> Iterator[Finding]:
    known = facts.runtime.sandboxes
    if known is None or not facts.cni.leases:
        return
    leaked = sorted(address for address, owner in facts.cni.leases if owner not in known)
    if leaked:
        some = ", ".join(leaked[:5]) + (" and more" if len(leaked) > 5 else "")
        cause = f"the sandboxes that had them are gone: {some}"
        files = " ".join(f"{facts.cni.lease_dir}/{address}" for address in leaked[:5])
        yield _warn("addresses", f"{len(leaked)} are leaked", cause, f"rm {files}")
    else:
        yield _ok("addresses", f"{len(facts.cni.leases)} in use, none leaked")


def _forwarding(facts: Facts) -> Iterator[Finding]:
    if facts.host.forwarding is False:
        cause = "net.ipv4.ip_forward is 0: packets of pods do not leave the machine"
        yield _warn("forwarding", "is off", cause, "sysctl -w net.ipv4.ip_forward=1")
    if facts.host.bridge_filtered is False:
        cause = "net.bridge.bridge-nf-call-iptables is 0: services between pods of a node fail"
        fix = "sysctl -w net.bridge.bridge-nf-call-iptables=1"
        yield _warn("forwarding", "bridged packets bypass iptables", cause, fix)


def _time(facts: Facts) -> Iterator[Finding]:
    host, check = facts.host, "time"
    if not EARLIEST <= host.now <= LATEST:
        cause = "certificates, back-offs and garbage collection go by the clock"
        yield _fail(check, "the clock is years off", cause, "timedatectl set-ntp true")
    elif host.newest_file_at > host.now + 86400:
        days = (host.newest_file_at - host.now) / 86400
        cause = f"a file of the agent is {days:.0f} days in the future, so the clock went back"
        yield _warn(check, "the clock may be wrong", cause, "timedatectl set-ntp true")
    elif host.clock_synchronized is False:
        cause = "the kernel's clock is not disciplined by NTP"
        yield _warn(check, "not synchronized", cause, "timedatectl set-ntp true")
    else:
        yield _ok(check, "sane" + (" and synchronized" if host.clock_synchronized else ""))


def _limits(facts: Facts) -> Iterator[Finding]:
    host = facts.host
    limits = (
        ("open files", host.files_limit, FILES_LOW, FILES_LEAST, "ulimit -n", "ulimit -n 1048576"),
        ("inotify watches", host.watches, WATCHES_LOW, WATCHES_LEAST, "", ""),
        ("inotify instances", host.instances, INSTANCES_LOW, INSTANCES_LEAST, "", ""),
    )
    for check, have, low, least, name, fix in limits:
        if have < 0:
            continue
        key = f"fs.inotify.max_user_{check.partition(' ')[2]}"
        cause = f"{name or key} is {have}; containers and `logs -f` need more than it allows"
        told = fix or f"sysctl -w {key}={low * 8}"
        if have < least:
            yield _fail(check, f"{have} is too low", cause, told)
        elif have < low:
            yield _warn(check, f"{have} is low", cause, told)
        else:
            yield _ok(check, str(have))


def _disks(facts: Facts) -> Iterator[Finding]:
    for disk in facts.host.disks:
        check = f"disk of {disk.use}"
        for free, keep, what, fix in (
            (disk.free, disk.keep, "space", f"du -xh --max-depth=2 {disk.path} | sort -h | tail"),
            (
                disk.free_inodes,
                disk.keep_inodes,
                "inodes",
                f"du --inodes -xd2 {disk.path} | sort -n",
            ),
        ):
            says = f"{free:.0%} of {what} free in {disk.path}"
            cause = f"pods are evicted below {keep:.0%}"
            if free < keep:
                yield _fail(check, says, cause, fix)
            elif free < keep * 1.3:
                yield _warn(check, says, cause, fix)
            elif what == "space":
                yield _ok(check, says)


def _ports(facts: Facts) -> Iterator[Finding]:
    for port in facts.host.ports:
        check = f"port {port.port}"
        if not port.taken_by or not facts.host.agent:
            yield _ok(check, f"{port.use} on {port.address}")
        else:
            cause = f"{port.taken_by} listens on it"
            fix = f"stop that, or write another {port.setting} into the configuration"
            yield _fail(check, f"taken; {port.use} needs it", cause, fix)


def _swap(facts: Facts) -> Iterator[Finding]:
    if not facts.host.swap_bytes:
        yield _ok("swap", "off")
    elif facts.rules.fail_swap_on:
        cause = "failSwapOn is true, and memory limits mean less with swap"
        fix = "swapoff -a and take it out of /etc/fstab, or write failSwapOn: false"
        yield _warn("swap", "is on", cause, fix)
    else:
        yield _ok("swap", "on, as the configuration allows")


def _conntrack(facts: Facts) -> Iterator[Finding]:
    used, most = facts.host.conntrack_used, facts.host.conntrack_max
    if used < 0 or most <= 0:
        return
    says = f"{used} of {most} entries in use"
    fix = f"sysctl -w net.netfilter.nf_conntrack_max={most * 2}"
    cause = "the kernel drops new connections when the table is full"
    if used > most * CONNTRACK_FULL:
        yield _fail("conntrack", says, cause, fix)
    elif used > most * CONNTRACK_HIGH:
        yield _warn("conntrack", says, cause, fix)
    else:
        yield _ok("conntrack", says)


def _ok(check: str, says: str) -> Finding:
    return Finding(check=check, level=Level.OK, says=says)


def _warn(check: str, says: str, cause: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.WARN, says=says, cause=cause, fix=fix)


def _fail(check: str, says: str, cause: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.FAIL, says=says, cause=cause, fix=fix)


_CHECKS: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    _configuration,
    _agent,
    _runtime,
    _cgroups,
    _network,
    _time,
    _limits,
    _disks,
    _ports,
    _swap,
    _conntrack,
)
