"""Read the configuration again when asked to (SIGHUP), use what can be used, and say the rest."""

from collections.abc import Callable

import structlog

from nodeagent.aio.bell import Bell
from nodeagent.aio.threads import Threads
from nodeagent.core.reload import Reload, compare
from nodeagent.errors import SettingsError
from nodeagent.settings import Settings

log = structlog.get_logger()


class Reloader:
    """Keeps the settings in force. A configuration that cannot be used changes nothing."""

    def __init__(
        self,
        settings: Settings,
        *,
        reread: Callable[[], Settings],
        apply: Callable[[Settings], None],
        threads: Threads,
    ) -> None:
        """`reread` reads files and may raise SettingsError; `apply` gets the settings to use."""
        self._settings, self._reread, self._apply = settings, reread, apply
        self._threads = threads
        self._bell = Bell()

    def ask(self) -> None:
        """Read again soon; any number of asks before that are one."""
        self._bell.ring()

    async def run(self) -> None:
        """Do what is asked, for ever."""
        while True:
            await self._bell.wait(at_most=None)
            await self._reload()

    async def _reload(self) -> None:
        try:
            fresh = await self._threads.run(self._reread)
        except SettingsError as error:
            log.warning("configuration cannot be reloaded, the old one stays", error=str(error))
            return
        found = compare(self._settings, fresh)
        self._settings = found.settings
        if found.applied:
            self._apply(found.settings)
        _tell(found)


def _tell(found: Reload) -> None:
    """One line for each change, and one that sums up: the log is all that SIGHUP answers."""
    for change in found.applied:
        log.info("setting changed", change=str(change))
    for change in found.needs_restart:
        log.warning("setting needs a restart of the agent", change=str(change), target=change.field)
    log.info(
        "configuration reloaded",
        changed=len(found.applied),
        need_restart=len(found.needs_restart),
    )
