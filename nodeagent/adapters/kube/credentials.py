"""Certificates, keys and tokens as a connection uses them, read again when their files change."""

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec

from nodeagent.adapters.kube.access import Access, Pem, fits_header
from nodeagent.errors import ApiUnavailable

Stamp = tuple[tuple[str, int, int, int], ...]


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection is made with; `stamp` tells which files it was read from."""

    tls: ssl.SSLContext | None
    token: str
    stamp: Stamp

    def __repr__(self) -> str:
        return "Credentials(...)"


def read_credentials(access: Access) -> Credentials:
    """Blocking. ApiUnavailable names the file that cannot be read or used."""
    stamp = file_stamp(access)  # before the reading, or a change in between would be missed
    token = access.token
    if access.token_file:
        with _explained(access.token_file, "read the token"):
            token = Path(access.token_file).read_text().strip()
            if not fits_header(token):
                raise ValueError("no token")
    tls = _tls(access) if access.server.startswith("https://") else None
    return Credentials(tls=tls, token=token, stamp=stamp)


def file_stamp(access: Access) -> Stamp:
    """Blocking. Another value whenever a file of `access`, or what a link to it names, changed."""
    found: list[tuple[str, int, int, int]] = []
    for path in access.files:
        try:
            about = Path(path).stat()
            found.append((path, about.st_ino, about.st_mtime_ns, about.st_size))
        except OSError:
            found.append((path, 0, 0, 0))
    return tuple(found)


def _tls(access: Access) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif access.ca:
        with _explained(access.ca.path or access.origin, "read the certificate authority"):
            text = access.ca.data or Path(access.ca.path).read_bytes()
            context.load_verify_locations(cadata=text.decode("ascii"))
    else:
        context.load_default_certs()
    if access.certificate:
        where = access.certificate.path or access.origin
        with (
            _explained(where, "read the client certificate"),
            _as_file(access.certificate) as certificate,
            _as_file(access.key) as key,
        ):
            context.load_cert_chain(certificate, key)
    return context


@contextlib.contextmanager
def _as_file(pem: Pem) -> Iterator[str]:
    """OpenSSL reads keys from files only; one given as text never reaches a disk."""
    if not pem.data:
        yield pem.path
        return
    memory = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(memory, pem.data)
        yield f"/proc/self/fd/{memory}"
    finally:
        os.close(memory)


@contextlib.contextmanager
def _explained(where: str, op: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        detail = str(getattr(error, "strerror", None) or getattr(error, "reason", "") or "unusable")
        raise ApiUnavailable(op=op, target=where, detail=detail) from error
