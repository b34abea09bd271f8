"""Certificates as PEM text."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def joined_certificates(texts: Iterable[str]) -> str:
    """All certificates of the texts, each once, in plain blocks and nothing else."""
    found: dict[bytes, None] = {}
    for text in texts:
        for body in _BLOCK.findall(text):
            try:
                found[base64.b64decode("".join(body.split()), validate=True)] = None
            except (binascii.Error, ValueError):
                continue
    return "".join(_pem(one) for one in found)


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))
