"""Quantities as the API keeps them: 0.5 is 500m, and 1024Ki is 1Mi."""

import re
from fractions import Fraction
from typing import Final

_UNITS: Final = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    **{unit: Fraction(1000) ** (i + 1) for i, unit in enumerate("kMGTPE")},
    **{f"{unit}i": Fraction(1024) ** (i + 1) for i, unit in enumerate("KMGTPE")},
}


def amount(text: object) -> Fraction:
    """What it is worth."""
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)([a-zA-Z]*)", str(text))
    assert found is not None and found[2] in _UNITS, f"{text} is no quantity"
    return Fraction(found[1]) * _UNITS[found[2]]


def canonical(text: object) -> str:
    """The same in whole numbers of the largest unit of its family."""
    value, binary = amount(text), str(text).endswith("i")
    if not value:
        return "0"
    family = [u for u in _UNITS if u == "" or u.endswith("i") is binary]
    fitting = [u for u in family if (value / _UNITS[u]).denominator == 1] or ["m"]
    best = max(fitting, key=lambda unit: _UNITS[unit])
    return f"{-(-value // _UNITS[best])}{best}"
