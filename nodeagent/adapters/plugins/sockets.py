"""Plugins of the node announce themselves by a socket in `<root>/plugins_registry`."""

import asyncio
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from nodeagent.adapters.plugins.call import get_info, notify
from nodeagent.aio.bell import Bell
from nodeagent.aio.inotify import NAMES, Inotify
from nodeagent.aio.threads import Threads
from nodeagent.errors import AgentError, HostError

log = structlog.get_logger()

FIRST, LONGEST = 0.2, 120.0  # seconds between tries with one socket
RESCAN = 30.0  # seconds between looks that nothing has asked for


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """Who announced itself; `endpoint` is the socket it works at."""

    type: str
    name: str
    endpoint: str
    versions: tuple[str, ...] = ()


class Handler(Protocol):
    """Takes the plugins of one type."""

    async def add(self, plugin: Plugin) -> None:
        """Use it from now on. An AgentError refuses it, and the plugin is told why."""
        ...

    async def remove(self, plugin: Plugin) -> None:
        """Its socket is gone; called only for what was added."""
        ...


class _Seat:
    """One socket file, told apart from another at the same path by `mark`."""

    def __init__(self, path: str, mark: tuple[int, int]) -> None:
        self.path, self.mark = path, mark
        self.task: asyncio.Task[None] | None = None
        self.plugin: Plugin | None = None


class PluginSockets:
    """Follows the folder, sub-folders included; names with a leading dot are left alone.

    Each socket is dealt with on its own, so that one that does not answer holds up no other. One
    that is refused or does not answer is tried again, ever more rarely. `handlers` by type.
    """

    def __init__(
        self,
        folder: str,
        handlers: Mapping[str, Handler],
        *,
        threads: Threads,
        watcher: Inotify | None,
        rescan: float = RESCAN,
    ) -> None:
        self._folder, self._handlers = folder, handlers
        self._threads, self._watcher, self._rescan = threads, watcher, rescan
        self._seats: dict[str, _Seat] = {}
        self._watched: dict[str, int] = {}
        self._bell = Bell()

    def found(self) -> dict[str, bool]:
        """The sockets that are there, with whether their plugin is registered."""
        return {path: seat.plugin is not None for path, seat in self._seats.items()}

    async def run(self) -> None:
        """Follow the folder, for ever; it is made if it is not there."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._look(group)
                await self._bell.wait(at_most=self._rescan)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        try:
            folders, sockets = await self._threads.run(scan, self._folder)
        except OSError as error:
            log.warning("plugins cannot be looked for", folder=self._folder, error=str(error))
            return
        if self._watch(folders):
            self._bell.ring()  # what came before the watch was told to nobody
        for seat in list(self._seats.values()):
            if sockets.get(seat.path) != seat.mark:
                await self._leave(seat)
        for path, mark in sockets.items():
            if path not in self._seats:
                seat = self._seats[path] = _Seat(path, mark)
                seat.task = group.create_task(self._register(seat), name=f"plugin at {path}")

    def _watch(self, folders: list[str]) -> bool:
        """Watch each folder; whether one is new."""
        if self._watcher is None:
            return False
        fresh = [folder for folder in folders if folder not in self._watched]
        for folder in self._watched.keys() - set(folders):
            self._watcher.remove(self._watched.pop(folder))
        for folder in fresh:
            with suppress(OSError):  # the rescan finds what comes there
                self._watched[folder] = self._watcher.add(
                    folder, lambda _: self._bell.ring(), mask=NAMES
                )
        return any(folder in self._watched for folder in fresh)

    async def _leave(self, seat: _Seat) -> None:
        del self._seats[seat.path]
        if seat.task is not None and not seat.task.done():
            seat.task.cancel()
            await asyncio.wait({seat.task})
        if seat.plugin is not None:
            log.info("plugin gone", type=seat.plugin.type, name=seat.plugin.name)
            try:
                await self._handlers[seat.plugin.type].remove(seat.plugin)
            except AgentError as error:
                log.warning("plugin not taken out", name=seat.plugin.name, error=str(error))

    async def _register(self, seat: _Seat) -> None:
        pause, told = FIRST, ""
        while True:
            try:
                await self._try(seat)
                return
            except AgentError as error:
                if str(error) != told:
                    log.warning("plugin not registered", socket=seat.path, error=str(error))
                told = str(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST)

    async def _try(self, seat: _Seat) -> None:
        """Ask who it is, hand it over and tell it the outcome."""
        if seat.plugin is None:
            seat.plugin = await self._hand_over(seat.path)
        await notify(seat.path, trouble="")
        plugin = seat.plugin
        log.info("plugin registered", type=plugin.type, name=plugin.name, socket=plugin.endpoint)

    async def _hand_over(self, socket: str) -> Plugin:
        info = await get_info(socket)
        plugin = Plugin(
            type=info.type,
            name=info.name,
            endpoint=info.endpoint or socket,
            versions=tuple(info.supported_versions),
        )
        try:
            if plugin.type not in self._handlers:
                known = ", ".join(sorted(self._handlers))
                detail = f'no use for type "{plugin.type}" (known are: {known})'
                raise HostError(op="register plugin", target=plugin.name, detail=detail)
            await self._handlers[plugin.type].add(plugin)
        except AgentError as error:
            with suppress(AgentError):
                await notify(socket, trouble=str(error))
            raise
        return plugin


def scan(top: str) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """Folders from `top` down, and a mark of each socket in them by path. Blocks; OSError."""
    os.makedirs(top, mode=0o750, exist_ok=True)  # noqa: PTH103
    folders, sockets = [top], dict[str, tuple[int, int]]()
    for folder in folders:
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                with suppress(FileNotFoundError):
                    about = entry.stat(follow_symlinks=False)
                    if stat.S_ISSOCK(about.st_mode):
                        sockets[entry.path] = (about.st_ino, about.st_mtime_ns)
    return folders, sockets
