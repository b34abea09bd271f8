"""Manifest folders as people edit them: real files, real inotify, no long waits."""

import asyncio
import contextlib
import errno
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog.testing

from nodeagent.adapters.manifests.directory import DirectorySource
from nodeagent.aio import inotify
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.core.manifest import SEEN_ANNOTATION
from nodeagent.model.desired import DesiredPod, Source, SourceUpdate


def manifest(name: str = "web", image: str = "a:1") -> str:
    container = f"{{name: c, image: '{image}'}}"
    head = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"
    return f"{head}spec: {{containers: [{container}]}}\n"


def age(path: Path) -> None:
    """Make a file look as if it had been there for a while."""
    before = time.time() - 10
    os.utime(path, (before, before))


class Told:
    """What a source tells, collected by a task."""

    def __init__(self, source: DirectorySource) -> None:
        self._source = source
        self.updates: list[SourceUpdate] = []
        self._news = asyncio.Event()

    async def collect(self) -> None:
        async for update in self._source.updates():
            self.updates.append(update)
            self._news.set()

    @property
    def images(self) -> dict[str, str | None]:
        """Image by name of pod, as told last."""
        pods = self.updates[-1].pods if self.updates else ()
        return {pod.name.removesuffix("-n"): pod.spec.containers[0].image for pod in pods}

    @property
    def messages(self) -> list[str]:
        return [problem.message for problem in self.updates[-1].problems] if self.updates else []

    async def until(self, images: dict[str, str], *, problem: str = "") -> None:
        """Wait for these pods, with exactly one problem of these words or none at all."""
        async with asyncio.timeout(3):
            while not (self.updates and self.images == images and self._fits(problem)):
                self._news.clear()
                await self._news.wait()

    async def until_count(self, count: int) -> None:
        async with asyncio.timeout(3):
            while len(self.updates) < count:
                self._news.clear()
                await self._news.wait()

    async def hush(self, seconds: float = 0.25) -> None:
        """Nothing is told for longer than anything takes to settle."""
        count = len(self.updates)
        await asyncio.sleep(seconds)
        assert len(self.updates) == count, self.updates[-1]

    def _fits(self, problem: str) -> bool:
        if not problem:
            return not self.messages
        return len(self.messages) == 1 and problem in self.messages[0]


@contextlib.asynccontextmanager
async def telling(
    path: Path,
    *,
    last_good: dict[str, DesiredPod] | None = None,
    rescan: float = 60.0,
    watcher: Inotify | None = None,
    poll: bool = False,
) -> AsyncIterator[Told]:
    threads, shared = Threads(1), watcher or Inotify()
    source = DirectorySource(
        path,
        node_name="n",
        threads=threads,
        watcher=None if poll else shared,
        last_good=last_good,
        rescan=rescan,
    )
    told = Told(source)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(told.collect())
            await asyncio.sleep(0)
            yield told
            task.cancel()
    finally:
        shared.close()
        threads.close()


def replace(path: Path, text: str) -> None:
    """Write beside it and rename into place, as careful programs do."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text)
    beside.rename(path)


def vim(path: Path, text: str) -> None:
    """Swap file, the old one renamed to a backup, a new one written, all else removed."""
    swap, backup = path.with_name(f".{path.name}.swp"), path.with_name(f"{path.name}~")
    swap.write_bytes(b"b0VIM")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


def sed(path: Path, text: str) -> None:
    """sed -i: a temporary file in the folder, its mode set, renamed into place."""
    beside = path.with_name("sedA1b2C3")
    beside.write_text(text)
    beside.chmod(0o600)
    beside.rename(path)


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def remove_and_add(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("edit", [replace, vim, sed, in_place, remove_and_add])
async def test_every_way_to_edit_a_file_is_one_change(tmp_path: Path, edit) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "web.yaml"
    path.write_text(manifest())
    age(path)
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"})
        edit(path, manifest(image="a:2"))
        await told.until({"web": "a:2"})
        await told.hush()
        assert len(told.updates) == 2


async def test_files_come_go_and_change_their_names(tmp_path: Path) -> None:
    async with telling(tmp_path) as told:
        await told.until({})
        (tmp_path / "web.yaml").write_text(manifest())
        await told.until({"web": "a:1"})
        (tmp_path / "two.json").write_text('{"kind": "Pod"}')
        await told.until({"web": "a:1"}, problem="apiVersion: is missing")
        (tmp_path / "two.json").unlink()
        await told.until({"web": "a:1"})
        count = len(told.updates)
        (tmp_path / "web.yaml").rename(tmp_path / "other.yml")
        await told.until_count(count + 1)
        assert [pod.origin for pod in told.updates[-1].pods] == [str(tmp_path / "other.yml")]
        (tmp_path / "other.yml").unlink()
        await told.until({})


async def test_only_manifests_count(tmp_path: Path) -> None:
    async with telling(tmp_path) as told:
        await told.until({})
        for name in (".web.yaml", "web.yaml~", "web.yaml.swp", "web.yaml.bak", "web.txt", "web"):
            (tmp_path / name).write_text(manifest())
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "web.yaml").write_text(manifest())
        await told.hush()
        assert told.images == {}


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


async def test_a_folder_may_come_later_go_and_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "kubernetes" / "manifests"
    async with telling(folder) as told:
        await told.until({})
        folder.parent.mkdir()
        await asyncio.sleep(0.01)
        folder.mkdir()
        (folder / "web.yaml").write_text(manifest())
        await told.until({"web": "a:1"})
        shutil.rmtree(folder)
        await told.until({})
        folder.mkdir()
        (folder / "web.yaml").write_text(manifest(image="a:2"))
        await told.until({"web": "a:2"})
        new = tmp_path / "new"
        new.mkdir()
        (new / "web.yaml").write_text(manifest(image="a:3"))
        folder.rename(tmp_path / "old")
        new.rename(folder)
        await told.until({"web": "a:3"})
        (folder / "web.yaml").write_text(manifest(image="a:4"))
        await told.until({"web": "a:4"})
        (tmp_path / "old" / "two.yaml").write_text(manifest("two"))
        await told.hush()


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


async def test_a_linked_folder_may_be_pointed_elsewhere(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "web.yaml").write_text(manifest(image=f"a:{version}"))
    link, swap = tmp_path / "manifests", tmp_path / "swap"
    link.symlink_to("one")
    async with telling(link) as told:
        await told.until({"web": "a:one"})
        swap.symlink_to("two")
        swap.rename(link)
        await told.until({"web": "a:two"})
        replace(tmp_path / "two" / "web.yaml", manifest(image="a:three"))
        await told.until({"web": "a:three"})


async def test_a_linked_file_is_followed_to_where_it_is_edited(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "manifests", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    real = elsewhere / "pod"
    real.write_text(manifest())
    age(real)
    (folder / "web.yaml").symlink_to("../elsewhere/pod")
    async with telling(folder) as told:
        await told.until({"web": "a:1"})
        for i, edit in enumerate((in_place, replace), start=2):
            edit(real, manifest(image=f"a:{i}"))
            await told.until({"web": f"a:{i}"})
        (elsewhere / "other").write_text("noise")
        await told.hush()
        other = elsewhere / "other-pod"
        other.write_text(manifest(image="a:9"))
        swap = folder / ".swap"
        swap.symlink_to(other)
        swap.rename(folder / "web.yaml")
        await told.until({"web": "a:9"})


async def test_a_kubernetes_style_data_swap_is_one_change(tmp_path: Path) -> None:
    def publish(version: str) -> None:
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "web.yaml").write_text(manifest(image=f"a:{version}"))
        (tmp_path / f"..{version}" / "two.yaml").write_text(manifest("two", f"a:{version}"))
        (tmp_path / "..data_tmp").symlink_to(f"..{version}")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    publish("1")
    for name in ("web.yaml", "two.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1", "two": "a:1"})
        for version in ("2", "3"):
            count = len(told.updates)
            publish(version)
            shutil.rmtree(tmp_path / f"..{int(version) - 1}")
            await told.until({"web": f"a:{version}", "two": f"a:{version}"})
            assert len(told.updates) == count + 1


async def test_a_single_file_is_a_source_too(tmp_path: Path) -> None:
    path = tmp_path / "pod.manifest"
    (tmp_path / "other.yaml").write_text(manifest("other"))
    async with telling(path) as told:
        await told.until({})
        path.write_text(manifest())
        await told.until({"web": "a:1"})
        assert told.updates[-1].pods[0].origin == str(path)
        for i, edit in enumerate((in_place, replace, vim, remove_and_add), start=2):
            edit(path, manifest(image=f"a:{i}"))
            await told.until({"web": f"a:{i}"})
        good = told.updates[-1].pods[0]
        path.write_text("{")
        await told.until({"web": "a:5"}, problem="not valid YAML")
    async with telling(path, last_good={str(path): good}) as told:
        await told.until({"web": "a:5"}, problem="not valid YAML")
        path.unlink()
        await told.until({})


async def test_a_file_is_not_read_while_it_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(manifest())
    age(path)
    async with telling(tmp_path) as told:
        await told.until({"web": "a:1"})
        half, rest = manifest(image="a:2").split("spec:")
        with path.open("w") as file:
            file.write(half)
            file.flush()
            (tmp_path / "two.yaml").write_text(manifest("two"))
            await told.until({"web": "a:1", "two": "a:1"})
            await told.hush(0.15)
            file.write(f"spec:{rest}")
        await told.until({"web": "a:2", "two": "a:1"})


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


async def test_everything_is_unwatched_at_the_end(tmp_path: Path) -> None:
    watcher = Inotify()
    async with telling(tmp_path, watcher=watcher) as told:
        await told.until({})
    assert not watcher._watches


def test_two_sources_may_share_one_inotify(tmp_path: Path) -> None:
    async def run() -> None:
        watcher, threads = Inotify(), Threads(1)
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        sources = [
            Told(DirectorySource(tmp_path / name, node_name="n", threads=threads, watcher=watcher))
            for name in ("a", "b")
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.collect()) for one in sources]
            for one in sources:
                await one.until({})
            (tmp_path / "b" / "web.yaml").write_text(manifest())
            await sources[1].until({"web": "a:1"})
            assert sources[0].images == {}
            for task in tasks:
                task.cancel()
        watcher.close()
        threads.close()

    asyncio.run(run())


async def test_a_source_says_it_is_of_files(tmp_path: Path) -> None:
    async with telling(tmp_path) as told:
        await told.until({})
        assert told.updates == [SourceUpdate(source=Source.FILE)]
