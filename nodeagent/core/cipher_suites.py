"""TLS cipher suites: the names of a KubeletConfiguration, and OpenSSL's."""

from collections.abc import Iterable

# What a kubelet offers below TLS 1.3 where nothing is configured, best first.
USUAL = tuple(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
) + tuple(
    f"ECDHE-{key}-{cipher}" for cipher in ("AES128-SHA", "AES256-SHA") for key in ("ECDSA", "RSA")
)

_CIPHERS = {
    "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "CHACHA20_POLY1305": "CHACHA20-POLY1305",
    "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    "AES_128_CBC_SHA": "AES128-SHA",
    "AES_256_CBC_SHA": "AES256-SHA",
    "AES_128_CBC_SHA256": "AES128-SHA256",
    "3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "RC4_128_SHA": "RC4-SHA",
}
_KEYS = {"ECDHE_ECDSA": "ECDHE-ECDSA-", "ECDHE_RSA": "ECDHE-RSA-", "RSA": ""}
_ALWAYS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


def openssl_suites(names: Iterable[str]) -> tuple[str, ...]:
    """OpenSSL's names of the suites below TLS 1.3; those of TLS 1.3 are always on and left out.

    No names mean the usual ones. ValueError names a suite that nobody knows.
    """
    given = tuple(names)
    if not given:
        return USUAL
    return tuple(_translated(name) for name in given if name not in _ALWAYS)


def _translated(name: str) -> str:
    key, _, cipher = name.removeprefix("TLS_").partition("_WITH_")
    if not name.startswith("TLS_") or key not in _KEYS or cipher not in _CIPHERS:
        raise ValueError(f'"{name}" is no cipher suite that a kubelet knows')
    return _KEYS[key] + _CIPHERS[cipher]
