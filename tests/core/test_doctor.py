"""Facts about a machine to findings with causes and fixes."""

import msgspec
import pytest

from nodeagent.core.doctor import EARLIEST, Finding, Level, examine
from nodeagent.core.machine_facts import (
    CgroupFacts,
    CniFacts,
    DiskFacts,
    Facts,
    HostFacts,
    PortFacts,
    Rules,
    RuntimeFacts,
)

NOW = EARLIEST + 1e6
HOST = HostFacts(
    is_root=True,
    now=NOW,
    clock_synchronized=True,
    newest_file_at=NOW - 5,
    files_limit=1_000_000,
    watches=500_000,
    instances=1024,
    conntrack_used=10,
    conntrack_max=1000,
    forwarding=True,
    bridge_filtered=True,
    cgroups=CgroupFacts(version=2, controllers=frozenset({"cpu", "memory", "pids"}), systemd=True),
    disks=(DiskFacts(use="pods", path="/", free=0.5, free_inodes=0.5, keep=0.1, keep_inodes=0.05),),
    ports=(PortFacts(use="healthz", setting="healthzPort", address="127.0.0.1", port=10248),),
    manifests="/etc/kubernetes/manifests",
)
RUNTIME = RuntimeFacts(
    endpoint="unix:///run/containerd/containerd.sock",
    name="containerd",
    version="1.7.1",
    cgroup_driver="systemd",
    sandboxes=frozenset({"s1"}),
)
CNI = CniFacts(
    folders=("/etc/cni/net.d",),
    bin_dirs=("/opt/cni/bin",),
    file="/etc/cni/net.d/10-a.conflist",
    network="a",
    leases=(("10.1.0.2", "s1"),),
    lease_dir="/var/lib/cni/networks/a",
)
GOOD = Facts(host=HOST, runtime=RUNTIME, cni=CNI, rules=Rules())


def host(**changes: object) -> Facts:
    return msgspec.structs.replace(GOOD, host=msgspec.structs.replace(HOST, **changes))


def runtime(**changes: object) -> Facts:
    return msgspec.structs.replace(GOOD, runtime=msgspec.structs.replace(RUNTIME, **changes))


def cni(**changes: object) -> Facts:
    return msgspec.structs.replace(GOOD, cni=msgspec.structs.replace(CNI, **changes))


def rules(**changes: object) -> Facts:
    return msgspec.structs.replace(GOOD, rules=msgspec.structs.replace(Rules(), **changes))


def cgroups(version: int, *controllers: str) -> Facts:
    found = frozenset(controllers)
    return host(cgroups=CgroupFacts(version=version, controllers=found, systemd=True))


def bad(facts: Facts) -> list[Finding]:
    return [one for one in examine(facts) if one.level is not Level.OK]


def test_a_good_machine_has_nothing_but_ok() -> None:
    assert bad(GOOD) == []
    checks = {one.check for one in examine(GOOD)}
    assert {"runtime", "cgroups", "cgroup driver", "network", "time", "disk of pods"} <= checks
    assert {"port 10248", "swap", "conntrack", "inotify watches", "open files"} <= checks


@pytest.mark.parametrize(
    ("facts", "check", "level", "word", "fix"),
    [
        (rules(config_errors=("x is y",)), "configuration", Level.FAIL, "x is y", "config check"),
        (rules(config_warnings=("z",)), "configuration", Level.WARN, "z", "remove"),
        (host(is_root=False), "user", Level.WARN, "not root", "sudo"),
        (host(agent="no socket"), "agent", Level.WARN, "no socket", "systemctl start"),
        (host(manifests_trouble="gone"), "manifests", Level.WARN, "gone", "mkdir -p /etc/kub"),
        (runtime(trouble="nobody"), "runtime", Level.FAIL, "nobody", "systemctl start containerd"),
        (runtime(trouble="no CRI", fix="line 3"), "runtime", Level.FAIL, "no CRI", "line 3"),
        (runtime(ready=False, ready_message="m"), "runtime", Level.FAIL, "m", "journalctl"),
        (runtime(network_ready=False, network_message="m"), "network", Level.FAIL, "m", "restart"),
        (host(cgroups=CgroupFacts()), "cgroups", Level.FAIL, "not mounted", "mount -t cgroup2"),
        (
            cgroups(2, "cpu", "pids"),
            "cgroups",
            Level.FAIL,
            "without memory",
            "cgroup_enable=memory",
        ),
        (
            cgroups(1, "cpu", "pids", "memory"),
            "cgroups",
            Level.WARN,
            "version 1",
            "unified_cgroup_hierarchy=1",
        ),
        (runtime(cgroup_driver="cgroupfs"), "cgroup driver", Level.WARN, "undo", "SystemdCgroup"),
        (
            host(cgroups=msgspec.structs.replace(HOST.cgroups, systemd=False)),
            "cgroup driver",
            Level.FAIL,
            "pid 1",
            "SystemdCgroup = false",
        ),
        (rules(driver_is_set=True), "cgroup driver", Level.WARN, "as the", "cgroupDriver: systemd"),
        (cni(file=""), "network", Level.FAIL, "no CNI network", "install a network plugin"),
        (cni(trouble="no JSON"), "network", Level.FAIL, "no JSON", "edit /etc/cni"),
        (cni(missing=("bridge",)), "network", Level.FAIL, "bridge", "containernetworking-plugins"),
        (cni(leases=(("10.1.0.9", "gone"),)), "addresses", Level.WARN, "10.1.0.9", "rm /var/lib"),
        (host(forwarding=False), "forwarding", Level.WARN, "ip_forward", "sysctl -w net.ipv4"),
        (host(bridge_filtered=False), "forwarding", Level.WARN, "bridge-nf", "sysctl -w"),
        (host(now=0.0, newest_file_at=0.0), "time", Level.FAIL, "years off", "timedatectl"),
        (host(newest_file_at=NOW + 3e5), "time", Level.WARN, "in the future", "timedatectl"),
        (host(clock_synchronized=False), "time", Level.WARN, "NTP", "timedatectl"),
        (host(files_limit=1024), "open files", Level.FAIL, "1024", "ulimit -n 1048576"),
        (host(watches=8192), "inotify watches", Level.WARN, "8192", "max_user_watches=524288"),
        (host(instances=100), "inotify instances", Level.FAIL, "100", "max_user_instances=2048"),
        (host(swap_bytes=1), "swap", Level.WARN, "failSwapOn", "swapoff"),
        (host(conntrack_used=850), "conntrack", Level.WARN, "850 of 1000", "=2000"),
        (host(conntrack_used=999), "conntrack", Level.FAIL, "999 of 1000", "=2000"),
    ],
)  # fmt: skip
def test_each_trouble_has_its_level_its_cause_and_its_fix(
    facts: Facts, check: str, level: Level, word: str, fix: str
) -> None:
    (finding,) = bad(facts)
    assert (finding.check, finding.level) == (check, level)
    assert word in f"{finding.says} {finding.cause}"
    assert fix in finding.fix


def test_a_systemd_agent_on_a_cgroupfs_runtime_fails() -> None:
    facts = msgspec.structs.replace(
        runtime(cgroup_driver="cgroupfs"), rules=Rules(cgroup_driver="systemd", driver_is_set=True)
    )
    (finding,) = bad(facts)
    assert (finding.check, finding.level) == ("cgroup driver", Level.FAIL)
    assert "cgroupDriver: cgroupfs" in finding.fix


@pytest.mark.parametrize(
    ("free", "inodes", "levels"),
    [
        (0.05, 0.5, [Level.FAIL]),
        (0.12, 0.5, [Level.WARN]),
        (0.5, 0.01, [Level.FAIL]),
        (0.05, 0.01, [Level.FAIL, Level.FAIL]),
    ],
)
def test_a_disk_is_judged_by_the_eviction_thresholds(
    free: float, inodes: float, levels: list[Level]
) -> None:
    disk = msgspec.structs.replace(HOST.disks[0], free=free, free_inodes=inodes)
    found = bad(host(disks=(disk,)))
    assert [one.level for one in found] == levels
    assert all("evicted below" in one.cause and "du " in one.fix for one in found)


def test_a_port_is_taken_only_if_no_agent_runs_who_may_hold_it_itself() -> None:
    taken = (msgspec.structs.replace(HOST.ports[0], taken_by="nginx (pid 7)"),)
    assert bad(host(ports=taken)) == []
    found = {one.check: one for one in bad(host(ports=taken, agent="stopped"))}
    assert found["port 10248"].level is Level.FAIL
    assert "nginx (pid 7)" in found["port 10248"].cause
    assert "healthzPort" in found["port 10248"].fix


def test_a_containerd_and_a_network_of_our_own_need_not_be_there_yet() -> None:
    facts = msgspec.structs.replace(
        GOOD,
        runtime=RuntimeFacts(endpoint="unix:///x", trouble="nobody"),
        cni=CniFacts(folders=("/x",), bin_dirs=()),
        rules=Rules(embedded=True, cgroup_driver="systemd", fail_swap_on=False),
    )
    assert bad(facts) == []


def test_what_the_machine_does_not_tell_is_left_out() -> None:
    facts = host(
        watches=-1, instances=-1, files_limit=-1, conntrack_used=-1, forwarding=None,
        bridge_filtered=None, clock_synchronized=None, disks=(), manifests="",
    )  # fmt: skip
    assert bad(facts) == []
    assert "conntrack" not in {one.check for one in examine(facts)}


def test_swap_may_be_allowed() -> None:
    allowed = msgspec.structs.replace(host(swap_bytes=1), rules=Rules(fail_swap_on=False))
    assert bad(allowed) == []


def test_leases_are_not_judged_while_sandboxes_are_unknown() -> None:
    facts = msgspec.structs.replace(cni(leases=(("10.1.0.9", "gone"),)), runtime=RuntimeFacts(
        endpoint="e", name="containerd", cgroup_driver="systemd"))  # fmt: skip
    assert bad(facts) == []
