"""Kills for want of the machine's memory are events of the node."""

import asyncio

import pytest

from nodeagent.engine.system_oom import SystemOoms
from nodeagent.model.ends import OomKill, OomScope
from tests.fakes.host import FakeRecorder


class Kills:
    def __init__(self) -> None:
        self.new: list[OomKill] = []

    async def system_kills(self) -> tuple[OomKill, ...]:
        told, self.new = tuple(self.new), []
        return told


@pytest.mark.looptime
async def test_each_kill_is_told_of_the_node() -> None:
    kills, recorder = Kills(), FakeRecorder()
    task = asyncio.create_task(SystemOoms(kills, recorder, node="n1").run())
    await asyncio.sleep(1)
    kills.new = [OomKill(scope=OomScope.NODE, process="hog", pid=7, at=1.0)]
    await asyncio.sleep(25)
    ((subject, _, reason, text),) = recorder.told
    assert (subject.kind, subject.name, reason) == ("Node", "n1", "SystemOOM")
    assert text == "System OOM encountered, victim process: hog, pid: 7"
    task.cancel()
