"""A real control plane for contract tests, where KUBEBUILDER_ASSETS names a folder that has one."""

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from nodeagent.adapters.kube.access import Access
from tests.apiserver.authority import Authority

TOKEN = "contract-tests"
NODE_TOKEN = "contract-tests-node"
NODE = "node-1"


def assets() -> Path | None:
    """The folder of etcd and kube-apiserver; None where no one names it."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    if not named:
        return None
    folder = Path(named)
    for program in ("etcd", "kube-apiserver"):
        assert (folder / program).exists(), f"KUBEBUILDER_ASSETS has no {program}"
    return folder


def has_controllers(programs: Path) -> bool:
    """Whether there is a controller manager too, which signs certificates."""
    return (programs / "kube-controller-manager").exists()


@contextmanager
def real_control_plane(programs: Path, folder: Path) -> Iterator[Access]:
    """etcd and kube-apiserver on free ports of 127.0.0.1, and how to reach it as administrator."""
    etcd, peers, port = (_free_port() for _ in range(3))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "sa.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    (folder / "tokens.csv").write_text(
        f'{TOKEN},admin,admin,"system:masters"\n'
        f'{NODE_TOKEN},system:node:{NODE},node,"system:nodes"\n'
    )
    store = [
        *(str(programs / "etcd"), f"--data-dir={folder}/etcd", "--unsafe-no-fsync"),
        *(f"--listen-client-urls=http://127.0.0.1:{etcd}",),
        *(f"--advertise-client-urls=http://127.0.0.1:{etcd}",),
        *(f"--listen-peer-urls=http://127.0.0.1:{peers}",),
    ]
    server = [
        *(str(programs / "kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{etcd}"),
        *("--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={folder}"),
        *("--service-account-issuer=https://kubernetes.default.svc",),
        *(f"--service-account-key-file={folder}/sa.key",),
        *(f"--service-account-signing-key-file={folder}/sa.key",),
        "--goaway-chance=0.02",  # the most it takes: connections are to be left again and again
        *(f"--token-auth-file={folder}/tokens.csv", "--authorization-mode=Node,RBAC"),
        *("--enable-admission-plugins=NodeRestriction", "--service-cluster-ip-range=10.96.0.0/16"),
    ]
    with (folder / "log").open("wb") as log:
        running = [subprocess.Popen(store, stdout=log, stderr=log)]
        try:
            _age(etcd, running, folder / "log")
            running.append(subprocess.Popen(server, stdout=log, stderr=log))
            _wait(f"https://127.0.0.1:{port}/api/v1/namespaces/default", running, folder / "log")
            if has_controllers(programs):
                words = _controllers(programs, folder, port)
                running.append(subprocess.Popen(words, stdout=log, stderr=log))
            yield Access(server=f"https://127.0.0.1:{port}", token=TOKEN, insecure=True)
        finally:
            for one in reversed(running):
                one.terminate()
                one.wait(20)


def _controllers(programs: Path, folder: Path, port: int) -> list[str]:
    """The controller manager as a command, with the controllers that sign certificates alone."""
    authority = Authority()
    (folder / "ca.crt").write_bytes(authority.pem)
    (folder / "ca.key").write_bytes(authority.key)
    config = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "users": [{"name": "it", "user": {"token": TOKEN}}],
        "clusters": [
            {
                "name": "it",
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "insecure-skip-tls-verify": True,
                },
            }
        ],
    }
    path = folder / "controllers.conf"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config}))
    return [
        *(str(programs / "kube-controller-manager"), f"--kubeconfig={path}", "--secure-port=0"),
        *("--controllers=csrapproving,csrsigning", "--leader-elect=false"),
        *(f"--cluster-signing-cert-file={folder}/ca.crt",),
        *(f"--cluster-signing-key-file={folder}/ca.key",),
    ]


def _age(etcd: int, running: list[subprocess.Popen[bytes]], log: Path) -> None:
    """Let the store have a past, so that its first versions are older than what is remembered."""
    body = json.dumps({"key": "cGFzdA==", "value": "cGFzdA=="}).encode()
    for _ in range(5):
        request = urllib.request.Request(f"http://127.0.0.1:{etcd}/v3/kv/put", body)
        _until_answered(request, None, running, log)


def _wait(url: str, running: list[subprocess.Popen[bytes]], log: Path) -> None:
    context = ssl._create_unverified_context()
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    _until_answered(request, context, running, log)


def _until_answered(
    request: urllib.request.Request,
    context: ssl.SSLContext | None,
    running: list[subprocess.Popen[bytes]],
    log: Path,
) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert all(one.poll() is None for one in running), log.read_text()[-2000:]
        with suppress(OSError), urllib.request.urlopen(request, context=context, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
