"""Manifest folders as people edit them: real files, real inotify, no long waits."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeagent.adapters.manifests.directory import DirectorySource
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.model.desired import Source, SourceUpdate
from tests.adapters.manifests.telling import (
    Told,
    age,
    in_place,
    manifest,
    remove_and_add,
    replace,
    sed,
    telling,
    vim,
)


@pytest.mark.parametrize("edit", [replace, vim, sed, in_place, remove_and_add])
async def test_every_way_to_edit_a_file_is_one_change(
    tmp_path: Path, edit: Callable[[Path, str], None]
) -> None:
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
