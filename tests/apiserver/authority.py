"""The cluster's certificate authority and what it signs: EC keys, PEM everywhere."""

import datetime
import hashlib
import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_Key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
YEAR = 365 * 86400.0


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its key."""

    certificate: bytes
    key: bytes

    @property
    def both(self) -> bytes:
        """Certificate, then key, as a kubelet keeps them."""
        return self.certificate + self.key


class Authority:
    """A certificate authority made for one run."""

    def __init__(self, name: str = "kubernetes", *, now: Callable[[], float] = time.time) -> None:
        self._clock = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start = self._now() - datetime.timedelta(hours=1)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(sign=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        """Its key, for another that is to sign in its name."""
        return key_pem(self._key)

    @property
    def pin(self) -> str:
        """ "sha256:<hex>" of its public key, as kubeadm pins it."""
        spki = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"sha256:{hashlib.sha256(spki).hexdigest()}"

    def client(self, name: str, groups: Iterable[str] = (), *, seconds: float = YEAR) -> Pair:
        """A client certificate: the user is its common name, groups its organizations."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
                *([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []),
            ]
        )
        certificate = self._sign(subject, key.public_key(), [CLIENT], seconds=seconds)
        return Pair(certificate=certificate, key=key_pem(key))

    def server(
        self, name: str, names: Sequence[str], *, seconds: float = YEAR, begins_in: float = 0.0
    ) -> Pair:
        """A serving certificate for these host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternatives = x509.SubjectAlternativeName([_general(one) for one in names])
        certificate = self._sign(
            subject,
            key.public_key(),
            [SERVER],
            seconds=seconds,
            alternatives=alternatives,
            begins_in=begins_in,
        )
        return Pair(certificate=certificate, key=key_pem(key))

    def sign_request(
        self, request: bytes, *, usages: Iterable[x509.ObjectIdentifier], seconds: float = YEAR
    ) -> bytes:
        """The certificate that a signing request asks for."""
        asked = x509.load_pem_x509_csr(request)
        try:
            alternatives = asked.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        except x509.ExtensionNotFound:
            alternatives = None
        key = asked.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return self._sign(
            asked.subject, key, list(usages), seconds=seconds, alternatives=alternatives
        )

    def sign_for_pod(
        self, asked: x509.CertificateSigningRequest, name: str, *, seconds: float
    ) -> bytes:
        """A certificate of this name for the key of a signing request, for clients and servers."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        key = asked.public_key()
        assert isinstance(key, _Key)
        return self._sign(subject, key, [CLIENT, SERVER], seconds=seconds)

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._clock(), datetime.UTC)

    def _sign(
        self,
        subject: x509.Name,
        key: _Key,
        usages: list[x509.ObjectIdentifier],
        *,
        seconds: float,
        alternatives: x509.SubjectAlternativeName | None = None,
        begins_in: float = 0.0,
    ) -> bytes:
        start = self._now() - datetime.timedelta(minutes=0 if 0 <= seconds <= 3600 else 5)
        start += datetime.timedelta(seconds=begins_in)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(self._now() + datetime.timedelta(seconds=seconds))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as a kubelet writes it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
