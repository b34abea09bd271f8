"""Reloading on request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import structlog

from nodeagent.aio.threads import Threads
from nodeagent.engine.reload import Reloader
from nodeagent.errors import SettingsError
from nodeagent.settings import Settings
from nodeagent.settings.value import NodeIdentity, Paths

BASE = Settings(node=NodeIdentity(name="n"))


class Files:
    """Configuration that changes; each reading is counted."""

    def __init__(self) -> None:
        self.settings: Settings | SettingsError = BASE
        self.applied: list[Settings] = []

    def reread(self) -> Settings:
        if isinstance(self.settings, SettingsError):
            raise self.settings
        return self.settings


@asynccontextmanager
async def reloading(files: Files) -> AsyncIterator[Reloader]:
    threads = Threads()
    reloader = Reloader(BASE, reread=files.reread, apply=files.applied.append, threads=threads)
    task = asyncio.ensure_future(reloader.run())
    try:
        yield reloader
    finally:
        task.cancel()
        threads.close()


async def told(reloader: Reloader) -> list[structlog.typing.EventDict]:
    """What one reload logs."""
    with structlog.testing.capture_logs() as lines:
        reloader.ask()
        async with asyncio.timeout(5):
            while not any("reloaded" in line["event"] for line in lines):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    return lines


def with_limit(number: int, base: Settings = BASE) -> Settings:
    kubelet = msgspec.structs.replace(base.kubelet, max_pods=number)
    return msgspec.structs.replace(base, kubelet=kubelet)


async def test_what_can_be_used_is_used_and_told() -> None:
    files = Files()
    async with reloading(files) as reloader:
        files.settings = with_limit(5)
        lines = await told(reloader)
    assert [settings.kubelet.max_pods for settings in files.applied] == [5]
    assert lines[0]["change"] == "kubelet.maxPods: 110 -> 5"
    assert (lines[-1]["changed"], lines[-1]["need_restart"]) == (1, 0)


async def test_nothing_new_applies_nothing() -> None:
    files = Files()
    async with reloading(files) as reloader:
        lines = await told(reloader)
    assert files.applied == []
    assert [line["event"] for line in lines] == ["configuration reloaded"]


async def test_what_needs_a_restart_is_a_warning_each_time() -> None:
    files = Files()
    async with reloading(files) as reloader:
        files.settings = msgspec.structs.replace(BASE, paths=Paths(root=Paths().root / "x"))
        for _ in range(2):
            lines = await told(reloader)
            assert lines[0]["log_level"] == "warning"
            assert "restart" in lines[0]["event"]
            assert lines[0]["target"] == "paths.root"
    assert files.applied == []


async def test_a_wrong_configuration_changes_nothing_and_the_next_one_counts() -> None:
    files = Files()
    async with reloading(files) as reloader:
        files.settings = SettingsError(op="configure", target="maxPods", detail="no number")
        lines = await told(reloader)
        assert "the old one stays" in lines[0]["event"]
        assert "no number" in lines[0]["error"]
        files.settings = with_limit(6)
        await told(reloader)
        files.settings = with_limit(7)
        await told(reloader)
    assert [settings.kubelet.max_pods for settings in files.applied] == [6, 7]
