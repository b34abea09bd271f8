"""May a pod use an image that is on the node already? (KEP-2535, ensure secret pulled images)"""

from collections.abc import Iterable

import msgspec

from nodeagent.core.credentials import repository_of
from nodeagent.model.credentials import Credential, Openers, PulledRecord, SecretUse
from nodeagent.model.ids import ImageRef
from nodeagent.settings.names import ImageVerification


class AccessRules(msgspec.Struct, frozen=True, kw_only=True):
    """imagePullCredentialsVerificationPolicy and its allow list."""

    policy: ImageVerification = ImageVerification.NOT_PRELOADED
    allowed: tuple[str, ...] = ()


def needs_check(rules: AccessRules, image: str, *, pulled_by_us: bool) -> bool:
    """Whether the policy asks for the pod's own credentials at all."""
    match rules.policy:
        case ImageVerification.NEVER:
            return False
        case ImageVerification.NOT_PRELOADED:
            return pulled_by_us
        case ImageVerification.NOT_ALLOWLISTED:
            return not _is_allowed(rules.allowed, repository_of(image))
        case ImageVerification.ALWAYS:
            return True


def is_open(record: PulledRecord | None, image: str) -> bool:
    """Whether every pod of the node may use it under this name."""
    if record is None:
        return False
    return record.openers.get(repository_of(image), Openers()).everyone


def may_use(
    record: PulledRecord | None, image: str, credentials: Iterable[Credential]
) -> Credential | None:
    """The pod's credential that opened the image before, or is of the secret that did.

    A secret is the same by its uid: one from a file has none, and must hold the same credential.
    None where there is none: then only a real pull can tell whether the pod may have it.
    """
    if record is None:
        return None
    uses = record.openers.get(repository_of(image), Openers()).secrets
    known = {use.digest for use in uses}, {use.secret for use in uses if use.secret.uid}
    for credential in credentials:
        if credential.secret is None:
            continue
        if credential.digest in known[0] or credential.secret in known[1]:
            return credential
    return None


def opened(
    before: PulledRecord | None,
    image: str,
    ref: ImageRef,
    credential: Credential | None,
    *,
    now: float,
) -> PulledRecord:
    """The record after a pull with this credential, or with none, succeeded.

    What needed no secret is open to every pod; a credential of the node is every pod's.
    """
    name = repository_of(image)
    known = before.openers if before is not None else {}
    openers = known.get(name, Openers())
    if credential is None or credential.secret is None:
        openers = Openers(everyone=True)
    elif not openers.everyone:
        use = SecretUse(secret=credential.secret, digest=credential.digest)
        others = tuple(u for u in openers.secrets if u.secret != use.secret)
        openers = Openers(secrets=(*others, use))
    return PulledRecord(ref=ref, at=now, openers={**known, name: openers})


def _is_allowed(patterns: Iterable[str], repository: str) -> bool:
    """Exact names, or everything below `host/path/*`."""
    return any(
        repository.startswith(pattern[:-1]) if pattern.endswith("/*") else repository == pattern
        for pattern in patterns
    )
