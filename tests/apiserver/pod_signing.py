"""PodCertificateRequests: what the server admits, and a signer that answers as a test tells it."""

import base64
import copy
import datetime
import time
from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.apiserver.authority import Authority
from tests.apiserver.kinds import Kind, kind_named
from tests.apiserver.problems import Document, forbidden, invalid
from tests.apiserver.store import Store, stamp
from tests.apiserver.watching import Change

_RESOURCE: Final = "podcertificaterequests.certificates.k8s.io"
_NODE: Final = "system:node:"
_SHORTEST, _LONGEST, _OWN_LONGEST = 3600, 7862400, 86400


class PodSigner:
    """Answers each request with the condition `verdict`; "" leaves it waiting.

    `life` is how long certificates are good, `refresh` after what time they are to be replaced.
    """

    def __init__(
        self, store: Store, authority: Authority, *, now: Callable[[], float] = time.time
    ) -> None:
        self._store, self._authority, self._now = store, authority, now
        self.verdict = "Issued"
        self.reason, self.message = "ByTest", "as the test says"
        self.life, self.refresh = 7200, 3600
        store.listeners.append(self._changed)

    def requests(self) -> list[Document]:
        """All there are, oldest first."""
        found = self._store.list(KIND).items
        return sorted(found, key=lambda one: int(one["metadata"]["resourceVersion"]))

    def answer(self, verdict: str) -> None:
        """Answer every request that waits."""
        for one in self.requests():
            if not (one.get("status") or {}).get("conditions"):
                self._answer(one, verdict)

    def _changed(self, change: Change) -> None:
        if change.kind.kind == KIND.kind and change.old is None and change.new is not None:
            self._answer(change.new, self.verdict)

    def _answer(self, document: Document, verdict: str) -> None:
        if not verdict:
            return
        now = self._now()
        condition = {
            "type": verdict,
            "status": "True",
            "reason": self.reason,
            "message": self.message,
            "lastTransitionTime": stamp(now),
        }
        status: Document = {"conditions": [condition]}
        if verdict == "Issued":
            status |= self._issued(document["spec"])
        metadata = document["metadata"]
        self._store.update(
            KIND,
            {**document, "status": status},
            metadata["namespace"],
            name=metadata["name"],
            subresource="status",
        )

    def _issued(self, spec: Document) -> Document:
        asked = x509.load_der_x509_csr(base64.b64decode(spec["stubPKCS10Request"]))
        name = f"{spec['podName']}.{spec['serviceAccountName']}"
        pem = self._authority.sign_for_pod(asked, name, seconds=self.life)
        leaf = x509.load_pem_x509_certificate(pem)
        begins = leaf.not_valid_before_utc
        return {
            "certificateChain": f"the leaf\n{pem.decode()}and who signed it\n"
            f"{self._authority.pem.decode()}",
            "notBefore": _text(begins),
            "beginRefreshAt": _text(begins + datetime.timedelta(seconds=self.refresh)),
            "notAfter": _text(leaf.not_valid_after_utc),
        }


def admit_request(store: Store, document: Document, namespace: str, user: str) -> Document:
    """The request with its defaults; 422 for a wrong one, 403 for one that is not the node's to
    make (NodeRestriction).
    """
    result = copy.deepcopy(document)
    spec = result.setdefault("spec", {})
    spec.setdefault("maxExpirationSeconds", _OWN_LONGEST)
    for field in ("signerName", "podUID", "serviceAccountUID", "nodeUID"):
        if not spec.get(field):
            raise _wrong(f"spec.{field}: Invalid value: must not be empty")
    own = spec["signerName"].startswith("kubernetes.io/")
    if not _SHORTEST <= spec["maxExpirationSeconds"] <= (_OWN_LONGEST if own else _LONGEST):
        raise _wrong("spec.maxExpirationSeconds: Invalid value: out of range")
    if not is_proof(base64.b64decode(spec.get("stubPKCS10Request") or "")):
        raise _wrong("spec.stubPKCS10Request: Invalid value: must be a valid PKCS#10 CSR")
    if user.startswith(_NODE):
        _check_node(store, spec, namespace, user.removeprefix(_NODE))
    return result


def is_proof(request: bytes) -> bool:
    """Whether it is signed by a key of the kinds that are allowed."""
    try:
        asked = x509.load_der_x509_csr(request)
    except ValueError:
        return False
    key = asked.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        allowed = key.key_size in (3072, 4096)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        allowed = isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
    else:
        allowed = isinstance(key, ed25519.Ed25519PublicKey)
    return allowed and asked.is_signature_valid


def _check_node(store: Store, spec: Document, namespace: str, node: str) -> None:
    pod = store.find(_must("v1", "Pod"), spec.get("podName", ""), namespace) or {}
    own: Document = pod.get("spec") or {}
    account = store.find(
        _must("v1", "ServiceAccount"), spec.get("serviceAccountName", ""), namespace
    )
    known = store.find(_must("v1", "Node"), node)
    mirror = "kubernetes.io/config.mirror" in (pod.get("metadata", {}).get("annotations") or {})
    for what, right in (
        ("node", spec.get("nodeName") == node and _uid(known) == spec["nodeUID"]),
        ("pod", _uid(pod) == spec["podUID"] and own.get("nodeName") == node),
        ("pod, which is a mirror pod", not mirror),
        (
            "service account",
            _uid(account) == spec["serviceAccountUID"]
            and own.get("serviceAccountName") == spec["serviceAccountName"],
        ),
    ):
        if not right:
            raise forbidden(f"{_RESOURCE} is forbidden: it is not for this {what}")


def _uid(document: Document | None) -> str:
    return str((document or {}).get("metadata", {}).get("uid", ""))


def _wrong(message: str) -> Exception:
    return invalid("PodCertificateRequest.certificates.k8s.io", "", message)


def _text(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _must(api_version: str, kind: str) -> Kind:
    found = kind_named(api_version, kind)
    assert found is not None
    return found


KIND: Final = _must("certificates.k8s.io/v1beta1", "PodCertificateRequest")
