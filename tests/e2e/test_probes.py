"""The five cases people learn probes and hooks with, from the samples; what a restart keeps."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.core.manifest import check_manifest
from tests.e2e.agent import NODE, Agent, running_agent
from tests.e2e.pods import View, container, pod, ready
from tests.e2e.runtime import Runtime

SAMPLES = Path("docs/samples/probes")


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def begin(agent: Agent, name: str) -> None:
    """Put a sample where the agent reads it."""
    agent.put(f"{name}.yaml", (SAMPLES / f"{name}.yaml").read_text())


def leave(agent: Agent, name: str) -> None:
    agent.remove(name)
    agent.wait_gone(name)


def why(agent: Agent, name: str) -> dict[str, object]:
    done = agent.run("why", f"{name}-{NODE}", "-o", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def restarted(view: View) -> bool:
    return view.restarts() == 1 and bool(view.ended())


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_sample_says_what_it_shows_and_is_without_mistakes(sample: Path) -> None:
    text = sample.read_bytes()
    assert text.startswith(b"# ")
    assert check_manifest(text, origin=sample.name, node_name="node") == ()


def test_a_file_that_is_deleted_restarts_the_container_that_is_asked_for_it(agent: Agent) -> None:
    begin(agent, "exec-liveness")
    agent.wait("exec-liveness", ready)
    view = agent.wait("exec-liveness", restarted)
    end = view.ended()
    assert end["reason"] == "Error"
    assert end["message"].startswith("Liveness: its liveness probe failed: ")
    assert "/tmp/healthy" in end["message"]
    events = agent.events("exec-liveness")
    unhealthy = [message for reason, message in events if reason == "Unhealthy"]
    assert all(message.startswith("Liveness probe failed: ") for message in unhealthy)
    assert ("Killing", "Container main failed liveness probe, will be restarted") in events
    assert why(agent, "exec-liveness")["reason"] == "Liveness"
    leave(agent, "exec-liveness")


def test_a_server_that_begins_to_fail_the_request_with_our_header_is_restarted(
    agent: Agent,
) -> None:
    begin(agent, "http-liveness")
    view = agent.wait("http-liveness", restarted)
    assert view.ended()["message"] == (
        "Liveness: its liveness probe failed: HTTP probe failed with statuscode: 500"
    )
    messages = [m for reason, m in agent.events("http-liveness") if reason == "Unhealthy"]
    assert set(messages) == {"Liveness probe failed: HTTP probe failed with statuscode: 500"}
    leave(agent, "http-liveness")


def test_a_server_that_no_longer_listens_loses_its_service_and_is_then_restarted(
    agent: Agent,
) -> None:
    begin(agent, "tcp")
    agent.wait("tcp", ready)
    agent.wait("tcp", lambda view: not view.is_ready and view.restarts() == 0)
    view = agent.wait("tcp", restarted)
    assert "connection refused" in view.ended()["message"]
    kinds = {m.split()[0] for reason, m in agent.events("tcp") if reason == "Unhealthy"}
    assert kinds == {"Liveness", "Readiness"}
    leave(agent, "tcp")


def test_post_start_leaves_a_message_and_pre_stop_lets_the_server_quit(agent: Agent) -> None:
    begin(agent, "hooks")
    view = agent.wait("hooks", ready)
    assert agent.sh("hooks", "cat /notes/message") == "Hello from the postStart hook\n"
    notes = agent.pod_dir(view) / "volumes/kubernetes.io~empty-dir/notes/message"
    with notes.open() as file:
        began = time.monotonic()
        leave(agent, "hooks")
        assert file.read().splitlines()[1:] == ["Goodbye from the preStop hook"]
    assert time.monotonic() - began < 10.0
    reasons = [reason for reason, _ in agent.events("hooks")]
    assert "FailedPreStopHook" not in reasons and "FailedPostStartHook" not in reasons


def test_a_startup_probe_guards_a_slow_starter(agent: Agent) -> None:
    begin(agent, "slow-start")
    view = agent.wait("slow-start", lambda view: view.state() == "running")
    assert view.containers["main"]["started"] is False
    view = agent.wait("slow-start", ready)
    assert view.containers["main"]["started"] is True
    time.sleep(2.5)
    after = agent.pod("slow-start")
    assert after is not None and after.restarts() == 0 and after.is_ready
    leave(agent, "slow-start")


def test_ready_and_started_hold_over_a_restart_of_the_agent_and_streaks_go_on(
    agent: Agent,
) -> None:
    ask = {"exec": {"command": ["test", "-e", "/tmp/well"]}, "periodSeconds": 2}
    slow = {**ask, "periodSeconds": 6, "failureThreshold": 2}
    touched = "touch /tmp/well; sleep 1000"
    agent.write(pod("kept", container(touched, readinessProbe=slow, startupProbe=ask)))
    before = agent.wait("kept", ready)
    agent.sh("kept", "rm /tmp/well")
    agent.until(
        lambda: any("Readiness probe failed" in m for _, m in agent.events("kept")),
        what="the first failure",
    )
    failed_at = time.monotonic()
    agent.kill()
    agent.start()
    now = agent.pod("kept")
    assert now is not None and now.status == before.status
    # One more failure is enough: the first counts although another agent saw it.
    agent.wait("kept", lambda view: not view.is_ready)
    assert time.monotonic() - failed_at < 9.0
    view = agent.pod("kept")
    assert view is not None and view.containers["main"]["started"] is True
    leave(agent, "kept")
