"""Config maps, secrets and claims from files: read strictly, followed, kept while a file is bad."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.manifests.data import LocalData
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.model.data import DataKey, DataKind
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from tests.adapters.manifests.telling import in_place, remove_and_add, replace, sed, vim
from tests.fakes.pods import a_container, a_pod

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: hush}\n"


def config_map(name: str = "app", word: str = "one", **more: object) -> str:
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"{head}{extra}data:\n  word: {word}\n"


def using(name: str = "app", uid: str = "u1") -> DesiredPod:
    """A pod whose environment is made of a config map."""
    source = v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name=name))
    return a_pod(a_container(envFrom=[source]), uid=uid)


class Source:
    """A data source under test, and whom it has told."""

    def __init__(self, top: Path, threads: Threads, watcher: Inotify) -> None:
        self.maps, self.secrets, self.volumes = top / "configmaps", top / "secrets", top / "volumes"
        self.rung: list[PodUid] = []
        self._news = asyncio.Event()
        self.data = LocalData(
            {
                self.maps: (DataKind.CONFIG_MAP,),
                self.secrets: (DataKind.SECRET,),
                self.volumes: (DataKind.VOLUME, DataKind.CLAIM),
            },
            threads=threads,
            watcher=watcher,
            on_change=self._changed,
            on_problems=lambda _: self._news.set(),
            bindings=top / "claims.json",
        )

    def _changed(self, uids: Iterable[PodUid]) -> None:
        self.rung += uids
        self._news.set()

    async def word(self, name: str = "app") -> str | None:
        found = await self.data.config_map("default", name)
        return found.data["word"] if found is not None else None

    @property
    def messages(self) -> list[str]:
        return [problem.message for problem in self.data.problems]

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(3):
            while not check():
                self._news.clear()
                await self._news.wait()

    async def until_word(self, word: str | None, name: str = "app") -> None:
        async with asyncio.timeout(3):
            while await self.word(name) != word:
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def following(top: Path) -> AsyncIterator[Source]:
    threads, watcher = Threads(1), Inotify()
    for name in ("configmaps", "secrets", "volumes"):
        if not (top / name).exists():
            (top / name).mkdir(mode=0o700)
    source = Source(top, threads, watcher)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(source.data.run())
            yield source
            task.cancel()
    finally:
        watcher.close()
        threads.close()


EDITS = [replace, in_place, sed, vim, remove_and_add]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
async def test_an_edit_of_any_kind_reaches_the_pods_that_use_it_and_no_others(
    tmp_path: Path, edit: Callable[[Path, str], None]
) -> None:
    async with following(tmp_path) as source:
        source.data.follow(using("other", "u2"))
        assert await source.word() is None
        before = source.data.follow(using())
        replace(source.maps / "app.yaml", config_map())
        await source.until_word("one")
        first = source.data.follow(using())
        assert source.rung == ["u1"]
        edit(source.maps / "app.yaml", config_map(word="two"))
        await source.until_word("two")
        assert len({before, first, source.data.follow(using())}) == 3
        assert set(source.rung) == {"u1"}
        source.data.forget(PodUid("u1"))
        source.rung.clear()
        (source.maps / "app.yaml").unlink()
        await asyncio.sleep(0.3)
        assert await source.word() is None
        assert source.rung == []


async def test_a_swap_of_the_link_a_folder_hangs_on_is_an_edit(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "app.yaml").write_text(config_map(word=version))
    (tmp_path / "current").symlink_to("one")
    async with following(tmp_path) as source:
        source.data.follow(using())
        (source.maps / "app.yaml").symlink_to("../current/app.yaml")
        await source.until_word("one")
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(tmp_path / "current")
        await source.until_word("two")


async def test_a_file_that_turned_bad_keeps_its_last_good_version_and_says_where(
    tmp_path: Path,
) -> None:
    async with following(tmp_path) as source:
        source.data.follow(using())
        file = source.maps / "app.yaml"
        replace(file, config_map())
        await source.until_word("one")
        replace(file, config_map(word="8080"))
        await source.until(lambda: bool(source.messages))
        (problem,) = source.data.problems
        assert problem.message.startswith("data.word: needs a text, has the number 8080")
        assert (problem.origin, problem.line, problem.column) == (str(file), 5, 9)
        assert await source.word() == "one"
        replace(file, config_map(word="two"))
        await source.until_word("two")
        assert source.messages == []


async def test_an_immutable_object_does_not_change_until_its_file_was_gone(tmp_path: Path) -> None:
    async with following(tmp_path) as source:
        source.data.follow(using())
        file = source.maps / "app.yaml"
        replace(file, config_map(immutable="true"))
        await source.until_word("one")
        replace(file, config_map(word="two", immutable="true"))
        await source.until(lambda: bool(source.messages))
        assert source.messages[0].startswith("data: may not change, for it was immutable")
        assert await source.word() == "one"
        file.unlink()
        await source.until_word(None)
        replace(file, config_map(word="two", immutable="true"))
        await source.until_word("two")


async def test_two_files_of_one_name_are_told_and_the_first_counts(tmp_path: Path) -> None:
    async with following(tmp_path) as source:
        replace(source.maps / "b.yaml", config_map(word="b"))
        await source.until_word("b")
        replace(source.maps / "a.yaml", config_map(word="a"))
        await source.until_word("a")
        assert source.messages == [
            f"ConfigMap default/app is also in {source.maps}/a.yaml, which is the one that counts"
        ]


async def test_secrets_that_others_can_read_are_refused_until_the_folder_is_closed(
    tmp_path: Path,
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets").chmod(0o750)
    (tmp_path / "secrets/key.yaml").write_text(SECRET)
    async with following(tmp_path) as source:
        assert await source.data.secret("default", "key") is None
        assert source.messages[0].endswith(f"run: chmod 700 {tmp_path}/secrets")
        source.secrets.chmod(0o700)
        await source.until(lambda: not source.messages)
        found = await source.data.secret("default", "key")
        assert found is not None
        assert found.data == {"token": b"hush"}


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
async def test_secrets_that_belong_to_somebody_else_are_refused_too(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets/key.yaml").write_text(SECRET)
    os.chown(tmp_path / "secrets", 1000, 1000)
    async with following(tmp_path) as source:
        assert await source.data.secret("default", "key") is None
        assert "user 1000, whose it is, may look into it" in source.messages[0]
        assert source.messages[0].endswith(f"run: chown root: {tmp_path}/secrets")


async def test_one_file_of_secrets_has_to_be_closed_too(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(SECRET)
    (tmp_path / "secrets").chmod(0o644)
    async with following(tmp_path) as source:
        assert await source.data.secret("default", "key") is None
        assert source.messages[0].endswith(f"run: chmod 600 {tmp_path}/secrets")
        source.secrets.chmod(0o600)
        await source.until(lambda: not source.messages)
        assert await source.data.secret("default", "key") is not None


async def test_a_document_in_the_wrong_folder_is_refused_by_kind(tmp_path: Path) -> None:
    async with following(tmp_path) as source:
        replace(source.secrets / "app.yaml", config_map())
        await source.until(lambda: bool(source.messages))
        assert source.messages == ['kind: is "ConfigMap"; only Secret is read from here']


CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
VOLUME = """\
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv0}
spec: {accessModes: [ReadWriteOnce], capacity: {storage: 5Gi}, local: {path: /disk}}
"""


async def test_a_claim_is_bound_as_soon_as_its_volume_is_there(tmp_path: Path) -> None:
    source = v1.PersistentVolumeClaimVolumeSource(claimName="disk")
    volume = v1.Volume(name="d", persistentVolumeClaim=source)
    mount = v1.VolumeMount(name="d", mountPath="/d")
    pod = a_pod(a_container(volumeMounts=[mount]), volumes=[volume])
    async with following(tmp_path) as found:
        found.data.follow(pod)
        replace(found.volumes / "claim.yaml", CLAIM)
        await found.until(lambda: found.rung == ["u1"])
        claim = await found.data.claim("default", "disk")
        assert claim is not None
        assert (claim.volume, claim.why) == ("", "there is no PersistentVolume")
        before = found.data.follow(pod)
        replace(found.volumes / "volume.yaml", f"{VOLUME}---\n{VOLUME.replace('pv0', 'pv1')}")
        await found.until(lambda: len(found.rung) == 2)
        claim = await found.data.claim("default", "disk")
        assert claim is not None
        assert claim.volume == "pv0"
        assert found.data.follow(pod) != before
        assert found.data.uses(DataKey(DataKind.VOLUME, "", "pv0"))
        assert found.data.uses(DataKey(DataKind.CLAIM, "default", "disk"))
        assert not found.data.uses(DataKey(DataKind.VOLUME, "", "pv1"))
        replace(found.volumes / "volume.yaml", VOLUME.replace("/disk", "/other"))
        await found.until(lambda: len(found.rung) == 3)


async def eventually(ask: Callable[[], Awaitable[str]], answer: str) -> None:
    """Ask until the answer is this."""
    for _ in range(300):
        if await ask() == answer:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"never {answer}")


async def test_a_claim_keeps_its_volume_over_a_restart_though_a_smaller_one_came(
    tmp_path: Path,
) -> None:
    async def volume_of(found: Source) -> str:
        claim = await found.data.claim("default", "disk")
        return claim.volume if claim is not None else ""

    async with following(tmp_path) as found:
        replace(found.volumes / "claim.yaml", CLAIM)
        replace(found.volumes / "large.yaml", VOLUME.replace("pv0", "large"))
        await eventually(lambda: volume_of(found), "large")
        await asyncio.sleep(0.1)  # it is written down
    small = VOLUME.replace("pv0", "small").replace("5Gi", "1Gi")
    (tmp_path / "volumes/small.yaml").write_text(small)
    async with following(tmp_path) as found:
        assert await volume_of(found) == "large"
        assert await found.data.volume("small") is not None
        (found.volumes / "large.yaml").unlink()
        await eventually(lambda: volume_of(found), "small")


async def test_bindings_that_cannot_be_read_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "claims.json").write_text("{")
    (tmp_path / "volumes").mkdir()
    (tmp_path / "volumes/all.yaml").write_text(f"{CLAIM}---\n{VOLUME}")
    async with following(tmp_path) as found:
        claim = await found.data.claim("default", "disk")
        assert claim is not None
        assert claim.volume == "pv0"


async def test_without_folders_nothing_is_there_and_nobody_waits() -> None:
    threads = Threads(1)
    data = LocalData({}, threads=threads, watcher=None, on_change=lambda _: None)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(data.run())
        assert await data.secret("default", "x") is None
        assert await data.volume("x") is None
        assert data.place(DataKind.SECRET) == ""
        task.cancel()
    threads.close()
