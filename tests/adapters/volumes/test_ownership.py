"""fsGroup on trees of files."""

import asyncio
import os
from pathlib import Path

import pytest

from nodeagent.adapters.volumes.group_walk import Count, apply_group
from nodeagent.adapters.volumes.ownership import told_when_slow
from nodeagent.model.data import Claim
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import VolumeEvent
from tests.adapters.volumes.world import UID, a_pod, mode, needs_root

pytestmark = needs_root


def test_a_group_gets_every_entry_and_links_are_not_followed(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / "dir/deep").mkdir(parents=True)
    outside.touch(mode=0o600)
    script = top / "dir/script"
    script.touch()
    script.chmod(0o4700)
    (top / "link").symlink_to(outside)
    apply_group(str(top), 4711)
    entries = [top, *top.rglob("*")]
    assert {entry.lstat().st_gid for entry in entries} == {4711}
    assert [mode(path) & 0o2770 for path in (top, top / "dir", top / "dir/deep")] == [0o2770] * 3
    assert mode(script) == 0o4760
    assert (outside.stat().st_gid, mode(outside)) == (os.getgid(), 0o600)


def test_a_group_that_may_only_read_gets_no_write_bit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o400)
    apply_group(str(tmp_path), 4711, read_only=True)
    assert mode(tmp_path / "file") == 0o440


@pytest.mark.looptime
async def test_a_walk_that_lasts_is_told_with_how_far_it_is(tmp_path: Path) -> None:
    told: list[str] = []

    def tell(pod: DesiredPod, event: VolumeEvent, claim: Claim | None = None, /) -> None:
        assert (event.type, event.reason) == ("Warning", "VolumePermissionChangeInProgress")
        told.append(event.message)

    path = f"/root/pods/{UID}/volumes/kubernetes.io~csi/pv/mount"
    with told_when_slow(tell, a_pod(), path) as count:
        await asyncio.sleep(29)
        assert told == []
        await asyncio.sleep(2)
        count.entries = 7
        await asyncio.sleep(61)
    first, second = told
    assert first.startswith(
        f"Setting volume ownership for {UID}/volumes/kubernetes.io~csi/pv/mount is taking longer"
        " than expected, consider using OnRootMismatch"
    )
    assert second.endswith("pv/mount, processed 7 files.")
    await asyncio.sleep(100)
    assert len(told) == 2


def test_entries_are_counted_as_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/file").touch()
    count = Count()
    apply_group(str(tmp_path), 4711, count=count)
    assert count.entries == 2


def test_a_right_top_folder_saves_the_walk_if_so_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    apply_group(str(tmp_path), 4711, on_mismatch_only=True)
    assert (tmp_path / "file").stat().st_gid == 4711
    os.chown(tmp_path / "file", -1, 0)
    apply_group(str(tmp_path), 4711, on_mismatch_only=True)
    assert (tmp_path / "file").stat().st_gid == 0
