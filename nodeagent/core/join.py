"""What joining a cluster decides: is the token well formed, is cluster-info genuine, which files.

Source: "Bootstrap tokens" page, `kubeadm join` (phases preflight, discovery, kubelet-start).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import yaml

from nodeagent.core.doctor import Finding, Level
from nodeagent.errors import JoinError

BOOTSTRAP: Final = "/etc/kubernetes/bootstrap-kubelet.conf"
KUBECONFIG: Final = "/etc/kubernetes/kubelet.conf"
AUTHORITY: Final = "/etc/kubernetes/pki/ca.crt"
CONFIG: Final = "/var/lib/kubelet/config.yaml"
INSTANCE: Final = "/var/lib/kubelet/instance-config.yaml"
FLAGS: Final = "/var/lib/kubelet/kubeadm-flags.env"
CERTIFICATES: Final = "/var/lib/kubelet/pki"
SEAL: Final = "/etc/kubernetes/pki/nodeagent-data.key"  # of what the API told, kept for a restart
DROP_IN: Final = "/etc/systemd/system/nodeagent.service.d/10-join.conf"
MANIFESTS: Final = "/etc/kubernetes/manifests"
PORT: Final = 6443
SKEW: Final = 300.0  # seconds that two clocks may differ before certificates are in doubt

_TOKEN: Final = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_PIN: Final = re.compile(r"sha256:[0-9a-f]{64}")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bootstrap token; its secret half never shows."""

    name: str
    secret: str

    def __repr__(self) -> str:
        return f"Token({self.name}.…)"

    def __str__(self) -> str:
        return f"{self.name}.{'*' * 16}"

    @property
    def text(self) -> str:
        """The whole of it, for the API server alone."""
        return f"{self.name}.{self.secret}"


class ClusterInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What kube-public/cluster-info tells: where the cluster is, and its authority (PEM)."""

    text: str
    server: str
    authority: bytes


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be there."""

    path: str
    text: str
    mode: int = 0o644

    def __repr__(self) -> str:
        return f"File({self.path})"


def parse_token(text: str) -> Token:
    """JoinError (TokenInvalid) where it is none; the text itself is never repeated."""
    found = _TOKEN.fullmatch(text.strip())
    if found is None:
        raise JoinError(
            op="read",
            target="--token",
            detail="needs six and sixteen small letters and digits: abcdef.0123456789abcdef",
            reason="TokenInvalid",
        )
    return Token(name=found[1], secret=found[2])


def parse_pins(texts: Iterable[str]) -> tuple[str, ...]:
    """The pins of the authority's key; JoinError where one is none."""
    found = tuple(text.strip().lower() for text in texts)
    for text in found:
        if not _PIN.fullmatch(text):
            raise JoinError(
                op="read",
                target="--discovery-token-ca-cert-hash",
                detail=f'"{text}" is none; it has the form sha256:<64 hexadecimal digits>',
                reason="AuthorityNotPinned",
            )
    return found


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT; the port is 6443 where none is given. JoinError if neither."""
    host, colon, port = text.removeprefix("https://").rstrip("/").rpartition(":")
    if not colon or (port.endswith("]") and text.startswith("[")):
        host, port = text.removeprefix("https://").rstrip("/"), str(PORT)
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise JoinError(op="read", target="HOST:PORT", detail=f'"{text}" is no address')
    return host, int(port)


def check_cluster_info(data: Mapping[str, str], token: Token) -> ClusterInfo:
    """The cluster-info, if it is signed with the token (a JWS with its payload left out, HS256).

    JoinError (TokenUnknown) where it is not, or not with this secret.
    """
    text = data.get("kubeconfig", "")
    signature = data.get(f"jws-kubeconfig-{token.name}")
    if not text:
        raise _wrong_info("it holds no kubeconfig")
    if signature is None:
        raise JoinError(
            op="check",
            target="cluster-info",
            detail=f"it is not signed for the token {token}: the cluster does not know this token, "
            "or it has expired",
            reason="TokenUnknown",
        )
    if not _is_signed(text, signature, token):
        raise JoinError(
            op="check",
            target="cluster-info",
            detail=f"its signature is not one of the token {token}: the secret half of the token "
            "is wrong, or somebody else answers at this address",
            reason="TokenUnknown",
        )
    return _read_info(text)


def _is_signed(text: str, signature: str, token: Token) -> bool:
    head, dot, rest = signature.partition(".")
    payload, second, given = rest.partition(".")
    if not dot or not second or payload:
        return False
    try:
        header = msgspec.json.decode(_unpadded(head))
        known = header["alg"] == "HS256" and header["kid"] == token.name
        mac = _unpadded(given)
    except (msgspec.DecodeError, KeyError, TypeError, binascii.Error, ValueError):
        return False
    body = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    mine = hmac.new(token.secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return known and hmac.compare_digest(mine, mac)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _read_info(text: str) -> ClusterInfo:
    try:
        document: Any = yaml.load(text, Loader=yaml.CSafeLoader)
        cluster = document["clusters"][0]["cluster"]
        server = str(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"], validate=True)
    except (yaml.YAMLError, KeyError, IndexError, TypeError, binascii.Error, ValueError):
        raise _wrong_info("its kubeconfig names no server with an authority") from None
    return ClusterInfo(text=text, server=server, authority=authority)


def _wrong_info(detail: str) -> JoinError:
    return JoinError(op="check", target="cluster-info", detail=detail)


def bootstrap_kubeconfig(info: ClusterInfo, token: Token) -> str:
    """As kubeadm writes it, for the first request only."""
    cluster = {
        "certificate-authority-data": base64.b64encode(info.authority).decode(),
        "server": info.server,
    }
    user = {"name": "tls-bootstrap-token-user", "user": {"token": token.text}}
    context = {"cluster": "kubernetes", "user": user["name"]}
    name = f"{user['name']}@kubernetes"
    return _yaml(
        {
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": "kubernetes"}],
            "contexts": [{"context": context, "name": name}],
            "current-context": name,
            "kind": "Config",
            "preferences": {},
            "users": [user],
        }
    )


def kubelet_config(found: str | None, *, endpoint: str) -> str:
    """config.yaml: what the cluster keeps for its nodes, with this node's runtime.

    Without one in the cluster, what kubeadm would have put there. JoinError where it is no mapping.
    """
    text = found if found is not None else _DEFAULT_CONFIG
    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict):
        raise JoinError(
            op="read",
            target="kube-system/kubelet-config",
            detail="kubelet is no KubeletConfiguration",
        )
    return _yaml({**document, "containerRuntimeEndpoint": endpoint})


def instance_config(endpoint: str) -> str:
    """instance-config.yaml: the part of the configuration that is this node's alone."""
    return _yaml(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "containerRuntimeEndpoint": endpoint,
            "kind": "KubeletConfiguration",
        }
    )


def flags_file(*, node_name: str, host_name: str) -> str:
    """kubeadm-flags.env."""
    flags = [f"--hostname-override={node_name}"] if node_name != host_name else []
    return f'KUBELET_KUBEADM_ARGS="{" ".join(flags)}"\n'


def service_drop_in(program: str) -> str:
    """The agent's unit, told to be a member of the cluster."""
    return f"""\
# Written by nodeagent join; nodeagent reset takes it away.
[Service]
EnvironmentFile=-{FLAGS}
ExecStart=
ExecStart={program} run --kubeconfig={KUBECONFIG} --config={CONFIG} \\
    $KUBELET_KUBEADM_ARGS $NODEAGENT_FLAGS
"""


def preflight(
    findings: Iterable[Finding], *, joined: Iterable[str], ignored: Iterable[str]
) -> tuple[Finding, ...]:
    """The checks before a join, from what `doctor` found.

    `joined`: files of an earlier join. A missing network only warns, for a cluster brings its own;
    what needs root fails without it. Those whose names are `ignored` ("all": every one) only warn.
    """
    waved = {one.strip().lower() for one in ignored}
    found: list[Finding] = []
    for path in joined:
        cause = "this machine has joined already, or a join was broken off"
        found.append(_finding("joined", f"{path} is there", cause, "nodeagent reset"))
    for one in findings:
        if one.check == "agent":
            continue
        if one.check == "user":
            fix = "sudo nodeagent join ..."
            one = _finding("user", "not root", "a join writes below /etc and /var/lib", fix)
        elif one.check == "network" and "configured" in one.says:
            one = msgspec.structs.replace(one, level=Level.WARN)
        found.append(one)
    return tuple(
        msgspec.structs.replace(one, level=Level.WARN)
        if one.level is Level.FAIL and (waved & {one.check.lower(), "all"})
        else one
        for one in found
    )


def _finding(check: str, says: str, cause: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.FAIL, says=says, cause=cause, fix=fix)


def _yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(document), Dumper=yaml.CSafeDumper, sort_keys=False)
    return text


_DEFAULT_CONFIG: Final = f"""\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: {AUTHORITY}}}
authorization: {{mode: Webhook}}
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
healthzBindAddress: 127.0.0.1
healthzPort: 10248
rotateCertificates: true
staticPodPath: {MANIFESTS}
"""
