"""The node's certificates: what a signing request holds, when a new one is due, what was decided.

Source: "TLS bootstrapping" and "Certificate Signing Requests" pages.
"""

import datetime
import ipaddress
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from lightkube.models import certificates_v1 as certificates
from lightkube.models import core_v1 as v1

CLIENT_SIGNER: Final = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER: Final = "kubernetes.io/kubelet-serving"
EARLIEST, LATEST = 0.7, 0.9  # parts of a certificate's life in which it is renewed
_FIRST_WAIT, _LONGEST_WAIT, _STEPS = 2.0, 32.0, 5
_BY_NAME: Final = ("InternalDNS", "ExternalDNS", "Hostname")
_BY_ADDRESS: Final = ("InternalIP", "ExternalIP", "Hostname")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that the node would have; names and addresses in a stable order."""

    signer: str
    usages: tuple[str, ...]
    common_name: str
    organization: str = "system:nodes"
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that the node has; times in Unix seconds."""

    not_before: float
    not_after: float
    common_name: str
    organization: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def is_good(self, now: float) -> bool:
        """Whether it can be used at all."""
        return now < self.not_after

    def fits(self, wish: Wish) -> bool:
        """Whether it is for what is wished for; more names than wished for do no harm."""
        return (
            (self.common_name, self.organization) == (wish.common_name, wish.organization)
            and set(wish.names) <= set(self.names)
            and set(wish.addresses) <= set(self.addresses)
        )

    def renew_at(self, share: float) -> float:
        """When to ask for the next one: at this share of its life, between EARLIEST and LATEST."""
        return self.not_before + (self.not_after - self.not_before) * share


def client_wish(node: str) -> Wish:
    """The certificate by which the API server knows the node."""
    return Wish(
        signer=CLIENT_SIGNER,
        usages=("digital signature", "client auth"),
        common_name=f"system:node:{node}",
    )


def serving_wish(node: str, addresses: Iterable[v1.NodeAddress]) -> Wish | None:
    """The certificate of the node's port; None while the node has no address to be signed."""
    names: set[str] = set()
    found: set[str] = set()
    for one in addresses:
        if not one.address:
            continue
        if is_address(one.address):
            if one.type in _BY_ADDRESS:
                found.add(str(ipaddress.ip_address(one.address)))
        elif one.type in _BY_NAME:
            names.add(one.address)
    if not found:
        return None
    return Wish(
        signer=SERVING_SIGNER,
        usages=("digital signature", "server auth"),
        common_name=f"system:node:{node}",
        names=tuple(sorted(names)),
        addresses=tuple(sorted(found)),
    )


def is_address(text: str) -> bool:
    """Whether this is an IP address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A request that came to nothing, and why."""

    why: str


def decision(request: certificates.CertificateSigningRequest) -> str | Refused | None:
    """The certificate (base64 of PEM) that was issued; None while nobody has decided.

    Denied and Failed come before a certificate that may be there all the same.
    """
    status = request.status
    if status is None:
        return None
    for condition in status.conditions or ():
        if condition.type in ("Denied", "Failed"):
            told = condition.message or condition.reason or "no reason given"
            return Refused(why=f"{condition.type.lower()}: {told}")
    approved = any(one.type == "Approved" for one in status.conditions or ())
    return status.certificate if approved and status.certificate else None


def pause_after(failures: int) -> float:
    """Seconds before the next try, without the jitter: 2, 4, 8, 16, then always 32."""
    return _LONGEST_WAIT if failures >= _STEPS else _FIRST_WAIT * 2.0 ** max(failures - 1, 0)


def file_name(pair: str, at: float) -> str:
    """The file of a pair that was issued at this time: "kubelet-client-2026-11-27-09-00-00.pem"."""
    moment = datetime.datetime.fromtimestamp(int(at), datetime.UTC)
    return f"{pair}-{moment:%Y-%m-%d-%H-%M-%S}.pem"


def kubeconfig_document(
    *,
    server: str,
    authority: str,
    authority_file: str,
    pair: str,
    insecure: bool = False,
    server_name: str = "",
) -> str:
    """The kubeconfig of a node whose certificate and key are both in the file `pair`, as JSON.

    `authority` is base64 of PEM; `authority_file` counts where it is empty. With `insecure` the
    server's certificate is not looked at, else it may be for `server_name`. JSON is YAML too.
    """
    trusted: dict[str, Any] = (
        {"certificate-authority-data": authority}
        if authority
        else {"certificate-authority": authority_file}
    )
    if insecure:
        trusted["insecure-skip-tls-verify"] = True
    if server_name:
        trusted["tls-server-name"] = server_name
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "default-cluster", "cluster": {**trusted, "server": server}}],
        "contexts": [
            {
                "name": "default-context",
                "context": {
                    "cluster": "default-cluster",
                    "namespace": "default",
                    "user": "default-auth",
                },
            }
        ],
        "current-context": "default-context",
        "preferences": {},
        "users": [
            {
                "name": "default-auth",
                "user": {"client-certificate": pair, "client-key": pair},
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
