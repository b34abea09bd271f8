"""When a certificate is renewed, what is asked for, and what came of it."""

import datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import certificates_v1 as certificates
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.certificates import (
    EARLIEST,
    LATEST,
    Held,
    Refused,
    client_wish,
    decision,
    file_name,
    kubeconfig_document,
    pause_after,
    serving_wish,
)


def a_certificate(**changes: object) -> Held:
    given = {
        "not_before": 1000.0,
        "not_after": 2000.0,
        "common_name": "system:node:n1",
        "organization": "system:nodes",
        **changes,
    }
    return Held(**given)  # type: ignore[arg-type]


def test_the_node_is_asked_for_by_its_name_and_group() -> None:
    wish = client_wish("n1")
    assert (wish.common_name, wish.organization) == ("system:node:n1", "system:nodes")
    assert wish.signer == "kubernetes.io/kube-apiserver-client-kubelet"
    assert wish.usages == ("digital signature", "client auth")
    assert not wish.names and not wish.addresses


def test_a_serving_certificate_is_for_the_nodes_names_and_addresses() -> None:
    wish = serving_wish(
        "n1",
        [
            v1.NodeAddress(type="InternalIP", address="10.0.0.2"),
            v1.NodeAddress(type="ExternalIP", address="2001:DB8::1"),
            v1.NodeAddress(type="Hostname", address="n1"),
            v1.NodeAddress(type="InternalDNS", address="n1.inside"),
            v1.NodeAddress(type="InternalIP", address="10.0.0.2"),
            v1.NodeAddress(type="ExternalDNS", address=""),
        ],
    )
    assert wish is not None
    assert wish.names == ("n1", "n1.inside")
    assert wish.addresses == ("10.0.0.2", "2001:db8::1")
    assert wish.signer == "kubernetes.io/kubelet-serving"
    assert wish.usages == ("digital signature", "server auth")


def test_without_an_address_no_serving_certificate_is_asked_for() -> None:
    assert serving_wish("n1", [v1.NodeAddress(type="Hostname", address="n1")]) is None


def test_a_certificate_for_more_names_still_fits_but_one_for_fewer_does_not() -> None:
    addresses = [v1.NodeAddress(type="InternalIP", address="10.0.0.2")]
    wish = serving_wish("n1", addresses)
    assert wish is not None
    assert a_certificate(addresses=("10.0.0.1", "10.0.0.2")).fits(wish)
    assert not a_certificate(addresses=("10.0.0.1",)).fits(wish)
    assert not a_certificate(addresses=("10.0.0.2",), common_name="system:node:n2").fits(wish)


@given(share=st.floats(EARLIEST, LATEST), life=st.floats(1, 1e8))
def test_renewal_falls_between_seven_and_nine_tenths_of_life(share: float, life: float) -> None:
    held = a_certificate(not_before=0.0, not_after=life)
    assert 0.7 * life * 0.999 <= held.renew_at(share) <= 0.9 * life * 1.001


def test_a_certificate_is_good_until_its_end() -> None:
    assert a_certificate().is_good(1999.0)
    assert not a_certificate().is_good(2000.0)


def a_request(*conditions: tuple[str, str], certificate: str | None = None) -> object:
    return certificates.CertificateSigningRequest(
        metadata=meta_v1.ObjectMeta(name="csr-1"),
        spec=certificates.CertificateSigningRequestSpec(request="", signerName="", usages=[]),
        status=certificates.CertificateSigningRequestStatus(
            certificate=certificate,
            conditions=[
                certificates.CertificateSigningRequestCondition(
                    type=kind, status="True", message=message
                )
                for kind, message in conditions
            ],
        ),
    )


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (a_request(), None),
        (a_request(("Approved", "")), None),
        (a_request(certificate="x"), None),
        (a_request(("Approved", ""), certificate="x"), "x"),
        (a_request(("Denied", "not you")), Refused(why="denied: not you")),
        (
            a_request(("Approved", ""), ("Failed", "bad usages"), certificate="x"),
            Refused(why="failed: bad usages"),
        ),
    ],
)
def test_what_came_of_a_request(request_: object, expected: object) -> None:
    assert decision(request_) == expected  # type: ignore[arg-type]


def test_tries_wait_two_seconds_and_then_longer_up_to_half_a_minute() -> None:
    assert [pause_after(n) for n in range(1, 8)] == [2, 4, 8, 16, 32, 32, 32]


def test_files_are_named_by_the_time_of_issue() -> None:
    at = datetime.datetime(2026, 11, 27, 9, 5, 7, tzinfo=datetime.UTC).timestamp()
    assert file_name("kubelet-client", at) == "kubelet-client-2026-11-27-09-05-07.pem"


def test_the_kubeconfig_names_the_file_of_the_pair_twice() -> None:
    text = kubeconfig_document(
        server="https://10.0.0.1:6443",
        authority="Zm9v",
        authority_file="",
        pair="/var/lib/kubelet/pki/kubelet-client-current.pem",
    )
    found = yaml.safe_load(text)
    assert found["users"][0]["user"] == {
        "client-certificate": "/var/lib/kubelet/pki/kubelet-client-current.pem",
        "client-key": "/var/lib/kubelet/pki/kubelet-client-current.pem",
    }
    assert found["clusters"][0]["name"] == "default-cluster"
    assert found["current-context"] == "default-context"
    assert found["contexts"][0]["context"]["namespace"] == "default"
