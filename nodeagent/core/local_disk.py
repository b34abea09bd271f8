"""Block devices of local volumes: when one is formatted, and when never."""

import enum
from typing import Final

DEFAULT_TYPE: Final = "ext4"
PARTITIONED: Final = "unknown data, probably partitions"
_NOTHING_FOUND: Final = 2
_FORCED: Final = {"ext3": ("-F", "-m0"), "ext4": ("-F", "-m0"), "xfs": ("-f",)}
_CORRECTED, _UNCORRECTED = 1, 4


class Step(enum.Enum):
    """What to do before a device is mounted."""

    MOUNT = enum.auto()
    CHECK = enum.auto()
    FORMAT = enum.auto()


def content_of(code: int, output: str) -> str | None:
    """What blkid(8) found on a device: a file system, PARTITIONED, or "" for nothing it knows.

    None: it could not say.
    """
    if code == _NOTHING_FOUND:
        return ""
    pairs = [line.split("=") for line in output.splitlines() if line]
    if code != 0 or any(len(pair) != 2 for pair in pairs):
        return None
    found = {name: value for name, value in pairs}
    return PARTITIONED if found.get("PTTYPE") else found.get("TYPE", "")


def next_step(content: str, *, read_only: bool) -> Step:
    """As a kubelet does it, for a device that there is no `refusal` of."""
    if read_only:
        return Step.MOUNT
    return Step.CHECK if content else Step.FORMAT


def refusal(device: str, content: str, *, read_only: bool, blank: bool, begun: bool) -> str:
    """Why the device cannot be used, and what to do; "" if it can.

    `begun`: an earlier formatting was broken off. What no tool knows, but is not nothing, is
    somebody's data: it stays.
    """
    if content == PARTITIONED:
        return (
            f"{device} holds {PARTITIONED}: it is not formatted; name the partition, or wipe it"
            " (wipefs --all)"
        )
    if content:
        return ""
    if read_only:
        return f"cannot mount unformatted disk {device} as it is for reading only"
    if blank or begun:
        return ""
    return (
        f"{device} holds data that no tool knows: it is not formatted; wipe it if nobody needs that"
        " (blkdiscard, or dd of zeros)"
    )


def make_words(device: str, fstype: str) -> tuple[str, ...]:
    """The command that makes a file system."""
    return (f"mkfs.{fstype}", *_FORCED.get(fstype, ()), device)


def check_failed(code: int) -> bool:
    """Whether fsck(8) left errors that it could not correct by itself."""
    return bool(code & _UNCORRECTED) and code < 2 * _UNCORRECTED
