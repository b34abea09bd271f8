"""Quantities are read exactly, rounded up, and written in their short form."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.quantity import amount, as_bytes, as_milli, canonical, format_amount

SUFFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12),
    "P": Fraction(10**15), "E": Fraction(10**18), "Ki": Fraction(2**10), "Mi": Fraction(2**20),
    "Gi": Fraction(2**30), "Ti": Fraction(2**40), "Pi": Fraction(2**50), "Ei": Fraction(2**60),
    "e3": Fraction(1000), "E3": Fraction(1000), "e-3": Fraction(1, 1000), "e+2": Fraction(100),
}  # fmt: skip
MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "whole", "milli"),
    [
        ("0", 0, 0),
        ("1", 1, 1000),
        ("100m", 1, 100),
        ("1500m", 2, 1500),
        ("0.1", 1, 100),
        (".5", 1, 500),
        ("5.", 5, 5000),
        ("+2", 2, 2000),
        ("-1.5", -2, -1500),
        ("64Mi", 64 * 2**20, 64 * 2**20 * 1000),
        ("1.5Gi", 1610612736, 1610612736000),
        ("1E", 10**18, 10**21),
        ("1E3", 1000, 10**6),
        ("12e6", 12_000_000, 12 * 10**9),
        ("1n", 1, 1),
        ("0.1n", 1, 1),
        ("1u", 1, 1),
        ("0.1Ki", 103, 102400),
        (3, 3, 3000),
        (0.25, 1, 250),
        ("0e99999", 0, 0),
        ("1e-99999", 1, 1),
        ("1e99999", MOST, MOST * 1000),
        ("9999Ei", MOST, MOST * 1000),
        ("-1e60", -MOST, -MOST * 1000),
    ],
)
def test_a_quantity_is_read_exactly_and_rounded_up(
    text: str | float, whole: int, milli: int
) -> None:
    assert as_bytes(text) == whole
    assert as_milli(text) == milli


@pytest.mark.parametrize(
    "text", ["", "m", ".", "1 Gi", "1gi", "Mi", "--1", "1.2.3", "1KI", "0x10", "1e", "1e3k", "٣"]
)
def test_what_is_no_quantity_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity") as failure:
        as_bytes(text)
    assert f'"{text}"' in str(failure.value)


@given(
    st.integers(0, 10**12),
    st.from_regex(r"[0-9]{0,12}", fullmatch=True),
    st.sampled_from(sorted(SUFFIXES)),
)
def test_reading_agrees_with_exact_fractions(whole: int, digits: str, suffix: str) -> None:
    exact = Fraction(f"{whole}.{digits or 0}") * SUFFIXES[suffix]
    nanos = min(math.ceil(exact * 10**9), MOST * 10**9)
    assert as_bytes(f"{whole}.{digits}{suffix}") == math.ceil(Fraction(nanos, 10**9))
    assert as_milli(f"{whole}.{digits}{suffix}") == math.ceil(Fraction(nanos, 10**6))


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        ("1000k", "1M"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("0.5Ki", "512"),
        ("0.1Ki", "102400m"),
        ("1000Ki", "1000Ki"),
        ("12000e3", "12e6"),
        ("5e0", "5"),
        ("1E3", "1e3"),
        ("1E", "1E"),
        ("0", "0"),
        ("0Mi", "0"),
        ("-2048Ki", "-2Mi"),
        ("1025.1Ki", "1049703"),
    ],
)
def test_the_short_form_keeps_the_family_of_suffixes(text: str, short: str) -> None:
    assert canonical(text) == short
    assert canonical(short) == short


@given(
    st.integers(-(10**9), 10**9),
    st.sampled_from(["cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "pods", "x.io/gpu"]),
)
def test_amounts_survive_writing_and_reading(value: int, resource: str) -> None:
    assert amount(resource, format_amount(resource, value)) == value


def test_amounts_count_cpu_in_milli_units_and_the_rest_in_whole_ones() -> None:
    assert amount("cpu", "1.5") == 1500
    assert amount("memory", "1.5") == 2
    assert format_amount("cpu", 1500) == "1500m"
    assert format_amount("memory", 64 * 2**20) == "64Mi"
    assert format_amount("pods", 110) == "110"
