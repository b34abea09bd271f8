"""The node stays in order: logs are rotated, what is left of unknown pods goes."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agent import CGROUPS, LINKS, Agent, running_agent
from tests.e2e.pods import container, pod, ready
from tests.e2e.runtime import Runtime

LINE = "0123456789" * 10
LIMIT = 64 * 1024


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    kubelet = {
        "containerLogMaxSize": str(LIMIT),
        "containerLogMaxFiles": 3,
        "containerLogMonitorInterval": "3s",
    }
    with running_agent(runtime, kubelet=kubelet) as agent:
        yield agent


def test_a_log_that_grows_is_rotated_and_nothing_written_is_lost(agent: Agent) -> None:
    script = (
        f"i=0; while [ $i -lt 40000 ]; do echo $i {LINE}; i=$((i+1)); usleep 300; done; sleep 999"
    )
    agent.write(pod("talker", container(command=["sh", "-c", script])))
    view = agent.wait("talker", ready)
    folder = agent.logs_dir / f"default_{view.name}_{view.uid}" / "main"

    def names() -> list[str]:
        return sorted(path.name for path in folder.iterdir())

    agent.until(
        lambda: len(names()) == 3 and names()[1].endswith(".gz"), what="two rotations", show=str
    )
    live, archive, newest = (folder / name for name in names())
    assert live.name == "0.log" and not newest.name.endswith(".gz")
    numbers = [*_numbers(gzip.decompress(archive.read_bytes())), *_numbers(newest.read_bytes())]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    agent.until(lambda: live.exists() and live.stat().st_size > 0, what="a new live log")
    first = _numbers(live.read_bytes())[0]
    assert first == numbers[-1] + 1
    agent.remove("talker")
    agent.wait_gone("talker")
    assert not folder.exists()


def _numbers(log: bytes) -> list[int]:
    return [int(line.split()[3]) for line in log.decode().splitlines()]


def test_what_is_left_of_a_pod_nobody_knows_is_gone_after_a_start(agent: Agent) -> None:
    uid = "11111111-2222-3333-4444-555555555555"
    folders = [agent.state / "pods" / uid / "containers/c", agent.logs_dir / f"ns_old_{uid}/c"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "0.log").write_text("old")
    group = next(CGROUPS.glob(f"memory{agent.runtime.cgroup_root}/kubepods"), None)
    cgroup = group / "besteffort" / f"pod{uid}" if group else Path("/none")
    if group:
        cgroup.mkdir()
    link = LINKS / f"old_ns_c-{uid}.log"
    link.symlink_to(folders[1] / "0.log")
    agent.write(pod("stays"))
    agent.wait("stays", ready)
    agent.restart()
    agent.until(
        lambda: not any(p.exists() or p.is_symlink() for p in (*folders, cgroup, link)),
        what="the leftovers to go",
    )
    assert not (agent.state / "pods" / uid).exists()
    assert not (agent.logs_dir / f"ns_old_{uid}").exists()
    assert agent.said("orphaned pod removed") == 1
    assert agent.wait("stays", ready).restarts() == 0
