"""Fixtures that any folder of tests may ask for."""

import asyncio
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

pytest_plugins = ("tests.e2e.runtime",)


def pytest_configure() -> None:
    """No event loop is made behind our back.

    looptime asks for the current loop even in plain tests; asyncio would then make one that
    nobody closes, and the next test would fail for it.
    """
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session", autouse=True)
def no_mounts_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing stays mounted below the session's own folder, nor below what dead ones left.

    An agent leaves its state folder mounted on itself, and pytest removes old folders at the end.
    """
    own = tmp_path_factory.getbasetemp()
    _unmount(below=own.parent.glob("garbage-*"))
    yield
    _unmount(below=[own])


def _unmount(*, below: Iterable[Path]) -> None:
    folders = [f"{folder}/" for folder in below]
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    for place in reversed([line.split()[4] for line in lines]):
        if any(place.startswith(folder) for folder in folders):
            subprocess.run(["umount", "--lazy", place], check=True)
