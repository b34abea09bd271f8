"""When a change may be looked at: values in, values out, no files."""

from nodeagent.adapters.manifests.settle import WHOLE, Settling
from nodeagent.aio.inotify import (
    ATTRIB,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    MODIFY,
    MOVED_FROM,
    MOVED_TO,
    Change,
)

NONE: frozenset[str] = frozenset()


def only(name: str) -> frozenset[str]:
    return frozenset({name})


def at(settling: Settling, now: float, name: str, mask: int, cookie: int = 0) -> None:
    settling.note(name, Change(mask, name, cookie), now=now)


def rounded(settling: Settling) -> float | None:
    wake_at = settling.wake_at()
    return None if wake_at is None else round(wake_at, 3)


def test_nothing_pending_needs_no_wake() -> None:
    settling = Settling()
    assert settling.wake_at() is None
    assert settling.take(now=1.0) == (NONE, NONE)


def test_a_finished_write_is_looked_at_almost_at_once() -> None:
    for mask in (CLOSE_WRITE, MOVED_TO):
        settling = Settling()
        at(settling, 1.0, "a", mask)
        assert rounded(settling) == 1.01
        assert settling.take(now=1.01) == (NONE, only("a"))
        assert settling.wake_at() is None


def test_a_removal_waits_for_the_other_half_of_an_edit() -> None:
    settling = Settling()
    at(settling, 1.0, "a", DELETE)
    assert rounded(settling) == 1.1
    assert settling.take(now=1.05) == (only("a"), NONE)
    assert settling.take(now=1.1) == (NONE, NONE)


def test_a_file_taken_away_and_written_anew_is_one_change() -> None:
    settling = Settling()
    at(settling, 1.0, "a", MOVED_FROM, cookie=7)  # to a backup's name, which does not count
    at(settling, 1.001, "a", CREATE)
    at(settling, 1.002, "a", MODIFY)
    at(settling, 1.003, "a", CLOSE_WRITE)
    at(settling, 1.004, "a", ATTRIB)
    assert rounded(settling) == 1.014
    assert settling.take(now=1.014) == (NONE, only("a"))


def test_a_file_that_is_being_written_is_left_alone_until_it_is_closed() -> None:
    settling = Settling()
    at(settling, 1.0, "a", MODIFY)
    assert rounded(settling) == 6.0
    assert settling.take(now=3.0) == (only("a"), NONE)
    at(settling, 4.0, "a", CLOSE_WRITE)
    assert settling.take(now=4.01) == (NONE, only("a"))


def test_a_writer_that_never_closes_is_not_waited_for_for_ever() -> None:
    settling = Settling()
    at(settling, 1.0, "a", CLOSE_WRITE)
    at(settling, 1.0, "a", MODIFY)
    assert settling.take(now=6.0) == (NONE, NONE)


def test_a_rename_of_one_manifest_to_another_is_looked_at_as_one() -> None:
    settling = Settling()
    at(settling, 1.0, "a", MOVED_FROM, cookie=7)
    at(settling, 1.0, "b", MOVED_TO, cookie=7)
    assert rounded(settling) == 1.01
    assert settling.take(now=1.01) == (NONE, only("b"))


def test_a_removal_and_a_new_file_are_looked_at_together() -> None:
    settling = Settling()
    at(settling, 1.0, "a", DELETE)
    at(settling, 1.02, "b", CLOSE_WRITE)
    assert rounded(settling) == 1.1


def test_a_stream_of_events_holds_back_what_settled_only_so_long() -> None:
    settling = Settling()
    for i in range(100):
        at(settling, 1.0 + i / 1000, f"p{i}", CLOSE_WRITE)
    for i in range(20):
        at(settling, 1.1 + i / 100, "late", DELETE)
    assert rounded(settling) == 1.15
    held, done = settling.take(now=1.15)
    assert held == {"late"} and len(done) == 100
    assert rounded(settling) == 1.39


def test_a_deferred_name_loses_what_was_known_of_it() -> None:
    settling = Settling()
    at(settling, 1.0, WHOLE, MOVED_TO)
    settling.defer(WHOLE, now=1.005)
    assert settling.take(now=1.01) == (only(WHOLE), NONE)
    assert settling.take(now=1.2) == (NONE, NONE)
