"""The one inotify instance: listeners, shared folders, ends of watches."""

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nodeagent.aio import inotify
from nodeagent.aio.inotify import Change, Inotify

QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


async def until(heard: list[Change], name: str, mask: int) -> Change:
    """The first change of that kind; fails after two seconds."""
    async with asyncio.timeout(2):
        while True:
            for change in heard:
                if change.name == name and change.mask & mask:
                    return change
            await asyncio.sleep(0.001)


@pytest.fixture
async def watcher() -> AsyncIterator[Inotify]:
    one = Inotify()
    yield one
    one.close()


async def test_a_written_file_and_a_rename_are_told(watcher: Inotify, tmp_path: Path) -> None:
    heard: list[Change] = []
    watcher.add(str(tmp_path), heard.append)
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").rename(tmp_path / "b")
    await until(heard, "a", inotify.CLOSE_WRITE)
    left = await until(heard, "a", inotify.MOVED_FROM)
    came = await until(heard, "b", inotify.MOVED_TO)
    assert left.cookie == came.cookie != 0


async def test_several_may_watch_one_folder(watcher: Inotify, tmp_path: Path) -> None:
    one: list[Change] = []
    two: list[Change] = []
    token = watcher.add(str(tmp_path), one.append, mask=inotify.NAMES)
    watcher.add(str(tmp_path), two.append, mask=inotify.CLOSE_WRITE)
    (tmp_path / "a").write_text("x")
    await until(one, "a", inotify.CREATE)
    await until(two, "a", inotify.CLOSE_WRITE)
    watcher.remove(token)
    one.clear()
    (tmp_path / "b").write_text("x")
    await until(two, "b", inotify.CLOSE_WRITE)
    assert one == []


async def test_a_removed_listener_hears_nothing_more(watcher: Inotify, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    heard: list[Change] = []
    marks: list[Change] = []
    token = watcher.add(str(tmp_path), heard.append)
    watcher.add(str(other), marks.append)
    watcher.remove(token)
    watcher.remove(token)
    (tmp_path / "a").write_text("x")
    (other / "mark").write_text("x")
    await until(marks, "mark", inotify.CLOSE_WRITE)
    assert heard == []


async def test_a_deleted_folder_is_told_and_may_come_back(watcher: Inotify, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    heard: list[Change] = []
    token = watcher.add(str(folder), heard.append)
    shutil.rmtree(folder)
    await until(heard, "", inotify.DELETE_SELF)
    await until(heard, "", inotify.IGNORED)
    watcher.remove(token)
    folder.mkdir()
    watcher.add(str(folder), heard.append)
    (folder / "a").write_text("x")
    await until(heard, "a", inotify.CLOSE_WRITE)


async def test_a_folder_that_is_missing_or_a_file_is_an_error(
    watcher: Inotify, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    for name, code in (("nope", errno.ENOENT), ("file", errno.ENOTDIR)):
        with pytest.raises(OSError) as caught:
            watcher.add(str(tmp_path / name), lambda change: None)
        assert caught.value.errno == code
        assert caught.value.filename == str(tmp_path / name)


async def test_a_lost_event_is_told_to_everyone(watcher: Inotify, tmp_path: Path) -> None:
    if QUEUE > 50_000:
        pytest.skip("the kernel's queue is too long to overflow here")
    busy, quiet = tmp_path / "busy", tmp_path / "quiet"
    busy.mkdir()
    quiet.mkdir()
    heard: list[Change] = []
    watcher.add(str(busy), lambda change: None)
    watcher.add(str(quiet), heard.append)
    one, two = busy / "a", busy / "b"
    one.write_text("x")
    for _ in range(QUEUE // 4 + 1):  # each rename is two events
        one.rename(two)
        two.rename(one)
    await until(heard, "", inotify.OVERFLOW)


async def test_closing_ends_it_and_adding_opens_it_again(tmp_path: Path) -> None:
    watcher, heard = Inotify(), list[Change]()
    watcher.close()
    watcher.add(str(tmp_path), heard.append)
    watcher.close()
    watcher.close()
    watcher.add(str(tmp_path), heard.append)
    (tmp_path / "a").write_text("x")
    await until(heard, "a", inotify.CLOSE_WRITE)
    watcher.close()
