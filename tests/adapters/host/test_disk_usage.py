"""The slow walk over folders, on real ones."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.disk_usage import DiskWalker, Pace
from nodeagent.adapters.host.trees import remove_tree

FAST = Pace(read_rate=1e12, share=0.999)


@pytest.fixture
def walker() -> Iterator[DiskWalker]:
    walker = DiskWalker(FAST)
    yield walker
    walker.close()


def du(folder: Path) -> int:
    told = subprocess.run(["du", "-sx", "-B1", str(folder)], capture_output=True, check=True)
    return int(told.stdout.split()[0])


async def test_a_tree_is_as_large_as_du_says(tmp_path: Path, walker: DiskWalker) -> None:
    for number in range(40):
        folder = tmp_path / str(number % 7) / "deep" / "er"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(b"x" * number * 1000)
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 30)
    os.link(tmp_path / "0/deep/er/f35", tmp_path / "again")
    (tmp_path / "link").symlink_to("/usr")
    use = await walker.measure(str(tmp_path))
    assert use is not None and use.whole
    assert use.used == du(tmp_path)
    assert use.inodes == 1 + 7 * 3 + 40 + 1 + 1
    assert walker.entries == use.inodes  # the top is no entry, the second link is


async def test_one_file_is_a_tree_too(tmp_path: Path, walker: DiskWalker) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 10_000)
    use = await walker.measure(str(file))
    assert use is not None and (use.used, use.inodes) == (du(file), 1)


async def test_what_is_not_there_has_no_size(tmp_path: Path, walker: DiskWalker) -> None:
    missing = str(tmp_path / "no")
    assert await walker.measure(missing) is None
    assert await walker.file_system(missing) is None
    assert await walker.device(missing) is None
    assert await walker.file_size(missing) is None


@pytest.fixture
def big_file_in_shm() -> Iterator[None]:
    """/dev/shm is a file system of its own below /dev."""
    big = Path("/dev/shm/nodeagent-test-disk-usage")
    big.write_bytes(b"x" * 1_000_000)
    yield
    big.unlink()


async def test_another_file_system_is_not_entered(
    walker: DiskWalker, big_file_in_shm: None
) -> None:
    use = await walker.measure("/dev")
    assert use is not None and use.used < 1_000_000


async def test_a_path_too_long_for_the_kernel_is_left_out(
    tmp_path: Path, walker: DiskWalker
) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("x" * 200, dir_fd=here)
        below = os.open("x" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    use = await walker.measure(str(tmp_path))
    assert use is not None and not use.whole and use.inodes >= 20
    remove_tree(str(tmp_path))


async def test_a_file_system_says_how_full_it_is(tmp_path: Path, walker: DiskWalker) -> None:
    told = await walker.file_system(str(tmp_path))
    real = os.statvfs(tmp_path)
    assert told is not None
    assert told.capacity == real.f_blocks * real.f_frsize
    assert 0 < told.available <= told.capacity - told.used


@pytest.mark.parametrize(
    ("seconds", "read", "pause"),
    [(0.02, 0, 0.08), (0.02, 2_000_000, 1.98), (0.0, 0, 0.0), (1.0, 500_000, 4.0)],
)
def test_the_pause_keeps_to_both_bounds(seconds: float, read: int, pause: float) -> None:
    assert Pace(read_rate=1e6, share=0.2).pause(seconds, read) == pytest.approx(pause)


async def test_many_entries_are_counted_in_pieces(tmp_path: Path, walker: DiskWalker) -> None:
    for number in range(1200):
        (tmp_path / str(number)).touch()
    use = await walker.measure(str(tmp_path))
    assert use is not None and use.inodes == 1201
