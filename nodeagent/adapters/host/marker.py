"""A file whose being there says something; one below /run is gone after a reboot."""

from pathlib import Path

from nodeagent.errors import HostError


class FileMarker:
    """Set, clear, ask. Both changes may be repeated."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_set(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    def set(self) -> None:
        """The file is there afterwards. HostError where it cannot be made."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
        except OSError as error:
            raise self._failed("make", error) from error

    def clear(self) -> None:
        """The file is gone afterwards. HostError where it cannot be removed."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed("remove", error) from error

    def _failed(self, op: str, error: OSError) -> HostError:
        return HostError(op=op, target=str(self._path), detail=error.strerror or str(error))
