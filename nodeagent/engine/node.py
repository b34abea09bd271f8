"""The node as decisions see it: facts about the machine and the runtime, kept current."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog

from nodeagent.engine.ports import Runtime
from nodeagent.errors import AgentError
from nodeagent.model.node import NodeFacts, Pressure
from nodeagent.model.observed import RuntimeHealth, RuntimeInfo

log = structlog.get_logger()

HEALTHY_PERIOD, SICK_PERIOD = 30.0, 1.0


class NodeKeeper:
    """Asks the runtime how it is, and holds the facts. `on_change` is called when they change.

    Others tell what they find out: eviction the pressure, whoever keeps the node from being ready
    its trouble.
    """

    def __init__(
        self, *, runtime: Runtime, facts: NodeFacts, on_change: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._listeners = [on_change]
        self.facts = facts
        self.health = RuntimeHealth(message="the container runtime has not answered yet")
        self.info = RuntimeInfo()
        self.known = asyncio.Event()
        self._classes: dict[str, str] | None = None  # None: no cluster defines them

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this too when facts or health change."""
        self._listeners.append(listener)

    def press(self, pressure: Pressure) -> None:
        """What the node is short of now."""
        self.learn(msgspec.structs.replace(self.facts, pressure=pressure))

    def trouble(self, who: str, text: str) -> None:
        """Why `who` keeps the node from being ready; "" once it no longer does."""
        others = {name: one for name, one in self.facts.troubles.items() if name != who}
        troubles = {**others, who: text} if text else others
        self.learn(msgspec.structs.replace(self.facts, troubles=troubles))

    def define_classes(self, handlers: Mapping[str, str]) -> None:
        """There is a cluster: its RuntimeClasses (name -> handler) hold, and no others."""
        self._classes = dict(handlers)
        self.learn(msgspec.structs.replace(self.facts, runtime_classes=self._classes))

    def learn(self, facts: NodeFacts) -> None:
        """These are the facts now; told to the listeners where they are others than before."""
        if facts != self.facts:
            self.facts = facts
            self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    async def run(self) -> None:
        """Ask for ever: slowly while all is well, each second while it is not."""
        while True:
            try:
                health = await self._ask()
            except AgentError as error:
                health = RuntimeHealth(message=str(error))
            if health != self.health:
                self._tell(health)
            well = health.runtime_ready and health.network_ready
            await asyncio.sleep(HEALTHY_PERIOD if well else SICK_PERIOD)

    async def _ask(self) -> RuntimeHealth:
        if not self.health.runtime_ready:
            self._learn(await self._runtime.info())
        return await self._runtime.health()

    def _learn(self, info: RuntimeInfo) -> None:
        self.info = info
        self.facts = msgspec.structs.replace(
            self.facts,
            runtime_name=info.name,
            runtime_version=info.version,
            runtime_handlers=info.handlers,
            # Where no cluster defines classes, each handler is one of its own name.
            runtime_classes=self._classes
            if self._classes is not None
            else {
                **{handler: handler for handler in info.handlers if handler},
                **self.facts.runtime_classes,
            },
            runtime_features=info.features,
            supplemental_groups_policy=info.supplemental_groups_policy,
        )
        self.known.set()

    def _tell(self, health: RuntimeHealth) -> None:
        before, self.health = self.health, health
        trouble = health.network_message or "the runtime does not say why"
        well = health.network_ready or not health.runtime_ready
        self.facts = msgspec.structs.replace(self.facts, network_trouble="" if well else trouble)
        if health.runtime_ready and health.network_ready:
            log.info(
                "container runtime is ready", runtime=self.info.name, version=self.info.version
            )
        elif health != before:
            log.warning(
                "container runtime is not ready",
                detail=health.message or health.network_message or "it does not say why",
            )
        self._changed()
