"""A node joins a cluster and leaves it again while its pods run."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.cluster import RunningCluster, running_cluster
from tests.apiserver.kinds import kind_named
from tests.apiserver.store import Options
from tests.e2e.agent import NODE, Agent
from tests.e2e.pods import Document, container, pod, ready
from tests.e2e.runtime import Runtime

ALONE = {
    "authentication": {"webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
}


class Comer(Agent):
    """An agent that is a member where `kubeconfig` names a file."""

    kubeconfig: Path | None = None

    def command(self) -> list[str]:
        words = super().command()
        if self.kubeconfig is not None:
            words += [f"--kubeconfig={self.kubeconfig}", f"--cert-dir={self.root}/pki"]
        return words


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path) as running:
        yield running


@pytest.fixture
def agent(runtime: Runtime, cluster: RunningCluster) -> Iterator[Comer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ports = {"address": "127.0.0.1", "port": port, "healthzPort": 0}
    agent = Comer(runtime, kubelet={**ALONE, **ports})
    agent.prepare()
    try:
        yield agent
        agent.stop()
        assert agent.said("bug while working on a pod") == 0, agent.tail()
        assert agent.said("Traceback") == 0, agent.tail()
    finally:
        agent.kill()
        runtime.remove_pods()


def config(cluster: RunningCluster) -> Path:
    """The node's own kubeconfig."""
    return cluster.do(lambda inside: inside.kubeconfig(inside.node(NODE), name="node.conf"))


def told(cluster: RunningCluster, name: str) -> Document:
    """The pod as the API has it; {} where it has none."""
    return cluster.object("v1", "Pod", name, "default") or {}


def phase(cluster: RunningCluster, name: str) -> Any:
    return told(cluster, name).get("status", {}).get("phase")


def container_id(cluster: RunningCluster, name: str) -> Any:
    return told(cluster, name)["status"]["containerStatuses"][0]["containerID"]


def give(cluster: RunningCluster, document: Document) -> None:
    """A pod that is bound to the node."""
    document["spec"]["nodeName"] = NODE
    cluster.put(document)


def test_a_static_pod_runs_on_while_its_node_joins_and_leaves(
    agent: Comer, cluster: RunningCluster
) -> None:
    agent.write(pod("web"))
    agent.start()
    before = agent.wait("web", ready).id_of("main")
    agent.stop()
    agent.kubeconfig = config(cluster)
    agent.start()
    name = f"web-{NODE}"
    agent.until(lambda: phase(cluster, name) == "Running", what="the mirror pod to show it runs")
    assert container_id(cluster, name).endswith(before)
    agent.stop()
    agent.kubeconfig = None
    agent.start()
    assert agent.wait("web", ready).id_of("main") == before
    assert phase(cluster, name) == "Running", "nobody is there to take the copy away"
    agent.stop()
    agent.kubeconfig = config(cluster)
    agent.remove("web")
    agent.start()
    agent.until(lambda: not told(cluster, name), what="the mirror pod to go")


def test_pods_of_the_api_run_through_an_outage_and_end_by_it(
    agent: Comer, cluster: RunningCluster
) -> None:
    agent.kubeconfig = config(cluster)
    agent.start()
    give(cluster, pod("steady", automountServiceAccountToken=False))
    short = container("sleep 3; exit 1")
    give(cluster, pod("crashing", short, automountServiceAccountToken=False))
    agent.until(
        lambda: phase(cluster, "steady") == phase(cluster, "crashing") == "Running",
        what="both pods to run",
    )
    before = container_id(cluster, "steady")
    cluster.do(lambda inside: inside.stop())
    agent.until(lambda: _restarts(agent) > 0, what="a restart without the server")
    agent.kill()
    agent.start()
    assert agent.wait("steady", ready).id_of("main") in before
    cluster.do(lambda inside: inside.server.start())
    agent.until(
        lambda: told(cluster, "crashing")["status"]["containerStatuses"][0]["restartCount"] > 0,
        what="the restart to be told",
    )
    for name in ("steady", "crashing"):
        delete(cluster, name, grace=3)
    agent.until(
        lambda: not told(cluster, "steady") and not told(cluster, "crashing"),
        what="both objects to go",
    )


def test_the_node_stays_ready_while_its_agent_starts_again(
    agent: Comer, cluster: RunningCluster
) -> None:
    agent.kubeconfig = config(cluster)
    agent.start()
    agent.until(lambda: readiness(cluster).get("status") == "True", what="a ready node")
    before = readiness(cluster)
    agent.stop()
    agent.start()
    version = cluster.do(lambda inside: inside.store.version)
    agent.until(
        lambda: cluster.do(lambda inside: inside.store.version) != version,
        what="something to be told",
        within=20,
    )
    after = readiness(cluster)
    assert after["lastTransitionTime"] == before["lastTransitionTime"]
    assert "NodeNotReady" not in reasons(cluster)


def test_a_pod_that_somebody_declares_over_is_ended(agent: Comer, cluster: RunningCluster) -> None:
    agent.kubeconfig = config(cluster)
    agent.start()
    gone = pod("gone", terminationGracePeriodSeconds=1, automountServiceAccountToken=False)
    give(cluster, gone)
    agent.until(lambda: phase(cluster, "gone") == "Running", what="the pod to run")
    change = {"status": {"phase": "Failed", "reason": "Fenced"}}
    kind = kind_named("v1", "Pod")
    assert kind is not None
    cluster.do(
        lambda inside: inside.store.patch(
            kind,
            "gone",
            change,
            "default",
            how="application/merge-patch+json",
            subresource="status",
        )
    )
    agent.until(
        lambda: "terminated" in told(cluster, "gone")["status"]["containerStatuses"][0]["state"],
        what="the end of its container",
    )
    status = told(cluster, "gone")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Fenced")
    delete(cluster, "gone", grace=0)
    agent.until(lambda: not agent.pods(), what="the pod to be forgotten")


def readiness(cluster: RunningCluster) -> Document:
    """The node's condition Ready; {} before it has one."""
    status = (cluster.object("v1", "Node", NODE) or {}).get("status") or {}
    return next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})


def events(cluster: RunningCluster) -> list[Document]:
    """All that the API has been told."""
    kind = kind_named("v1", "Event")
    assert kind is not None
    return cluster.do(lambda inside: list(inside.store.list(kind).items))


def reasons(cluster: RunningCluster) -> set[str]:
    """Those of all events."""
    return {one["reason"] for one in events(cluster)}


def delete(cluster: RunningCluster, name: str, *, grace: int) -> None:
    kind = kind_named("v1", "Pod")
    assert kind is not None
    cluster.do(lambda inside: inside.store.delete(kind, name, "default", Options(grace=grace)))


def _restarts(agent: Comer) -> int:
    view = agent.pod("crashing")
    return view.restarts("main") if view is not None else 0
