"""Who asks, and what a node may do: authentication, and the node's rights as far as tests need."""

import base64
import datetime
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.apiserver.kinds import Kind, kind_named
from tests.apiserver.problems import Document, StatusError, forbidden
from tests.apiserver.special import ANONYMOUS, Reviews, User
from tests.apiserver.store import Store

_NODE: Final = "system:node:"
_BOOTSTRAP: Final = "system:bootstrap:"
_READ: Final = {"get", "list", "watch"}
_BY_NAME_ONLY: Final = {"secrets", "configmaps", "persistentvolumeclaims", "persistentvolumes"}


class Users:
    """Tells who a request is from: a certificate's subject, a bootstrap token, a signed token."""

    def __init__(
        self, store: Store, reviews: Reviews, *, now: Callable[[], float] = time.time
    ) -> None:
        self._store, self._reviews, self._now = store, reviews, now

    def of(self, certificate: bytes | None, authorization: str) -> User:
        """The user; 401 for a token that nobody knows."""
        if certificate is not None:
            return of_certificate(certificate)
        word, _, token = authorization.partition(" ")
        if not authorization:
            return ANONYMOUS
        user = self._of_token(token) if word.lower() == "bearer" else None
        if user is None:
            raise StatusError(401, "Unauthorized", "Unauthorized")
        return user

    def _of_token(self, token: str) -> User | None:
        name, _, secret = token.partition(".")
        if len(name) == 6 and len(secret) == 16:
            return self._of_bootstrap_token(name, secret)
        return self._reviews.user_of(token)

    def _of_bootstrap_token(self, name: str, secret: str) -> User | None:
        kind = _must("v1", "Secret")
        found = self._store.find(kind, f"bootstrap-token-{name}", "kube-system")
        data = {
            k: base64.b64decode(v).decode() for k, v in ((found or {}).get("data") or {}).items()
        }
        if data.get("token-secret") != secret:
            return None
        if data.get("usage-bootstrap-authentication") != "true":
            return None
        until = data.get("expiration")
        if until and datetime.datetime.fromisoformat(until).timestamp() <= self._now():
            return None
        extra = [one for one in data.get("auth-extra-groups", "").split(",") if one]
        return User(
            name=f"{_BOOTSTRAP}{name}",
            groups=("system:bootstrappers", *extra, "system:authenticated"),
        )


def of_certificate(der: bytes) -> User:
    """The user of a client certificate."""
    subject = x509.load_der_x509_certificate(der).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return User(
        name=str(names[0].value) if names else "",
        groups=(*(str(one.value) for one in groups), "system:authenticated"),
    )


class Policy:
    """Who may do what: administrators all, bootstrappers ask for certificates, nodes their own.

    Others are judged by `rule` (user, verb, kind, namespace, name), which says no by default.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.rule: Callable[[User, str, Kind, str, str], bool] = lambda *_: False

    def check(
        self, user: User, verb: str, kind: Kind, namespace: str, name: str, request: Document
    ) -> None:
        """403 where the user may not; `request` has subresource, fields and body."""
        if "system:masters" in user.groups or self._may(user, verb, kind, namespace, name, request):
            return
        what = f'resource "{kind.plural}" in API group "{kind.group}"'
        where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
        shown = f'{kind.resource} "{name}"' if name else kind.resource
        raise forbidden(
            f'{shown} is forbidden: User "{user.name}" cannot {verb} {what}{where}',
            resource=kind.resource,
            name=name,
        )

    def _may(
        self, user: User, verb: str, kind: Kind, namespace: str, name: str, request: Document
    ) -> bool:
        public = (verb, kind.plural, namespace, name)
        if public == ("get", "configmaps", "kube-public", "cluster-info"):
            return True
        if kind.plural.startswith("selfsubject") and user is not ANONYMOUS:
            return True
        if "system:bootstrappers" in user.groups and _bootstrapper(verb, kind, namespace, name):
            return True
        if "system:nodes" in user.groups and user.name.startswith(_NODE):
            node = user.name.removeprefix(_NODE)
            if self._node_may(node, verb, kind, namespace, name, request):
                return True
        return self.rule(user, verb, kind, namespace, name)

    def _node_may(
        self, node: str, verb: str, kind: Kind, namespace: str, name: str, request: Document
    ) -> bool:
        """The node authorizer and the NodeRestriction admission ("Using Node Authorization")."""
        if kind.plural in _BY_NAME_ONLY:
            return verb in _READ and self._uses(node, kind, namespace, name or _named(request))
        check = _NODE_MAY.get(kind.plural)
        return check is not None and check(self, node, verb, namespace, name, request)

    def _uses(self, node: str, kind: Kind, namespace: str, name: str) -> bool:
        """Whether a pod of the node refers to this object by name."""
        if not name:
            return False
        pods = self._pods_of(node)
        if kind.plural == "persistentvolumes":
            return any(name == one for pod in pods for one in self._volumes_of(pod))
        here = [pod for pod in pods if pod["metadata"]["namespace"] == namespace]
        return any(name in _references(pod, kind.plural) for pod in here)

    def _volumes_of(self, pod: Document) -> list[str]:
        claims = _references(pod, "persistentvolumeclaims")
        kind = _must("v1", "PersistentVolumeClaim")
        found = [self._store.find(kind, one, pod["metadata"]["namespace"]) for one in claims]
        return [(one.get("spec") or {}).get("volumeName", "") for one in found if one]

    def _pods_of(self, node: str) -> list[Document]:
        kind = _must("v1", "Pod")
        return self._store.list(kind, fields=f"spec.nodeName={node}").items

    def _own_node(self, node: str, verb: str, _: str, name: str, request: Document) -> bool:
        if verb == "create":
            given = ((request.get("body") or {}).get("metadata") or {}).get("name")
            return bool(given == node)
        return (name or _named(request)) == node and verb in ("update", "patch", *_READ)

    def _own_pod(self, node: str, verb: str, namespace: str, name: str, request: Document) -> bool:
        if verb in ("list", "watch"):
            return f"spec.nodeName={node}" in str(request.get("fields", "")).split(",")
        if verb == "create" and not request.get("subresource"):
            body: Document = request.get("body") or {}
            annotations = body.get("metadata", {}).get("annotations") or {}
            mirror = "kubernetes.io/config.mirror" in annotations
            return mirror and body.get("spec", {}).get("nodeName") == node
        found = self._store.find(_must("v1", "Pod"), name, namespace)
        if found is None:
            return True
        if verb in ("update", "patch") and request.get("subresource") != "status":
            return False
        return bool(found["spec"].get("nodeName") == node)

    def _own_lease(
        self, node: str, verb: str, namespace: str, name: str, request: Document
    ) -> bool:
        if verb == "create":
            name = ((request.get("body") or {}).get("metadata") or {}).get("name", "")
        return namespace == "kube-node-lease" and name == node

    def _own_token(
        self, node: str, verb: str, namespace: str, name: str, request: Document
    ) -> bool:
        if verb in _READ:
            return True
        bound = ((request.get("body") or {}).get("spec") or {}).get("boundObjectRef") or {}
        return any(
            pod["metadata"]["name"] == bound.get("name")
            and pod["metadata"]["uid"] == bound.get("uid")
            and pod["metadata"]["namespace"] == namespace
            and pod["spec"].get("serviceAccountName") == name
            for pod in self._pods_of(node)
        )

    def _own_certificate(
        self, node: str, verb: str, namespace: str, name: str, request: Document
    ) -> bool:
        """What it creates is checked on admission; it sees the requests of its own pods."""
        if request.get("subresource"):
            return False
        if verb in ("list", "watch"):
            return f"spec.nodeName={node}" in str(request.get("fields", "")).split(",")
        if verb == "get":
            kind = _must("certificates.k8s.io/v1beta1", "PodCertificateRequest")
            found = self._store.find(kind, name, namespace)
            return found is not None and found["spec"].get("nodeName") == node
        return verb == "create"

    def _own_csi(self, node: str, verb: str, _: str, name: str, request: Document) -> bool:
        if verb == "create":
            name = ((request.get("body") or {}).get("metadata") or {}).get("name", "")
        return name == node


def _bootstrapper(verb: str, kind: Kind, namespace: str, name: str) -> bool:
    """What kubeadm's roles let a bootstrap token do."""
    if kind.plural == "certificatesigningrequests":
        return verb in ("create", *_READ)
    if kind.plural == "nodes":
        return verb == "get"
    configs = ("kubeadm-config", "kubelet-config", "kube-proxy")
    return (verb, kind.plural, namespace) == ("get", "configmaps", "kube-system") and (
        name in configs
    )


def _named(request: Document) -> str:
    """The one name that a field selector of a list or watch asks for."""
    for part in str(request.get("fields", "")).split(","):
        path, _, value = part.partition("=")
        if path == "metadata.name":
            return value
    return ""


def _references(pod: Document, plural: str) -> set[str]:
    """Names of objects of this kind that the pod refers to."""
    found = {_in_volume(pod, part, plural) for part in _volume_parts(pod["spec"])}
    if plural == "secrets":
        found |= {one.get("name") for one in pod["spec"].get("imagePullSecrets") or []}
    word = {"secrets": "secret", "configmaps": "configMap"}.get(plural)
    if word is not None:
        found |= set(_in_environment(pod["spec"], word))
    return {str(one) for one in found if one}


def _volume_parts(spec: Document) -> Iterator[Document]:
    for volume in spec.get("volumes") or []:
        yield volume
        yield from (volume.get("projected") or {}).get("sources") or []


def _in_volume(pod: Document, part: Document, plural: str) -> Any:
    if plural == "secrets" and "secret" in part:
        return part["secret"].get("secretName") or part["secret"].get("name")
    if plural == "configmaps" and "configMap" in part:
        return part["configMap"].get("name")
    if plural == "persistentvolumeclaims" and "persistentVolumeClaim" in part:
        return part["persistentVolumeClaim"]["claimName"]
    if plural == "persistentvolumeclaims" and "ephemeral" in part:
        return f"{pod['metadata']['name']}-{part['name']}"
    return None


def _in_environment(spec: Document, word: str) -> Iterator[Any]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or []:
            for variable in container.get("env") or []:
                yield (variable.get("valueFrom") or {}).get(f"{word}KeyRef", {}).get("name")
            for source in container.get("envFrom") or []:
                yield (source.get(f"{word}Ref") or {}).get("name")


def _read(_: Policy, node: str, verb: str, *__: Any) -> bool:
    return verb in _READ


def _make(_: Policy, node: str, verb: str, *__: Any) -> bool:
    return verb == "create"


def _make_and_change(_: Policy, node: str, verb: str, *__: Any) -> bool:
    return verb in ("create", "patch", "update")


def _ask(_: Policy, node: str, verb: str, *__: Any) -> bool:
    return verb in ("create", *_READ)


_NODE_MAY: Final[dict[str, Callable[..., bool]]] = {
    "nodes": Policy._own_node,
    "pods": Policy._own_pod,
    "leases": Policy._own_lease,
    "serviceaccounts": Policy._own_token,
    "csinodes": Policy._own_csi,
    "podcertificaterequests": Policy._own_certificate,
    "services": _read,
    "runtimeclasses": _read,
    "csidrivers": _read,
    "volumeattachments": _read,
    "clustertrustbundles": _read,
    "events": _make_and_change,
    "tokenreviews": _make,
    "subjectaccessreviews": _make,
    "certificatesigningrequests": _ask,
}


def _must(api_version: str, kind: str) -> Kind:
    found = kind_named(api_version, kind)
    assert found is not None
    return found
