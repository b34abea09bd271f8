"""A file system that never answers: a FUSE mount that nobody serves."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from nodeagent.adapters.host.mounts import Kernel

needs_fuse = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/fuse").exists(), reason="needs root and /dev/fuse"
)


class DeadMount:
    """Every call below `place` waits, until it is given up: then it fails at once."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0"
        Kernel().mount("dead", str(place), "fuse", options=options)

    def give_up(self) -> None:
        """Calls that wait fail, and nothing is mounted any more. May be repeated."""
        device, self._device = self._device, -1
        with suppress(OSError):
            os.close(device)
        Kernel().unmount(str(self.place))


@contextmanager
def dead_mount(place: Path) -> Iterator[DeadMount]:
    """Made at `place`, an empty folder; given up in the end."""
    mount = DeadMount(place)
    try:
        yield mount
    finally:
        mount.give_up()
