"""What `install` and `uninstall` do with each file, decided from what is there. Changes nothing."""

import enum
from collections.abc import Iterable, Mapping

import msgspec

FOLDER = "folder"  # stands for the hash of a folder


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be there with this text, or with `text` None a folder. Paths are absolute."""

    path: str
    text: str | None = None
    mode: int = 0o644


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Something that `install` made: its path, and its hash (or FOLDER) when it was written."""

    path: str
    hash: str


class Did(enum.StrEnum):
    """What happens to one path."""

    WRITE = "write"
    UPDATE = "update"
    MAKE = "make"
    SAME = "same"
    KEEP = "keep"
    REMOVE = "remove"
    GONE = "gone"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One path and what is done with it; `why` where it is kept."""

    path: str
    did: Did
    why: str = ""


def plan_install(
    wanted: Iterable[tuple[Wanted, str]],
    *,
    present: Mapping[str, str],
    recorded: Iterable[Recorded],
) -> tuple[Step, ...]:
    """What to write. `wanted` comes with its hash; `present`: the hash of each path that is there.

    A file that somebody changed, or that was there before us, stays as it is.
    """
    ours = {one.path: one.hash for one in recorded}
    return tuple(
        _install_step(one.path, new, present.get(one.path), ours.get(one.path))
        for one, new in wanted
    )


def _install_step(path: str, new: str, there: str | None, ours: str | None) -> Step:
    if there is None:
        return Step(path=path, did=Did.MAKE if new == FOLDER else Did.WRITE)
    if there == new:
        return Step(path=path, did=Did.SAME)
    if ours is None:
        return Step(path=path, did=Did.KEEP, why="it was there before, with another content")
    if there == ours:
        return Step(path=path, did=Did.UPDATE)
    return Step(path=path, did=Did.KEEP, why="it was changed since it was installed")


def record_after(
    steps: Iterable[Step],
    *,
    hashes: Mapping[str, str],
    recorded: Iterable[Recorded],
) -> tuple[Recorded, ...]:
    """What is ours after these steps; what was there before us never gets ours."""
    ours = {one.path: one.hash for one in recorded}
    for step in steps:
        if step.did in (Did.WRITE, Did.UPDATE, Did.MAKE):
            ours[step.path] = hashes[step.path]
    return tuple(Recorded(path=path, hash=value) for path, value in ours.items())


def services_of(steps: Iterable[Step]) -> tuple[str, ...]:
    """The services to stop before `steps` of an uninstall, by the names systemd knows them by."""
    there = (step.path for step in steps if step.did is not Did.GONE)
    return tuple(path.rpartition("/")[2] for path in there if path.endswith(".service"))


def plan_uninstall(
    recorded: Iterable[Recorded], *, present: Mapping[str, str], full: frozenset[str]
) -> tuple[Step, ...]:
    """What to take back, files before the folders they are in.

    `full`: folders that hold something which is not recorded. Those, and files that somebody
    changed, stay.
    """
    ordered = sorted(recorded, key=lambda one: (one.hash == FOLDER, -one.path.count("/"), one.path))
    steps: list[Step] = []
    for one in ordered:
        below = f"{one.path}/"
        kept_inside = any(s.did is Did.KEEP and s.path.startswith(below) for s in steps)
        if one.path not in present:
            steps.append(Step(path=one.path, did=Did.GONE))
        elif one.hash == FOLDER and (one.path in full or kept_inside):
            steps.append(Step(path=one.path, did=Did.KEEP, why="it is not empty"))
        elif present[one.path] != one.hash:
            why = "it was changed since it was installed"
            steps.append(Step(path=one.path, did=Did.KEEP, why=why))
        else:
            steps.append(Step(path=one.path, did=Did.REMOVE))
    return tuple(steps)
