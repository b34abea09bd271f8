"""Which logs are rotated, and what happens when the runtime does not play along."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from nodeagent.core.log_rotation import LogRules
from nodeagent.engine.log_rotation import LogRotation
from nodeagent.engine.state import NodeState
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer
from tests.fakes.logs import FakeLogFiles
from tests.fakes.probes import LoopClock
from tests.fakes.runtime import FakeRuntime

pytestmark = pytest.mark.looptime
RULES = LogRules(period=10.0, max_bytes=1000, max_files=3)
LOG = "/logs/p/web/0.log"


class World:
    """Two containers, one of them ended, with a log each."""

    def __init__(self) -> None:
        self.clock = LoopClock(1_700_000_000.0)
        self.runtime, self.files = FakeRuntime(self.clock.now), FakeLogFiles()
        self.state = NodeState()
        self.files.files = {LOG: 100, "/logs/p/done/0.log": 5000}
        self.see(Phase.RUNNING)
        self.rotation = LogRotation(
            state=self.state,
            files=self.files,
            containers=self.runtime,
            clock=self.clock,
            rules=RULES,
        )

    def see(self, phase: Phase) -> None:
        web = SeenContainer(
            id=ContainerId("web-1"),
            name="web",
            sandbox_id=SandboxId("box"),
            attempt=0,
            restart_count=0,
            phase=phase,
            created_at=1.0,
            log_path=LOG,
        )
        done = msgspec.structs.replace(
            web,
            id=ContainerId("done-1"),
            name="done",
            phase=Phase.EXITED,
            log_path="/logs/p/done/0.log",
        )
        self.state.saw(ObservedPod(uid=PodUid("u1"), containers=(web, done)))

    def fail_reopen(self, fails: Callable[[str], bool] = lambda _: True) -> None:
        self.runtime.fail["reopen_log"] = fails

    def reopened(self) -> int:
        return self.runtime.count("reopen_log")


async def test_a_log_of_moderate_size_costs_one_hop() -> None:
    world = World()
    await world.rotation.look()
    assert world.files.hops == 1 and world.reopened() == 0


async def test_a_large_log_is_rotated_and_reopened_and_an_ended_containers_is_not() -> None:
    world = World()
    world.files.files[LOG] = 1001
    await world.rotation.look()
    assert world.files.files == {
        "/logs/p/done/0.log": 5000,
        "/logs/p/web/0.log.20231114-221320": 1001,
    }
    assert world.runtime.calls == [("reopen_log", "web-1")]


async def test_a_log_that_the_runtime_does_not_reopen_gets_its_name_back() -> None:
    world = World()
    world.files.files[LOG] = 1001
    world.fail_reopen()
    await world.rotation.look()
    assert world.files.files[LOG] == 1001 and len(world.files.files) == 2


async def test_the_same_trouble_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.files.files[LOG] = 1001
    world.fail_reopen()
    await world.rotation.look()
    await world.rotation.look()
    told = capsys.readouterr()
    assert (told.out + told.err).count("log cannot be rotated") == 1


async def test_a_missing_live_log_is_opened_again() -> None:
    world = World()
    del world.files.files[LOG]
    await world.rotation.look()
    assert world.reopened() == 1


async def test_no_running_container_means_no_work() -> None:
    world = World()
    world.see(Phase.EXITED)
    await world.rotation.look()
    assert world.files.hops == 0


async def test_other_rules_count_at_once_and_equal_ones_do_nothing() -> None:
    world = World()
    world.rotation.use(msgspec.structs.replace(RULES, period=3600.0))
    task = asyncio.ensure_future(world.rotation.run())
    await asyncio.sleep(1)
    hops = world.files.hops
    world.files.files[LOG] = 600
    world.rotation.use(msgspec.structs.replace(RULES, period=3600.0))
    await asyncio.sleep(100)
    assert world.files.hops == hops
    world.rotation.use(LogRules(period=5.0, max_bytes=500, max_files=3))
    await asyncio.sleep(1)
    assert world.reopened() == 1
    world.files.files[LOG] = 501
    await asyncio.sleep(5)
    assert world.reopened() == 2
    task.cancel()
