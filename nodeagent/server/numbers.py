"""Whole numbers as clients write them."""

from typing import Final

MOST: Final = (1 << 63) - 1


def whole_number(text: str) -> int | None:
    """The number that ASCII digits say; None for anything else, and beyond 64 bits as in Go."""
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > len(str(MOST)):
        return None
    number = int(text.lstrip("0") or "0")
    return number if number <= MOST else None
