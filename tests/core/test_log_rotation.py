"""Names of log files and what rotation makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core.log_rotation import Rotation, plan_rotation

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
OLD = [f"0.log.2023111{day}-101010" for day in range(1, 5)]


def plan(*names: str, max_files: int = 5) -> Rotation:
    return plan_rotation("0.log", names, max_files=max_files, now=NOW)


def test_the_first_rotation_only_renames() -> None:
    assert plan("0.log", "1.log") == Rotation(
        remove=(), compress=(), live="0.log", rotated="0.log.20231114-221320"
    )


def test_all_but_the_newest_rotated_file_are_compressed() -> None:
    made = plan("0.log", OLD[0] + ".gz", OLD[1])
    assert made.compress == (OLD[1],) and made.remove == ()


def test_the_oldest_go_until_the_live_log_and_the_new_one_fit() -> None:
    made = plan("0.log", OLD[0] + ".gz", OLD[1] + ".gz", OLD[2], OLD[3], max_files=3)
    assert made.remove == (OLD[0] + ".gz", OLD[1] + ".gz", OLD[2])
    assert made.compress == (OLD[3],)


def test_two_files_keep_only_the_live_one_and_one_rotated() -> None:
    made = plan("0.log", OLD[0], max_files=2)
    assert made.remove == (OLD[0],) and made.compress == ()


def test_what_an_interrupted_compression_left_goes() -> None:
    made = plan("0.log", OLD[0], OLD[0] + ".gz", OLD[1], OLD[1] + ".tmp")
    assert made.remove == (OLD[1] + ".tmp", OLD[0])
    assert made.compress == (OLD[1],)


@pytest.mark.parametrize("name", ["1.log", "10.log.20231111-101010", "0.log.mine", "0.logs", "x"])
def test_other_files_are_left_alone(name: str) -> None:
    made = plan("0.log", name, max_files=2)
    assert name not in made.remove and name not in made.compress


@given(
    st.sets(st.sampled_from([n + end for n in OLD for end in ("", ".gz", ".tmp")])),
    st.integers(2, 8),
)
def test_after_a_rotation_no_more_files_than_allowed_are_left(
    names: set[str], max_files: int
) -> None:
    made = plan("0.log", *names, max_files=max_files)
    left = {name for name in names if name not in made.remove}
    assert len(left) + 2 <= max_files
    assert not any(name.endswith(".tmp") for name in left)
    assert set(made.compress) <= left
