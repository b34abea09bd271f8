"""The certificate that the agent signs itself."""

import datetime as dt
import os
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from nodeagent.adapters.host.serving_cert import CERTIFICATE, KEY, VALID, ensure_self_signed
from nodeagent.errors import HostError

NOW = dt.datetime.now(dt.UTC)


def made(folder: Path, now: dt.datetime = NOW) -> x509.Certificate:
    ensure_self_signed(folder, name="node1", ips=("192.0.2.1", "2001:db8::1"), now=now)
    return x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())


def test_it_is_good_for_name_and_addresses_for_a_year(tmp_path: Path) -> None:
    found = made(tmp_path / "pki")
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["node1"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == [
        "192.0.2.1", "2001:db8::1",
    ]  # fmt: skip
    assert abs(found.not_valid_after_utc - NOW - VALID) < dt.timedelta(seconds=2)
    assert (tmp_path / "pki" / KEY).stat().st_mode & 0o777 == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pki" / CERTIFICATE, tmp_path / "pki" / KEY)


def test_what_is_there_stays_until_its_time_is_over(tmp_path: Path) -> None:
    first = made(tmp_path)
    assert made(tmp_path) == first
    old = NOW.timestamp() - VALID.total_seconds()
    os.utime(tmp_path / CERTIFICATE, (old, old))
    assert made(tmp_path) != first


def test_a_missing_key_makes_both_anew(tmp_path: Path) -> None:
    first = made(tmp_path)
    (tmp_path / KEY).unlink()
    assert made(tmp_path) != first


def test_a_folder_that_cannot_be_made_is_an_error_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError):
        made(tmp_path / "file" / "pki")
