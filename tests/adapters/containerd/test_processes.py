"""Processes are found by what they were told, and only those that mean the same files."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from nodeagent.adapters.containerd import processes


def test_a_process_is_found_by_words_in_any_order() -> None:
    mine = f"0.{os.getpid()}1"
    with subprocess.Popen(["sleep", "60.123", mine]) as process:
        try:
            deadline = time.monotonic() + 5.0
            # Within its exec a process has no words for a moment.
            while processes.command_line(process.pid)[:1] != ("sleep",):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert list(processes.with_words(mine, "60.123")) == [process.pid]
            assert list(processes.with_words("60.123", f"{mine}9")) == []
        finally:
            process.kill()


@pytest.mark.e2e
def test_a_process_in_another_file_tree_is_not_taken_for_ours(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(Path("/bin/busybox").read_bytes())
    busybox.chmod(0o755)
    with subprocess.Popen(["chroot", tmp_path, "/busybox", "sleep", "61.123"]) as process:
        try:
            deadline = time.monotonic() + 5.0
            while processes.command_line(process.pid)[:1] != ("/busybox",):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert list(processes.with_words("61.123")) == []
        finally:
            process.kill()


def test_ending_takes_a_process_that_ignores_the_polite_signal(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stubborn = f"trap '' TERM; touch {ready}; while :; do sleep 0.01; done"
    with subprocess.Popen(["sh", "-c", stubborn]) as process:
        while not ready.exists():
            time.sleep(0.01)
        processes.end(process.pid, patience=0.2)
        assert not processes.is_alive(process.pid)


def test_ending_what_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    processes.end(process.pid, patience=0.1)


def test_an_ended_process_that_nobody_waited_for_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as process:
        deadline = time.monotonic() + 5.0
        while processes.is_alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not processes.is_alive(process.pid)
