"""Takes away what is left of pods that nobody wants and the runtime does not have."""

import asyncio
from collections.abc import Callable, Iterable

from nodeagent.engine.ports import Cgroups, PodFiles, Volumes
from nodeagent.engine.upkeep_ports import Leftovers
from nodeagent.errors import AgentError
from nodeagent.logs import get_logger
from nodeagent.model.ids import PodUid

log = get_logger()

PERIOD = 60.0


class Sweep:
    """Pod folders, logs, links and cgroups without a pod go, each minute; each pod is told once.

    Nothing happens before `ready`: until every source has spoken and the runtime was looked at,
    no pod is without an owner. `is_known` says whether a pod is wanted, being ended, or in the
    runtime; `alive` gives the ids of all containers the runtime has. Volumes are unmounted and
    emptied by their own kinds, and a folder below which something is still mounted stays.
    `on_swept` hears after each sweep how many pods were dealt with, and how many of them stay.
    """

    def __init__(
        self,
        *,
        leftovers: Leftovers,
        files: PodFiles,
        volumes: Volumes,
        cgroups: Callable[[], Cgroups],
        is_known: Callable[[PodUid], bool],
        alive: Callable[[], frozenset[str]],
        ready: asyncio.Event,
    ) -> None:
        self._leftovers, self._files, self._volumes = leftovers, files, volumes
        self._cgroups, self._is_known, self._alive = cgroups, is_known, alive
        self._ready = ready
        self._told: dict[PodUid, str] = {}
        self._trouble = ""
        self.on_swept: Callable[[int, int], None] = lambda removed, failed: None

    async def run(self) -> None:
        """Sweep, for ever."""
        await self._ready.wait()
        while True:
            await self.sweep()
            await asyncio.sleep(PERIOD)

    async def sweep(self) -> None:
        """Look once, and take away what is left over now."""
        try:
            await self._sweep()
        except AgentError as error:
            if str(error) != self._trouble:
                log.warning("leftovers of pods cannot be looked for", error=str(error))
            self._trouble = str(error)
        else:
            self._trouble = ""

    async def _sweep(self) -> None:
        folders = set(await self._leftovers.pod_folders())
        logs = await self._leftovers.log_folders()
        cgroups = await self._cgroups().list_pods()
        orphans = self._orphans(folders | set(logs.values()) | cgroups.keys())
        self._told = {uid: text for uid, text in self._told.items() if uid in orphans}
        done = []
        for uid in orphans:
            if not self._is_known(uid):  # it may be wanted since the look
                own = [path for path, owner in logs.items() if owner == uid]
                done.append(await self._remove(uid, own))
        self.on_swept(len(done), done.count(False))
        await self._leftovers.remove_dead_links(self._alive())

    def _orphans(self, found: Iterable[PodUid]) -> list[PodUid]:
        return sorted(uid for uid in found if not self._is_known(uid))

    async def _remove(self, uid: PodUid, logs: list[str]) -> bool:
        """Processes first, for they may hold mounts; the pod's folder last, if all went well."""
        try:
            await self._cgroups().remove_pod(uid)
            await self._volumes.tear_down(uid)
            for path in logs:
                await self._leftovers.remove_logs(path)
            await self._files.remove_pod_dirs(uid, "")
        except AgentError as error:
            if self._told.get(uid) != str(error):
                log.warning("orphaned pod cannot be removed", pod=uid, error=str(error))
            self._told[uid] = str(error)
            return False
        log.info("orphaned pod removed", pod=uid)
        return True
