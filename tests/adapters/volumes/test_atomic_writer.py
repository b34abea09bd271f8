"""The layout containers rely on: whole changes, links repaired, leftovers of a crash removed."""

import os
import stat
from pathlib import Path

import pytest

from nodeagent.adapters.host.mounts import Kernel
from nodeagent.adapters.volumes.atomic_writer import write
from nodeagent.core.payload import VolumeFile
from tests.adapters.volumes.world import needs_root


def files(**texts: str) -> dict[str, VolumeFile]:
    return {
        name.replace("__", "/"): VolumeFile(data=text.encode(), mode=0o644)
        for name, text in texts.items()
    }


def shown(top: Path) -> dict[str, str]:
    """What a container finds by the names it knows."""
    found: dict[str, str] = {}
    for at, _, names in os.walk(top, followlinks=True):
        for name in names:
            path = f"{at}/{name}".removeprefix(f"{top}/")
            if not path.startswith(".."):
                found[path] = Path(at, name).read_text()
    return found


def test_files_lie_behind_links_through_data(tmp_path: Path) -> None:
    assert write(str(tmp_path), files(a="1", deep__er__b="2"))
    assert shown(tmp_path) == {"a": "1", "deep/er/b": "2"}
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert (tmp_path / "deep").readlink() == Path("..data/deep")
    real = (tmp_path / "..data").readlink()
    assert str(real).startswith("..20")
    assert stat.S_IMODE((tmp_path / real).stat().st_mode) == 0o755
    assert {p.name for p in tmp_path.iterdir()} == {"..data", str(real), "a", "deep"}


def test_equal_contents_are_not_written_again(tmp_path: Path) -> None:
    write(str(tmp_path), files(a="1"))
    before = (tmp_path / "..data").readlink()
    assert not write(str(tmp_path), files(a="1"))
    assert (tmp_path / "..data").readlink() == before


@pytest.mark.parametrize("change", [{"a": "2"}, {"a": "1", "b": "1"}, {}, {"a": ""}])
def test_other_contents_replace_all_and_leave_nothing_of_the_old(
    tmp_path: Path, change: dict[str, str]
) -> None:
    write(str(tmp_path), files(a="1", gone="x"))
    old = (tmp_path / "..data").readlink()
    assert write(str(tmp_path), files(**change))
    assert shown(tmp_path) == change
    assert not (tmp_path / old).exists()
    assert not (tmp_path / "gone").is_symlink()


def test_modes_are_exact_whatever_the_umask_and_a_new_mode_is_a_change(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        payload = {"d/k": VolumeFile(data=b"x", mode=0o604)}
        write(str(tmp_path), payload)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "d/k").stat().st_mode) == 0o604
    assert stat.S_IMODE((tmp_path / "..data/d").stat().st_mode) == 0o755
    assert write(str(tmp_path), {"d/k": VolumeFile(data=b"x", mode=0o400)})
    assert stat.S_IMODE((tmp_path / "d/k").stat().st_mode) == 0o400


def test_a_broken_link_is_repaired_without_writing_files(tmp_path: Path) -> None:
    write(str(tmp_path), files(a="1", b="2"))
    (tmp_path / "a").unlink()
    (tmp_path / "b").unlink()
    (tmp_path / "b").symlink_to("elsewhere")
    assert not write(str(tmp_path), files(a="1", b="2"))
    assert shown(tmp_path) == {"a": "1", "b": "2"}


def test_what_a_crash_left_is_swept_and_foreign_things_stay(tmp_path: Path) -> None:
    write(str(tmp_path), files(a="1"))
    (tmp_path / "..2020_01_01_00_00_00.1").mkdir()
    (tmp_path / "..2020_01_01_00_00_00.1/half").write_text("x")
    (tmp_path / "..data_tmp").symlink_to("..2020_01_01_00_00_00.1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    write(str(tmp_path), files(a="1"))
    assert {p.name for p in tmp_path.iterdir() if not p.name.startswith("..")} == {
        "a",
        "mine",
        "link",
    }
    assert not (tmp_path / "..data_tmp").is_symlink()
    assert len(list(tmp_path.iterdir())) == 5


def test_a_lost_data_folder_is_made_again(tmp_path: Path) -> None:
    write(str(tmp_path), files(a="1"))
    real = tmp_path / (tmp_path / "..data").readlink()
    (real / "a").unlink()
    real.rmdir()
    assert write(str(tmp_path), files(a="1"))
    assert shown(tmp_path) == {"a": "1"}


def test_a_data_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    volume, outside = tmp_path / "v", tmp_path / "outside"
    volume.mkdir()
    outside.mkdir()
    (outside / "a").write_text("1")
    (outside / "a").chmod(0o644)
    (volume / "..data").symlink_to("../outside")
    assert write(str(volume), files(a="1"))
    assert (outside / "a").exists()
    assert str((volume / "..data").readlink()).startswith("..20")


def test_something_else_under_a_files_name_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(FileExistsError, match="in the way") as caught:
        write(str(tmp_path), files(a="1"))
    assert caught.value.filename == str(tmp_path / "a")


@needs_root
def test_a_full_disk_keeps_the_old_files_and_no_part_of_the_new(tmp_path: Path) -> None:
    kernel = Kernel()
    kernel.mount("tmpfs", str(tmp_path), "tmpfs", options="size=1m")
    try:
        write(str(tmp_path), files(a="1" * 400_000))
        before = sorted(tmp_path.iterdir())
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                write(str(tmp_path), files(a="2" * 700_000))
            assert sorted(tmp_path.iterdir()) == before
        assert shown(tmp_path) == {"a": "1" * 400_000}
        # What a crash left half-written has no room of the next try either.
        half = tmp_path / "..2026_01_01_00_00_00.1"
        half.mkdir()
        (half / "a").write_text("2" * 500_000)
        assert write(str(tmp_path), files(a="3" * 500_000))
        assert shown(tmp_path) == {"a": "3" * 500_000}
    finally:
        kernel.unmount(str(tmp_path))


def test_files_that_cannot_be_together_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        write(str(tmp_path), files(a="1", a__b="2"))
    assert list(tmp_path.iterdir()) == []


def test_folders_for_nested_mounts_are_there_before_the_container(tmp_path: Path) -> None:
    for _ in range(2):
        write(str(tmp_path), files(a="1"), folders=("sub/dir", "a"))
        assert (tmp_path / "sub/dir").is_dir()
    assert shown(tmp_path) == {"a": "1"}


def test_files_are_settled_before_they_show(tmp_path: Path) -> None:
    seen: list[bool] = []
    write(str(tmp_path), files(a="1"), settle=lambda: seen.append((tmp_path / "..data").exists()))
    write(str(tmp_path), files(a="1"), settle=lambda: seen.append(True))
    assert seen == [False]
