"""Sources joined: when all were seen, what a slow one keeps, what is handed on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest
import structlog.testing

from nodeagent.core.merge import CLASH_REASON
from nodeagent.engine.sources import SourceEnded, Sources
from nodeagent.model.desired import DesiredPod, Problem, Source, SourceUpdate
from nodeagent.model.ids import PodUid
from tests.core.test_merge import a_pod


class Script:
    """A source that tells what it is handed."""

    def __init__(self, source: Source = Source.FILE) -> None:
        self._source = source
        self._queue: asyncio.Queue[SourceUpdate | None] = asyncio.Queue()

    def tell(self, *pods: DesiredPod, problems: tuple[Problem, ...] = ()) -> None:
        self._queue.put_nowait(SourceUpdate(source=self._source, pods=pods, problems=problems))

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def updates(self) -> AsyncIterator[SourceUpdate]:
        while (update := await self._queue.get()) is not None:
            yield update


class Heard:
    """What was handed on, in order."""

    def __init__(self) -> None:
        self.wishes: list[list[str]] = []
        self.problems: list[tuple[Problem, ...]] = []

    def take(self, desired: Mapping[PodUid, DesiredPod], problems: tuple[Problem, ...]) -> None:
        self.wishes.append(sorted(desired))
        self.problems.append(problems)


@contextlib.asynccontextmanager
async def running(sources: Sources) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sources.run())
        await rest()
        yield
        task.cancel()


async def rest() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def api_pod(uid: str = "api", name: str = "api") -> DesiredPod:
    return a_pod(name, uid, origin="", source=Source.API)


async def test_all_are_seen_once_each_has_told_something() -> None:
    files, api, heard = Script(), Script(Source.API), Heard()
    sources = Sources({Source.FILE: files, Source.API: api}, on_change=heard.take)
    async with running(sources):
        files.tell(a_pod())
        await rest()
        assert not sources.all_seen.is_set()
        assert heard.wishes == [["u1"]]
        api.tell()
        await rest()
        assert sources.all_seen.is_set()
        assert heard.wishes == [["u1"]]


async def test_a_slow_source_loses_none_of_the_pods_it_had() -> None:
    files, api, heard = Script(), Script(Source.API), Heard()
    before = [api_pod(), a_pod("old", "u9"), a_pod("url", "u8", source=Source.HTTP)]
    sources = Sources({Source.FILE: files, Source.API: api}, on_change=heard.take, previous=before)
    async with running(sources):
        files.tell(a_pod())
        await rest()
        assert heard.wishes == [["api", "u1"]]  # the URL is no source any more
        api.tell()
        await rest()
        assert heard.wishes[1:] == [["u1"]]


async def test_an_update_that_changes_nothing_is_not_handed_on() -> None:
    files, heard = Script(), Heard()
    async with running(Sources({Source.FILE: files}, on_change=heard.take)):
        for _ in range(3):
            files.tell(a_pod())
        await rest()
        assert heard.wishes == [["u1"]]


async def test_an_unchanged_set_is_handed_on_once_after_a_restart() -> None:
    files, heard = Script(), Heard()
    sources = Sources({Source.FILE: files}, on_change=heard.take, previous=[a_pod()])
    async with running(sources):
        files.tell(a_pod())
        await rest()
        assert heard.wishes == [["u1"]]


async def test_a_new_problem_is_handed_on_and_logged_once() -> None:
    files, heard = Script(), Heard()
    problem = Problem(origin="/m/b.yaml", message="is empty", line=3)
    sources = Sources({Source.FILE: files}, on_change=heard.take)
    with structlog.testing.capture_logs() as logs:
        async with running(sources):
            files.tell(a_pod(), problems=(problem,))
            files.tell(a_pod("x", "u2"), problems=(problem,))
            await rest()
            assert list(sources.problems) == [problem]
            files.tell(a_pod("x", "u2"))
            await rest()
    assert heard.problems == [(problem,), (problem,), ()]
    assert not sources.problems
    [line] = logs
    assert (line["origin"], line["line"], line["problem"]) == ("/m/b.yaml", 3, "is empty")


async def test_a_clash_between_sources_keeps_what_runs() -> None:
    files, api, heard = Script(), Script(Source.API), Heard()
    sources = Sources({Source.FILE: files, Source.API: api}, on_change=heard.take)
    async with running(sources):
        api.tell()
        files.tell(a_pod())
        await rest()
        api.tell(api_pod("u2", "web"))
        await rest()
        assert heard.wishes[-1] == ["u1"]
        assert [problem.reason for problem in heard.problems[-1]] == [CLASH_REASON] * 2
        files.tell()
        await rest()
        assert (heard.wishes[-1], heard.problems[-1]) == (["u2"], ())


async def test_without_any_source_nothing_is_wanted_and_all_is_seen() -> None:
    heard = Heard()
    sources = Sources({}, on_change=heard.take, previous=[a_pod()])
    async with running(sources):
        assert sources.all_seen.is_set()
        assert heard.wishes == [[]]


async def test_a_source_that_ends_is_a_bug() -> None:
    files = Script()
    files.end()
    with pytest.raises(ExceptionGroup) as caught:
        await Sources({Source.FILE: files}, on_change=Heard().take).run()
    assert caught.group_contains(SourceEnded)
