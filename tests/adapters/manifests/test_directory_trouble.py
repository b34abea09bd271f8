"""Manifest folders when things go wrong: bad files, restarts, limits of the kernel."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
import structlog.testing

from nodeagent.aio import inotify
from nodeagent.aio.inotify import Inotify
from nodeagent.core.manifest import SEEN_ANNOTATION
from tests.adapters.manifests.telling import (
    age,
    manifest,
    telling,
)


async def test_a_hundred_removals_and_additions_end_in_the_right_state(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    async with telling(tmp_path) as told:
        for i in range(100):
            path.write_text(manifest(image=f"a:{i}"))
            path.unlink()
            if i % 10 == 0:
                await asyncio.sleep(0.002)
        path.write_text(manifest(image="a:100"))
        await told.until({"web": "a:100"})
        for _ in range(100):
            path.unlink()
            path.write_text(manifest(image="a:101"))
        path.unlink()
        await told.until({})
        await told.hush()


async def test_a_bad_file_keeps_its_last_good_pod(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    async with telling(tmp_path) as told:
        await told.until({})
        path.write_text(manifest())
        await told.until({"web": "a:1"})
        path.write_text("a: b: c")
        await told.until({"web": "a:1"}, problem="not valid YAML")
        [problem] = told.updates[-1].problems
        assert (problem.origin, problem.pod, problem.line) == (str(path), "default/web-n", 1)
        path.write_text(manifest(image="a:2"))
        await told.until({"web": "a:2"})


async def test_a_file_whose_name_is_no_text_is_refused_by_a_name_that_is(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(manifest())
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text(manifest("other"))
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"}, problem="has a name that is not UTF-8; rename it")
        [problem] = told.updates[-1].problems
        assert problem.origin.encode().endswith(b"/\\udcff.yaml")


async def test_a_bad_file_that_was_never_good_disturbs_nothing(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(manifest())
    (tmp_path / "bad.yaml").write_bytes(b"\x7fELF\0")
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"}, problem="binary file")
        assert told.updates[-1].problems[0].pod == ""
        assert len(told.updates) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("folder", "is a folder"),
        ("fifo", "is a named pipe"),
        ("big", "larger than 1 MiB"),
        ("dangling", "is a link to nothing"),
        ("circle", "cannot be read: Too many levels"),
    ],
)
async def test_what_cannot_be_read_is_told_and_keeps_what_ran(
    tmp_path: Path, kind: str, words: str
) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(manifest())
    age(path)
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"})
        other = tmp_path / ".other"
        match kind:
            case "folder":
                path.unlink()
                path.mkdir()
            case "fifo":
                os.mkfifo(other)
                other.rename(path)
            case "big":
                path.write_bytes(b"#" * (1 << 20) + b"##")
            case "dangling":
                other.symlink_to("nowhere")
                other.rename(path)
            case "circle":
                other.symlink_to("web.yaml")
                other.rename(path)
        await told.until({"web": "a:1"}, problem=words)


async def test_after_a_restart_a_bad_file_keeps_what_ran_before(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(manifest())
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"})
        good = told.updates[-1].pods[0]
    path.write_text("kind: [")
    async with telling(tmp_path, last_good={str(path): good}) as told:
        await told.until({"web": "a:1"}, problem="not valid YAML")
        assert told.updates[-1].pods == (good,)
    path.unlink()
    async with telling(tmp_path, last_good={str(path): good}) as told:
        await told.until({})


async def test_a_restart_changes_neither_uid_nor_first_time(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(manifest())
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"})
        first = told.updates[-1].pods[0]
    async with telling(tmp_path, last_good={str(path): first}) as told:
        await told.until({"web": "a:1"})
        assert told.updates[-1].pods == (first,)
        path.touch()
        await told.hush()
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"})
        again = told.updates[-1].pods[0]
    assert again.uid == first.uid
    assert again.annotations[SEEN_ANNOTATION] > first.annotations[SEEN_ANNOTATION]


async def test_a_folder_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "web.yaml").write_text(manifest())
    async with telling(folder) as told:
        await told.until({"web": "a:1"})
        folder.rename(tmp_path / "away")
        folder.symlink_to("manifests")
        await told.until({"web": "a:1"}, problem="cannot be read: Too many levels")
        assert told.updates[-1].problems[0].origin == str(folder)
        folder.unlink()
        (tmp_path / "away").rename(folder)
        await told.until({"web": "a:1"})


async def test_without_inotify_files_are_polled(tmp_path: Path) -> None:
    async with telling(tmp_path, poll=True, rescan=0.05) as told:
        await told.until({})
        (tmp_path / "web.yaml").write_text(manifest())
        await told.until({"web": "a:1"})


class NoneLeft(Inotify):
    """A kernel whose limit is used up."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self._code = code

    def add(self, folder: str, listener: inotify.Listener, *, mask: int = 0) -> int:
        raise OSError(self._code, os.strerror(self._code), folder)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EMFILE, "raise the sysctl fs.inotify.max_user_instances"),
        (errno.ENOSPC, "raise the sysctl fs.inotify.max_user_watches"),
        (errno.EACCES, "Permission denied"),
    ],
)
async def test_where_the_kernel_grants_no_watch_it_says_so_once_and_polls(
    tmp_path: Path, code: int, words: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with telling(tmp_path, watcher=NoneLeft(code), rescan=0.05) as told:
            await told.until({})
            (tmp_path / "web.yaml").write_text(manifest())
            await told.until({"web": "a:1"})
    [line] = logs
    assert (line["log_level"], line["mend"]) == ("warning", words)


async def test_what_inotify_misses_the_next_rescan_finds(tmp_path: Path) -> None:
    class Deaf(Inotify):
        def add(self, folder: str, listener: inotify.Listener, *, mask: int = 0) -> int:
            return super().add(folder, lambda change: None, mask=mask)

    async with telling(tmp_path, watcher=Deaf(), rescan=0.05) as told:
        await told.until({})
        (tmp_path / "web.yaml").write_text(manifest())
        await told.until({"web": "a:1"})


async def test_an_overflow_of_the_queue_means_looking_at_everything(tmp_path: Path) -> None:
    class Overflowing(Inotify):
        def add(self, folder: str, listener: inotify.Listener, *, mask: int = 0) -> int:
            def lose(change: inotify.Change) -> None:
                listener(inotify.Change(inotify.OVERFLOW, "", 0))

            return super().add(folder, lose, mask=mask)

    async with telling(tmp_path, watcher=Overflowing()) as told:
        await told.until({})
        (tmp_path / "web.yaml").write_text(manifest())
        await told.until({"web": "a:1"})
