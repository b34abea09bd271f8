"""The machine as a reboot leaves it: nothing runs, and what lay on a tmpfs is gone."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from nodeagent.adapters.containerd import processes
from tests.e2e.agent import Agent
from tests.e2e.runtime import Runtime


def kill_containerd(runtime: Runtime) -> None:
    """kill -9 of the runtime alone."""
    pid = processes.listener(runtime.settings.socket)
    assert pid is not None
    processes.kill(pid)
    assert not processes.wait_gone({pid}, patience=5)
    processes.reap(pid)


def shims_of(runtime: Runtime) -> list[int]:
    """Processes that keep containers of this runtime."""
    return list(processes.with_words("-address", str(runtime.settings.socket)))


def reboot(agent: Agent) -> None:
    """Everything ends at once, and what lies on a tmpfs is gone; the disk stays as it was."""
    runtime = agent.runtime
    shims = shims_of(runtime)
    doomed = {pid for shim in shims for pid in processes.descendants(shim)} | set(shims)
    kill_containerd(runtime)
    for pid in (*shims, *doomed):
        processes.kill(pid)
    assert not processes.wait_gone(doomed, patience=5)
    for place in _mounts(runtime.settings.state_dir, runtime.settings.home, agent.state):
        subprocess.run(["umount", "--lazy", place], check=True)
    shutil.rmtree(runtime.settings.state_dir)
    with suppress(FileNotFoundError):
        runtime.settings.socket.unlink()
    for top in agent.cgroup_roots():
        for folder, _, _ in os.walk(top, topdown=False):
            Path(folder).rmdir()
    subprocess.run(["ip", "link", "delete", runtime.settings.bridge], check=True)


def _mounts(*folders: Path) -> list[str]:
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [p for p in reversed(places) if any(Path(p).is_relative_to(f) for f in folders)]
