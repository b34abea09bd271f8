"""How a command line is split, and how each kind of flag's text is read."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.errors import SettingsError
from nodeagent.settings import KubeletConfiguration
from nodeagent.settings.flag_table import CONFIG_FLAGS, IGNORED, REMOVED
from nodeagent.settings.flags import HELP, CommandLine, help_text, parse_flags
from nodeagent.settings.load import load


def read(*words: str) -> KubeletConfiguration:
    return load(parse_flags(words), host_name="n")[0].kubelet


def refused(*words: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(*words)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--max-pods", "5"], {"max-pods": ("5",)}),
        (["--max-pods=5"], {"max-pods": ("5",)}),
        (["--max_pods=5"], {"max-pods": ("5",)}),
        (["--register-node", "--port=5"], {"register-node": ("true",), "port": ("5",)}),
        (["--rotate-certificates=false"], {"rotate-certificates": ("false",)}),
        (["--cluster-domain="], {"cluster-domain": ("",)}),
        (["--cluster-domain", "--x"], {"cluster-domain": ("--x",)}),
        (["-v", "4"], {"v": ("4",)}),
        (["-v=4"], {"v": ("4",)}),
        (["-v4"], {"v": ("4",)}),
        (["--v", "4"], {"v": ("4",)}),
        (["-h"], {"help": ("true",)}),
        (["--version=raw"], {"version": ("raw",)}),
        (["--node-ip=a", "--node-ip=b"], {"node-ip": ("a", "b")}),
        (["--logtostderr", "--vmodule", "a=1"], {"logtostderr": ("true",), "vmodule": ("a=1",)}),
    ],
)
def test_a_command_line_is_split_as_kubelet_splits_it(
    words: list[str], found: dict[str, tuple[str, ...]]
) -> None:
    assert parse_flags(words) == found


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("--max-pod=5", "read flag --max-pod: unknown; the nearest known flag is --max-pods"),
        ("--xyzzy", "unknown; the nearest known flag is --"),
        ("-max-pods=5", "unknown; long flags have two dashes: --max-pods=5"),
        ("false", 'read "false": not a flag; a bool is set with --flag=false'),
        ("--", 'read "--": not a flag'),
        ("-", 'read "-": not a flag'),
        ("--max-pods", "read flag --max-pods: needs a value"),
        ("--network-plugin=cni", "no longer exists: the container runtime sets up the network"),
        ("--rotate-certificates=maybe", '"maybe" is not allowed; allowed is true or false'),
        ("--system-reserved=cpu", '"cpu" is not allowed; allowed is key=value'),
        ("--eviction-hard=memory.available=5%", "allowed is signal<amount"),
        ("--feature-gates=A", "allowed is Gate=true or Gate=false"),
        ("--feature-gates=MemoryQoS=maybe", "true or false"),
        ("--register-with-taints=a=b", "key=value:Effect"),
        ("--register-with-taints=a=b:NoStart", '"NoExecute"'),
        ("--reserved-memory=memory=1Gi", "NODE:memory=1Gi"),
        ("--manifest-url-header=a", "name:value"),
        ("--sync-frequency=5", "syncFrequency (flag --sync-frequency)"),
        ("--cgroup-driver=cgroups", '"cgroupfs", "systemd"'),
        ("--container-log-max-size=big", "a size above 0"),
    ],
)
def test_a_wrong_command_line_is_refused_with_the_way_out(word: str, told: str) -> None:
    assert told in refused(word)


def test_every_kind_of_flag_reaches_its_field() -> None:
    config = read(
        "--sync-frequency=1m30s",
        "--max-pods=5",
        "--fail-swap-on=false",
        "--seccomp-default",
        "--cluster-dns=10.0.0.1,10.0.0.2",
        "--cluster-dns=10.0.0.3",
        "--system-reserved=cpu=500m,memory=1Gi",
        "--system-reserved=pid=100",
        "--eviction-hard=memory.available<5%",
        "--eviction-soft=nodefs.available<1Gi",
        "--eviction-soft-grace-period=nodefs.available=1m",
        "--feature-gates=MemoryQoS=true",
        "--register-with-taints=a=b:NoSchedule,c:NoExecute",
        "--reserved-memory=0:memory=1Gi,hugepages-2Mi=64Mi;1:memory=2Gi",
        "--manifest-url-header=a:1,a:2,b:3",
        "--container-log-max-size=20Mi",
        "--authorization-mode=AlwaysAllow",
        "--client-ca-file=/ca.crt",
        "--enforce-node-allocatable=",
        "--oom-score-adj=-500",
    )
    assert config.sync_frequency == 90.0
    assert config.max_pods == 5
    assert config.fail_swap_on is False
    assert config.seccomp_default is True
    assert config.cluster_dns == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert config.system_reserved == {"cpu": "500m", "memory": "1Gi", "pid": "100"}
    assert config.eviction_hard == {"memory.available": "5%"}
    assert config.eviction_soft == {"nodefs.available": "1Gi"}
    assert config.eviction_soft_grace_period == {"nodefs.available": 60.0}
    assert config.feature_gates == {"MemoryQoS": True}
    first, second = config.register_with_taints
    assert (first.key, first.value, first.effect) == ("a", "b", "NoSchedule")
    assert (second.key, second.value, second.effect) == ("c", "", "NoExecute")
    assert [one.numa_node for one in config.reserved_memory] == [0, 1]
    assert config.reserved_memory[0].limits == {"memory": "1Gi", "hugepages-2Mi": "64Mi"}
    assert config.static_pod_url_header == {"a": ("1", "2"), "b": ("3",)}
    assert config.container_log_max_size_bytes == 20 * 2**20
    assert config.authorization.mode == "AlwaysAllow"
    assert config.authentication.x509.client_ca_file == "/ca.crt"
    assert config.enforce_node_allocatable == ()
    assert config.oom_score_adj == -500


def test_the_last_of_several_texts_counts_for_a_plain_flag() -> None:
    assert read("--max-pods=5", "--max-pods=6").max_pods == 6


def test_every_flag_has_one_meaning_and_a_line_of_help() -> None:
    own = {field.encode_name for field in msgspec.structs.fields(CommandLine)}
    assert own == set(HELP) - {"version", "help"}
    tables = [set(CONFIG_FLAGS), set(HELP), set(IGNORED), set(REMOVED)]
    assert sum(map(len, tables)) == len(set().union(*tables))
    text = help_text("nodeagent run")
    for name in [*CONFIG_FLAGS, *own - {"v"}]:
        assert f"--{name}" in text


@pytest.mark.parametrize("name", sorted(CONFIG_FLAGS))
def test_every_flag_names_a_field_that_exists(name: str) -> None:
    found: object = msgspec.json.decode(msgspec.json.encode(KubeletConfiguration()))
    for key in CONFIG_FLAGS[name].split("."):
        assert isinstance(found, dict)
        found = found[key]


@given(st.lists(st.text(max_size=12), max_size=4))
def test_no_command_line_breaks_the_parser(words: list[str]) -> None:
    try:
        parse_flags(words)
    except SettingsError as error:
        assert str(error)
