"""Tools for block devices: what is on one, make a file system, check it. Each may take long."""

import json
import shutil
import sys
from collections.abc import Mapping
from typing import Final

from nodeagent.adapters.host import stuck_worker
from nodeagent.adapters.host.disposable import PROGRAMS, Disposable, Order, TooLate
from nodeagent.core.local_disk import check_failed, content_of, make_words
from nodeagent.errors import HostError

_PACKAGES: Final[Mapping[str, str]] = {
    "blkid": "util-linux",
    "mkfs.ext3": "e2fsprogs",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "mkfs.btrfs": "btrfs-progs",
}
_LONGEST: Final = 1000
_LOOK: Final = 30.0


class BlockDevices:
    """Implements the volumes' `Disks`. `patience` is in seconds, for making and for checking."""

    def __init__(self, *, patience: float = 3600.0, programs: str = PROGRAMS) -> None:
        self._patience, self._programs = patience, programs
        self._processes = Disposable(programs)

    async def content(self, device: str) -> str:
        """See `Disks`; HostError where it cannot be told."""
        tokens = ("-s", "TYPE", "-s", "PTTYPE", "-o", "export")
        code, output = await self._run(device, ("blkid", "-p", *tokens, device), _LOOK)
        found = content_of(code, output)
        if found is None:
            raise _failed("look at", device, f"blkid ended with {code}: {output}")
        return found

    async def is_blank(self, device: str) -> bool:
        """See `Disks`."""
        order = Order("blank", device)
        words = (sys.executable, "-ISE", stuck_worker.__file__, order.text)
        _, output = await self._run(device, words, _LOOK)
        try:
            answer = json.loads(output)
        except ValueError as error:
            raise _failed("read", device, output or "no answer") from error
        if "errno" in answer:
            raise _failed("read", device, answer["text"])
        return bool(answer["ok"])

    async def make(self, device: str, fstype: str) -> None:
        """See `Disks`."""
        words = make_words(device, fstype)
        code, output = await self._run(device, words, self._patience)
        if code:
            raise _failed("format", device, f"{' '.join(words)} ended with {code}: {output}")

    async def check(self, device: str) -> None:
        """See `Disks`; without fsck(8) on the node nothing is checked."""
        if shutil.which("fsck", path=self._programs) is None:
            return
        code, output = await self._run(device, ("fsck", "-a", device), self._patience)
        if check_failed(code):
            detail = f"fsck found errors that it could not correct: {output}"
            raise _failed("check", device, detail)

    async def _run(self, device: str, words: tuple[str, ...], deadline: float) -> tuple[int, str]:
        program = words[0]
        if shutil.which(program, path=self._programs) is None:
            package = _PACKAGES.get(program, "the package that has it")
            raise _failed("use", device, f"there is no {program} on this node: install {package}")
        try:
            code, output = await self._processes.run(
                Order(program, device), words, deadline=deadline, errors=True
            )
        except TooLate as error:
            detail = f"{program} was not done within {deadline:g} s: look at the device"
            raise _failed("use", device, detail) from error
        return code, " ".join(output.decode(errors="replace").split(" "))[-_LONGEST:]


def _failed(op: str, device: str, detail: str) -> HostError:
    return HostError(op=op, target=device, detail=" ".join(detail.split()))
