"""TLS of the node's port: its certificate, its versions and ciphers, and whose clients it knows."""

import ssl
from pathlib import Path

import msgspec

from nodeagent.core.cipher_suites import openssl_suites
from nodeagent.errors import HostError, SettingsError
from nodeagent.settings.names import TlsVersion

_VERSIONS = {
    TlsVersion.UNSET: ssl.TLSVersion.TLSv1_2,
    TlsVersion.V10: ssl.TLSVersion.TLSv1,
    TlsVersion.V11: ssl.TLSVersion.TLSv1_1,
    TlsVersion.V12: ssl.TLSVersion.TLSv1_2,
    TlsVersion.V13: ssl.TLSVersion.TLSv1_3,
}
Stamp = tuple[tuple[int, int, int] | None, ...]


class TlsRules(msgspec.Struct, frozen=True, kw_only=True):
    """Files and limits. `key` may be the same file as `certificate`.

    `late`: the certificate may not be there yet; until it is, every handshake fails, as with a
    kubelet that waits for its serving certificate.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    least: TlsVersion = TlsVersion.UNSET
    suites: tuple[str, ...] = ()
    late: bool = False


class ServingContext(ssl.SSLContext):
    """What a connection was taken with; `client_ca` is the bundle clients are checked against."""

    client_ca: bytes = b""


class TlsFiles:
    """Makes contexts of the files as they are now. Its calls read files: run them in a thread."""

    def __init__(self, rules: TlsRules) -> None:
        self._rules = rules

    def stamp(self) -> Stamp:
        """Changes whenever one of the files does."""
        rules = self._rules
        return tuple(
            _stamp(path) if path else None
            for path in (rules.certificate, rules.key, rules.client_ca)
        )

    def load(self) -> ServingContext:
        """HostError where a file cannot be used, SettingsError for ciphers that cannot."""
        rules = self._rules
        context = ServingContext(ssl.PROTOCOL_TLS_SERVER)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.minimum_version = _VERSIONS[rules.least]
        _choose_suites(context, rules)
        if not rules.late or rules.certificate.exists():
            _load_certificate(context, rules)
        if rules.client_ca is not None:
            _trust(context, rules.client_ca)
        return context


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


def _choose_suites(context: ssl.SSLContext, rules: TlsRules) -> None:
    old = rules.least in (TlsVersion.V10, TlsVersion.V11)
    try:
        suites = openssl_suites(rules.suites)
        if suites:
            # OpenSSL has TLS 1.0 and 1.1 only at its lowest level of security.
            context.set_ciphers(":".join(suites) + (":@SECLEVEL=0" if old else ""))
    except (ValueError, ssl.SSLError) as error:
        raise SettingsError(
            op="configure", target="tlsCipherSuites", detail=str(error) or "none can be used here"
        ) from error


def _load_certificate(context: ssl.SSLContext, rules: TlsRules) -> None:
    try:
        context.load_cert_chain(rules.certificate, rules.key, password=_no_password)
    except (OSError, ValueError) as error:
        detail = f"the certificate with key {rules.key} cannot be used: {error}"
        raise HostError(op="serve with", target=str(rules.certificate), detail=detail) from error


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted")


def _trust(context: ServingContext, path: Path) -> None:
    """Ask clients for a certificate, and take those that the bundle vouches for."""
    try:
        raw = path.read_bytes()
        context.load_verify_locations(cadata=raw.decode("ascii", errors="replace"))
    except (OSError, ValueError) as error:
        detail = f"the client CA bundle cannot be used: {error}"
        raise HostError(op="trust", target=str(path), detail=detail) from error
    context.client_ca = raw
    context.verify_mode = ssl.CERT_OPTIONAL
    # A bundle may hold an intermediate alone: what it holds is trusted, as in Go.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
