"""What kubeadm leaves in a cluster for nodes that want to join."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any, Final

import msgspec
import yaml

from tests.apiserver.authority import Pair
from tests.apiserver.problems import Document
from tests.apiserver.store import Store, stamp

JOINERS: Final = "system:bootstrappers:kubeadm:default-node-token"


class BootstrapToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token in its two parts."""

    name: str
    secret: str

    def __str__(self) -> str:
        return f"{self.name}.{self.secret}"


def new_token() -> BootstrapToken:
    """A random one."""
    return BootstrapToken(name=secrets.token_hex(3), secret=secrets.token_hex(8))


def put_token(
    store: Store, token: BootstrapToken, *, until: float | None = None, signs: bool = True
) -> None:
    """The secret of a token, as `kubeadm token create` writes it; `until` in Unix seconds."""
    data = {
        "token-id": token.name,
        "token-secret": token.secret,
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true" if signs else "false",
        "auth-extra-groups": JOINERS,
        **({"expiration": stamp(until)} if until is not None else {}),
    }
    store.put(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": f"bootstrap-token-{token.name}", "namespace": "kube-system"},
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()},
        }
    )


def put_cluster_info(
    store: Store, *, server: str, authority: bytes, tokens: list[BootstrapToken]
) -> None:
    """kube-public/cluster-info, signed with each token (what the bootstrap signer does)."""
    text = kubeconfig(server=server, authority=authority)
    data = {"kubeconfig": text}
    data |= {f"jws-kubeconfig-{token.name}": signature(text, token) for token in tokens}
    store.put(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cluster-info", "namespace": "kube-public"},
            "data": data,
        }
    )


def signature(text: str, token: BootstrapToken) -> str:
    """A JWS (RFC 7515) over the text with its payload left out."""
    head = _b64(json.dumps({"alg": "HS256", "kid": token.name}).encode())
    signed = f"{head}.{_b64(text.encode())}".encode()
    return f"{head}..{_b64(hmac.new(token.secret.encode(), signed, hashlib.sha256).digest())}"


def put_kubeadm_configs(store: Store, kubelet: Document) -> None:
    """kube-system/kubeadm-config and kubelet-config."""
    cluster = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": "kubernetes",
        "kubernetesVersion": "v1.36.0",
        "certificatesDir": "/etc/kubernetes/pki",
        "networking": {"dnsDomain": "cluster.local", "serviceSubnet": "10.96.0.0/12"},
    }
    for name, key, document in (
        ("kubeadm-config", "ClusterConfiguration", cluster),
        ("kubelet-config", "kubelet", kubelet),
    ):
        store.put(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "kube-system"},
                "data": {key: yaml.safe_dump(document)},
            }
        )


def kubeconfig(*, server: str, authority: bytes, pair: Pair | None = None, token: str = "") -> str:
    """A kubeconfig; without credentials it is what cluster-info holds."""
    cluster = {"server": server, "certificate-authority-data": _standard(authority)}
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "", "cluster": cluster}],
        "contexts": None,
        "current-context": "",
        "preferences": {},
        "users": None,
    }
    user: dict[str, str] = {}
    if pair is not None:
        user["client-certificate-data"] = _standard(pair.certificate)
        user["client-key-data"] = _standard(pair.key)
    if token:
        user["token"] = token
    if user:
        document["clusters"][0]["name"] = "kubernetes"
        document["users"] = [{"name": "user", "user": user}]
        context = {"cluster": "kubernetes", "user": "user"}
        document["contexts"] = [{"name": "user@kubernetes", "context": context}]
        document["current-context"] = "user@kubernetes"
    return yaml.safe_dump(document)


def _standard(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
