"""Ranges of user ids."""

from nodeagent.core.userns import free_range
from nodeagent.model.launch import IdRange


def test_ranges_are_given_from_the_lowest_free_one() -> None:
    first = free_range((), length=65536, most=3)
    assert first == IdRange(host_id=65536, container_id=0, length=65536)
    second = free_range((first,), length=65536, most=3)
    assert second is not None and second.host_id == 131072
    assert free_range((second,), length=65536, most=3) == first


def test_no_range_is_given_twice() -> None:
    held: list[IdRange] = []
    while (found := free_range(held, length=65536, most=5)) is not None:
        held.append(found)
    assert len({h.host_id for h in held}) == len(held) == 5
