"""Moments and spans as the API writes them."""

import datetime as dt

import pytest

from nodeagent.core.times import as_seconds, as_time, as_time_or_none


def test_a_moment_is_cut_to_whole_seconds() -> None:
    assert as_time(1_000.9) == dt.datetime(1970, 1, 1, 0, 16, 40, tzinfo=dt.UTC)
    assert as_seconds(as_time(1_000.9)) == 1000.0
    assert as_time_or_none(0.0) is None


@pytest.mark.parametrize(("at", "year"), [(9.3e18, 9999), (1e12, 9999), (-9.3e18, 1), (-1e12, 1)])
def test_a_moment_the_api_has_no_word_for_is_its_nearest(at: float, year: int) -> None:
    assert as_time(at).year == year
