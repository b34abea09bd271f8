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
        ("*", True),
    ],
)
def test_gzip_goes_to_those_who_allow_it(encodings: str, *, packed: bool) -> None:
    assert text_form("", encodings).gzip is packed
