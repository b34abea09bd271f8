"""Names of cipher suites, a kubelet's and OpenSSL's."""

import ssl

import pytest

from nodeagent.core.cipher_suites import USUAL, openssl_suites


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA"),
    ],
)
def test_a_name_has_its_twin(name: str, ours: str) -> None:
    assert openssl_suites([name]) == (ours,)


def test_no_names_mean_the_usual_ones_which_openssl_knows() -> None:
    assert openssl_suites(()) == USUAL
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(":".join(USUAL))
    assert set(USUAL) <= {one["name"] for one in context.get_ciphers()}


def test_those_of_tls_13_are_always_on() -> None:
    assert openssl_suites(["TLS_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"]) == (
        "AES128-SHA",
    )


@pytest.mark.parametrize(
    "name", ["", "RSA", "TLS_RSA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"]
)
def test_a_name_that_nobody_knows(name: str) -> None:
    with pytest.raises(ValueError, match="is no cipher suite"):
        openssl_suites([name])
