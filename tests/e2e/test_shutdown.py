"""The system stops without logind telling: the end of the service ends the pods in their order."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import container, pod, ready
from tests.e2e.runtime import Runtime

SLOW = "trap 'sleep 1.5; exit 0' TERM; while :; do sleep 1000 & wait $!; done"
DEAF = "trap '' TERM; while :; do sleep 1000 & wait $!; done"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that says what systemd says of the system; a `systemctl` that reads it."""
    state = tmp_path / "state"
    state.write_text("running\n")
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat {state}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return state


@pytest.fixture
def agent(runtime: Runtime, system: Path) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        agent.stop()
        agent.kubelet["shutdownGracePeriod"] = "6s"
        agent.kubelet["shutdownGracePeriodCriticalPods"] = "3s"
        agent.configure()
        agent.start()
        yield agent


def test_pods_end_in_order_within_the_time_and_run_again_after_the_reboot(
    agent: Agent, system: Path
) -> None:
    agent.write(
        pod("plain", container(SLOW), terminationGracePeriodSeconds=30),
        pod("deaf", container(DEAF), terminationGracePeriodSeconds=8),
        pod("critical", priorityClassName="system-node-critical"),
        pod("job", container("exit 0"), restartPolicy="Never"),
    )
    for name in ("plain", "deaf", "critical"):
        agent.wait(name, ready)
    agent.wait("job", lambda view: view.phase == "Succeeded")
    system.write_text("stopping\n")
    began = time.monotonic()
    agent.stop()
    took = time.monotonic() - began
    assert 2.9 <= took <= 6.0 + 1.0
    said = agent.log.read_text()
    assert said.index('"pod":"default/plain-node","why":"Terminated"') < said.index(
        '"pod":"default/critical-node","why":"Terminated"'
    )
    system.write_text("running\n")
    agent.start()
    for name in ("plain", "deaf", "critical"):
        view = agent.wait(name, lambda view: view.is_ready)
        assert view.phase == "Running"
        assert view.ended()["message"].startswith("NodeShutdown: ")
    job = agent.pod("job")
    assert job is not None and job.phase == "Succeeded"


def test_a_restart_of_the_service_alone_leaves_the_pods_running(agent: Agent) -> None:
    agent.write(pod("stays"))
    before = agent.wait("stays", ready).id_of("main")
    agent.stop()
    agent.start()
    view = agent.wait("stays", ready)
    assert (view.id_of("main"), view.restarts()) == (before, 0)
