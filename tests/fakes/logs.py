"""Log files in a dict."""

from collections.abc import Iterable, Mapping

from nodeagent.core.log_rotation import Rotation
from nodeagent.errors import HostError


class FakeLogFiles:
    """Implements `LogFiles`: sizes by path. `hops` counts calls."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.hops = 0

    async def sizes(self, paths: Iterable[str]) -> Mapping[str, int]:
        self.hops += 1
        return {path: self.files[path] for path in paths if path in self.files}

    async def neighbours(self, path: str) -> tuple[str, ...]:
        self.hops += 1
        folder = path.rpartition("/")[0] + "/"
        return tuple(p.removeprefix(folder) for p in self.files if p.startswith(folder))

    async def rotate(self, folder: str, rotation: Rotation) -> None:
        self.hops += 1
        for name in rotation.remove:
            self.files.pop(f"{folder}/{name}", None)
        for name in rotation.compress:
            self.files[f"{folder}/{name}.gz"] = self.files.pop(f"{folder}/{name}") // 10
        try:
            self.files[f"{folder}/{rotation.rotated}"] = self.files.pop(f"{folder}/{rotation.live}")
        except KeyError as error:
            raise HostError(op="rename log", target=rotation.live, detail="not there") from error

    async def put_back(self, folder: str, rotation: Rotation) -> None:
        self.hops += 1
        live = f"{folder}/{rotation.live}"
        if live not in self.files:
            self.files[live] = self.files.pop(f"{folder}/{rotation.rotated}")
