"""Facts of the machine on made-up trees and on this one; what systemd is told."""

import os
import resource
import socket
from pathlib import Path

import pytest

from nodeagent.adapters.host import proc
from nodeagent.adapters.host.facts import HostFacts, read_facts
from nodeagent.adapters.host.notify import Notifier
from nodeagent.errors import HostError

FILES = {
    "proc/meminfo": "MemTotal:       2048 kB\nSwapTotal:  1024 kB\nHugePages_Total:   3\nOdd:\n",
    "proc/self/mountinfo": (
        "22 1 0:1 / /proc rw - proc proc rw\n"
        "31 1 0:2 / /sys/fs/cgroup rw shared:1 - cgroup2 cgroup rw\n"
    ),
    "proc/sys/kernel/hostname": "Node-1\n",
    "proc/sys/kernel/osrelease": "6.1.0-x\n",
    "proc/sys/kernel/random/boot_id": "b00t\n",
    "proc/net/route": (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\n"
        "wlan0\t00000000\t010200C0\t0003\t0\t0\t50\t00000000\n"
        "down0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
    ),
    "proc/net/ipv6_route": (
        f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200 lo\n"
        f"{'0' * 32} 00 {'0' * 32} 00 fd{'0' * 29}1 00000400 00000001 00000000 00000003 eth0\n"
    ),
    "proc/net/if_inet6": (
        "fe800000000000000000000000000001 04 40 20 80 eth0\n"
        "fd000000000000000000000000000009 04 40 00 21 eth0\n"
        "fd000000000000000000000000000002 04 40 00 80 eth0\n"
    ),
    "sys/fs/cgroup/init.scope/memory.swap.max": "max\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "3\n",
    "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "0\n",
    "sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages": "1\n",
    "sys/module/apparmor/parameters/enabled": "Y\n",
    "sys/kernel/security/apparmor/profiles": "",
    "sys/class/dmi/id/product_uuid": "uu-id\n",
    "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "0\n",
    "etc/machine-id": "machine\n",
    "etc/os-release": 'NAME="X"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
}


def a_host(top: Path, **changes: str) -> str:
    for name, text in (FILES | {k.replace("__", "/"): v for k, v in changes.items()}).items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return f"{top}/"


def test_facts_of_a_host_are_found(tmp_path: Path) -> None:
    facts = read_facts(str(tmp_path), top=a_host(tmp_path), ipv4_of=lambda name: f"ip of {name}")
    space = os.statvfs(tmp_path)
    assert facts == HostFacts(
        hostname="node-1",
        ipv4="ip of wlan0",
        ipv6="fd00::2",
        cpus=os.cpu_count() or 1,
        memory=2 << 20,
        swap=1 << 20,
        swap_limits=True,
        hugepages={"64Ki": 65536, "2Mi": 6 << 20, "1Gi": 0},
        disk=space.f_blocks * space.f_frsize,
        cgroup_version=2,
        apparmor=True,
        throttle_paths=(f"{tmp_path}/sys/devices/system/cpu/cpu1/thermal_throttle",),
        boot_id="b00t",
        machine_id="machine",
        system_uuid="uu-id",
        kernel="6.1.0-x",
        os_image="Debian GNU/Linux 12 (bookworm)",
        architecture=facts.architecture,
    )
    assert facts.capacity == {
        "cpu": facts.cpus * 1000,
        "memory": 2 << 20,
        "ephemeral-storage": facts.disk,
        "hugepages-64Ki": 65536,
        "hugepages-2Mi": 6 << 20,
        "hugepages-1Gi": 0,
    }


def test_what_is_missing_is_unknown_and_no_error(tmp_path: Path) -> None:
    for name in ("proc/meminfo", "proc/self/mountinfo"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    facts = read_facts(str(tmp_path / "not/yet"), top=f"{tmp_path}/", ipv4_of=lambda name: name)
    assert (facts.ipv4, facts.ipv6, facts.machine_id, facts.system_uuid) == ("", "", "", "")
    assert (facts.cgroup_version, facts.apparmor, facts.hugepages) == (0, False, {})
    assert facts.os_image == "Linux"
    assert facts.disk > 0


def test_no_proc_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"):
        read_facts("/", top=f"{tmp_path}/")


def test_a_host_on_cgroup_v1_and_without_firmware(tmp_path: Path) -> None:
    (tmp_path / "cg/memory").mkdir(parents=True)
    (tmp_path / "cg/memory/memory.memsw.limit_in_bytes").touch()
    top = a_host(
        tmp_path,
        proc__self__mountinfo=(
            "1 1 0:1 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n"
            "1 1 0:1 / /cg/memory rw - cgroup cgroup rw,memory\n"
            "1 1 0:1 / /cg/unified rw - cgroup2 cgroup rw\n"
        ),
        sys__class__dmi__id__product_uuid="",
    )
    facts = read_facts("/", top=top, ipv4_of=lambda name: "")
    assert (facts.cgroup_version, facts.swap_limits) == (1, True)
    assert facts.system_uuid == "machine"


def test_this_machine_is_described() -> None:
    facts = read_facts("/var/lib/nowhere")
    assert facts.memory > 1 << 20
    assert facts.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert facts.cgroup_version in (1, 2)
    assert facts.kernel == os.uname().release
    assert proc.ipv4_of("lo") == "127.0.0.1"
    assert proc.ipv4_of("none0") == ""
    assert proc.ipv4_of("") == ""


def test_the_limit_of_open_files_is_raised_as_far_as_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert proc.raise_open_files(300) == 300
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
        assert proc.raise_open_files(200) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_lower_oom_score_is_asked_for_and_a_refusal_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "oom_score_adj"
    assert proc.lower_oom_score(-999, str(path)) is True
    assert path.read_text() == "-999"
    assert proc.lower_oom_score(-999, f"{tmp_path}/none/x") is False


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_every_state(tmp_path: Path, abstract: bool) -> None:
    name = f"@nodeagent-test-{os.getpid()}" if abstract else f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        assert notifier.ready("110 pods\nrun") is True
        assert notifier.status("fine") is True
        assert notifier.alive() is True
        assert notifier.stopping() is True
        assert notifier.more_time(25.0) is True
        assert [systemd.recv(200) for _ in range(5)] == [
            b"READY=1\nSTATUS=110 pods run",
            b"STATUS=fine",
            b"WATCHDOG=1",
            b"STOPPING=1",
            b"EXTEND_TIMEOUT_USEC=25000000",
        ]


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    assert Notifier({}).ready() is False
    assert Notifier({"NOTIFY_SOCKET": f"{tmp_path}/gone"}).alive() is False
    assert Notifier({"NOTIFY_SOCKET": "vsock:2:1"}).alive() is False


def test_the_watchdog_is_fed_twice_in_its_time_if_it_is_ours() -> None:
    assert Notifier({"WATCHDOG_USEC": "30000000"}).watchdog_period == 15.0
    mine = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(mine).watchdog_period == 15.0
    assert Notifier(mine | {"WATCHDOG_PID": "1"}).watchdog_period == 0.0
    assert Notifier({"WATCHDOG_USEC": "soon"}).watchdog_period == 0.0
    assert Notifier({}).watchdog_period == 0.0
