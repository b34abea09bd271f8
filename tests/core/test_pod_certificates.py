"""What becomes of a request for a pod's certificate."""

import datetime

import pytest
from lightkube.models import certificates_v1beta1 as certificates
from lightkube.models import meta_v1

from nodeagent.core.pem import certificate_blocks
from nodeagent.core.pod_certificates import (
    Deleted,
    Pending,
    Refused,
    overdue_words,
    settled,
    state_of,
)
from nodeagent.model.pod_certificates import Credential, KeyProof

PROOF = KeyProof(key=b"key", request=b"request")
PENDING = Pending(request="default/req-1", proof=PROOF, gone_at=600.0)
BLOCK = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
HELD = Credential(key=b"", chain=b"", refresh_at=1000.0, not_after=5000.0)


def answered(kind: str = "", **status: object) -> certificates.PodCertificateRequest:
    condition = meta_v1.Condition(
        type=kind,
        status="True",
        reason="Why",
        message="so",
        lastTransitionTime=datetime.datetime.fromtimestamp(0, datetime.UTC),
    )
    spec = certificates.PodCertificateRequestSpec(
        nodeName="n", nodeUID="n", podName="p", podUID="p", serviceAccountName="s",
        serviceAccountUID="s", signerName="s", stubPKCS10Request="",
    )  # fmt: skip
    given = certificates.PodCertificateRequestStatus(
        conditions=[condition] if kind else None,
        **status,  # type: ignore[arg-type]
    )
    return certificates.PodCertificateRequest(spec=spec, status=given)


def test_an_issued_certificate_is_replaced_from_its_time_on_and_a_bit_later() -> None:
    moment = datetime.datetime.fromtimestamp(900, datetime.UTC)
    found = answered("Issued", certificateChain=BLOCK, beginRefreshAt=moment, notAfter=moment)
    assert settled(PENDING, found, now=1.0, jitter=5.0) == Credential(
        key=b"key", chain=BLOCK.encode(), refresh_at=905.0, not_after=900.0
    )


@pytest.mark.parametrize("verdict", ["Denied", "Failed"])
def test_a_refusal_has_the_signers_words(verdict: str) -> None:
    found = settled(PENDING, answered(verdict), now=1.0, jitter=0.0)
    assert isinstance(found, Refused)
    for text in (found.why, found.told):
        assert "default/req-1" in text and '"Why"' in text and '"so"' in text


def test_a_request_is_gone_once_it_was_seen_and_is_not_or_never_comes() -> None:
    seen = settled(PENDING, answered(), now=1.0, jitter=0.0)
    assert isinstance(seen, Pending) and seen.seen
    assert settled(seen, answered("Other"), now=1.0, jitter=0.0) == seen
    assert isinstance(settled(seen, None, now=1.0, jitter=0.0), Deleted)
    assert settled(PENDING, None, now=600.0, jitter=0.0) == PENDING
    assert isinstance(settled(PENDING, None, now=601.0, jitter=0.0), Deleted)


@pytest.mark.parametrize(
    ("now", "reasons", "state"),
    [
        (1600.0, [], "fresh"),
        (1601.0, ["CertificateOverdueForRefresh"], "overdue_for_refresh"),
        (5001.0, ["CertificateOverdueForRefresh", "CertificateExpired"], "expired"),
    ],
)
def test_a_certificate_that_is_late_is_told(now: float, reasons: list[str], state: str) -> None:
    assert [reason for reason, _ in overdue_words(HELD, now=now)] == reasons
    assert state_of(HELD, now=now) == state
    assert state_of(None, now=now) == "not_yet_issued"


def test_only_the_blocks_of_a_chain_are_shown_in_their_order() -> None:
    other = BLOCK.replace("AAAA", "BBBB")
    with_header = other.replace("BBBB", "Proc-Type: 4\n\nBBBB")
    broken = BLOCK.replace("AAAA", "A!")
    text = f"the leaf\n{with_header}{broken}and more\n{BLOCK}{BLOCK}"
    assert certificate_blocks(text) == other + BLOCK + BLOCK


def test_keys_do_not_show_in_texts() -> None:
    assert "key" not in repr(PROOF) and "secret" not in repr(
        Credential(key=b"secret", chain=b"", refresh_at=0.0, not_after=1.0)
    )
