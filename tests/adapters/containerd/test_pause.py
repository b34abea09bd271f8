"""The pause program really runs, reaps and ends when told to."""

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nodeagent.adapters.containerd.pause import pause_program
from nodeagent.errors import SettingsError

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "pause"
    path.write_bytes(pause_program(platform.machine()))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pause_exits_with_zero_at_once_when_told_to(program: Path, number: signal.Signals) -> None:
    with _running([program]) as process:
        _wait_until_asleep(process.pid)
        process.send_signal(number)
        assert process.wait(timeout=2) == 0


def test_pause_stays_when_a_child_signal_comes(program: Path) -> None:
    with _running([program]) as process:
        _wait_until_asleep(process.pid)
        process.send_signal(signal.SIGCHLD)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
        process.terminate()
        assert process.wait(timeout=2) == 0


def test_pause_uses_no_processor_time_while_it_waits(program: Path) -> None:
    with _running([program]) as process:
        _wait_until_asleep(process.pid)
        time.sleep(0.2)
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]
        process.terminate()
    assert ticks == ["0", "0"]


@NEEDS_ROOT
def test_pause_reaps_orphans_as_the_first_process(program: Path) -> None:
    """A script becomes PID 1, leaves orphans that end at different times, and turns into pause."""
    script = (
        "import os, sys, time\n"
        "for delay in (0, 0, 0.1, 0.1, 0.2):\n"
        "    if os.fork() == 0:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(delay)\n"
        "        os._exit(0)\n"
        "os.execv(sys.argv[1], [sys.argv[1]])\n"
    )
    namespace: list[str | Path] = ["unshare", "--pid", "--fork", "--kill-child"]
    with _running([*namespace, sys.executable, "-c", script, program]) as outer:
        first = _only_child(outer.pid, named="pause")
        deadline = time.monotonic() + 5
        while _children(first) and time.monotonic() < deadline:
            time.sleep(0.02)
        left = _children(first)
        os.kill(first, signal.SIGTERM)
        assert outer.wait(timeout=2) == 0
    assert left == []


def test_pause_for_an_unknown_machine_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"riscv64.*x86_64 and aarch64"):
        pause_program("riscv64")


@contextmanager
def _running(command: list[str | Path]) -> Iterator[subprocess.Popen[bytes]]:
    """Start it and, whatever the test finds, leave nothing running."""
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait_until_asleep(pid: int) -> None:
    """Pause sleeps nowhere but in its wait for signals, so by then they are blocked."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text().split()[1:3] == ["(pause)", "S"]:
            return
        time.sleep(0.005)
    pytest.fail("pause never waited for a signal")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _only_child(pid: int, *, named: str) -> int:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for child in _children(pid):
            if Path(f"/proc/{child}/comm").read_text().strip() == named:
                return child
        time.sleep(0.01)
    pytest.fail(f"no {named} under process {pid}")
