"""Versions of changing lists."""

import msgspec
import pytest

from nodeagent.server.ledger import TOMBSTONES, Ledger
from nodeagent.server.refusals import Refusal


class Thing(msgspec.Struct, frozen=True):
    name: str
    value: int = 0


def a_ledger() -> Ledger[Thing, str]:
    return Ledger(
        key=lambda thing: thing.name,
        show=lambda thing, version: f"{thing.name}={thing.value}@{version}",
        start=100,
    )


def steps(ledger: Ledger[Thing, str], since: int) -> list[tuple[str, str]]:
    return [(change.kind, change.object) for change in ledger.since(since)]


def test_equal_objects_keep_their_version() -> None:
    ledger = a_ledger()
    assert ledger.refresh([Thing("a", 1)]) == ("a=1@101",)
    assert ledger.refresh([Thing("a", 1)]) == ("a=1@101",)
    assert ledger.refresh([Thing("a", 2)]) == ("a=2@102",)


def test_changes_come_in_order_and_only_the_newest_of_each() -> None:
    ledger = a_ledger()
    ledger.refresh([Thing("a"), Thing("b")])
    ledger.refresh([Thing("a", 1), Thing("b")])
    ledger.refresh([Thing("a", 2)])
    ledger.refresh([Thing("a", 2), Thing("c")])
    assert steps(ledger, 102) == [
        ("DELETED", "b=0@104"),
        ("MODIFIED", "a=2@105"),
        ("ADDED", "c=0@106"),
    ]
    assert steps(ledger, ledger.version) == []


def test_what_came_and_went_in_between_is_not_told() -> None:
    ledger = a_ledger()
    ledger.refresh([Thing("a")])
    seen = ledger.version
    ledger.refresh([Thing("a"), Thing("brief")])
    ledger.refresh([Thing("a")])
    assert steps(ledger, seen) == []


def test_deletions_are_remembered_only_so_far() -> None:
    ledger = a_ledger()
    for number in range(TOMBSTONES + 5):
        ledger.refresh([Thing(str(number))])
    with pytest.raises(Refusal, match="too old") as refused:
        ledger.since(100)
    assert refused.value.code == 410
    told = [kind for kind, _ in steps(ledger, ledger.version - 4)]
    assert told == ["DELETED", "ADDED"]


def test_objects_that_are_no_structs_are_compared_as_they_are() -> None:
    ledger = Ledger[str, str](key=str, show=lambda one, version: f"{one}@{version}", start=1)
    assert ledger.refresh(["a"]) == ("a@2",)
    assert ledger.refresh(["".join(["a"])]) == ("a@2",)
