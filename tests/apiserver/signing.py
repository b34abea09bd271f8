"""Certificate signing requests: who asked, approval (by a rule or by hand), and the signature."""

import base64
import copy
import time
from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.apiserver.authority import CLIENT, SERVER, YEAR, Authority
from tests.apiserver.checks import check_signing_request
from tests.apiserver.kinds import kind_named
from tests.apiserver.problems import Document
from tests.apiserver.special import User
from tests.apiserver.store import Store, stamp
from tests.apiserver.watching import Change

CLIENT_SIGNER: Final = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER: Final = "kubernetes.io/kubelet-serving"
_USAGES: Final = {
    CLIENT_SIGNER: ({"digital signature", "client auth"}, CLIENT),
    SERVING_SIGNER: ({"digital signature", "server auth"}, SERVER),
    "kubernetes.io/kube-apiserver-client": ({"client auth"}, CLIENT),
}


class Signer:
    """Approves what `approves` says yes to and signs what is approved; `off` stops both."""

    def __init__(
        self, store: Store, authority: Authority, *, now: Callable[[], float] = time.time
    ) -> None:
        self._store, self._authority, self._now = store, authority, now
        found = kind_named("certificates.k8s.io/v1", "CertificateSigningRequest")
        assert found is not None
        self._kind = found
        self.off = False
        self.seconds = YEAR  # for how long certificates are good
        self.approves: Callable[[Document], bool] = is_for_a_client
        store.listeners.append(self._changed)

    def asked_by(self, document: Document, user: User) -> Document:
        """The new request as the server keeps it: with the name of who sent it."""
        result = copy.deepcopy(document)
        spec = result.setdefault("spec", {})
        check_signing_request(result, _USAGES)
        told = user.document()
        spec.update(username=told["username"], groups=told["groups"])
        return result

    def approve(self, name: str) -> None:
        """Approve by hand."""
        self._decide(name, "Approved", "ByTest")

    def deny(self, name: str) -> None:
        """Refuse by hand."""
        self._decide(name, "Denied", "ByTest")

    def waiting(self) -> list[Document]:
        """Requests that nobody has decided about."""
        found = self._store.list(self._kind).items
        return [one for one in found if not (one.get("status") or {}).get("conditions")]

    def _decide(self, name: str, verdict: str, reason: str) -> None:
        condition = {
            "type": verdict,
            "status": "True",
            "reason": reason,
            "message": f"{verdict} by {reason}",
            "lastUpdateTime": stamp(self._now()),
            "lastTransitionTime": stamp(self._now()),
        }
        found = self._store.get(self._kind, name)
        status = found.get("status") or {}
        self._write(found, {**status, "conditions": [*status.get("conditions", []), condition]})

    def _write(self, found: Document, status: Document) -> None:
        self._store.update(
            self._kind,
            {**found, "status": status},
            name=found["metadata"]["name"],
            subresource="status",
        )

    def _changed(self, change: Change) -> None:
        if change.kind.kind != "CertificateSigningRequest" or change.new is None or self.off:
            return
        document = change.new
        status = document.get("status") or {}
        verdicts = {one["type"] for one in status.get("conditions") or []}
        if not verdicts:
            if self.approves(document):
                self._decide(document["metadata"]["name"], "Approved", "AutoApproved")
        elif verdicts == {"Approved"} and not status.get("certificate"):
            self._sign(document, status)

    def _sign(self, document: Document, status: Document) -> None:
        request = base64.b64decode(document["spec"]["request"])
        problem = _problem_of(document)
        if problem:
            failed = {"type": "Failed", "status": "True", "reason": "SignerValidationFailure"}
            self._write(
                document,
                {**status, "conditions": [*status["conditions"], {**failed, "message": problem}]},
            )
            return
        _, usage = _USAGES[document["spec"]["signerName"]]
        seconds = min(self.seconds, document["spec"].get("expirationSeconds", self.seconds))
        certificate = self._authority.sign_request(request, usages=[usage], seconds=seconds)
        self._write(document, {**status, "certificate": base64.b64encode(certificate).decode()})


def is_for_a_client(document: Document) -> bool:
    """What a stock controller manager approves: client certificates of nodes, nothing to serve."""
    return document["spec"]["signerName"] == CLIENT_SIGNER and not _problem_of(document)


def is_for_a_node(document: Document) -> bool:
    """Serving certificates too, as clusters with an approver of their own have it."""
    return not _problem_of(document)


def _problem_of(document: Document) -> str:
    """What the signer of a node's certificate would not sign ("Kubernetes signers"); "" if all."""
    spec = document["spec"]
    asked = x509.load_pem_x509_csr(base64.b64decode(spec["request"]))
    names = [one.value for one in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [one.value for one in asked.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    needed, _ = _USAGES[spec["signerName"]]
    if spec["signerName"] not in (CLIENT_SIGNER, SERVING_SIGNER):
        return ""
    if groups != ["system:nodes"]:
        return "organization is not system:nodes"
    if len(names) != 1 or not str(names[0]).startswith("system:node:"):
        return "subject common name does not begin with system:node:"
    usages = set(spec.get("usages") or ())
    if usages - {"key encipherment"} != needed:
        return f"usages did not match {sorted(needed)}"
    has_names = any(isinstance(one.value, x509.SubjectAlternativeName) for one in asked.extensions)
    if has_names is not (spec["signerName"] == SERVING_SIGNER):
        return "DNS or IP subjectAltName is required" if not has_names else "SANs are not allowed"
    return ""
