"""The Node object of a keeper that learns."""

from nodeagent.core.node_object import Software
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.node_view import NodeView
from nodeagent.model.observed import RuntimeHealth
from tests.fakes.node import FACTS
from tests.fakes.runtime import FakeRuntime


class Hand:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at


async def test_the_node_is_the_same_object_until_something_changes() -> None:
    clock = Hand()
    keeper = NodeKeeper(runtime=FakeRuntime(clock.now), facts=FACTS, on_change=lambda: None)
    view = NodeView(keeper, clock, Software(kubelet_version="v1"))
    first = view.node()
    assert view.node() is first
    clock.at = 2000.0
    keeper.health = RuntimeHealth(runtime_ready=True, network_ready=True)
    second = view.node()
    assert second is not first
    assert second.status is not None
    [ready] = [c for c in second.status.conditions or [] if c.type == "Ready"]
    assert ready.status == "True"
    assert ready.lastTransitionTime is not None and ready.lastTransitionTime.timestamp() == 2000
