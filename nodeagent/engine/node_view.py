"""The Node object as of now: the same object as long as nothing of it changed."""

from collections.abc import Callable

from lightkube.models import core_v1 as v1

from nodeagent.core.node_object import NodeReading, Software, node_object
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.ports import Clock


class NodeView:
    """Shows the keeper's facts as the API does.

    `more` adds to a reading what the keeper does not know: images, volumes in use, the port.
    """

    def __init__(self, keeper: NodeKeeper, clock: Clock, software: Software) -> None:
        self._keeper, self._clock, self._software = keeper, clock, software
        self.more: Callable[[NodeReading], NodeReading] = lambda reading: reading
        self._since = clock.now()
        self._reading: NodeReading | None = None
        self._shown: v1.Node | None = None

    def reading(self) -> NodeReading:
        """What the Node is made of now."""
        keeper = self._keeper
        reading = NodeReading(
            facts=keeper.facts, software=self._software, info=keeper.info, health=keeper.health
        )
        return self.more(reading)

    def node(self) -> v1.Node:
        """The Node; made anew only where facts, runtime or its health are others than before."""
        reading = self.reading()
        if self._shown is None or reading != self._reading:
            self._reading = reading
            self._shown = node_object(
                reading, before=self._shown, now=self._clock.now(), since=self._since
            )
        return self._shown
