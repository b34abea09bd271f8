"""The agent's folder shares its mounts, once, and only where that covers nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.mounts import Kernel, mounts_below, parse_mountinfo
from nodeagent.adapters.host.propagation import holder_of, share_mounts
from nodeagent.errors import HostError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
MS_PRIVATE = 1 << 18


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a private mount of its own, whatever the machine has."""
    kernel, top = Kernel(), tmp_path / "top"
    (top / "root").mkdir(parents=True)
    kernel.mount("tmpfs", str(top), "tmpfs")
    kernel.mount("none", str(top), "", flags=MS_PRIVATE)
    (top / "root").mkdir()
    yield top / "root"
    for mount in mounts_below(str(top)):
        kernel.unmount(mount.point)


def test_the_folder_becomes_a_shared_mount_once(folder: Path) -> None:
    for _ in range(3):
        assert share_mounts(str(folder))
    (mount,) = mounts_below(str(folder))
    assert mount.shared
    (folder / "inside").mkdir()
    assert share_mounts(str(folder / "inside"))
    assert len(mounts_below(str(folder))) == 1


def test_a_private_mount_of_its_own_is_made_shared(folder: Path) -> None:
    Kernel().bind(str(folder), str(folder))
    assert share_mounts(str(folder))
    assert [one.shared for one in mounts_below(str(folder))] == [True]


def test_what_is_mounted_below_already_is_not_covered(folder: Path) -> None:
    (folder / "pods").mkdir()
    Kernel().mount("tmpfs", str(folder / "pods"), "tmpfs")
    assert not share_mounts(str(folder))
    assert [one.point for one in mounts_below(str(folder))] == [str(folder / "pods")]


def test_a_kernel_that_refuses_is_survived(folder: Path) -> None:
    class Refusing(Kernel):
        def mount(self, *_: object, **__: object) -> None:
            raise HostError(op="mount", target="x", detail="not permitted")

    assert not share_mounts(str(folder), Refusing())


def test_the_mount_that_a_path_lies_on_is_the_longest_and_the_last() -> None:
    text = (
        "1 0 8:1 / / rw - ext4 a rw\n"
        "2 1 8:2 / /var rw shared:7 - ext4 b rw\n"
        "3 1 8:3 / /var rw - ext4 c rw\n"
    )
    mounts = parse_mountinfo(text)
    assert holder_of("/var/lib", mounts).source == "c"
    assert holder_of("/varied", mounts).source == "a"
    assert [one.shared for one in mounts] == [False, True, False]
