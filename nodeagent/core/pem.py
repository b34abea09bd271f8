"""Certificates as PEM text."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def certificate_blocks(text: str) -> str:
    """The certificates of the text in their order, in plain blocks and nothing else."""
    return "".join(_pem(one) for one in _decoded(text))


def joined_certificates(texts: Iterable[str]) -> str:
    """All certificates of the texts, each once, in plain blocks and nothing else."""
    found: dict[bytes, None] = {}
    for text in texts:
        found.update(dict.fromkeys(_decoded(text)))
    return "".join(_pem(one) for one in found)


def _decoded(text: str) -> Iterator[bytes]:
    for body in _BLOCK.findall(text):
        try:
            plain = body.rpartition("\n\n")[2] if ":" in body else body  # headers come first
            yield base64.b64decode("".join(plain.split()), validate=True)
        except (binascii.Error, ValueError):
            continue


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))
