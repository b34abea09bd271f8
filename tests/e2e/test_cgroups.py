"""What pods ask of CPU, memory and process numbers is what the kernel enforces."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agent import Agent, is_cgroup_v2, running_agent
from tests.e2e.pods import Document, container, pod, ready
from tests.e2e.runtime import Runtime

PIDS = 321
MIB = 1 << 20
NO_LIMIT = -1


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime, kubelet={"podPidsLimit": PIDS}) as agent:
        yield agent


def resources(**kinds: Document) -> Document:
    return {"resources": kinds}


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text().strip()


def shares_as_kept(shares: int) -> int:
    """CPU shares as the kernel keeps them: version 2 has weights from 1 to 10000."""
    return 1 + (shares - 2) * 9999 // 262142 if is_cgroup_v2() else shares


def shares_of(folder: Path) -> int:
    return int(read(folder, "cpu.weight" if is_cgroup_v2() else "cpu.shares"))


def quota_of(folder: Path) -> tuple[int, int]:
    """Microseconds of CPU time and of the period; no limit is -1."""
    if is_cgroup_v2():
        quota, period = read(folder, "cpu.max").replace("max", str(NO_LIMIT)).split()
    else:
        quota, period = read(folder, "cpu.cfs_quota_us"), read(folder, "cpu.cfs_period_us")
    return int(quota), int(period)


def memory_of(folder: Path) -> int:
    """The limit in bytes; no limit is -1."""
    text = read(folder, "memory.max" if is_cgroup_v2() else "memory.limit_in_bytes")
    limit = NO_LIMIT if text == "max" else int(text)
    return NO_LIMIT if limit > 1 << 50 else limit


def test_a_guaranteed_pod_has_what_it_asks_for_as_its_limit(agent: Agent) -> None:
    asked = {"cpu": "200m", "memory": "64Mi"}
    agent.write(pod("guaranteed", container(**resources(limits=asked))))
    view = agent.wait("guaranteed", ready)
    assert view.qos == "Guaranteed"
    for name in ("", "main"):
        cpu = agent.cgroup(view, "cpu", container=name)
        assert shares_of(cpu) == shares_as_kept(204)
        assert quota_of(cpu) == (20_000, 100_000)
        assert memory_of(agent.cgroup(view, "memory", container=name)) == 64 * MIB
    assert read(agent.cgroup(view, "pids"), "pids.max") == str(PIDS)


def test_a_burstable_pod_has_its_request_and_each_container_its_limit(agent: Agent) -> None:
    limited = resources(requests={"cpu": "50m"}, limits={"cpu": "500m", "memory": "48Mi"})
    agent.write(
        pod(
            "burstable",
            container(**resources(requests={"cpu": "100m", "memory": "32Mi"})),
            container(name="limited", **limited),
        )
    )
    view = agent.wait("burstable", ready)
    assert view.qos == "Burstable"
    for name, shares, quota, memory in (
        ("", 153, NO_LIMIT, NO_LIMIT),
        ("main", 102, NO_LIMIT, NO_LIMIT),
        ("limited", 51, 50_000, 48 * MIB),
    ):
        cpu = agent.cgroup(view, "cpu", container=name)
        assert shares_of(cpu) == shares_as_kept(shares)
        assert quota_of(cpu) == (quota, 100_000)
        assert memory_of(agent.cgroup(view, "memory", container=name)) == memory


def test_a_best_effort_pod_has_the_least(agent: Agent) -> None:
    agent.write(pod("besteffort"))
    view = agent.wait("besteffort", ready)
    assert view.qos == "BestEffort"
    for name in ("", "main"):
        assert shares_of(agent.cgroup(view, "cpu", container=name)) == shares_as_kept(2)
    assert read(agent.cgroup(view, "pids"), "pids.max") == str(PIDS)
    assert _oom_score(agent, "besteffort") == 1000


def test_who_asks_for_more_memory_is_killed_later(agent: Agent) -> None:
    agent.write(
        pod("small", container(**resources(requests={"memory": "16Mi"}))),
        pod("large", container(**resources(requests={"memory": "512Mi"}))),
    )
    agent.wait("small", ready)
    agent.wait("large", ready)
    for name, asked in (("small", 16 * MIB), ("large", 512 * MIB)):
        wanted = 1000 - 1000 * asked // _node_memory()
        assert _oom_score(agent, name) == min(max(wanted, 3), 999)


def test_the_three_parents_exist_and_hold_the_node(agent: Agent) -> None:
    parents = [top / "kubepods" for top in agent.cgroup_roots()]
    for kubepods in parents:
        assert {"burstable", "besteffort"} <= {p.name for p in kubepods.iterdir() if p.is_dir()}
    cpu, memory = (
        next(p for p in parents if is_cgroup_v2() or name in p.parts[4].split(","))
        for name in ("cpu", "memory")
    )
    assert shares_of(cpu / "besteffort") == shares_as_kept(2)
    assert 0 < memory_of(memory) <= _node_memory()


def _oom_score(agent: Agent, name: str) -> int:
    return int(agent.sh(name, "cat /proc/1/oom_score_adj"))


def _node_memory() -> int:
    line = Path("/proc/meminfo").read_text().splitlines()[0]
    return int(line.split()[1]) * 1024
