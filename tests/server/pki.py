"""A certificate authority whose certificates are files, for tests of the node's port."""

import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from tests.apiserver import authority
from tests.apiserver.authority import CLIENT, SERVER

__all__ = ["CLIENT", "SERVER", "Authority", "client_context"]


class Authority:
    """Signs; what it signs is a file of certificate and key."""

    def __init__(self, folder: Path, name: str = "test-ca") -> None:
        self._folder, self._name = folder, name
        self._signer = authority.Authority(name)
        self.file = folder / f"{name}.crt"
        self.file.write_bytes(self._signer.pem)

    def sign(
        self,
        name: str,
        groups: Iterable[str] = (),
        *,
        usage: x509.ObjectIdentifier = CLIENT,
        seconds: float = 3600,
    ) -> Path:
        """A certificate for somebody; that of a server is good for 127.0.0.1 and localhost."""
        if usage == SERVER:
            pair = self._signer.server(name, ["localhost", "127.0.0.1"], seconds=seconds)
        else:
            pair = self._signer.client(name, groups, seconds=seconds)
        path = self._folder / f"{self._name}-{name.replace(':', '-') or 'nameless'}.pem"
        path.write_bytes(pair.both)
        return path


def client_context(certificate: Path | None = None, *, trust: Path | None = None) -> ssl.SSLContext:
    """A client's side; without `trust` any server will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = trust is not None
    context.verify_mode = ssl.CERT_REQUIRED if trust else ssl.CERT_NONE
    if trust:
        context.load_verify_locations(trust)
    if certificate:
        context.load_cert_chain(certificate)
    return context
