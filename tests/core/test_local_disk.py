"""When a block device of a local volume is formatted."""

import pytest

from nodeagent.core.local_disk import (
    PARTITIONED,
    Step,
    check_failed,
    content_of,
    make_words,
    next_step,
    refusal,
)


@pytest.mark.parametrize(
    ("code", "output", "content"),
    [
        (2, "", ""),
        (0, "DEVNAME=/dev/sdb\nTYPE=ext4\n", "ext4"),
        (0, "DEVNAME=/dev/sdb\nTYPE=crypto_LUKS\n", "crypto_LUKS"),
        (0, "DEVNAME=/dev/sdb\nPTTYPE=gpt\n", PARTITIONED),
        (0, "DEVNAME=/dev/sdb\nTYPE=vfat\nPTTYPE=dos\n", PARTITIONED),
        (8, "ambivalent result\n", None),
        (0, "what is this", None),
        (0, "DEVNAME=/dev/a=b\n", None),
    ],
)
def test_what_is_on_a_device_is_what_blkid_says(
    code: int, output: str, content: str | None
) -> None:
    assert content_of(code, output) == content


@pytest.mark.parametrize(
    ("content", "read_only", "blank", "begun", "why"),
    [
        ("", False, True, False, ""),
        ("", False, False, True, ""),
        ("ext4", False, False, False, ""),
        ("ext4", True, False, False, ""),
        (PARTITIONED, False, True, False, "unknown data, probably partitions"),
        (PARTITIONED, True, True, False, "unknown data, probably partitions"),
        ("", False, False, False, "holds data that no tool knows"),
        ("", True, True, False, "unformatted disk /dev/sdb as it is for reading only"),
    ],
)
def test_only_what_is_surely_nothing_is_formatted(
    content: str, read_only: bool, blank: bool, begun: bool, why: str
) -> None:
    told = refusal("/dev/sdb", content, read_only=read_only, blank=blank, begun=begun)
    assert why in told if why else told == ""


def test_a_file_system_is_checked_before_it_is_written() -> None:
    assert next_step("", read_only=False) is Step.FORMAT
    assert next_step("xfs", read_only=False) is Step.CHECK
    assert next_step("xfs", read_only=True) is Step.MOUNT


def test_the_tools_are_called_as_a_kubelet_calls_them() -> None:
    assert make_words("/dev/sdb", "ext4") == ("mkfs.ext4", "-F", "-m0", "/dev/sdb")
    assert make_words("/dev/sdb", "xfs") == ("mkfs.xfs", "-f", "/dev/sdb")
    assert make_words("/dev/sdb", "btrfs") == ("mkfs.btrfs", "/dev/sdb")
    assert [code for code in range(17) if check_failed(code)] == [4, 5, 6, 7]
