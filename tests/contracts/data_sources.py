"""Every source of config maps, secrets, claims and volumes, opened for tests in one way."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.manifests.data import LocalData
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.core.objects import read_objects
from nodeagent.engine.api_data import ApiData
from nodeagent.engine.ports import DataSource
from nodeagent.model.data import Claim, DataKind
from nodeagent.model.ids import PodUid
from tests.apiserver.kinds import kind_named
from tests.fakes.api import FakeApi
from tests.fakes.host import FakeData

KINDS = ("fake", "files", "api")
Document = dict[str, Any]


class Opened:
    """A source; `put` and `remove` change what there is, `rung` are pods that it told."""

    def __init__(self, put: Callable[[Document], None], remove: Callable[[Document], None]) -> None:
        self.put, self.remove = put, remove
        self.rung: list[PodUid] = []
        self._news = asyncio.Event()
        self.data: Any = None

    def tell(self, uids: Iterable[PodUid]) -> None:
        """What the source calls."""
        self.rung += uids
        self._news.set()

    @property
    def source(self) -> DataSource:
        """The port."""
        found: DataSource = self.data
        return found

    async def settle(self) -> None:
        """All that the tests' pods refer to was told once, which is not looked at."""
        for name in ("app", "other"):
            await self.source.config_map("default", name)
        await self.source.secret("default", "key")
        await self.source.claim("default", "disk")
        self.rung.clear()

    async def until_rung(self, uid: str) -> None:
        """Return once the pod was told of a change; what it was told before counts."""
        async with asyncio.timeout(5):
            while uid not in self.rung:
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def opened(kind: str, top: Path) -> AsyncIterator[Opened]:
    """One of `KINDS`."""
    if kind == "fake":
        yield _fake()
    elif kind == "files":
        async with _files(top) as found:
            yield found
    else:
        async with _api() as found:
            yield found


def _fake() -> Opened:
    fake = FakeData()

    def each(document: Document, act: Callable[[Any], None]) -> None:
        text = json.dumps(document).encode()
        for one in read_objects(text, origin="x", allowed=tuple(DataKind)).objects:
            act(one)

    def put(one: Any) -> None:
        bound = isinstance(one, Claim)
        fake.put(msgspec.structs.replace(one, volume=one.spec.volumeName or "") if bound else one)

    made = Opened(lambda one: each(one, put), lambda one: each(one, fake.remove))
    fake.on_change = lambda uid: made.tell([uid])
    made.data = fake
    return made


@contextlib.asynccontextmanager
async def _files(top: Path) -> AsyncIterator[Opened]:
    folders = {
        top / "maps": (DataKind.CONFIG_MAP,),
        top / "keys": (DataKind.SECRET,),
        top / "volumes": (DataKind.VOLUME, DataKind.CLAIM),
    }
    for folder in folders:
        folder.mkdir(mode=0o700)

    def path(document: Document) -> Path:
        folder = {"ConfigMap": "maps", "Secret": "keys"}.get(document["kind"], "volumes")
        return top / folder / f"{document['kind']}-{document['metadata']['name']}.json"

    def put(document: Document) -> None:
        draft = top / "draft"
        draft.write_text(json.dumps(document))
        draft.rename(path(document))

    made = Opened(put, lambda document: path(document).unlink())
    threads, watcher = Threads(1), Inotify()
    made.data = LocalData(
        folders,
        threads=threads,
        watcher=watcher,
        on_change=made.tell,
        on_problems=lambda _: None,
        bindings=top / "claims.json",
    )
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(made.data.run())
            yield made
            task.cancel()
    finally:
        watcher.close()
        threads.close()


@contextlib.asynccontextmanager
async def _api() -> AsyncIterator[Opened]:
    api = FakeApi()

    def put(document: Document) -> None:
        one = {**document, "metadata": {**document["metadata"]}}
        if document["kind"] == "PersistentVolumeClaim":
            one["status"] = {"phase": "Bound"}
        if document["kind"] != "PersistentVolume":
            one["metadata"]["namespace"] = "default"
        api.store.put(one)

    def remove(document: Document) -> None:
        kind = kind_named("v1", document["kind"])
        assert kind is not None
        api.store.delete(kind, document["metadata"]["name"], "default")

    made = Opened(put, remove)
    made.data = ApiData(api, connected=lambda: True, on_change=made.tell)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(made.data.run())
        await asyncio.sleep(0)
        yield made
        task.cancel()


def volume_of_claim(name: str) -> v1.Volume:
    """A pod's volume that a claim has."""
    source = v1.PersistentVolumeClaimVolumeSource(claimName=name)
    return v1.Volume(name=name, persistentVolumeClaim=source)
