"""Which of two versions of an object is the newer one."""

from typing import Any


def version_of(one: Any) -> str:
    """The object's resourceVersion, "" if it has none."""
    meta = one.metadata if one is not None else None
    return (meta.resourceVersion or "") if meta is not None else ""


def is_older(one: Any, other: Any) -> bool:
    """Whether `one` is surely an older version than `other`, of the same object.

    Resource versions of one kind are numbers that grow (KEP-5504); others cannot be compared, and
    then nothing is sure.
    """
    mine, theirs = version_of(one), version_of(other)
    if not mine.isdecimal() or not theirs.isdecimal():
        return False
    return int(mine) < int(theirs)
