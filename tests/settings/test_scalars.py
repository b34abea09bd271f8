"""Durations, quantities and other small texts."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.settings import scalars


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("1m30s", 90.0),
        ("100ms", 0.1),
        ("1h2m3.5s", 3723.5),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("-1s", -1.0),
        ("+2us", 2e-6),
        ("2µs", 2e-6),
        ("7ns", 7e-9),
        ("1m0.1s", 60.1),
    ],
)
def test_a_go_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert scalars.parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-", "5", "1d", "s", "1 s", "1s ", "1m-1s", ".s", "1e3s", "٣s"]
)
def test_what_go_does_not_take_for_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        scalars.parse_duration(text)


def test_a_duration_that_go_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="292 years"):
        scalars.parse_duration("9999999h")


@given(
    hours=st.integers(0, 1000),
    minutes=st.integers(0, 59),
    millis=st.integers(0, 59_999),
    negative=st.booleans(),
)
def test_any_mix_of_units_adds_up(hours: int, minutes: int, millis: int, negative: bool) -> None:
    text = f"{'-' if negative else ''}{hours}h{minutes}m{millis}ms"
    total = hours * 3600 + minutes * 60 + millis / 1000
    assert math.isclose(scalars.parse_duration(text), -total if negative else total)


@given(st.text(max_size=20))
def test_no_text_at_all_breaks_the_readers(text: str) -> None:
    for read in (
        scalars.parse_duration,
        scalars.parse_quantity,
        scalars.read_address,
        scalars.read_network,
        scalars.read_cpus,
        scalars.read_threshold,
        scalars.read_endpoint,
        scalars.read_absolute_path,
    ):
        try:
            read(text)
        except ValueError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", Fraction(0)),
        ("100Mi", Fraction(100 * 2**20)),
        ("250m", Fraction(1, 4)),
        ("1.5", Fraction(3, 2)),
        (".5Gi", Fraction(2**29)),
        ("5.", Fraction(5)),
        ("1e3", Fraction(1000)),
        ("1E-3", Fraction(1, 1000)),
        ("1E", Fraction(10**18)),
        ("2k", Fraction(2000)),
        ("-1", Fraction(-1)),
        ("3n", Fraction(3, 10**9)),
    ],
)
def test_a_quantity_is_read_exactly(text: str, value: Fraction) -> None:
    amount = scalars.parse_quantity(text)
    assert Fraction(amount.numerator, amount.denominator) == value


@pytest.mark.parametrize(
    "text", ["", ".", "Mi", "1K", "1 Mi", "1ki", "1e", "0x10", "--1", "1e9999"]
)
def test_what_kubernetes_does_not_take_for_a_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a quantity such as"):
        scalars.parse_quantity(text)


@given(st.integers(0, 10**12), st.sampled_from(["", "Ki", "Mi", "Gi", "k", "M", "m", "u"]))
def test_rounding_a_quantity_never_loses_any_of_it(number: int, suffix: str) -> None:
    amount = scalars.parse_quantity(f"{number}{suffix}")
    exact = Fraction(amount.numerator, amount.denominator)
    assert exact <= amount.whole < exact + 1


@pytest.mark.parametrize("text", ["0%", "5%", "99.5%", "100%"])
def test_a_percentage_stays_as_written(text: str) -> None:
    assert scalars.read_percent(text) == text


@pytest.mark.parametrize("value", ["101%", "-1%", "5", "%", "5 %", 5, None])
def test_a_wrong_percentage_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a percentage"):
        scalars.read_percent(value)


@pytest.mark.parametrize("text", ["/", "/var/log/pods", "/a.b/c"])
def test_a_clean_absolute_path_is_taken(text: str) -> None:
    assert scalars.read_absolute_path(text) == text


@pytest.mark.parametrize("text", ["", "a", "/a/", "//a", "/a/../b", "/a/./b", "/ä"])
def test_a_path_that_is_not_clean_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an absolute path"):
        scalars.read_absolute_path(text)


def test_a_bare_socket_path_gets_its_scheme() -> None:
    assert scalars.read_endpoint("/run/c.sock") == "unix:///run/c.sock"
    assert scalars.read_endpoint("unix:///run/c.sock") == "unix:///run/c.sock"


@pytest.mark.parametrize(
    "text", ["tcp://h:1", "unix://", "unix:///", "run/c.sock", "npipe:////./x"]
)
def test_an_endpoint_that_is_no_unix_socket_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a unix socket"):
        scalars.read_endpoint(text)


@pytest.mark.parametrize("text", ["", "0", "0-3", "1,3-5"])
def test_a_list_of_cpus_is_taken(text: str) -> None:
    assert scalars.read_cpus(text) == text


@pytest.mark.parametrize("text", ["a", "3-1", "1-", ",", "1,,2", "-1"])
def test_a_wrong_list_of_cpus_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a list of CPUs"):
        scalars.read_cpus(text)
