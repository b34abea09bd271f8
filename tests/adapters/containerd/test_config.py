"""What we write for our own containerd says what was asked, in the format its version reads."""

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nodeagent.adapters.containerd.config import (
    SUBNETS,
    ContainerdSettings,
    Findings,
    cni_network,
    containerd_config,
    free_subnet,
    parse_version,
)
from nodeagent.errors import SettingsError

SETTINGS = ContainerdSettings(
    root=Path("/srv/node"),
    socket=Path("/srv/node/c.sock"),
    sandbox_image="example.org/pause:9",
    network="blue",
    bridge="blue0",
)
FINDINGS = Findings(
    version=(1, 6),
    snapshotter="overlayfs",
    may_lower_oom_score=False,
    cni_bin_dir=Path("/usr/lib/cni"),
    runc=Path("/usr/sbin/runc"),
)
HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def parsed(settings: ContainerdSettings = SETTINGS, **changes: object) -> dict[str, Any]:
    return tomllib.loads(containerd_config(settings, msgspec.structs.replace(FINDINGS, **changes)))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n", (1, 6)),
        ("containerd github.com/containerd/containerd/v2 2.1.9+unknown \n", (2, 1)),
        ("containerd containerd.io v1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da\n", (1, 7)),
    ],
)
def test_the_version_is_read_as_each_builder_prints_it(text: str, version: object) -> None:
    assert parse_version(text) == version


def test_a_version_that_cannot_be_read_is_an_error_that_shows_it() -> None:
    with pytest.raises(SettingsError, match="gibberish"):
        parse_version("gibberish")


def test_containerd_1_gets_format_2_with_one_cri_plugin() -> None:
    config = parsed()
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["version"] == 2
    assert config["grpc"]["address"] == "/srv/node/c.sock"
    assert cri["sandbox_image"] == "example.org/pause:9"
    assert cri["restrict_oom_score_adj"] is True
    assert cri["cni"] == {"bin_dir": "/usr/lib/cni", "conf_dir": "/srv/node/cni/net.d"}
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_containerd_2_gets_format_3_with_images_and_runtime_apart() -> None:
    config = parsed(version=(2, 1), snapshotter="native", may_lower_oom_score=True)
    images = config["plugins"]["io.containerd.cri.v1.images"]
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
    assert config["version"] == 3
    assert images["snapshotter"] == "native"
    assert images["pinned_images"] == {"sandbox": "example.org/pause:9"}
    assert runtime["restrict_oom_score_adj"] is False
    assert runtime["cni"] == {"bin_dirs": ["/usr/lib/cni"], "conf_dir": "/srv/node/cni/net.d"}


def test_containerd_2_0_does_not_yet_know_several_plugin_folders() -> None:
    runtime = parsed(version=(2, 0))["plugins"]["io.containerd.cri.v1.runtime"]
    assert runtime["cni"]["bin_dir"] == "/usr/lib/cni"


@pytest.mark.parametrize("version", [(1, 7), (2, 1)])
def test_the_systemd_driver_reaches_runc(version: tuple[int, int]) -> None:
    settings = msgspec.structs.replace(SETTINGS, cgroup_driver="systemd")
    plugins = parsed(settings, version=version)["plugins"]
    name = "io.containerd.grpc.v1.cri" if version < (2, 0) else "io.containerd.cri.v1.runtime"
    assert plugins[name]["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True


def test_odd_characters_in_a_path_survive() -> None:
    settings = msgspec.structs.replace(SETTINGS, socket=Path('/srv/a "b"\\c/c.sock'))
    assert parsed(settings)["grpc"]["address"] == '/srv/a "b"\\c/c.sock'


def test_what_need_not_survive_a_reboot_goes_to_run_where_there_is_one() -> None:
    installed = msgspec.structs.replace(SETTINGS, root=Path("/var/lib/node/x"))
    assert installed.state_dir == Path("/run/node/x/containerd")
    assert SETTINGS.state_dir == Path("/srv/node/containerd/state")


def test_two_roots_never_share_a_network_or_a_bridge() -> None:
    one, other = (
        ContainerdSettings(root=Path(root), socket=Path("/c.sock")) for root in ("/srv/a", "/srv/b")
    )
    assert one.network != other.network
    assert one.bridge != other.bridge
    assert len(one.bridge) <= 15


def test_the_network_has_the_subnet_the_bridge_and_host_ports() -> None:
    written = json.loads(cni_network(SETTINGS, subnet="10.1.0.0/21", forwarding_is_denied=False))
    bridge, portmap = written["plugins"]
    assert (written["name"], bridge["bridge"]) == ("blue", "blue0")
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.1.0.0/21"}]]
    assert portmap["capabilities"] == {"portMappings": True}


def test_pods_are_let_through_a_machine_that_denies_forwarding() -> None:
    written = json.loads(cni_network(SETTINGS, subnet="10.1.0.0/21", forwarding_is_denied=True))
    assert [plugin["type"] for plugin in written["plugins"]] == ["bridge", "portmap", "firewall"]


def test_the_default_route_takes_no_subnet() -> None:
    default = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    assert free_subnet(HEADER + default) == "10.88.0.0/21"


@pytest.mark.parametrize(
    ("destination", "mask", "free"),
    [
        ("0000580A", "0000FFFF", "10.188.0.0/21"),  # 10.88.0.0/16
        ("0000000A", "000000FF", "172.28.0.0/21"),  # 10.0.0.0/8
        ("0500580A", "FFFFFFFF", "10.88.8.0/21"),  # 10.88.0.5/32
        ("000010AC", "0000F0FF", "10.88.0.0/21"),  # 172.16.0.0/12
    ],
)
def test_a_subnet_that_a_route_touches_is_passed_over(
    destination: str, mask: str, free: str
) -> None:
    line = f"eth0\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
    assert free_subnet(HEADER + line) == free


def test_no_free_subnet_is_an_error() -> None:
    lines = [
        f"e\t{block}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
        for block, mask in (
            ("0000000A", "000000FF"),
            ("000010AC", "0000F0FF"),
            ("0000A8C0", "0000FFFF"),
        )
    ]
    with pytest.raises(SettingsError, match=f"{len(SUBNETS)} candidates"):
        free_subnet(HEADER + "".join(lines))
