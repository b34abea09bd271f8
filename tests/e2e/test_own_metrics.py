"""The agent's own metrics on real containerd: each thing that happens counts once."""

import gzip
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import container, pod, ready, waits
from tests.e2e.runtime import Runtime

CRASH = "while [ ! -e /crash ]; do sleep 0.1; done; exit 7"


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


class Local(http.client.HTTPConnection):
    """HTTP over the agent's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def page(agent: Agent, path: str = "/metrics") -> str:
    connection = Local(agent.socket)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        assert answer.status == 200
        return gzip.decompress(answer.read()).decode()
    finally:
        connection.close()


Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def figures(agent: Agent) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page(agent))
        for sample in family.samples
    }


def grown(before: Figures, after: Figures, name: str, **labels: str) -> float:
    """By how much all series of that name with these labels have grown."""
    return sum(
        number - before.get((one, told), 0.0)
        for (one, told), number in after.items()
        if one == name and labels.items() <= dict(told).items()
    )


def test_a_pod_counts_from_its_start_to_its_end(agent: Agent) -> None:
    before = figures(agent)
    first = container("exit 0", name="first")
    agent.write(pod("counted", container(CRASH), initContainers=[first]))
    agent.wait("counted", ready)
    running = figures(agent)
    assert grown(before, running, "kubelet_started_pods_total") == 1
    assert grown(before, running, "kubelet_run_podsandbox_duration_seconds_count") == 1
    started = "kubelet_started_containers_total"
    assert grown(before, running, started, container_type="container") == 1
    assert grown(before, running, started, container_type="init_container") == 1
    assert grown(before, running, "kubelet_started_containers_errors_total") == 0
    assert grown(before, running, "kubelet_pod_start_duration_seconds_count") == 1
    assert grown(before, running, "kubelet_pod_start_total_duration_seconds_count") == 1
    took = grown(before, running, "kubelet_pod_start_total_duration_seconds_sum")
    own = grown(before, running, "kubelet_pod_start_sli_duration_seconds_sum")
    assert 0 < own <= took < 30
    cgroups = "kubelet_cgroup_manager_duration_seconds_count"
    assert grown(before, running, cgroups, operation_type="create") == 1
    calls = "kubelet_runtime_operations_total"
    assert grown(before, running, calls, operation_type="run_podsandbox") == 1
    assert grown(before, running, calls, operation_type="start_container") == 2
    assert grown(before, running, "kubelet_running_pods") == 1
    ended = "kubelet_terminated_containers_total"
    assert grown(before, running, ended, container_type="init_container", exit_code="0") == 1
    agent.sh("counted", "touch /crash")
    agent.until(
        lambda: grown(running, figures(agent), ended, exit_code="7", reason="Error") == 1,
        what="the end to be counted",
    )
    agent.wait("counted", ready)
    agent.remove("counted")
    agent.wait_gone("counted")
    after = figures(agent)
    assert grown(before, after, "kubelet_running_pods") == 0
    assert grown(before, after, cgroups, operation_type="destroy") == 1
    worker = "kubelet_pod_worker_duration_seconds_count"
    for purpose in ("create", "kill", "terminated"):
        assert grown(before, after, worker, operation_type=purpose) >= 1
    assert grown(before, after, "nodeagent_written_bytes_total") >= 0
    assert grown(before, after, "nodeagent_bugs_total") == 0


def test_a_container_that_cannot_start_counts_as_what_status_shows(agent: Agent) -> None:
    before = figures(agent)
    agent.write(pod("broken", container(command=["/no/such/program"])))
    agent.wait("broken", waits("RunContainerError"))
    errors = "kubelet_started_containers_errors_total"
    labels = {"container_type": "container", "code": "RunContainerError"}
    assert grown(before, figures(agent), errors, **labels) >= 1
    agent.remove("broken")
    agent.wait_gone("broken")


def test_checks_of_health_and_requests_of_this_socket_are_counted(agent: Agent) -> None:
    before = figures(agent)
    page(agent, "/metrics/cadvisor")
    labels = {"server_type": "local", "path": "metrics/cadvisor", "method": "GET"}
    assert grown(before, figures(agent), "kubelet_http_requests_total", **labels) == 1
    assert "process_start_time_seconds " in page(agent, "/metrics/slis")
