"""Put files of the service in place and take them back, with a record of what is ours."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from nodeagent.core.install import (
    FOLDER,
    Did,
    Recorded,
    Step,
    Wanted,
    plan_install,
    plan_uninstall,
    record_after,
)
from nodeagent.errors import HostError

RECORD = "/var/lib/nodeagent/installed.json"


class Installation:
    """The files below `prefix`, which stands before every absolute path."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def plan(self, wanted: Iterable[Wanted]) -> tuple[Step, ...]:
        """What `install` would do now."""
        asked = [(one, _hash_of(one)) for one in self._with_parents(wanted)]
        paths = [one.path for one, _ in asked]
        return plan_install(asked, present=self._present(paths), recorded=self._read())

    def install(self, wanted: Iterable[Wanted]) -> tuple[Step, ...]:
        """Do it, and remember what is ours. HostError names the first path that failed."""
        asked = {one.path: one for one in self._with_parents(wanted)}
        steps = self.plan(asked.values())
        hashes = {path: _hash_of(one) for path, one in asked.items()}
        recorded = record_after(steps, hashes=hashes, recorded=self._read())
        # First the record: what is written without one would never be taken back.
        self._save(recorded)
        for step in steps:
            if step.did in (Did.WRITE, Did.UPDATE, Did.MAKE):
                self._put(asked[step.path])
        return steps

    def plan_uninstall(self) -> tuple[Step, ...]:
        """What `uninstall` would do now; empty where nothing is installed."""
        recorded = self._read()
        present = self._present([one.path for one in recorded])
        full = self._full({one.path for one in recorded} | {RECORD}, present)
        steps = plan_uninstall(recorded, present=present, full=full)
        if not any(step.did is Did.KEEP for step in steps):
            return steps
        # Something stays, so its record stays too, and the folder that the record is in.
        full |= {str(Path(RECORD).parent)}
        return plan_uninstall(recorded, present=present, full=full)

    def uninstall(self) -> tuple[Step, ...]:
        """Do it. The record goes once nothing of ours is left."""
        steps, before = self.plan_uninstall(), {one.path: one for one in self._read()}
        left = tuple(before[step.path] for step in steps if step.did is Did.KEEP)
        doomed = [step.path for step in steps if step.did is Did.REMOVE]
        folders = [path for path in doomed if before[path].hash == FOLDER]
        for path in doomed[: len(doomed) - len(folders)]:
            self._remove(path)
        if left:
            self._save(left)
        elif steps:
            self._remove(RECORD)
        for path in folders:
            self._remove(path)
        return steps

    def _with_parents(self, wanted: Iterable[Wanted]) -> list[Wanted]:
        """Each folder that is missing on the way counts too, so that it is taken back."""
        found: dict[str, Wanted] = {}
        for one in (*wanted, Wanted(path=str(Path(RECORD).parent), mode=0o755)):
            for parent in reversed(Path(one.path).parents):
                path = str(parent)
                if path not in found and not self._at(path).exists():
                    found[path] = Wanted(path=path, mode=0o755)
            found[one.path] = one
        return list(found.values())

    def _at(self, path: str) -> Path:
        return self._prefix / path.lstrip("/")

    def _present(self, paths: Iterable[str]) -> dict[str, str]:
        found = {}
        for path in paths:
            place = self._at(path)
            try:
                found[path] = FOLDER if place.is_dir() else _hash(place.read_bytes())
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _failed("read", place, error) from error
        return found

    def _full(self, ours: set[str], present: dict[str, str]) -> frozenset[str]:
        """Folders of ours with something in them that is not."""
        return frozenset(
            path
            for path in ours
            if present.get(path) == FOLDER
            if any(f"{path.rstrip('/')}/{one.name}" not in ours for one in self._at(path).iterdir())
        )

    def _read(self) -> tuple[Recorded, ...]:
        place = self._at(RECORD)
        try:
            return msgspec.json.decode(place.read_bytes(), type=tuple[Recorded, ...])
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            raise _failed("read", place, error) from error

    def _save(self, recorded: Iterable[Recorded]) -> None:
        text = msgspec.json.format(msgspec.json.encode(tuple(recorded)), indent=1)
        self._write(RECORD, text + b"\n", 0o644)

    def _put(self, wanted: Wanted) -> None:
        if wanted.text is not None:
            self._write(wanted.path, wanted.text.encode(), wanted.mode)
            return
        place = self._at(wanted.path)
        try:
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(wanted.mode)
        except OSError as error:
            raise _failed("make", place, error) from error

    def _write(self, path: str, content: bytes, mode: int) -> None:
        place = self._at(path)
        half = place.with_name(f".{place.name}.new")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(content)
            half.chmod(mode)
            half.replace(place)
        except OSError as error:
            raise _failed("write", place, error) from error

    def _remove(self, path: str) -> None:
        place = self._at(path)
        try:
            place.rmdir() if place.is_dir() else place.unlink(missing_ok=True)
        except OSError as error:
            raise _failed("remove", place, error) from error


def _hash_of(wanted: Wanted) -> str:
    return FOLDER if wanted.text is None else _hash(wanted.text.encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _failed(op: str, place: Path, error: Exception) -> HostError:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return HostError(op=op, target=str(place), detail=words)
