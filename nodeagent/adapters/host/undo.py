"""Files that were written for a join, with what was there before, so that all of it can go back.

The record is written before each change: whatever breaks off in between can still be taken back.
"""

import base64
from pathlib import Path
from typing import Final

import msgspec

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.oserror import translated
from nodeagent.errors import HostError

RECORD: Final = "/var/lib/nodeagent/joined.json"


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What was at a path: `content` in base64, None where nothing was; `folder`: it was made."""

    path: str
    content: str | None = None
    mode: int = 0o600
    folder: bool = False

    def __repr__(self) -> str:
        return f"Before({self.path})"


class Undo:
    """Changes below `prefix`, which stands before every absolute path. HostError names the path."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def at(self, path: str) -> Path:
        """Where a path is."""
        return self._prefix / path.lstrip("/")

    @property
    def is_open(self) -> bool:
        """Whether there is anything to take back."""
        return self.at(RECORD).exists()

    def put(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file, and remember what was there."""
        place = self.at(path)
        self.expect(path)
        with translated("write", str(place)):
            write_atomic(str(place), text.encode(), mode=mode, durable=True)
            place.chmod(mode)

    def expect(self, path: str) -> None:
        """Remember what is at a path that somebody is going to write, and make its folder."""
        place = self.at(path)
        known = {one.path for one in self._read()}
        with translated("look at", str(place)):
            made = [str(one) for one in reversed(place.parents) if not one.exists()]
            news = [Before(path=self._name(one), folder=True) for one in made]
            if path not in known:
                news.append(_before(path, place))
            self._save([*self._read(), *(one for one in news if one.path not in known)])
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)

    def take_back(self) -> tuple[str, ...]:
        """Everything as it was, newest change first; the paths. May be repeated."""
        done = []
        for one in reversed(self._read()):
            place = self.at(one.path)
            with translated("take back", str(place)):
                if one.folder:
                    if not place.is_dir() or any(place.iterdir()):
                        continue
                    place.rmdir()
                elif one.content is None:
                    if not place.exists() and not place.is_symlink():
                        continue
                    place.unlink()
                else:
                    write_atomic(str(place), base64.b64decode(one.content), mode=one.mode)
            done.append(one.path)
        with translated("remove", str(self.at(RECORD))):
            self.at(RECORD).unlink(missing_ok=True)
        return tuple(done)

    def remove(self, place: Path) -> None:
        """Remove a file that is nobody's to get back."""
        with translated("remove", str(place)):
            place.unlink(missing_ok=True)

    def _name(self, place: str) -> str:
        return "/" + str(Path(place).relative_to(self._prefix))

    def _read(self) -> list[Before]:
        try:
            return msgspec.json.decode(self.at(RECORD).read_bytes(), type=list[Before])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            raise HostError(op="read", target=str(self.at(RECORD)), detail=str(error)) from error

    def _save(self, entries: list[Before]) -> None:
        place = self.at(RECORD)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        write_atomic(str(place), msgspec.json.encode(entries), durable=True)


def _before(path: str, place: Path) -> Before:
    try:
        content = base64.b64encode(place.read_bytes()).decode()
        return Before(path=path, content=content, mode=place.stat().st_mode & 0o777)
    except FileNotFoundError:
        return Before(path=path)
