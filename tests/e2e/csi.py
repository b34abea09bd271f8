"""The small CSI driver as a process of its own beside an agent."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.agent import Agent
from tests.fakes.csi_driver import Disk, Options, tidy

ROOT = Path(__file__).parents[2]


class Driver:
    """The driver's process and its folder."""

    def __init__(self, disk: Disk, registry: Path) -> None:
        self.disk, self._registry = disk, registry
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It announces itself to the agent."""
        words = [sys.executable, "-m", "tests.fakes.csi_driver"]
        self._process = subprocess.Popen(
            [*words, str(self.disk.folder), str(self._registry)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """Its sockets stay, and nobody listens."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_driver(agent: Agent, folder: Path, options: Options | None = None) -> Iterator[Driver]:
    """A driver that the agent knows; in the end nothing of it is mounted."""
    disk = Disk(folder)
    if options is not None:
        disk.configure(options)
    driver = Driver(disk, agent.state / "plugins_registry")
    driver.start()
    try:
        agent.until(lambda: bool(disk.calls("NotifyRegistrationStatus")), what="a registration")
        yield driver
    finally:
        driver.kill()
        tidy(disk, disk.folder)
