"""It does not matter when the agent dies: nothing restarts, nothing is doubled, nothing leaks."""

import datetime as dt
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pytest

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import IDLE, Document, View, container, phase, pod, ready, waits
from tests.e2e.runtime import Runtime

SEED = int(os.environ.get("NODEAGENT_TEST_SEED", "20"))
LONGEST = 1.5
SLOW_END = "trap 'sleep 1.2; exit 0' TERM; while :; do sleep 1000 & wait $!; done"

EXPECTED = {
    "sandboxes": 1,
    "containers": 2,
    "leases": 1,
    "network namespaces": 1,
    "cgroups": 1,
    "pod folders": 1,
    "pod logs": 1,
    "log links": 2,
    "shims": 1,
}
"""What one pod of two containers leaves on the machine."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A container as the runtime has it."""

    pod: str
    name: str
    attempt: int
    running: bool
    created_at: int


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime, own={"crashLoop": {"initial": "4s", "max": "60s"}}) as agent:
        yield agent


def containers(runtime: Runtime) -> dict[str, Record]:
    with runtime.cri() as call:
        return {
            c.id: Record(
                pod=c.labels["io.kubernetes.pod.uid"],
                name=c.metadata.name,
                attempt=c.metadata.attempt,
                running=c.state == pb.CONTAINER_RUNNING,
                created_at=c.created_at,
            )
            for c in call(pb.ListContainersRequest()).containers
        }


def sandboxes(runtime: Runtime) -> dict[str, bool]:
    """Every sandbox by its pod's uid and attempt, and whether it is ready."""
    with runtime.cri() as call:
        items = call(pb.ListPodSandboxRequest()).items
    found = {f"{b.metadata.uid}/{b.metadata.attempt}": b.state == pb.SANDBOX_READY for b in items}
    assert len(found) == len(items), "two sandboxes of one attempt"
    return found


def lasting(view: View) -> Mapping[str, Any]:
    """The part of a status that a restart of the agent must not change: all of it."""
    return view.status


def test_a_restart_of_the_agent_changes_nothing_of_a_pods_status(agent: Agent) -> None:
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    agent.write(
        pod("web", container(readinessProbe=probe), container(name="second")),
        pod("unready", container(readinessProbe={"exec": {"command": ["false"]}})),
        pod("job", container("exit 0"), restartPolicy="Never"),
        pod("failed", container("exit 3"), restartPolicy="Never"),
        pod("flaky", container("test -e /data/x || { touch /data/x; exit 1; }; " + IDLE,
            volumeMounts=[{"name": "d", "mountPath": "/data"}]),
            volumes=[{"name": "d", "emptyDir": {}}]),
        pod("sidecar", initContainers=[
            container("exit 0", name="first"),
            container(name="helper", restartPolicy="Always"),
        ]),
    )  # fmt: skip
    names = ("web", "unready", "job", "failed", "flaky", "sidecar")
    for name, judge in {
        "web": ready,
        "unready": lambda view: view.state() == "running",
        "job": phase("Succeeded"),
        "failed": phase("Failed"),
        "flaky": lambda view: view.is_ready and view.restarts() == 1,
        "sidecar": ready,
    }.items():
        agent.wait(name, judge)
    time.sleep(0.5)
    before, runtime_before = agent.pods(), containers(agent.runtime)
    agent.kill()
    agent.start()
    for _ in range(10):
        now = agent.pods()
        for name in names:
            assert lasting(now[name]) == lasting(before[name])
        time.sleep(0.15)
    assert containers(agent.runtime) == runtime_before
    agent.stop()
    agent.start()
    time.sleep(0.5)
    assert {n: lasting(v) for n, v in agent.pods().items()} == {
        n: lasting(v) for n, v in before.items()
    }
    agent.remove(*names)
    agent.wait_gone(*names)


def test_a_back_off_goes_on_where_it_was_when_the_agent_was_killed(agent: Agent) -> None:
    agent.write(pod("crash", container("exit 1")))
    view = agent.wait("crash", lambda v: v.restarts() == 1 and waits("CrashLoopBackOff")(v))
    end = view.ended()["finishedAt"]
    agent.restart()
    again = agent.wait("crash", waits("CrashLoopBackOff"))
    assert again.waiting_message() == view.waiting_message()
    assert again.restarts() == 1
    third = agent.wait("crash", lambda v: v.restarts() == 2 and v.ended()["finishedAt"] != end)
    assert 3.0 <= seconds(third.ended()["startedAt"]) - seconds(end) <= 6.5
    agent.remove("crash")
    agent.wait_gone("crash")


def seconds(stamp: str) -> float:
    """An API time as seconds."""
    return dt.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def test_the_deadline_of_an_ending_pod_holds_through_kills_of_the_agent(agent: Agent) -> None:
    stubborn = container("trap '' TERM; while :; do sleep 1000; done")
    grace = 6.0
    agent.write(pod("stubborn", stubborn, terminationGracePeriodSeconds=int(grace)))
    uid = agent.wait("stubborn", ready).uid
    agent.remove("stubborn")
    began = time.monotonic()
    agent.until(lambda: agent.said("pod ends") > 0, what="the end to begin")
    for _ in range(2):
        time.sleep(0.6)
        agent.restart()
    back = time.monotonic() - began
    agent.until(
        lambda: not any(c.pod == uid and c.running for c in containers(agent.runtime).values()),
        what="the container to be killed",
    )
    assert grace - 0.5 <= time.monotonic() - began <= max(grace, back + 2.0) + 1.5
    agent.wait_gone("stubborn")


@pytest.mark.timeout(300)
def test_fifty_kills_at_random_points_of_a_start_an_edit_and_a_stop(agent: Agent) -> None:
    chance = random.Random(SEED)
    steady = pod("steady", container(), container(name="other"))
    agent.write(steady)
    agent.wait("steady", ready)
    keeps = {i: c for i, c in containers(agent.runtime).items() if c.running}
    kills = 0
    while kills < 50:
        for step in (_start, _edit, _stop):
            settled = step(agent)
            for _ in range(1 + chance.randrange(3)):
                time.sleep(chance.random() * LONGEST)
                _assert_nothing_doubled(agent, agent.runtime)
                agent.kill()
                _assert_nothing_doubled(agent, agent.runtime)
                agent.start(wait=chance.random() < 0.5)
                kills += 1
            agent.until(settled, what=f"{step.__name__} after {kills} kills",
                        show=lambda: f"{agent.pods()}\n{containers(agent.runtime)}")  # fmt: skip
            now = containers(agent.runtime)
            assert {i: now.get(i) for i in keeps} == keeps, "the steady pod was touched"
        agent.until(
            lambda: set(agent.traces().get("pod folders", ())) == {_steady_uid(agent)},
            what="nothing left but the steady pod",
            show=lambda: str(agent.traces()),
        )
        _assert_only_steady(agent)
    agent.remove("steady")
    agent.wait_gone("steady")
    agent.assert_no_trace()


def _moving(image_env: str) -> Document:
    return pod(
        "moving",
        container(SLOW_END, env=[{"name": "VERSION", "value": image_env}],
                  volumeMounts=[{"name": "d", "mountPath": "/d"}]),
        container("echo ready; " + IDLE, name="other"),
        initContainers=[container("sleep 0.2", name="first")],
        volumes=[{"name": "d", "emptyDir": {"medium": "Memory"}}],
    )  # fmt: skip


def _start(agent: Agent) -> Callable[[], bool]:
    agent.write(_moving("one"))
    return lambda: _runs(agent, "one")


def _edit(agent: Agent) -> Callable[[], bool]:
    agent.write(_moving("two"))
    return lambda: _runs(agent, "two")


def _stop(agent: Agent) -> Callable[[], bool]:
    agent.remove("moving")
    return lambda: agent.pod("moving") is None and "steady" in agent.pods()


def _runs(agent: Agent, version: str) -> bool:
    """Ready, never restarted, and of the version that was asked for."""
    view = agent.pod("moving")
    if view is None or not view.is_ready:
        return False
    assert {name: view.restarts(name) for name in view.containers} == {
        "main": 0,
        "other": 0,
        "first": 0,
    }
    spec = view.document["spec"]["containers"][0]
    return bool(spec["env"][0]["value"] == version)


def _steady_uid(agent: Agent) -> str:
    view = agent.pod("steady")
    assert view is not None
    return view.uid


def _assert_nothing_doubled(agent: Agent, runtime: Runtime) -> None:
    alive: dict[tuple[str, str], int] = {}
    for record in containers(runtime).values():
        if record.running:
            alive[record.pod, record.name] = alive.get((record.pod, record.name), 0) + 1
    assert all(count == 1 for count in alive.values()), alive
    ready_boxes: dict[str, int] = {}
    for key, is_ready in sandboxes(runtime).items():
        uid = key.partition("/")[0]
        ready_boxes[uid] = ready_boxes.get(uid, 0) + is_ready
    assert all(count <= 1 for count in ready_boxes.values()), ready_boxes
    pods = {record.pod for record in containers(runtime).values() if record.running}
    assert len(pods) <= 2, "two pods of one name run at once"


def _assert_only_steady(agent: Agent) -> None:
    """One sandbox, one namespace, one lease, one pod's folders: no leak whatever was killed."""
    agent.until(
        lambda: {kind: len(things) for kind, things in agent.traces().items()} == EXPECTED,
        what="no leak beside the steady pod",
        within=10,
        show=lambda: str(agent.traces()),
    )
