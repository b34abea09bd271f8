"""Text for Prometheus, read back by another program's reader."""

import gzip
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as read_classic

from nodeagent.core.exposition import (
    END,
    Family,
    encoded,
    escaped,
    head,
    label_text,
    number,
    page_of,
    stamp,
    written,
)

read_openmetrics: Any = parser.text_string_to_metric_families  # has no types
HOSTILE = 'a "quoted"\nline \\ and \\n, {braces} and ünïcode'
SECONDS = Family(name="x_seconds_total", type="counter", help='Of "x"\nand \\.')
ODD = Family(name="x_failcnt", type="counter", help="A counter of another time.")


def test_hostile_labels_come_back_as_they_were() -> None:
    line = (
        f"{head(SECONDS, openmetrics=False)}x_seconds_total{{{label_text([('l', HOSTILE)])}}} 1\n"
    )
    family = next(iter(read_classic(line)))
    assert family.samples[0].labels == {"l": HOSTILE}
    assert family.documentation == 'Of "x"\nand \\.'
    line = f"{head(SECONDS, openmetrics=True)}x_seconds_total{{{label_text([('l', HOSTILE)])}}} 1\n"
    family = next(iter(read_openmetrics(line + END)))
    assert family.samples[0].labels == {"l": HOSTILE}
    assert family.type == "counter"


def test_text_that_is_none_becomes_a_question_mark() -> None:
    assert encoded(f'x{{l="{escaped("a" + chr(0xDCFF))}"}}') == b'x{l="a?"}'


def test_an_answer_is_the_same_in_pieces_and_packed() -> None:
    pieces = ["x 1\n", 'y{l="é"} 2\n'] * 1000
    plain = written(iter(pieces), packed=False)
    assert plain == "".join(pieces).encode()
    packed = written(iter(pieces), packed=True)
    assert gzip.decompress(packed) == plain
    assert packed == written(iter(pieces), packed=True)


def test_a_counter_without_total_is_unknown_to_openmetrics() -> None:
    assert "# TYPE x_failcnt counter\n" in head(ODD, openmetrics=False)
    assert "# TYPE x_failcnt unknown\n" in head(ODD, openmetrics=True)
    assert "# TYPE x_seconds counter\n" in head(SECONDS, openmetrics=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (3.0, "3"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (1e-7, "1e-07"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers_are_written_as_scrapers_read_them(value: float, text: str) -> None:
    assert number(value) == text


def test_bounds_of_buckets_are_written_as_each_format_has_them() -> None:
    registry = CollectorRegistry()
    Histogram("x_seconds", "Of x.", buckets=(0.5, 1.0, 10.0), registry=registry).observe(0.7)
    classic = page_of(tuple(registry.collect()), openmetrics=False)
    assert re.findall('le="([^"]+)"', classic) == ["0.5", "1", "10", "+Inf"]
    modern = page_of(tuple(registry.collect()), openmetrics=True)
    assert re.findall('le="([^"]+)"', modern) == ["0.5", "1.0", "10.0", "+Inf"]


def test_times_are_milliseconds_or_seconds() -> None:
    assert stamp(1.5, openmetrics=False) == "1500"
    assert stamp(1.5, openmetrics=True) == "1.500"
