"""The journal of events: counting, bounds, and what survives a restart."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import pytest

from nodeagent.aio.threads import Threads
from nodeagent.engine.journal import LONGEST_MESSAGE, MOST_EVENTS, MOST_OF_ONE, Journal
from nodeagent.model.events import EventType, Subject
from nodeagent.model.ids import PodUid


class Hands:
    """A clock that goes on only when told."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at


Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class NoThreads(Threads):
    """Calls at once, so that virtual time does not run past a thread."""

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        return call(*args)


def pod(name: str = "web") -> Subject:
    return Subject(name=name, namespace="default", uid=PodUid(f"uid-{name}"))


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(1)
    yield pool
    pool.close()


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def journal(tmp_path: Path, clock: Hands, threads: Threads) -> Journal:
    return Journal(tmp_path / "events", clock=clock, threads=threads)


@asynccontextmanager
async def writing(journal: Journal) -> AsyncIterator[None]:
    task = asyncio.ensure_future(journal.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def tell(journal: Journal, message: str = "Back-off", *, name: str = "web") -> None:
    journal.event(pod(name), EventType.WARNING, "BackOff", message)


def test_the_same_event_again_is_counted(journal: Journal, clock: Hands) -> None:
    tell(journal)
    clock.at = 1010.0
    tell(journal)
    tell(journal, "other words")
    first, second = journal.events()
    assert (first.count, first.first_at, first.last_at) == (2, 1000.0, 1010.0)
    assert (second.message, second.count) == ("other words", 1)


def test_events_of_different_subjects_are_not_mixed_up(journal: Journal) -> None:
    tell(journal)
    tell(journal, name="other")
    journal.event(pod(), EventType.NORMAL, "BackOff", "Back-off")
    assert [event.count for event in journal.events()] == [1, 1, 1]


def test_an_event_that_repeats_becomes_the_newest(journal: Journal) -> None:
    for message in ("one", "two", "one"):
        tell(journal, message)
    assert [event.message for event in journal.events()] == ["two", "one"]


def test_one_noisy_pod_does_not_push_out_the_others(journal: Journal) -> None:
    tell(journal, "quiet", name="quiet")
    for number in range(MOST_OF_ONE + 50):
        tell(journal, str(number))
    events = journal.events()
    assert events[0].message == "quiet"
    assert len(events) == MOST_OF_ONE + 1
    assert events[1].message == "50"


def test_no_more_than_so_many_are_remembered(journal: Journal) -> None:
    for number in range(MOST_EVENTS + 10):
        tell(journal, name=f"pod-{number}")
    events = journal.events()
    assert len(events) == MOST_EVENTS
    assert events[0].subject.name == "pod-10"


def test_a_message_is_cut_to_what_the_api_takes(journal: Journal) -> None:
    tell(journal, "x" * 5000)
    [event] = journal.events()
    assert len(event.message) == LONGEST_MESSAGE


def test_whoever_watches_is_told(tmp_path: Path, clock: Hands, threads: Threads) -> None:
    told = []
    journal = Journal(tmp_path / "e", clock=clock, threads=threads)
    journal.listen(lambda event: told.append(event.count))
    tell(journal)
    tell(journal)
    assert told == [1, 2]


async def test_events_survive_a_restart_with_their_counts(
    journal: Journal, tmp_path: Path, clock: Hands, threads: Threads
) -> None:
    async with writing(journal):
        tell(journal)
        tell(journal)
        tell(journal, "two")
    again = Journal(tmp_path / "events", clock=clock, threads=threads)
    await again.load()
    assert again.events() == journal.events()
    tell(again)
    assert again.events()[-1].count == 3
    assert (tmp_path / "events").stat().st_mode & 0o777 == 0o600


async def test_a_torn_line_costs_one_event_and_no_more(
    journal: Journal, tmp_path: Path, clock: Hands, threads: Threads
) -> None:
    async with writing(journal):
        tell(journal, "whole")
    file = tmp_path / "events"
    file.write_bytes(file.read_bytes() + b'{"subject": {"na')
    again = Journal(file, clock=clock, threads=threads)
    await again.load()
    assert [event.message for event in again.events()] == ["whole"]
    async with writing(again):
        tell(again, "after")
    third = Journal(file, clock=clock, threads=threads)
    await third.load()
    assert [event.message for event in third.events()] == ["whole", "after"]


async def test_the_file_stays_bounded_and_loses_nothing_remembered(
    tmp_path: Path, clock: Hands, threads: Threads
) -> None:
    file = tmp_path / "events"
    journal = Journal(file, clock=clock, threads=threads, file_limit_bytes=2000)
    tell(journal, "first")
    for _ in range(200):
        async with writing(journal):
            tell(journal, "again and again")
    assert file.stat().st_size < 2500
    assert not file.with_name("events.new").exists()
    again = Journal(file, clock=clock, threads=threads)
    await again.load()
    assert [(event.message, event.count) for event in again.events()] == [
        ("first", 1),
        ("again and again", 200),
    ]


@pytest.mark.looptime
async def test_a_burst_is_written_at_once_a_second_later(tmp_path: Path, clock: Hands) -> None:
    file = tmp_path / "events"
    journal = Journal(file, clock=clock, threads=NoThreads())
    async with writing(journal):
        for number in range(5):
            tell(journal, str(number))
        await asyncio.sleep(0.9)
        assert not file.exists()
        await asyncio.sleep(0.2)
        assert file.read_bytes().count(b"\n") == 5


async def test_a_file_that_cannot_be_read_is_no_reason_to_stop(
    tmp_path: Path, clock: Hands, threads: Threads
) -> None:
    (tmp_path / "events").mkdir()
    journal = Journal(tmp_path / "events", clock=clock, threads=threads)
    await journal.load()
    tell(journal)
    assert len(journal.events()) == 1


@pytest.mark.looptime
async def test_what_could_not_be_written_is_written_later(tmp_path: Path, clock: Hands) -> None:
    folder = tmp_path / "missing"
    journal = Journal(folder / "events", clock=clock, threads=NoThreads())
    async with writing(journal):
        tell(journal)
        await asyncio.sleep(5)
        folder.mkdir()
        await asyncio.sleep(30)
        assert b"Back-off" in (folder / "events").read_bytes()


@pytest.mark.looptime
async def test_a_stop_does_not_wait_for_a_disk_that_fails(tmp_path: Path, clock: Hands) -> None:
    journal = Journal(tmp_path / "missing" / "events", clock=clock, threads=NoThreads())
    loop = asyncio.get_running_loop()
    async with writing(journal):
        tell(journal)
        began = loop.time()
    assert loop.time() - began < 1
