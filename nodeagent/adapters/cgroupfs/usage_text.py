"""Reads the kernel's small files, and what both cgroup versions write alike."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import msgspec

from nodeagent.model.usage import DeviceIo, Group, Pressure, Pressures

Found: TypeAlias = dict[str, Any]
"""Fields of `Use` as they are found."""
Take: TypeAlias = Callable[[bytes, Found], None]

NO_LIMIT = 1 << 62  # from here on the kernel means "unlimited", rounded to its pages
_SIZE = 16384  # more than the longest of these files
_FLAGS = os.O_RDONLY | os.O_CLOEXEC


class Step(msgspec.Struct, frozen=True):
    """One file and what is taken from it; `folder` is where the tree is mounted.

    It is read only where the field `needs` was found before.
    """

    folder: str
    name: str
    take: Take
    needs: str = ""


class Place(msgspec.Struct, frozen=True):
    """A folder that is open in every tree that has it: what is below is a short way from it."""

    path: str
    folders: dict[str, int]


@contextmanager
def opened(trees: Iterable[str], path: str) -> Iterator[Place]:
    """The folder of this path in these trees (their mount points), while inside."""
    folders: dict[str, int] = {}
    try:
        for tree in trees:
            with suppress(OSError):
                folders[tree] = os.open(tree + path, _FLAGS | os.O_DIRECTORY)
        yield Place(path, folders)
    finally:
        for fd in folders.values():
            os.close(fd)


def slurp(path: str) -> bytes:
    """A file of the kernel in one piece. Plain calls: a tree is thousands of files."""
    fd = os.open(path, _FLAGS)
    try:
        return os.read(fd, _SIZE)
    finally:
        os.close(fd)


def slurp_all(path: str) -> bytes:
    """A file of any length."""
    fd = os.open(path, _FLAGS)
    try:
        pieces = []
        while piece := os.read(fd, _SIZE):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)


def follow(steps: Iterable[Step], place: Place, path: str, found: Found) -> bool:
    """Take everything from one cgroup, `path` below the place; whether anything of it is there.

    A file that is missing (another kernel, a controller that is off), has gone or says what nobody
    knows leaves its fields out.
    """
    there = False
    folders = place.folders
    before = f"{path}/" if path else ""
    for step in steps:
        if step.needs and step.needs not in found:
            continue
        try:
            fd = os.open(before + step.name, _FLAGS, dir_fd=folders[step.folder])
        except (OSError, KeyError):
            continue
        try:
            data = os.read(fd, _SIZE)
        except OSError:
            continue
        finally:
            os.close(fd)
        there = True
        try:  # costs nothing, as `suppress` would for each of thousands of files
            step.take(data, found)
        except (ValueError, KeyError):
            continue
    return there


def pairs(data: bytes) -> dict[bytes, bytes]:
    """Lines of a name and a number."""
    words = data.split()
    return dict(zip(words[::2], words[1::2], strict=False))


def one_number(field: str) -> Take:
    """Takes a file that holds one number; "max" and huge ones are no limit."""

    def take(data: bytes, found: Found) -> None:
        text = data.strip()
        if text.isdigit() and (value := int(text)) < NO_LIMIT:
            found[field] = value

    return take


def count_lines(field: str) -> Take:
    """Takes the number of lines, one for each process or thread."""

    def take(data: bytes, found: Found) -> None:
        found[field] = data.count(b"\n")

    return take


def pressures(data: bytes) -> Pressures:
    """A pressure file; the kernel leaves the line of `full` out where it means nothing."""
    lines = {line.partition(b" ")[0]: line for line in data.splitlines()}
    return Pressures(some=_pressure(lines.get(b"some")), full=_pressure(lines.get(b"full")))


def _pressure(line: bytes | None) -> Pressure:
    if line is None:
        return Pressure()
    fields = dict(word.partition(b"=")[::2] for word in line.split()[1:])
    return Pressure(
        avg10=float(fields.get(b"avg10", 0)),
        avg60=float(fields.get(b"avg60", 0)),
        avg300=float(fields.get(b"avg300", 0)),
        total=int(fields.get(b"total", 0)),
    )


def take_pressures(field: str) -> Take:
    """Takes a pressure file."""

    def take(data: bytes, found: Found) -> None:
        found[field] = pressures(data)

    return take


def devices(found: Found) -> dict[tuple[int, int], DeviceIo]:
    """What was taken of disks up to now."""
    return {(one.major, one.minor): one for one in found.get("io", ())}


def host_pressure(proc: str, groups: frozenset[Group], found: Found) -> None:
    """The machine's own pressure, which belongs to the topmost cgroup."""
    if Group.PSI not in groups:
        return
    for name in ("cpu", "memory", "io"):
        try:
            found[f"{name}_psi"] = pressures(slurp(f"{proc}/pressure/{name}"))
        except OSError:
            continue  # a kernel without pressure figures, or with them off
