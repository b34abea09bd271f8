"""What others tell the keeper of the node's facts."""

from nodeagent.engine.node import NodeKeeper
from nodeagent.model.node import Pressure
from tests.fakes.pods import NODE
from tests.fakes.runtime import FakeRuntime


def test_pressure_and_troubles_are_told_once_and_taken_back() -> None:
    told: list[str] = []
    keeper = NodeKeeper(
        runtime=FakeRuntime(lambda: 0.0), facts=NODE, on_change=lambda: told.append("first")
    )
    keeper.listen(lambda: told.append("second"))
    keeper.press(Pressure(memory=True))
    keeper.press(Pressure(memory=True))
    assert told == ["first", "second"]
    assert keeper.facts.pressure.memory
    keeper.trouble("csi", "CSINode is not yet initialized")
    keeper.trouble("shutdown", "node is shutting down")
    assert list(keeper.facts.troubles) == ["csi", "shutdown"]
    keeper.trouble("csi", "")
    keeper.trouble("csi", "")
    assert list(keeper.facts.troubles) == ["shutdown"]
    assert len(told) == 8
