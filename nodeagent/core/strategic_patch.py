"""What a strategic merge patch must say to make one document of another.

Source: "Update API Objects in Place Using kubectl patch" page; the lists are those of status.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

Document = dict[str, Any]

BY_KEY: Final = {"conditions": "type"}  # entries of others stay
WHOLE: Final = ("addresses", "hostIPs", "podIPs")  # merged by the server unless told otherwise
_REPLACE: Final = {"$patch": "replace"}


def as_document(value: Any) -> Document:
    """A Kubernetes value as JSON has it."""
    document = msgspec.to_builtins(value)
    assert isinstance(document, dict)
    return document


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Document:
    """The smallest patch that turns `old` into `new`; empty where they are equal.

    Null removes a field. Conditions are told one by one, and one that `new` lacks is deleted.
    """
    patch: Document = {key: None for key in old.keys() - new.keys() if old[key] is not None}
    for key, value in new.items():
        before = old.get(key)
        if value == before:
            continue
        patch[key] = _change(key, before, value)
    return dict(sorted(patch.items()))


def _change(key: str, before: Any, value: Any) -> Any:
    if key in BY_KEY and isinstance(value, list):
        return _by_key(before or [], value, BY_KEY[key])
    if key in WHOLE and isinstance(value, list):
        return [_REPLACE, *value]
    if isinstance(value, dict) and isinstance(before, dict):
        return difference(before, value)
    return value


def _by_key(old: list[Document], new: list[Document], key: str) -> list[Document]:
    before = {one[key]: one for one in old}
    after = {one[key] for one in new}
    changed = [
        {key: one[key], **difference(before.get(one[key], {}), one)}
        for one in new
        if before.get(one[key]) != one
    ]
    gone = [{"$patch": "delete", key: name} for name in before if name not in after]
    return changed + gone
