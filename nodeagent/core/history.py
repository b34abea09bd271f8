"""The last minutes of many values as lines of blocks, and what of a table fits a terminal."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

BLOCKS: Final = "▁▂▃▄▅▆▇█"
PLAIN_BLOCKS: Final = "_.-=+*#@"  # for terminals without Unicode
SHORTEST: Final = 180.0  # seconds of history, at least
READINGS: Final = 30  # at least so many
WIDEST: Final = 60  # characters of history
LEAST: Final = 10
GAP: Final = 2  # blanks between columns
NAME_LEAST: Final = 12

Point: TypeAlias = tuple[float, int]
History: TypeAlias = Mapping[str, tuple[Point, ...]]


def span_of(interval: float) -> float:
    """How many seconds are remembered with a reading every `interval` seconds."""
    return max(SHORTEST, READINGS * interval)


def remember(
    history: History, values: Mapping[str, int | None], *, at: float, span: float
) -> History:
    """The history with these values; whoever has none any more is forgotten."""
    return {
        key: (
            *(point for point in history.get(key, ()) if point[0] > at - span),
            *(() if value is None else ((at, value),)),
        )
        for key, value in values.items()
    }


def bars(
    points: Sequence[Point], *, at: float, span: float, width: int, least: int, blocks: str = BLOCKS
) -> str:
    """The points of the last `span` seconds in `width` characters, the newest to the right.

    The highest block is the highest value there is, or `least` if all are lower. A character stands
    for the mean of its time; one without a reading repeats the one before.
    """
    if width <= 0:
        return ""
    slot = span / width
    newest = int(at // slot)
    sums: dict[int, list[int]] = {}
    for when, value in points:
        sums.setdefault(int(when // slot), []).append(value)
    means = {number: sum(some) / len(some) for number, some in sums.items()}
    top = max([least, *means.values()])
    text, last = "", " "
    for number in range(newest - width + 1, newest + 1):
        if number in means:
            last = blocks[min(int(means[number] / top * len(blocks)), len(blocks) - 1)]
        text += last
    return text


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns are shown in how many characters, and how wide the history is (0: not)."""

    columns: tuple[int, ...]
    widths: tuple[int, ...]
    history: int


def fit(
    needed: Sequence[int],
    *,
    names: Sequence[int],
    spare: Sequence[int],
    last: Sequence[int] = (),
    width: int,
) -> Fit:
    """Columns that fit into `width` characters beside a history.

    Without room for a short one, columns of `spare` are left out one by one; then those of `names`
    are cut, and where that is not enough those of `last` are left out; in the end the history goes.
    """
    least = [min(one, NAME_LEAST) if i in names else one for i, one in enumerate(needed)]
    kept = list(range(len(needed)))

    def taken(widths: Sequence[int]) -> int:
        return sum(widths[i] + GAP for i in kept)

    for columns, widths in ((spare, needed), (last, least)):
        for column in columns:
            if taken(widths) + LEAST <= width:
                break
            kept.remove(column)
    shown = list(needed)
    for column in names:
        over = taken(shown) + LEAST - width
        shown[column] = max(least[column], shown[column] - max(over, 0))
    room = width - taken(shown)
    return Fit(
        columns=tuple(kept),
        widths=tuple(shown[i] for i in kept),
        history=min(room, WIDEST) if room >= LEAST else 0,
    )
