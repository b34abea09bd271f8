"""What the API server refuses before it does anything: bodies, versions, specs that cannot be."""

import base64
from typing import Any, Final

from cryptography import x509

from tests.apiserver import problems
from tests.apiserver.kinds import Kind
from tests.apiserver.problems import Document

RETURNED: Final = {
    *("Pod", "Namespace", "Service", "ServiceAccount", "PersistentVolume"),
    *("PersistentVolumeClaim", "ResourceQuota", "CSIDriver", "CSINode", "StorageClass"),
    *("VolumeAttachment", "ResourceClaim", "ResourceSlice", "DeviceClass"),
}  # kinds whose delete is answered by the object as it was
_ONLY_WITH_VERSION: Final = {"Lease", "CSINode"}  # cannot be replaced without one


def check_body(body: Any, kind: str, api_version: str) -> Document:
    """The body of a POST or PUT, which must be an object, and of this kind where it names one."""
    if not isinstance(body, dict):
        raise problems.bad_request("the body is no object")
    named, version = body.get("kind", kind), body.get("apiVersion", api_version)
    if not isinstance(named, str) or not isinstance(version, str):
        raise problems.bad_request("couldn't get version/kind; json parse error")
    if (named or kind) != kind or (version or api_version) != api_version:
        raise problems.bad_request(
            f'{named} in version "{version}" cannot be handled as a {kind}: converting failed'
        )
    return body


def check_version(text: str) -> int:
    """A resource version; 400 where it is none."""
    if not text.isascii() or not text.isdecimal():
        raise problems.bad_request(f'resourceVersion: Invalid value: "{text}": must be a number')
    return int(text)


def check_not_ahead(text: str, newest: int) -> None:
    """504 where a list is to be as new as a version that is not yet."""
    if text and check_version(text) > newest:
        raise problems.StatusError(
            504,
            "Timeout",
            f"Timeout: Too large resource version: {text}, current: {newest}",
            retry_after=1,
            causes=[{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        )


def check_replacement(kind: Kind, body: Document, name: str) -> None:
    """422 where this kind is replaced with its version only."""
    if kind.kind in _ONLY_WITH_VERSION and not body["metadata"].get("resourceVersion"):
        raise problems.invalid(
            kind.resource,
            name,
            "metadata.resourceVersion: Invalid value: 0: must be specified for an update",
        )


def check_preconditions(kind: Kind, old: Document, *, uid: str, version: str) -> None:
    """409 where a delete means another object, or another state of it."""
    metadata = old["metadata"]
    pairs = (
        ("UID", uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", version, metadata["resourceVersion"], "modified"),
    )
    for word, given, found, what in pairs:
        if given and given != found:
            raise problems.conflict(
                f"{kind.kind}.{kind.group}" if kind.group else kind.kind,
                metadata["name"],
                f"the {word} in the precondition ({given}) does not match the {word} in record "
                f"({found}). The object might have been {what}",
            )


def check_signing_request(document: Document, signers: Any) -> None:
    """422 for a request for a certificate that nobody could sign."""
    spec = document.get("spec") or {}
    name = document.get("metadata", {}).get("name", "")
    for field, wrong in (
        ("spec.signerName", spec.get("signerName") not in signers),
        ("spec.usages", not spec.get("usages")),
        ("spec.request", not _is_request(spec.get("request"))),
    ):
        if wrong:
            raise problems.invalid(
                "CertificateSigningRequest.certificates.k8s.io", name, f"{field}: Invalid value"
            )


def _is_request(text: Any) -> bool:
    try:
        x509.load_pem_x509_csr(base64.b64decode(text or ""))
    except ValueError:
        return False
    return True


def check_access_review(spec: Document) -> None:
    """422 where a review asks about nothing, or about nobody."""
    asked = [spec.get(key) for key in ("resourceAttributes", "nonResourceAttributes")]
    if sum(one is not None for one in asked) != 1:
        raise problems.invalid(
            "SubjectAccessReview.authorization.k8s.io",
            "",
            "spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or "
            "resourceAttributes must be specified",
        )
