"""Which form of metrics a scraper gets."""

import pytest

from nodeagent.core.negotiation import content_type, text_form

# What Prometheus 2.42 and 3 send.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/json", False),
        (PROMETHEUS_2, True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=2.0.0", False),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=no", False),
        ('Application/OpenMetrics-Text; version="1.0.0"', True),
    ],
)
def test_openmetrics_goes_to_those_who_ask_for_it(accept: str, *, openmetrics: bool) -> None:
    form = text_form(accept, "")
    assert form.openmetrics is openmetrics
    assert content_type(form).startswith("application/" if openmetrics else "text/plain")


@pytest.mark.parametrize(
    ("encodings", "packed"),
    [
        ("", False),
        ("identity", False),
        ("deflate, gzip;q=1.0", True),
        ("gzip;q=0", False),
        ("gzip;q=nan", False),
        ("*", True),
        ("*, gzip;q=0", False),
        ("gzip, *;q=0", True),
    ],
)
def test_gzip_goes_to_those_who_allow_it(encodings: str, *, packed: bool) -> None:
    assert text_form("", encodings).gzip is packed


PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=0.0.4;escaping=values;q=0.9"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
        (
            "text/plain;escaping=allow-utf-8",
            "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
        ),
        (
            "text/plain;escaping=nonsense",
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
        ),
        (
            PROMETHEUS_2,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (PROMETHEUS_3, "text/plain; version=0.0.4; charset=utf-8; escaping=values"),
        (
            "application/json;escaping=dots,text/plain;q=0.5,text/html;escaping=values;q=0.1",
            "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
        ),
    ],
)
def test_the_answer_says_how_names_are_escaped(accept: str, expected: str) -> None:
    assert content_type(text_form(accept, "")) == expected
