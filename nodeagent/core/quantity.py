"""Kubernetes quantities ("100m", "64Mi", "1e3") as exact integers, and back to their short form."""

import re
from functools import lru_cache
from typing import Final

_NANO: Final = 10**9
_MICRO: Final = 10**6
_MAX: Final = (2**63 - 1) * _NANO  # larger amounts are taken as this, as the API does
_SHAPE: Final = re.compile(
    r"([+-]?)([0-9]*)(?:\.([0-9]*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII
)
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18
}  # fmt: skip
_DECIMAL_NAMES: Final = {power: name for name, power in _DECIMAL.items()}
_BINARY_NAMES: Final = {power: name for name, power in _BINARY.items()}

Quantity = str | int | float


def as_bytes(quantity: Quantity) -> int:
    """The amount in whole units, rounded away from zero: bytes, counts.

    ValueError names what is not a quantity.
    """
    return _whole(quantity if isinstance(quantity, str) else str(quantity))


def as_milli(quantity: Quantity) -> int:
    """The amount in thousandths, rounded away from zero: milli-CPU for "cpu"."""
    return _milli(quantity if isinstance(quantity, str) else str(quantity))


def amount(resource: str, quantity: Quantity) -> int:
    """The amount in the unit decisions count this resource in: milli for cpu, else whole units."""
    return as_milli(quantity) if resource == "cpu" else as_bytes(quantity)


def format_amount(resource: str, value: int) -> str:
    """The inverse of `amount`, in the spelling Kubernetes uses for this resource."""
    if resource == "cpu":
        return _decimal(value * _MICRO)
    if resource == "memory" or resource == "ephemeral-storage" or resource.startswith("hugepages-"):
        return _binary(value * _NANO)
    return _decimal(value * _NANO)


@lru_cache(maxsize=4096)
def canonical(quantity: str) -> str:
    """The short form the API server stores: no fraction, the largest suffix that divides evenly.

    The family of the suffix (binary, decimal, exponent) stays as written; see "Quantity" in the
    Kubernetes API conventions.
    """
    nanos = _nanos(quantity)
    suffix = quantity.lstrip("+-").lstrip("0123456789.")
    if suffix in _BINARY:
        return _binary(nanos)
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        digits, power = _thousands(nanos)
        return f"{digits}e{power}" if power else str(digits)
    return _decimal(nanos)


@lru_cache(maxsize=4096)
def _whole(text: str) -> int:
    return _away(_nanos(text), _NANO)


@lru_cache(maxsize=4096)
def _milli(text: str) -> int:
    return _away(_nanos(text), _MICRO)


def _nanos(text: str) -> int:
    """The exact amount in units of 1e-9; what is finer is rounded away from zero."""
    match = _SHAPE.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise ValueError(f'"{text}" is not a quantity: write a number like 2, 0.5, 100m or 64Mi')
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4] or ""
    digits = int((whole + fraction) or "0")
    if suffix in _BINARY:
        nanos = _away(digits * 1024 ** _BINARY[suffix] * _NANO, 10 ** len(fraction))
    else:
        nanos = _scale(digits, _power(suffix) + 9 - len(fraction))
    return -min(nanos, _MAX) if sign == "-" else min(nanos, _MAX)


def _power(suffix: str) -> int:
    known = _DECIMAL.get(suffix)
    return int(suffix[1:]) if known is None else known


def _scale(digits: int, power: int) -> int:
    """digits * 10**power without building absurdly large numbers."""
    if digits == 0:
        return 0
    if power >= 0:
        return digits * 10**power if power < 64 else _MAX
    return _away(digits, 10**-power) if power > -4096 else 1


def _away(value: int, divisor: int) -> int:
    """Divide, rounding away from zero."""
    return -(-value // divisor) if value >= 0 else value // divisor


def _thousands(nanos: int) -> tuple[int, int]:
    """Digits and the power of ten, a multiple of three, that make up the amount."""
    power = -9
    while nanos and nanos % 1000 == 0 and power < 18:
        nanos //= 1000
        power += 3
    return nanos, power if nanos else 0


def _decimal(nanos: int) -> str:
    digits, power = _thousands(nanos)
    return f"{digits}{_DECIMAL_NAMES[power]}"


def _binary(nanos: int) -> str:
    if -1024 * _NANO < nanos < 1024 * _NANO:
        return _decimal(nanos)
    value, power = _away(nanos, _NANO), 0
    while value % 1024 == 0 and power < 6:
        value //= 1024
        power += 1
    return f"{value}{_BINARY_NAMES.get(power, '')}"
