"""Rotation of log files on a real file system."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.log_files import HostLogFiles
from nodeagent.aio.threads import Threads
from nodeagent.core.log_rotation import plan_rotation
from nodeagent.errors import HostError

DAY = 86400.0


@pytest.fixture
def files() -> Iterator[HostLogFiles]:
    threads = Threads(1)
    yield HostLogFiles(threads)
    threads.close()


async def rotate(files: HostLogFiles, log: Path, *, now: float, max_files: int = 3) -> str:
    names = await files.neighbours(str(log))
    rotation = plan_rotation(log.name, names, max_files=max_files, now=now)
    await files.rotate(str(log.parent), rotation)
    return rotation.rotated


async def test_sizes_leave_out_what_is_missing_or_no_file(
    files: HostLogFiles, tmp_path: Path
) -> None:
    (tmp_path / "0.log").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("0.log")
    asked = [str(tmp_path / name) for name in ("0.log", "none", "link", "0.log/below")]
    assert await files.sizes(asked) == {str(tmp_path / "0.log"): 5}


async def test_three_rotations_leave_the_newest_plain_and_the_one_before_as_an_archive(
    files: HostLogFiles, tmp_path: Path
) -> None:
    log = tmp_path / "0.log"
    rotated = []
    for turn in range(3):
        log.write_text(f"turn {turn}\n" * 1000)
        log.chmod(0o640)
        rotated.append(await rotate(files, log, now=turn * DAY))
    log.write_text("live")
    assert set(os.listdir(tmp_path)) == {  # noqa: PTH208
        "0.log",
        rotated[2],
        rotated[1] + ".gz",
    }
    archive = tmp_path / (rotated[1] + ".gz")
    assert gzip.decompress(archive.read_bytes()) == b"turn 1\n" * 1000
    assert archive.stat().st_mode & 0o777 == 0o640


async def test_a_rename_is_taken_back_but_never_over_a_new_log(
    files: HostLogFiles, tmp_path: Path
) -> None:
    log = tmp_path / "0.log"
    log.write_text("old")
    rotation = plan_rotation("0.log", [], max_files=5, now=0.0)
    await files.rotate(str(tmp_path), rotation)
    assert not log.exists()
    await files.put_back(str(tmp_path), rotation)
    assert log.read_text() == "old"
    await files.rotate(str(tmp_path), rotation)
    log.write_text("new")
    await files.put_back(str(tmp_path), rotation)
    assert log.read_text() == "new" and (tmp_path / rotation.rotated).read_text() == "old"


async def test_a_log_that_cannot_be_renamed_is_named(files: HostLogFiles, tmp_path: Path) -> None:
    rotation = plan_rotation("0.log", [], max_files=5, now=0.0)
    with pytest.raises(HostError, match=r"rename log .*/0\.log"):
        await files.rotate(str(tmp_path), rotation)
