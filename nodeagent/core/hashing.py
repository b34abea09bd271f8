"""Hashes that outlive the agent: a container's identity and a static pod's uid."""

import json

from lightkube.models import core_v1 as v1

_BASIS_32, _PRIME_32, _MASK_32 = 0x811C9DC5, 0x01000193, (1 << 32) - 1
_BASIS_128, _PRIME_128 = 0x6C62272E07BB014262B821756295C58D, (1 << 88) + 0x13B
_MASK_128 = (1 << 128) - 1


def fnv1a_32(data: bytes) -> int:
    """FNV-1a of 32 bits (draft-eastlake-fnv)."""
    value = _BASIS_32
    for byte in data:
        value = ((value ^ byte) * _PRIME_32) & _MASK_32
    return value


def fnv1a_128(data: bytes) -> int:
    """FNV-1a of 128 bits (draft-eastlake-fnv)."""
    value = _BASIS_128
    for byte in data:
        value = ((value ^ byte) * _PRIME_128) & _MASK_128
    return value


def spec_hash(container: v1.Container | v1.EphemeralContainer) -> str:
    """What annotation `io.kubernetes.container.hash` holds: changes only with name and image.

    Equals the value a kubelet of Kubernetes 1.31 and later writes, so that containers which one
    of them started are taken over without a restart. It hashes not the JSON itself but how Go
    prints those bytes.
    """
    picked = {"image": container.image or "", "name": container.name}
    text = json.dumps(picked, separators=(",", ":"), ensure_ascii=False)
    for plain, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(plain, escaped)
    printed = f"([]uint8)[{' '.join(map(str, text.encode()))}]"
    return f"{fnv1a_32(printed.encode()):x}"
