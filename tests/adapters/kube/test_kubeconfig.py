"""Kubeconfig files: what is read, and errors that name file and field without a secret."""

import base64
from pathlib import Path

import pytest

from nodeagent.adapters.kube.access import Pem
from nodeagent.adapters.kube.kubeconfig import load_kubeconfig, read_kubeconfig
from nodeagent.core.certificates import kubeconfig_document
from nodeagent.errors import SettingsError

GOOD = """\
current-context: c
clusters:
- {name: k, cluster: {server: "https://10.0.0.1:6443/", certificate-authority: pki/ca.crt}}
users: [{name: u, user: {client-certificate: /p/current.pem, client-key: /p/current.pem}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
"""


def test_files_are_relative_to_the_kubeconfig_and_one_file_may_be_both(tmp_path: Path) -> None:
    path = tmp_path / "kubelet.conf"
    path.write_text(GOOD)
    access = load_kubeconfig(path)
    assert access.server == "https://10.0.0.1:6443"
    assert access.ca == Pem(path=str(tmp_path / "pki/ca.crt"))
    assert access.certificate == access.key == Pem(path="/p/current.pem")
    assert access.files == ("/p/current.pem", str(tmp_path / "pki/ca.crt"))


def test_data_come_before_files_and_show_nowhere() -> None:
    secret = base64.b64encode(b"KEY").decode()
    user = f"client-certificate: /p, client-key-data: {secret}, token: t0ken"
    text = GOOD.replace("client-certificate: /p/current.pem, client-key: /p/current.pem", user)
    access = read_kubeconfig(text.encode(), path=Path("/k"))
    assert access.key == Pem(data=b"KEY")
    assert access.token == "t0ken"
    assert "KEY" not in repr(access) + repr(access.key)
    assert "t0ken" not in repr(access)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"https://10.0.0.1:6443/"', '""', "cluster.server"),
        ('"https://10.0.0.1:6443/"', '"ftp://x"', "cluster.server"),
        ('"https://10.0.0.1:6443/"', '"https://10.0.0..1:6443"', "cluster.server"),
        ("10.0.0.1", "a" * 64, "cluster.server"),
        ("10.0.0.1:6443/", "10.0.0.1/a b", "cluster.server"),
        ("client-certificate: /p/current.pem, client-key: /p/current.pem",
         'token: "hunter2\\nx-a: b"', "user.token"),
        ("client-certificate: /p/current.pem, client-key: /p/current.pem",
         "token: hunter2é", "user.token"),
        ("current-context: c", "current-context: d", "contexts"),
        ("contexts: [", "contexts: 5\nrest: [", "contexts"),
        ("users: [", "users: {u: {}}\nrest: [", "users"),
        ("client-key: /p/current.pem", "x: y", "user.client-key"),
        ("client-key: /p/current.pem", "client-key-data: hunter2?", "user.client-key-data"),
        ("client-key: /p/current.pem", "client-key-data: hunter2é", "user.client-key-data"),
        ("client-key: /p/current.pem", "exec: {command: hunter2}", "user.exec"),
        ("server:", "insecure-skip-tls-verify: maybe, server:", "cluster.insecure-skip"),
        ("server:", "proxy-url: 'http://p', server:", "cluster.proxy-url"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file(old: str, new: str, field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_kubeconfig(GOOD.replace(old, new).encode(), path=Path("/etc/k.conf"))
    assert f"/etc/k.conf, {field}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_and_one_that_is_no_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.conf"):
        load_kubeconfig(tmp_path / "none.conf")
    for text in (b"a: [", b"word", b"a: 2021-99-99", b"a: \xff"):
        with pytest.raises(SettingsError, match=r"/etc/k\.conf"):
            read_kubeconfig(text, path=Path("/etc/k.conf"))


def test_a_node_that_starts_anew_trusts_its_server_as_its_bootstrap_kubeconfig_said() -> None:
    written = kubeconfig_document(
        server="https://10.0.0.1:6443",
        authority="",
        authority_file="",
        pair="/p/current.pem",
        insecure=True,
        server_name="kubernetes.default",
    )
    access = read_kubeconfig(written.encode(), path=Path("/k"))
    assert (access.insecure, access.server_name, access.ca) == (True, "kubernetes.default", Pem())
    usual = written.replace('"insecure-skip-tls-verify": true,', "")
    assert not read_kubeconfig(usual.encode(), path=Path("/k")).insecure
