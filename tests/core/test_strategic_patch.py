"""The smallest patch between two documents."""

from typing import Any

import pytest

from nodeagent.core.strategic_patch import difference

READY = {"type": "Ready", "status": "True", "reason": "Yes"}
OTHER = {"type": "Other", "status": "True"}


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "z": 3}}, {"a": {"y": None, "z": 3}}),
        ({"list": [1, 2]}, {"list": [2]}, {"list": [2]}),
        (
            {"podIPs": [{"ip": "1"}]},
            {"podIPs": [{"ip": "2"}]},
            {"podIPs": [{"$patch": "replace"}, {"ip": "2"}]},
        ),
        ({"a": None}, {}, {}),
        ({}, {"conditions": [OTHER]}, {"conditions": [OTHER]}),
    ],
)
def test_only_what_differs_is_told(
    old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]
) -> None:
    assert difference(old, new) == patch


def test_conditions_are_told_one_by_one() -> None:
    turned = {"type": "Ready", "status": "False"}
    patch = difference({"conditions": [READY, OTHER]}, {"conditions": [turned, OTHER]})
    assert patch == {"conditions": [{"type": "Ready", "reason": None, "status": "False"}]}
    patch = difference({"conditions": [READY, OTHER]}, {"conditions": [OTHER]})
    assert patch == {"conditions": [{"$patch": "delete", "type": "Ready"}]}
