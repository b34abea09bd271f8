"""What files in running containers say, looked at from outside, and how soon."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.agent import Agent


def proc_root(agent: Agent, name: str) -> Path:
    """The files of a running container as it sees them, read without a process of its own."""
    pod = agent.pod(name)
    assert pod is not None
    wanted = pod.id_of("main")
    for place in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if wanted in place.read_text():
                return place.parent / "root"
        except OSError:
            continue
    pytest.fail(f"no process of {name}")


def seconds_until_shown(root: Path, shown: Mapping[str, str]) -> float:
    """How long until the files have these texts."""
    return seconds_until(lambda: texts(root, *shown) == tuple(shown.values()))


def seconds_until(check: Callable[[], bool], *, at_most: float = 5.0) -> float:
    """How long until this holds."""
    start = time.monotonic()
    while not check():
        assert time.monotonic() - start < at_most, "never"
        time.sleep(0.002)
    return time.monotonic() - start


def texts(root: Path, *paths: str) -> tuple[str, ...]:
    """What is in files of a container."""
    return tuple((root / path.lstrip("/")).read_text() for path in paths)
