"""The Node object as of now: the same object as long as nothing of it changed."""

from lightkube.models import core_v1 as v1

from nodeagent.core.node_object import Software, node_object
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.ports import Clock


class NodeView:
    """Shows the keeper's facts as the API does."""

    def __init__(self, keeper: NodeKeeper, clock: Clock, software: Software) -> None:
        self._keeper, self._clock, self._software = keeper, clock, software
        self._since = self._changed_at = clock.now()
        self._basis: tuple[object, ...] = ()
        self._shown: v1.Node | None = None
        self._was_ready: bool | None = None

    def node(self) -> v1.Node:
        """The Node; made anew only where facts, runtime or its health are others than before."""
        keeper = self._keeper
        basis = (keeper.facts, keeper.info, keeper.health)
        if self._shown is None or basis != self._basis:
            ready = keeper.health.runtime_ready and keeper.health.network_ready
            if ready is not self._was_ready:
                self._was_ready, self._changed_at = ready, self._clock.now()
            self._basis = basis
            self._shown = node_object(
                keeper.facts,
                software=self._software,
                info=keeper.info,
                health=keeper.health,
                since=self._since,
                changed_at=self._changed_at,
            )
        return self._shown
