"""Certificates with their keys in the certificate folder, as a kubelet lays them out.

`<pair>-<date>.pem` holds a certificate and its key; the link `<pair>-current.pem` names the one in
use and is replaced whole, so that a reader, or a crash, sees the old pair or the new one.
"""

import datetime
import ipaddress
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.oserror import translated
from nodeagent.aio.threads import Threads
from nodeagent.core.certificates import Held, Wish, file_name, is_address
from nodeagent.errors import HostError

CLIENT: Final = "kubelet-client"
SERVING: Final = "kubelet-server"
_HALF_DONE: Final = "kubelet-client.key.tmp"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A key of which no certificate is issued yet, and the request for one (both PEM)."""

    key: bytes
    request: bytes

    def __repr__(self) -> str:
        return "Draft(...)"


class KeyPairs:
    """The pairs of one kind, `pair`, in `folder`. HostError names the file that failed.

    `keep_key` writes a draft's key down until its certificate is there, so that an agent that
    starts anew goes on with the same one (a kubelet without rotation does so).
    """

    def __init__(
        self, folder: Path, pair: str, threads: Threads, *, keep_key: bool = False
    ) -> None:
        self._folder, self._pair, self._threads = folder, pair, threads
        self._draft = folder / _HALF_DONE if keep_key else None

    @property
    def current(self) -> Path:
        """The file of the pair in use; it may not be there yet."""
        return self._folder / f"{self._pair}-current.pem"

    async def held(self) -> Held | None:
        """The pair in use; None where there is none or it cannot be used."""
        return await self._threads.run(read_pair, self.current)

    async def draft(self, wish: Wish) -> Draft:
        """A new key, and the request for a certificate of it."""
        return await self._threads.run(self._make, wish)

    async def keep(self, draft_key: bytes, certificate: bytes, *, now: float) -> Held:
        """Use this pair from now on. HostError where both do not belong together."""
        return await self._threads.run(self._keep, draft_key, certificate, now)

    def keep_now(self, key: bytes, certificate: bytes, *, now: float) -> Held:
        """The same before a loop runs; blocks."""
        return self._keep(key, certificate, now)

    def _make(self, wish: Wish) -> Draft:
        key = self._kept_key() or ec.generate_private_key(ec.SECP256R1())
        return Draft(key=_key_pem(key), request=_request(wish, key))

    def _kept_key(self) -> ec.EllipticCurvePrivateKey | None:
        if self._draft is None:
            return None
        with suppress(OSError, ValueError, TypeError, UnsupportedAlgorithm):
            kept = serialization.load_pem_private_key(self._draft.read_bytes(), password=None)
            if isinstance(kept, ec.EllipticCurvePrivateKey):
                return kept
        key = ec.generate_private_key(ec.SECP256R1())
        with translated("keep the key", str(self._draft)):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o755)
            write_atomic(str(self._draft), _key_pem(key), durable=True)
        return key

    def _keep(self, key: bytes, certificate: bytes, now: float) -> Held:
        _check(key, certificate, target=str(self._folder / self._pair))
        path = self._folder / file_name(self._pair, now)
        link = self._folder / f"{self._pair}-updated.pem"
        with translated("keep the certificate", str(path)):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o755)
            write_atomic(str(path), certificate.rstrip() + b"\n" + key, durable=True)
            link.unlink(missing_ok=True)
            link.symlink_to(path)
            link.replace(self.current)
            if self._draft is not None:
                self._draft.unlink(missing_ok=True)
        found = read_pair(path)
        assert found is not None, "it was just checked"
        return found


def read_pair(path: Path) -> Held | None:
    """What the certificate in this file is for; None where the pair cannot be used. Blocks."""
    try:
        text = path.read_bytes()
        return held(text) if _belong_together(text, text) else None
    except (OSError, ValueError):
        return None


def held(certificate: bytes) -> Held:
    """What a certificate (PEM) is for. ValueError where it is none."""
    found = x509.load_pem_x509_certificate(certificate)
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    with suppress(x509.ExtensionNotFound):
        others = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(others.get_values_for_type(x509.DNSName))
        addresses = tuple(str(one) for one in others.get_values_for_type(x509.IPAddress))
    return Held(
        not_before=_seconds(found.not_valid_before_utc),
        not_after=_seconds(found.not_valid_after_utc),
        common_name=_first(found.subject, NameOID.COMMON_NAME),
        organization=_first(found.subject, NameOID.ORGANIZATION_NAME),
        names=names,
        addresses=addresses,
    )


def _request(wish: Wish, key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, wish.organization),
            x509.NameAttribute(NameOID.COMMON_NAME, wish.common_name),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    others: list[x509.GeneralName] = [x509.DNSName(name) for name in wish.names]
    others += [
        x509.IPAddress(ipaddress.ip_address(one)) for one in wish.addresses if is_address(one)
    ]
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _check(key: bytes, certificate: bytes, *, target: str) -> None:
    try:
        matches = _belong_together(key, certificate)
    except ValueError as error:
        raise HostError(
            op="keep the certificate", target=target, detail="it is no certificate"
        ) from error
    if not matches:
        detail = "it was issued for another key"
        raise HostError(op="keep the certificate", target=target, detail=detail)


def _belong_together(key: bytes, certificate: bytes) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = serialization.load_pem_private_key(key, password=None)
    public = x509.load_pem_x509_certificate(certificate).public_key()
    return private.public_key().public_bytes(*form) == public.public_bytes(*form)


def _seconds(moment: datetime.datetime) -> float:
    return moment.timestamp()


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
