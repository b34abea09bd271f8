"""A serving certificate that the agent signs itself, for a node that is given none."""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.oserror import translated

CERTIFICATE, KEY = "kubelet.crt", "kubelet.key"
VALID, MARGIN = dt.timedelta(days=365), dt.timedelta(days=1)


def ensure_self_signed(folder: Path, *, name: str, ips: Iterable[str], now: dt.datetime) -> None:
    """`kubelet.crt` and `kubelet.key` are in the folder, and good for the name; blocks.

    Files that are there stay, unless their time is over. HostError where they cannot be written.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    with translated("make the certificate in", str(folder)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if key.exists() and _is_fresh(certificate, now):
            return
        made_key, made = _made(name, tuple(ips), now)
        write_atomic(str(key), made_key, durable=True)
        write_atomic(str(certificate), made, mode=0o644, durable=True)


def _is_fresh(certificate: Path, now: dt.datetime) -> bool:
    """Whether it was written less than its time ago: to read it would cost 7 MB of memory."""
    try:
        age = now.timestamp() - certificate.stat().st_mtime
    except FileNotFoundError:
        return False
    return age < (VALID - MARGIN).total_seconds()


def _made(name: str, ips: tuple[str, ...], now: dt.datetime) -> tuple[bytes, bytes]:
    from cryptography import x509  # late: only a node that needs a new one pays for it
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"{name}@{int(now.timestamp())}"[:64])]
    )
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    names += [x509.IPAddress(ipaddress.ip_address(ip)) for ip in ips]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))  # clocks of clients differ
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    raw = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return raw, certificate.public_bytes(serialization.Encoding.PEM)
