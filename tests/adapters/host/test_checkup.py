"""What doctor reads of a machine: a made-up /proc, real sockets, made-up CNI folders."""

import os
import socket
from pathlib import Path

import msgspec

from nodeagent.adapters.host.checkup import disk_facts, look_at_host
from nodeagent.adapters.host.cni import look_at_cni
from nodeagent.core.machine_facts import (
    CgroupFacts,
    HostFacts,
    PortFacts,
)


def look(
    proc: Path, *, ports: tuple[PortFacts, ...] = (), manifests: Path | None = None
) -> HostFacts:
    return look_at_host(
        cgroups=CgroupFacts(),
        disks=(),
        ports=ports,
        root=proc,
        manifests=manifests,
        agent="",
        proc=proc,
    )


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_figures_are_read_from_proc(tmp_path: Path) -> None:
    put(tmp_path / "sys/fs/inotify/max_user_watches", "8192\n")
    put(tmp_path / "sys/fs/inotify/max_user_instances", "128\n")
    put(tmp_path / "sys/net/netfilter/nf_conntrack_count", "5\n")
    put(tmp_path / "sys/net/netfilter/nf_conntrack_max", "10\n")
    put(tmp_path / "sys/net/ipv4/ip_forward", "0\n")
    put(tmp_path / "meminfo", "MemTotal: 9 kB\nSwapTotal:       2 kB\n")
    found = look(tmp_path)
    assert (found.watches, found.instances) == (8192, 128)
    assert (found.conntrack_used, found.conntrack_max) == (5, 10)
    assert (found.forwarding, found.bridge_filtered) == (False, None)
    assert found.swap_bytes == 2048
    assert found.files_limit > 0


def test_what_is_not_there_is_unknown_not_an_error(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert (found.watches, found.conntrack_max, found.swap_bytes) == (-1, -1, 0)
    assert found.forwarding is None


def test_the_process_that_holds_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        asked = (
            PortFacts(use="x", setting="port", address="0.0.0.0", port=number),
            PortFacts(use="y", setting="port", address="127.0.0.2", port=number),
        )
        taken, free = look(Path("/proc"), ports=asked).ports
    assert f"(pid {os.getpid()})" in taken.taken_by
    assert free.taken_by == ""


def test_a_port_held_on_ipv6_is_held(tmp_path: Path) -> None:
    line = "  0: 00000000000000000000000000000000:280A 0:0 0A 0:0 0:0 0 0 0 99 1\n"
    put(tmp_path / "net/tcp6", "header\n" + line)
    asked = (PortFacts(use="x", setting="port", address="0.0.0.0", port=10250),)
    assert look(tmp_path, ports=asked).ports[0].taken_by == "another process"


def test_a_manifest_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert look(tmp_path, manifests=tmp_path).manifests_trouble == ""
    found = look(tmp_path, manifests=tmp_path / "no")
    assert found.manifests_trouble == "No such file or directory"


def test_a_disk_is_that_of_the_nearest_folder_with_thresholds_as_shares(tmp_path: Path) -> None:
    found = disk_facts("pods", tmp_path / "not" / "yet", keep="10%", keep_inodes="0")
    assert found is not None
    assert found.path == str(tmp_path)
    assert (found.keep, found.keep_inodes) == (0.1, 0.0)
    assert 0 < found.free <= 1
    size = os.statvfs(tmp_path)
    whole = size.f_blocks * size.f_frsize
    half = disk_facts("pods", tmp_path, keep=str(whole // 2), keep_inodes="5%")
    assert half is not None and abs(half.keep - 0.5) < 0.001


def network(**changes: object) -> bytes:
    plugin = {"type": "bridge", "ipam": {"type": "host-local"}, **changes}
    return msgspec.json.encode({"name": "pods", "plugins": [plugin, {"type": "portmap"}]})


def test_the_first_network_file_counts_and_missing_plugins_are_named(tmp_path: Path) -> None:
    (tmp_path / "20.conf").write_text("{}")
    (tmp_path / "10.conflist").write_bytes(network())
    (tmp_path / "00.txt").write_text("no network")
    bins = tmp_path / "bin"
    put(bins / "bridge", "")
    (bins / "bridge").chmod(0o755)
    put(bins / "portmap", "not executable")
    found = look_at_cni([str(tmp_path)], [str(tmp_path / "none"), str(bins)])
    assert (found.file, found.network) == (str(tmp_path / "10.conflist"), "pods")
    assert found.missing == ("host-local", "loopback", "portmap")


def test_addresses_in_use_are_listed_with_their_sandboxes(tmp_path: Path) -> None:
    leases = tmp_path / "leases"
    put(leases / "pods" / "10.1.0.2", "sandbox-1\r\neth0")
    put(leases / "pods" / "last_reserved_ip.0", "10.1.0.2")
    put(leases / "pods" / "lock", "")
    file = tmp_path / "net" / "10.conflist"
    put(file, "")
    file.write_bytes(network(ipam={"type": "host-local", "dataDir": str(leases)}))
    found = look_at_cni([str(file.parent)], [])
    assert found.leases == (("10.1.0.2", "sandbox-1"),)
    assert found.lease_dir == str(leases / "pods")


def test_a_broken_network_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "10.conf").write_text("{")
    assert look_at_cni([str(tmp_path)], []).trouble
    (tmp_path / "10.conf").write_text('{"name": "x", "plugins": [{}]}')
    assert "type" in look_at_cni([str(tmp_path)], []).trouble


def test_no_folder_is_no_network(tmp_path: Path) -> None:
    found = look_at_cni([str(tmp_path / "no")], ["/opt/cni/bin"])
    assert (found.file, found.trouble, found.folders) == ("", "", (str(tmp_path / "no"),))
