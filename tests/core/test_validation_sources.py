"""Volumes that few pods have, as the API's validation sees them."""

from typing import Any

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.validation_volumes import validate_volumes

BUNDLE = {"credentialBundlePath": "bundle.pem"}


def problems(**source: Any) -> list[str]:
    volume = msgspec.convert({"name": "data", **source}, v1.Volume)
    found = validate_volumes([volume], ("v",))
    return [f"{'.'.join(str(part) for part in path[2:])}: {text}" for path, text in found]


def certificate(**fields: Any) -> dict[str, Any]:
    whole = {"signerName": "example.org/s", "keyType": "ED25519", **fields}
    return {"projected": {"sources": [{"podCertificate": whole}]}}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"gitRepo": {"repository": "https://example.org/x"}}, ""),
        ({"gitRepo": {"repository": "x", "directory": "a/b"}}, ""),
        ({"gitRepo": {"repository": ""}}, "gitRepo.repository: is missing"),
        ({"gitRepo": {"repository": "x", "directory": "../b"}}, 'directory: is "../b"; may'),
        ({"gitRepo": {"repository": "x", "directory": "/b"}}, "needs a path relative"),
        (certificate(**BUNDLE), ""),
        (certificate(keyPath="k", certificateChainPath="c", maxExpirationSeconds=3600), ""),
        (certificate(), "podCertificate: names no file; needs one of credentialBundlePath"),
        (certificate(**BUNDLE, signerName=""), "signerName: is missing"),
        (certificate(**BUNDLE, keyType="RSA2048"), 'keyType: is "RSA2048"; needs one of RSA3072'),
        (certificate(keyPath="../k"), 'keyPath: is "../k"; may not have'),
        (certificate(**BUNDLE, maxExpirationSeconds=3599), "is 3599; needs 3600 to 7862400"),
        (certificate(**BUNDLE, maxExpirationSeconds=7862401), "is 7862401"),
        (
            certificate(
                **BUNDLE, signerName="kubernetes.io/kube-apiserver-client-pod",
                maxExpirationSeconds=86401,
            ),
            "is 86401; needs 3600 to 86400",
        ),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_is_named(source: dict[str, Any], words: str) -> None:
    found = problems(**source)
    assert any(words in text for text in found) if words else found == []
