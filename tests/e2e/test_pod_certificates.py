"""Certificates of pods on a node of a cluster, with the gate PodCertificateRequest."""

from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.member import Member, running_member
from tests.e2e.pods import Document, container, pod
from tests.e2e.runtime import Runtime


@pytest.fixture(scope="module")
def node(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    gates = {"featureGates": {"PodCertificateRequest": True}}
    folder = tmp_path_factory.mktemp("cluster")
    with running_member(runtime, folder, kubelet=gates) as member:
        yield member


def certified(name: str, **more: str) -> Document:
    source = {
        "signerName": "example.org/signer",
        "keyType": "ED25519",
        "credentialBundlePath": "bundle.pem",
        "maxExpirationSeconds": 7200,
        **more,
    }
    volume = {"name": "c", "projected": {"sources": [{"podCertificate": source}]}}
    mounts = [{"name": "c", "mountPath": "/c"}]
    return pod(name, container(volumeMounts=mounts), volumes=[volume])


def will(node: Member, verdict: str) -> None:
    """What the signer does from now on."""
    node.cluster.do(lambda cluster: setattr(cluster.pod_signer, "verdict", verdict))


def test_a_pod_starts_once_its_certificate_is_issued(node: Member) -> None:
    will(node, "")
    node.apply(certified("client"))
    node.until(
        lambda: "credential bundle is not issued yet" in node.kubectl("describe", "pod", "client"),
        what="an event that names what is waited for",
    )
    node.cluster.do(lambda cluster: cluster.pod_signer.answer("Issued"))
    node.wait_phase("client")
    bundle = node.kubectl("exec", "client", "--", "cat", "/c/bundle.pem").encode()
    leaf, root = x509.load_pem_x509_certificates(bundle)
    assert root.issuer == leaf.issuer
    assert load_pem_private_key(bundle, None).public_key() == leaf.public_key()
    assert "client.default" in leaf.subject.rfc4514_string()


def test_a_refused_certificate_keeps_its_pod_waiting_and_says_why(node: Member) -> None:
    will(node, "Denied")
    node.apply(certified("refused"))
    node.until(
        lambda: "was permanently denied" in node.kubectl("describe", "pod", "refused"),
        what="an event with the reason",
    )
    told = node.kubectl("get", "events", "--field-selector=reason=Denied", "-o", "json")
    assert 'reason=\\"ByTest\\", message=\\"as the test says\\"' in told
    found = node.api_pod("refused")
    assert found is not None and found["status"]["phase"] == "Pending"
    node.kubectl("delete", "pod", "refused", "--timeout=20s")
