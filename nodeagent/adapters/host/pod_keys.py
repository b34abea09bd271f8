"""Keys for certificates of pods."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from nodeagent.aio.threads import Threads
from nodeagent.errors import MountFailed
from nodeagent.model.pod_certificates import KeyProof

_Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_EXPONENT: Final = 65537
_KINDS: Final[Mapping[str, tuple[Callable[[], _Key], hashes.HashAlgorithm | None]]] = {
    "RSA3072": (lambda: rsa.generate_private_key(_EXPONENT, 3072), hashes.SHA256()),
    "RSA4096": (lambda: rsa.generate_private_key(_EXPONENT, 4096), hashes.SHA256()),
    "ECDSAP256": (lambda: ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()),
    "ECDSAP384": (lambda: ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
    "ECDSAP521": (lambda: ec.generate_private_key(ec.SECP521R1()), hashes.SHA512()),
    "ED25519": (ed25519.Ed25519PrivateKey.generate, None),
}


class PodKeys:
    """Makes them in a thread: the large ones take a second."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def make(self, key_type: str) -> KeyProof:
        """A new key, and an empty signing request by it (KEP-4317). MountFailed: unknown type."""
        return await self._threads.run(make_key, key_type)


def make_key(key_type: str) -> KeyProof:
    """What `PodKeys` makes. Blocks."""
    if key_type not in _KINDS:
        detail = f'unknown key type "{key_type}"; needs one of {", ".join(_KINDS)}'
        raise MountFailed(op="make key", target="podCertificate", detail=detail)
    generate, digest = _KINDS[key_type]
    key = generate()
    empty = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = empty.sign(key, digest)  # type: ignore[arg-type]
    return KeyProof(
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        request=request.public_bytes(serialization.Encoding.DER),
    )
