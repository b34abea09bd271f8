"""Work with keys and certificates that the agent leaves to a process of its own.

Run by path in a bare interpreter, so it imports nothing of the agent; what it needs would stay in
the agent's memory for good (8 MB), and is used a few times a year. One order as JSON on standard
input, one answer on standard output: {"ok": value}, or {"wrong": why} where what it was given is
no certificate or key. Keys are handed over here and nowhere else.
"""

import base64
import datetime
import ipaddress
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered."""
    call = order.pop("call")
    try:
        return {"ok": _CALLS[call](**order)}
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return {"wrong": str(error) or type(error).__name__}


def _read(certificate: str) -> dict[str, Any]:
    """What a certificate (PEM) is for."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    names: list[str] = []
    addresses: list[str] = []
    with suppress(x509.ExtensionNotFound):
        others = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = others.get_values_for_type(x509.DNSName)
        addresses = [str(one) for one in others.get_values_for_type(x509.IPAddress)]
    return {
        "not_before": found.not_valid_before_utc.timestamp(),
        "not_after": found.not_valid_after_utc.timestamp(),
        "common_name": _first(found.subject, NameOID.COMMON_NAME),
        "organization": _first(found.subject, NameOID.ORGANIZATION_NAME),
        "names": names,
        "addresses": addresses,
    }


def _read_pair(key: str, certificate: str) -> dict[str, Any] | None:
    """The same, None where the key is another's."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = serialization.load_pem_private_key(key.encode(), password=None)
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    if private.public_key().public_bytes(*form) != public.public_bytes(*form):
        return None
    return _read(certificate)


def _draft(key: str, subject: list[str], names: list[str], addresses: list[str]) -> dict[str, str]:
    """A request for a certificate with its key: the one given where that is of use, else a new one.

    `subject` is the organization and the common name.
    """
    used = _curve_key(key) or ec.generate_private_key(ec.SECP256R1())
    oids = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    told = [x509.NameAttribute(oid, value) for oid, value in zip(oids, subject, strict=True)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(told))
    others = _alternatives(names, addresses)
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    request = builder.sign(used, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return {
        "key": _pem(used, serialization.PrivateFormat.TraditionalOpenSSL),
        "request": request.decode(),
    }


def _curve_key(text: str) -> ec.EllipticCurvePrivateKey | None:
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        found = serialization.load_pem_private_key(text.encode(), password=None)
        if isinstance(found, ec.EllipticCurvePrivateKey):
            return found
    return None


def _sign_self(name: str, addresses: list[str], begin: float, end: float) -> dict[str, str]:
    """A new key and a serving certificate that it signs itself; times in Unix seconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    host = name.partition("@")[0]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(begin))
        .not_valid_after(_moment(end))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(_alternatives([host], addresses)), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return {
        "key": _pem(key, serialization.PrivateFormat.PKCS8),
        "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }


def _pod_key(key_type: str) -> dict[str, str]:
    """A key of this type, and an empty signing request by it (DER in base64)."""
    generate, digest = _KEYS[key_type]
    key = generate()
    empty = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = empty.sign(key, digest)  # type: ignore[arg-type]
    return {
        "key": _pem(key, serialization.PrivateFormat.PKCS8),
        "request": base64.b64encode(request.public_bytes(serialization.Encoding.DER)).decode(),
    }


_KEYS: dict[str, tuple[Callable[[], _Key], hashes.HashAlgorithm | None]] = {
    "RSA3072": (lambda: rsa.generate_private_key(65537, 3072), hashes.SHA256()),
    "RSA4096": (lambda: rsa.generate_private_key(65537, 4096), hashes.SHA256()),
    "ECDSAP256": (lambda: ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()),
    "ECDSAP384": (lambda: ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
    "ECDSAP521": (lambda: ec.generate_private_key(ec.SECP521R1()), hashes.SHA512()),
    "ED25519": (ed25519.Ed25519PrivateKey.generate, None),
}


def _alternatives(names: Iterable[str], addresses: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    return found + [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]


def _pem(key: _Key, form: serialization.PrivateFormat) -> str:
    none = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, none).decode()


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


_CALLS: dict[str, Callable[..., Any]] = {
    "read": _read,
    "read_pair": _read_pair,
    "draft": _draft,
    "sign_self": _sign_self,
    "pod_key": _pod_key,
}

if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
