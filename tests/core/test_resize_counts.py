"""What a change of resources is counted as."""

from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.resize_counts import changes


def spec(**amounts: Any) -> v1.PodSpec:
    resources = v1.ResourceRequirements(**amounts) if amounts else None
    return v1.PodSpec(containers=[v1.Container(name="web", resources=resources)])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (spec(limits={"memory": "1Gi"}), spec(limits={"memory": "1024Mi"}), []),
        (
            spec(requests={"cpu": "1"}),
            spec(requests={"cpu": "500m"}),
            [("cpu", "requests", "decrease")],
        ),
        (
            spec(requests={"cpu": "1", "memory": "1Gi"}),
            spec(requests={"cpu": "2"}, limits={"memory": "1Gi"}),
            [
                ("memory", "requests", "remove"),
                ("memory", "limits", "add"),
                ("cpu", "requests", "increase"),
            ],
        ),
    ],
)
def test_each_value_that_is_to_be_another_counts(
    before: v1.PodSpec, after: v1.PodSpec, expected: list[tuple[str, str, str]]
) -> None:
    assert list(changes(before, after)) == expected


def test_a_container_that_was_not_there_is_no_change() -> None:
    assert list(changes(v1.PodSpec(containers=[]), spec(requests={"cpu": "1"}))) == []
