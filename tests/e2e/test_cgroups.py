"""What pods ask of CPU, memory and process numbers is what the kernel enforces (cgroup v1)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agent import CGROUPS, Agent, running_agent
from tests.e2e.pods import Document, container, pod, ready
from tests.e2e.runtime import Runtime

PIDS = 321
MIB = 1 << 20

if (CGROUPS / "cgroup.controllers").exists():
    pytest.skip("this machine has cgroup v2 only", allow_module_level=True)


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime, kubelet={"podPidsLimit": PIDS}) as agent:
        yield agent


def resources(**kinds: Document) -> Document:
    return {"resources": kinds}


def value(agent: Agent, name: str, file: str, container: str = "") -> int:
    """A value of a pod's cgroup, or of its container's."""
    view = agent.pod(name)
    assert view is not None
    folder = agent.cgroup_values(view, file.partition(".")[0], container=container)
    return int((folder / file).read_text())


def test_a_guaranteed_pod_has_what_it_asks_for_as_its_limit(agent: Agent) -> None:
    asked = {"cpu": "200m", "memory": "64Mi"}
    agent.write(pod("guaranteed", container(**resources(limits=asked))))
    assert agent.wait("guaranteed", ready).qos == "Guaranteed"
    for name in ("", "main"):
        assert value(agent, "guaranteed", "cpu.shares", name) == 204
        assert value(agent, "guaranteed", "cpu.cfs_quota_us", name) == 20_000
        assert value(agent, "guaranteed", "cpu.cfs_period_us", name) == 100_000
        assert value(agent, "guaranteed", "memory.limit_in_bytes", name) == 64 * MIB
    assert value(agent, "guaranteed", "pids.max") == PIDS


def test_a_burstable_pod_has_its_request_and_each_container_its_limit(agent: Agent) -> None:
    agent.write(
        pod(
            "burstable",
            container(**resources(requests={"cpu": "100m", "memory": "32Mi"})),
            container(
                name="limited",
                **resources(requests={"cpu": "50m"}, limits={"cpu": "500m", "memory": "48Mi"}),
            ),
        )
    )
    assert agent.wait("burstable", ready).qos == "Burstable"
    assert value(agent, "burstable", "cpu.shares") == 153
    assert value(agent, "burstable", "cpu.cfs_quota_us") == -1
    assert value(agent, "burstable", "cpu.shares", "main") == 102
    assert value(agent, "burstable", "cpu.cfs_quota_us", "main") == -1
    assert value(agent, "burstable", "cpu.shares", "limited") == 51
    assert value(agent, "burstable", "cpu.cfs_quota_us", "limited") == 50_000
    assert value(agent, "burstable", "memory.limit_in_bytes", "limited") == 48 * MIB
    assert value(agent, "burstable", "memory.limit_in_bytes", "main") > 1 << 50


def test_a_best_effort_pod_has_the_least(agent: Agent) -> None:
    agent.write(pod("besteffort"))
    assert agent.wait("besteffort", ready).qos == "BestEffort"
    for name in ("", "main"):
        assert value(agent, "besteffort", "cpu.shares", name) == 2
    assert value(agent, "besteffort", "pids.max") == PIDS
    assert _oom_score(agent, "besteffort") == 1000


def test_who_asks_for_more_memory_is_killed_later(agent: Agent) -> None:
    agent.write(
        pod("small", container(**resources(requests={"memory": "16Mi"}))),
        pod("large", container(**resources(requests={"memory": "512Mi"}))),
    )
    agent.wait("small", ready)
    agent.wait("large", ready)
    node = _node_memory()
    for name, asked in (("small", 16 * MIB), ("large", 512 * MIB)):
        wanted = min(max(1000 - 1000 * asked // node, 3), 999)
        assert _oom_score(agent, name) == wanted


def test_the_three_parents_exist_and_hold_the_node(agent: Agent) -> None:
    root = agent.runtime.cgroup_root.strip("/")
    for controller in ("cpu", "memory", "pids"):
        for name in ("", "burstable", "besteffort"):
            assert (CGROUPS / controller / root / "kubepods" / name).is_dir()
    cpu = CGROUPS / "cpu" / root / "kubepods"
    assert int((cpu / "besteffort/cpu.shares").read_text()) == 2
    limit = int((CGROUPS / "memory" / root / "kubepods/memory.limit_in_bytes").read_text())
    assert limit <= _node_memory()


def _oom_score(agent: Agent, name: str) -> int:
    return int(agent.sh(name, "cat /proc/1/oom_score_adj"))


def _node_memory() -> int:
    line = Path("/proc/meminfo").read_text().splitlines()[0]
    return int(line.split()[1]) * 1024
