"""Texts with a NUL character: the kernel ends each path and name there.

Files of the node may not have one (`manifest_decode`), but an API server hands it on.
"""

from typing import Final

import msgspec

NO_NUL: Final = "has a NUL character in it, which no path and no name may have"


def has_nul(value: msgspec.Struct) -> bool:
    """Whether any text of it, however deep, has one."""
    return _has_nul(msgspec.to_builtins(value))


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(one) for key, one in value.items())
    return isinstance(value, list) and any(_has_nul(one) for one in value)
