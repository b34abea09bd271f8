"""The main points once more on every other containerd: 1.7 with GetContainerEvents, and 2.x."""

from collections.abc import Iterator

import pytest

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import container, phase, pod, ready, waits
from tests.e2e.runtime import FETCHED, Runtimes


@pytest.fixture(scope="module", params=FETCHED)
def agent(request: pytest.FixtureRequest, runtimes: Runtimes) -> Iterator[Agent]:
    with running_agent(runtimes.get(request.param)) as agent:
        yield agent


def test_pods_run_end_and_crash_as_they_should(agent: Agent) -> None:
    shared = {"name": "data", "mountPath": "/data"}
    agent.write(
        pod(
            "pair",
            container("echo shared > /data/x; sleep 1000", volumeMounts=[shared]),
            container(name="other", volumeMounts=[shared]),
            volumes=[{"name": "data", "emptyDir": {}}],
            initContainers=[container(name="helper", restartPolicy="Always")],
            terminationGracePeriodSeconds=1,
        ),
        pod("job", container("exit 0"), restartPolicy="Never"),
        pod("crash", container("exit 1")),
        pod("greedy", container("x=a; while :; do x=$x$x; done",
            resources={"limits": {"memory": "20Mi"}}), restartPolicy="Never"),
    )  # fmt: skip
    view = agent.wait("pair", ready)
    agent.until(lambda: agent.sh("pair", "cat /data/x", container="other") == "shared\n", what="x")
    assert view.ip.startswith("10.201.")
    assert agent.wait("job", phase("Succeeded")).ended()["reason"] == "Completed"
    assert agent.wait("crash", waits("CrashLoopBackOff")).restarts() == 1
    assert agent.wait("greedy", phase("Failed")).ended()["reason"] == "OOMKilled"


def test_a_killed_container_is_replaced_at_once(agent: Agent) -> None:
    agent.write(pod("replaced"))
    before = agent.wait("replaced", ready)
    with agent.runtime.cri() as call:
        call(pb.StopContainerRequest(container_id=before.id_of("main"), timeout=0))
    agent.wait("replaced", lambda v: v.is_ready and v.restarts() == 1, within=3)


def test_the_agent_may_be_killed_and_an_edit_replaces_the_pod(agent: Agent) -> None:
    agent.write(pod("edited"))
    before = agent.wait("edited", ready)
    agent.restart()
    assert agent.wait("edited", ready).status == before.status
    agent.write(pod("edited", container(env=[{"name": "NEW", "value": "yes"}])))
    agent.wait("edited", lambda v: v.is_ready and v.uid != before.uid)
    assert agent.sh("edited", "echo $NEW").strip() == "yes"
