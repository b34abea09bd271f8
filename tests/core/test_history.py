"""Lines of blocks, and what of a table fits a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.history import BLOCKS, GAP, LEAST, WIDEST, bars, fit, remember, span_of


def test_the_newest_reading_is_to_the_right_and_the_highest_is_a_full_block() -> None:
    points = [(0.0, 0), (10.0, 50), (20.0, 100)]
    assert bars(points, at=20.0, span=50.0, width=5, least=1) == "  ▁▅█"


def test_low_values_are_drawn_low_whatever_their_peak() -> None:
    points = [(0.0, 1), (10.0, 2)]
    assert bars(points, at=10.0, span=20.0, width=2, least=100) == "▁▁"
    assert bars(points, at=10.0, span=20.0, width=2, least=1) == "▅█"


def test_a_block_is_the_mean_of_its_time_and_one_without_a_reading_repeats_the_one_before() -> None:
    points = [(0.0, 100), (1.0, 0), (10.0, 100)]
    assert bars(points, at=39.0, span=40.0, width=4, least=1) == "▅███"


def test_bars_do_not_move_while_a_block_lasts() -> None:
    points = [(3.0, 10), (13.0, 80)]
    first = bars(points, at=20.0, span=40.0, width=4, least=1)
    assert first == bars(points, at=29.9, span=40.0, width=4, least=1)
    assert first[1:] == bars(points, at=30.0, span=40.0, width=4, least=1)[:-1]


def test_a_terminal_without_unicode_has_other_blocks() -> None:
    assert bars([(0.0, 5), (1.0, 10)], at=1.0, span=2.0, width=2, least=1, blocks="_#") == "##"


@given(
    points=st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**15)), max_size=40),
    width=st.integers(0, 80),
)
def test_bars_have_always_their_width(points: list[tuple[float, int]], width: int) -> None:
    text = bars(sorted(points), at=1e6, span=180.0, width=width, least=1)
    assert len(text) == width
    assert set(text) <= {" ", *BLOCKS}


def test_history_forgets_what_is_old_and_who_is_gone() -> None:
    history = remember({}, {"a": 1, "b": 2}, at=0.0, span=10.0)
    history = remember(history, {"a": 3}, at=5.0, span=10.0)
    assert history == {"a": ((0.0, 1), (5.0, 3))}
    assert remember(history, {"a": None}, at=12.0, span=10.0) == {"a": ((5.0, 3),)}


def test_long_intervals_have_a_longer_history() -> None:
    assert span_of(2.0) == 180.0
    assert span_of(60.0) == 1800.0


def test_a_wide_terminal_has_every_column_and_a_history_that_ends_somewhere() -> None:
    found = fit([20, 10, 8], names=[0], spare=[2, 1], width=300)
    assert (found.columns, found.widths, found.history) == ((0, 1, 2), (20, 10, 8), WIDEST)


def test_a_narrow_terminal_loses_columns_first_then_ends_of_names_then_the_history() -> None:
    needed = [20, 10, 8]
    without_one = fit(needed, names=[0], spare=[2, 1], width=20 + 10 + 2 * GAP + LEAST)
    assert (without_one.columns, without_one.history) == ((0, 1), LEAST)
    cut = fit(needed, names=[0], spare=[2, 1], width=15 + GAP + LEAST)
    assert (cut.columns, cut.widths, cut.history) == ((0,), (15,), LEAST)
    bare = fit(needed, names=[0], spare=[2, 1], width=16)
    assert (bare.columns, bare.widths, bare.history) == ((0,), (12,), 0)


@given(needed=st.lists(st.integers(1, 60), min_size=3, max_size=9), width=st.integers(40, 300))
def test_what_is_shown_fits_where_it_can(needed: list[int], width: int) -> None:
    found = fit(needed, names=[0], spare=range(len(needed) - 1, 0, -1), width=width)
    taken = sum(one + GAP for one in found.widths) + found.history
    assert taken <= width
    assert 0 in found.columns
