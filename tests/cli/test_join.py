"""`nodeagent join` and `reset` against the small API server: what is written, and what is not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nodeagent.adapters.host.key_pairs import read_pair
from nodeagent.cluster import SEAL_KEY
from tests.apiserver.authority import Authority
from tests.apiserver.bootstrap import BootstrapToken, put_cluster_info
from tests.apiserver.cluster import RunningCluster, kubelet_defaults, running_cluster

PROGRAM = str(Path(sys.executable).with_name("nodeagent"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as one:
        one.do(lambda inner: inner.publish_configs(kubelet_defaults()))
        yield one


def join(
    cluster: RunningCluster, prefix: Path, *, token: str, pin: str = "", address: str = ""
) -> subprocess.CompletedProcess[str]:
    pin = pin or cluster.authority.pin
    return run(
        *("join", address or cluster.address, "--token", token, "--node-name", "n7"),
        *("--discovery-token-ca-cert-hash", pin, "--ignore-preflight-errors", "all"),
        *("--timeout", "3", "--prefix", str(prefix)),
    )


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "COLUMNS": "200"},
    )


def files(prefix: Path) -> list[str]:
    return sorted(str(one.relative_to(prefix)) for one in prefix.rglob("*") if not one.is_dir())


def new_token(cluster: RunningCluster, *, seconds: float | None = 3600) -> str:
    return str(cluster.do(lambda one: one.add_token(seconds=seconds)))


def test_a_join_leaves_the_files_that_kubeadm_leaves_and_a_reset_none(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    token = new_token(cluster)
    done = join(cluster, tmp_path, token=token)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "node n7 has joined" in done.stdout
    for path in (
        "etc/kubernetes/kubelet.conf",
        "etc/kubernetes/pki/ca.crt",
        "var/lib/kubelet/config.yaml",
        "var/lib/kubelet/instance-config.yaml",
        "var/lib/kubelet/kubeadm-flags.env",
        "var/lib/kubelet/pki/kubelet-client-current.pem",
    ):
        assert (tmp_path / path).exists(), path
    assert not (tmp_path / "etc/kubernetes/bootstrap-kubelet.conf").exists()
    pair = read_pair(tmp_path / "var/lib/kubelet/pki/kubelet-client-current.pem")
    assert pair is not None and pair.common_name == "system:node:n7"
    told = done.stdout + done.stderr
    assert token.partition(".")[2] not in told
    for path in files(tmp_path):
        assert token.partition(".")[2] not in (tmp_path / path).read_text()
    (tmp_path / "etc/kubernetes" / SEAL_KEY).write_bytes(b"as the agent makes it")
    gone = run("reset", "--prefix", str(tmp_path))
    assert gone.returncode == 0, gone.stderr
    assert files(tmp_path) == []


def test_a_reset_gives_back_what_a_file_held_before(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    config = tmp_path / "var/lib/kubelet/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("mine\n")
    assert join(cluster, tmp_path, token=new_token(cluster)).returncode == 0
    assert config.read_text() != "mine\n"
    assert run("reset", "--prefix", str(tmp_path)).returncode == 0
    assert config.read_text() == "mine\n"


@pytest.mark.parametrize(
    ("case", "code", "words"),
    [
        ("no token", "NA9005", "sixteen small letters"),
        ("unknown", "NA9005", "does not know this token"),
        ("wrong secret", "NA9005", "secret half of the token is wrong"),
        ("expired", "NA9005", "has expired or was deleted"),
        ("wrong pin", "NA9006", "not pinned"),
        ("unreachable", "NA9008", "Connection refused"),
    ],
)
def test_each_mistake_has_its_own_error_and_leaves_nothing(
    cluster: RunningCluster, tmp_path: Path, case: str, code: str, words: str
) -> None:
    token = new_token(cluster, seconds=-60.0 if case == "expired" else 3600)
    name, _, secret = token.partition(".")
    given = {
        "no token": "nonsense",
        "unknown": f"zzzzzz.{secret}",
        "wrong secret": f"{name}.{'0' * 16}",
    }.get(case, token)
    pin = Authority().pin if case == "wrong pin" else ""
    address = "127.0.0.1:1" if case == "unreachable" else ""
    done = join(cluster, tmp_path, token=given, pin=pin, address=address)
    assert done.returncode == 1
    assert words in done.stderr and f"[{code}]" in done.stderr, done.stderr
    assert secret not in done.stdout + done.stderr
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("case", "code", "words"),
    [
        ("not yet valid", "NA9009", "not yet valid: this machine's clock or the certificate"),
        ("expired", "NA9009", "has expired: this machine's clock or the certificate"),
        ("another authority", "NA9007", "not one of the cluster's authority"),
        ("another cluster-info", "NA9005", "secret half of the token is wrong"),
    ],
)
def test_a_server_that_cannot_be_trusted_is_told_and_leaves_nothing(
    cluster: RunningCluster, tmp_path: Path, case: str, code: str, words: str
) -> None:
    token, other, pin = new_token(cluster), Authority(), cluster.authority.pin
    tokens = cluster.do(lambda one: list(one.tokens))
    if case == "not yet valid":
        cluster.do(lambda one: one.present(begins_in=86400.0))
    elif case == "expired":
        cluster.do(lambda one: one.present(seconds=-60.0))
    else:
        signed = tokens if case == "another authority" else [new_signature(tokens[-1])]
        pin = other.pin
        cluster.do(
            lambda one: put_cluster_info(
                one.store, server=one.url, authority=other.pem, tokens=signed
            )
        )
    try:
        done = join(cluster, tmp_path, token=token, pin=pin)
    finally:
        cluster.do(lambda one: one.present())
        cluster.do(lambda one: one.publish())
    assert done.returncode == 1
    assert words in done.stderr and f"[{code}]" in done.stderr, done.stderr
    assert token.partition(".")[2] not in done.stdout + done.stderr
    assert files(tmp_path) == []
    assert join(cluster, tmp_path, token=token).returncode == 0, "it can be repeated"


def new_signature(token: BootstrapToken) -> BootstrapToken:
    """As one signs who knows the name of a token, and not its secret."""
    return msgspec.structs.replace(token, secret="0" * 16)


def test_a_denied_certificate_takes_everything_back_and_the_join_can_be_repeated(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    token = new_token(cluster)
    approves = cluster.do(lambda one: one.signer.approves)
    cluster.do(lambda one: setattr(one.signer, "approves", lambda _: False))
    done = join(cluster, tmp_path, token=token)
    assert done.returncode == 1 and "nobody approved" in done.stderr, done.stderr
    assert files(tmp_path) == []
    cluster.do(lambda one: setattr(one.signer, "approves", approves))
    assert join(cluster, tmp_path, token=token).returncode == 0


def test_a_second_join_is_told_to_reset_first(cluster: RunningCluster, tmp_path: Path) -> None:
    token = new_token(cluster)
    assert join(cluster, tmp_path, token=token).returncode == 0
    done = run(
        *("join", cluster.address, "--token", token, "--discovery-token-ca-cert-hash"),
        *(cluster.authority.pin, "--prefix", str(tmp_path)),
    )
    assert done.returncode == 1 and "[NA9004]" in done.stderr
    assert "nodeagent reset" in done.stdout
