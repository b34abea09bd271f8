"""Certificates of pods: what becomes of a request (KEP-4317). Times are Unix seconds."""

from typing import Final

import msgspec
from lightkube.models import certificates_v1beta1 as certificates
from lightkube.models import meta_v1

from nodeagent.core.pem import certificate_blocks
from nodeagent.core.times import as_seconds
from nodeagent.model.api import POD_CERTIFICATES
from nodeagent.model.pod_certificates import CertificateWish, Credential, KeyProof

JITTER: Final = 300.0  # seconds: certificates of one moment are not all replaced at one moment
GONE_AFTER: Final = 600.0  # a request that was not seen for so long has been deleted
OVERDUE: Final = 600.0
KEY_TYPES: Final = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The signer's last word: `verdict` is "Denied" or "Failed"."""

    verdict: str
    request: str
    reason: str
    message: str

    @property
    def why(self) -> str:
        """As a kubelet says it when the volume is mounted."""
        verb = "denied" if self.verdict == "Denied" else "failed"
        return (
            f"PodCertificateRequest {self.request} was permanently {verb}:"
            f' reason="{self.reason}" message="{self.message}"'
        )

    @property
    def told(self) -> str:
        """As an event of the pod tells it."""
        verb = "was denied" if self.verdict == "Denied" else "failed"
        return (
            f"PodCertificateRequest {self.request} {verb},"
            f' reason="{self.reason}", message="{self.message}"'
        )


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is under way; `request` is "<namespace>/<name>". Not seen until `gone_at`,
    or seen once and then not, it was deleted.
    """

    request: str
    proof: KeyProof
    gone_at: float
    seen: bool = False


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody will answer: another request is to be made."""


def request_for(
    wish: CertificateWish, proof: str, *, account: str, node: str, node_uid: str
) -> certificates.PodCertificateRequest:
    """What the API is asked for; `proof` is the signing request in base64, `account` a uid."""
    owner = meta_v1.OwnerReference(apiVersion="v1", kind="Pod", name=wish.pod, uid=wish.uid)
    return certificates.PodCertificateRequest(
        apiVersion=POD_CERTIFICATES.api_version,
        kind=POD_CERTIFICATES.kind,
        metadata=meta_v1.ObjectMeta(
            generateName="req-", namespace=wish.namespace, ownerReferences=[owner]
        ),
        spec=certificates.PodCertificateRequestSpec(
            signerName=wish.signer,
            podName=wish.pod,
            podUID=wish.uid,
            serviceAccountName=wish.account,
            serviceAccountUID=account,
            nodeName=node,
            nodeUID=node_uid,
            maxExpirationSeconds=wish.seconds,
            stubPKCS10Request=proof,
            unverifiedUserAnnotations=dict(wish.annotations) or None,
        ),
    )


def settled(
    pending: Pending,
    found: certificates.PodCertificateRequest | None,
    *,
    now: float,
    jitter: float,
) -> Pending | Refused | Credential | Deleted:
    """What has become of a request, as the API has it now (None: it has it not)."""
    if found is None:
        gone = pending.seen or now > pending.gone_at
        return Deleted() if gone else pending
    status = found.status or certificates.PodCertificateRequestStatus()
    for condition in status.conditions or ():
        if condition.type in ("Denied", "Failed"):
            return Refused(
                verdict=condition.type,
                request=pending.request,
                reason=condition.reason,
                message=condition.message,
            )
        if condition.type == "Issued":
            chain = certificate_blocks(status.certificateChain or "")
            return Credential(
                key=pending.proof.key,
                chain=chain.encode(),
                refresh_at=as_seconds(status.beginRefreshAt) + jitter,
                not_after=as_seconds(status.notAfter),
            )
    return msgspec.structs.replace(pending, seen=True)


def overdue_words(credential: Credential, *, now: float) -> tuple[tuple[str, str], ...]:
    """Reason and message of the warnings that a credential deserves by now."""
    found = []
    if now > credential.refresh_at + OVERDUE:
        found.append(("CertificateOverdueForRefresh", "PodCertificate refresh overdue"))
    if now > credential.not_after:
        found.append(("CertificateExpired", "PodCertificate expired"))
    return tuple(found)


def state_of(credential: Credential | None, *, now: float) -> str:
    """In which state a metric counts it; None: it was not issued yet."""
    if credential is None:
        return "not_yet_issued"
    if now > credential.not_after:
        return "expired"
    return "overdue_for_refresh" if now > credential.refresh_at + OVERDUE else "fresh"
