"""Deleting: deep, wide, crossing nothing; and the mount calls it relies on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.mounts import Kernel, mounts_below, parse_mountinfo
from nodeagent.adapters.host.trees import remove_tree
from nodeagent.errors import HostError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")

MOUNTINFO = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
31 23 0:28 / /k/pods/u1/volumes/x\\040y rw,relatime shared:5 master:2 - tmpfs tmp\\134fs rw,size=4k
32 31 0:29 /sub /k/pods/u1/volumes/x\\040y/deep ro - ext4 /dev/vda rw
33 23 0:30 / /k/pods/u10/volumes/z rw - fuse.sshfs host:/p rw
"""


def test_mountinfo_is_read_with_optional_fields_and_escapes() -> None:
    mounts = parse_mountinfo(MOUNTINFO)
    assert len(mounts) == 4
    assert mounts[1].point == "/k/pods/u1/volumes/x y"
    assert (mounts[1].fstype, mounts[1].source) == ("tmpfs", "tmp\\fs")
    assert mounts[1].super_options == "rw,size=4k"
    assert (mounts[2].root, mounts[2].options) == ("/sub", "ro")


def test_mounts_below_are_deepest_first_and_no_neighbours() -> None:
    points = [mount.point for mount in mounts_below("/k/pods/u1", MOUNTINFO)]
    assert points == ["/k/pods/u1/volumes/x y/deep", "/k/pods/u1/volumes/x y"]
    assert [m.point for m in mounts_below("/k/pods/u1/volumes/x y", MOUNTINFO)] == points


def test_a_tree_deeper_than_any_limit_of_open_files_goes(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    folder = os.open(top, os.O_RDONLY)
    for level in range(1500):
        os.mkdir("d" * 20, dir_fd=folder)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
        if level % 100 == 0:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    assert remove_tree(str(top))
    assert not top.exists()


def test_a_tree_without_time_is_left_for_the_next_turn(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "a").mkdir(parents=True)
    (top / "a/f").touch()
    assert remove_tree(str(top), until=0.0) is False
    assert remove_tree(str(top)) is True
    assert remove_tree(str(top)) is True
    assert remove_tree(str(tmp_path / "no/such/parent")) is True


def test_a_plain_file_and_a_link_are_removed_as_such(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(kept)
    file.touch()
    assert remove_tree(str(link))
    assert remove_tree(str(file))
    assert kept.exists()
    assert not link.is_symlink()
    assert not file.exists()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A folder, and a bind mount of another one inside it (the same file system)."""
    kernel = Kernel()
    source, place = tmp_path / "source", tmp_path / "top/a/place"
    source.mkdir()
    (source / "file").write_text("keep")
    place.mkdir(parents=True)
    kernel.bind(str(source), str(place))
    yield source, place
    kernel.unmount(str(place))


@needs_root
def test_a_bind_mount_of_the_same_file_system_is_not_entered(
    mounted: tuple[Path, Path], tmp_path: Path
) -> None:
    source, place = mounted
    with pytest.raises(HostError, match=f"still a mount point, unmount it: {place}"):
        remove_tree(str(tmp_path / "top"))
    with pytest.raises(HostError, match=f"still a mount point, unmount it: {place}"):
        remove_tree(str(place))
    assert (source / "file").read_text() == "keep"


@needs_root
def test_mounts_are_recognized_and_unmounting_may_be_repeated(
    mounted: tuple[Path, Path], tmp_path: Path
) -> None:
    source, place = mounted
    kernel = Kernel()
    assert kernel.is_mount(str(place))
    assert not kernel.is_mount(str(source))
    assert not kernel.is_mount(str(tmp_path / "none/at/all"))
    kernel.bind(str(source), str(place))  # twice, on top of each other
    assert kernel.mounts_below(str(tmp_path)) == (str(place), str(place))
    for _ in range(2):
        kernel.unmount(str(place))
        assert kernel.mounts_below(str(tmp_path)) == ()


@needs_root
def test_a_mount_in_use_is_detached(mounted: tuple[Path, Path], tmp_path: Path) -> None:
    _, place = mounted
    user = os.open(place / "file", os.O_RDONLY)
    try:
        Kernel().unmount(str(place))
        assert Kernel().mounts_below(str(tmp_path)) == ()
    finally:
        os.close(user)


@needs_root
def test_a_mount_that_fails_says_what_and_where(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=f"mount tmpfs {tmp_path}/none: No such file"):
        Kernel().mount("tmpfs", f"{tmp_path}/none", "tmpfs")
