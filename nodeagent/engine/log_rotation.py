"""Keeps the logs of running containers small: rotated by size, some kept, older ones gone."""

from nodeagent.aio.bell import Bell
from nodeagent.core.log_rotation import LogRules, plan_rotation
from nodeagent.engine.ports import Clock, Containers
from nodeagent.engine.state import NodeState
from nodeagent.engine.upkeep_ports import LogFiles
from nodeagent.errors import AgentError
from nodeagent.logs import get_logger
from nodeagent.model.ids import ContainerId
from nodeagent.model.observed import Phase

log = get_logger()


class LogRotation:
    """Looks at every running container's log once a period.

    One stat for each log in one hop into a thread is all that an idle node pays. The same trouble
    is told once.
    """

    def __init__(
        self,
        *,
        state: NodeState,
        files: LogFiles,
        containers: Containers,
        clock: Clock,
        rules: LogRules,
    ) -> None:
        self._state, self._files, self._containers = state, files, containers
        self._clock, self._rules = clock, rules
        self._bell = Bell()
        self._told: dict[ContainerId, str] = {}

    async def run(self) -> None:
        """Look and rotate, for ever."""
        while True:
            await self._bell.wait(at_most=self._rules.period)
            await self.look()

    def use(self, rules: LogRules) -> None:
        """Go on with other rules; where they differ, the logs are looked at anew at once."""
        if rules != self._rules:
            self._rules = rules
            self._bell.ring()

    async def look(self) -> None:
        """Rotate every log that is too large now; a log that cannot be does not stop the others."""
        logs = self._running()
        self._told = {id_: text for id_, text in self._told.items() if id_ in logs}
        if not logs:
            return
        try:
            sizes = await self._files.sizes(logs.values())
        except AgentError as error:
            log.warning("sizes of logs cannot be read", error=str(error))
            return
        for id_, path in logs.items():
            await self._keep(id_, path, sizes.get(path))

    def _running(self) -> dict[ContainerId, str]:
        return {
            container.id: container.log_path
            for pod in self._state.all_observed()
            for container in pod.containers
            if container.phase is Phase.RUNNING and container.log_path
        }

    async def _keep(self, id_: ContainerId, path: str, size: int | None) -> None:
        try:
            if size is None:
                # An agent that died between rename and reopen leaves a container without a log.
                await self._containers.reopen_log(id_)
            elif size > self._rules.max_bytes:
                await self._rotate(id_, path)
        except AgentError as error:
            self._tell(id_, path, str(error))
        else:
            self._told.pop(id_, None)

    async def _rotate(self, id_: ContainerId, path: str) -> None:
        folder, _, live = path.rpartition("/")
        names = await self._files.neighbours(path)
        now = self._clock.now()
        rotation = plan_rotation(live, names, max_files=self._rules.max_files, now=now)
        await self._files.rotate(folder, rotation)
        try:
            await self._containers.reopen_log(id_)
        except AgentError:
            await self._files.put_back(folder, rotation)
            raise
        log.debug("log rotated", container=id_, path=path, to=rotation.rotated)

    def _tell(self, id_: ContainerId, path: str, text: str) -> None:
        if not self._is_running(id_) or self._told.get(id_) == text:
            return
        self._told[id_] = text
        log.warning("log cannot be rotated", container=id_, path=path, error=text)

    def _is_running(self, id_: ContainerId) -> bool:
        """A container that ended meanwhile has no log to reopen, which is no trouble."""
        return id_ in self._running()
