"""A directory source under test: what it tells, and every way to edit a file."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from nodeagent.adapters.manifests.directory import DirectorySource
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.model.desired import DesiredPod, SourceUpdate


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
