"""The CSI drivers of this node, as they announce themselves."""

from collections.abc import Iterable
from typing import Protocol

from nodeagent.adapters.volumes.csi.wire import Driver, Tell, nobody
from nodeagent.errors import DriverFailed
from nodeagent.model.csi import AskDriver, CsiNodeInfo


class Announced(Protocol):
    """A plugin that has announced itself."""

    @property
    def name(self) -> str: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def versions(self) -> tuple[str, ...]: ...


class Listed(Protocol):
    """Where the cluster learns which drivers the node has."""

    async def add(self, driver: str, info: CsiNodeInfo, ask: AskDriver) -> None:
        """The driver is here, and can be asked for `info` anew. AgentError: why it cannot be."""
        ...

    async def remove(self, driver: str) -> None:
        """The driver is gone."""
        ...


class Drivers:
    """Takes plugins of type CSIPlugin; one driver has one socket at a time."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self._drivers: dict[str, Driver] = {}
        self._versions: dict[str, tuple[int, ...]] = {}
        self.tell: Tell = nobody  # of drivers that come from now on

    @property
    def names(self) -> tuple[str, ...]:
        """Drivers that are here."""
        return tuple(sorted(self._drivers))

    def get(self, name: str) -> Driver:
        """DriverFailed where no such driver is registered."""
        if name not in self._drivers:
            raise DriverFailed(
                op="find CSI driver",
                target=name,
                detail=f"driver name {name} not found in the list of registered CSI drivers;"
                f" registered are: {', '.join(self.names) or 'none'}",
                final=True,
            )
        return self._drivers[name]

    async def add(self, plugin: Announced) -> None:
        """Use the driver. DriverFailed where it is too old, is here already, or does not answer."""
        version = highest(plugin.versions)
        if version is None:
            raise self._refused(plugin, f"needs CSI version 1.x, has {_words(plugin.versions)}")
        before = self._versions.get(plugin.name)
        if before is not None and before >= version:
            socket = self._drivers[plugin.name].socket
            raise self._refused(
                plugin, f"is here already at {socket}, in the same or a later version"
            )
        driver = Driver(plugin.name, plugin.endpoint, tell=self.tell)
        try:
            info = await driver.info()
            await self._listed.add(plugin.name, info, driver.info)
        except BaseException:
            await driver.close()
            raise
        old = self._drivers.get(plugin.name)
        self._drivers[plugin.name], self._versions[plugin.name] = driver, version
        if old is not None:
            await old.close()

    async def remove(self, plugin: Announced) -> None:
        """The socket is gone. Another that took the driver over meanwhile stays."""
        driver = self._drivers.get(plugin.name)
        if driver is None or driver.socket != plugin.endpoint:
            return
        del self._drivers[plugin.name], self._versions[plugin.name]
        await driver.close()
        await self._listed.remove(plugin.name)

    async def close(self) -> None:
        """The agent ends; drivers stay as they are."""
        for driver in self._drivers.values():
            await driver.close()
        self._drivers.clear()
        self._versions.clear()

    def _refused(self, plugin: Announced, detail: str) -> DriverFailed:
        return DriverFailed(op="register CSI driver", target=plugin.name, detail=detail, final=True)


def highest(versions: Iterable[str]) -> tuple[int, ...] | None:
    """The highest of the versions "1.x" and "1.x.y" in the list; None where there is none."""
    parts = [version.removeprefix("v").split(".") for version in versions]
    numbers = [tuple(map(int, one)) for one in parts if all(part.isdecimal() for part in one)]
    return max((one for one in numbers if one[0] == 1), default=None)


def _words(versions: tuple[str, ...]) -> str:
    return ", ".join(versions) or "none"
