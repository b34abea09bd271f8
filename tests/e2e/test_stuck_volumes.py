"""A file system that never answers: it delays the pods that use it, and nobody else."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import Document, container, phase, pod, ready
from tests.e2e.runtime import Runtime
from tests.fakes.dead_mount import DeadMount, dead_mount, needs_fuse

pytestmark = needs_fuse


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[DeadMount]:
    place = tmp_path / "dead"
    place.mkdir()
    with dead_mount(place) as mount:
        yield mount


@pytest.fixture
def agent(runtime: Runtime, dead: DeadMount) -> Iterator[Agent]:
    """Pods that are left in the end are ended while nothing answers yet."""
    with running_agent(runtime) as agent:
        yield agent


def using(name: str, source: Document) -> Document:
    mounts = [{"name": "v", "mountPath": "/v"}]
    return pod(name, container(volumeMounts=mounts), volumes=[{"name": "v", **source}])


def local_volume(agent: Agent, name: str, path: Path) -> None:
    """A PersistentVolume that is a folder of the node, and a claim of the same name for it."""
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {**common, "capacity": {"storage": "1Mi"}, "local": {"path": str(path)}}
    claim = {**common, "volumeName": name, "resources": {"requests": {"storage": "1Mi"}}}
    folder = agent.root / "volumes"
    folder.mkdir(mode=0o700, exist_ok=True)
    for kind, spec in (("PersistentVolume", volume), ("PersistentVolumeClaim", claim)):
        document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        half = agent.root / "staging" / kind
        half.write_text(json.dumps(document))
        half.rename(folder / f"{kind}-{name}.json")


def askers(path: Path) -> int:
    """Processes that the agent has sent to look below `path`, and that do not come back."""
    words = os.fsencode(str(path))
    found = 0
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes()
        except OSError:
            continue
        found += words in line and b"stuck_worker" in line
    return found


def test_a_dead_file_system_holds_up_its_own_pods_only(agent: Agent, dead: DeadMount) -> None:
    local_volume(agent, "dead", dead.place / "claimed")
    stuck = [f"stuck{number}" for number in range(2 * (os.cpu_count() or 1) + 1)]
    for name in stuck:
        path = str(dead.place / name)
        agent.write(using(name, {"hostPath": {"path": path, "type": "Directory"}}))
    agent.write(using("claimer", {"persistentVolumeClaim": {"claimName": "dead"}}))
    stuck.append("claimer")
    agent.until(lambda: askers(dead.place) == len(stuck), what="calls that hang")

    start = time.monotonic()
    agent.write(pod("free"))
    agent.wait("free", phase("Running"))
    print(
        f"\nseconds to start a pod beside {len(stuck)} stuck ones: {time.monotonic() - start:.2f}"
    )
    assert askers(dead.place) == len(stuck)
    views = agent.pods()
    assert {views[name].phase for name in stuck} == {"Pending"}

    agent.remove(stuck[0])
    agent.wait_gone(stuck[0], within=5)

    dead.give_up()
    for name in (*stuck[1:-1], "claimed"):
        (dead.place / name).mkdir()
    for name in stuck[1:]:
        agent.wait(name, ready, within=60)


def test_a_path_that_nobody_checks_holds_up_the_runtime_for_its_own_pod_only(
    runtime: Runtime, dead: DeadMount
) -> None:
    """Without a type the agent does not touch the path: the runtime's call is what hangs."""
    with running_agent(runtime, kubelet={"runtimeRequestTimeout": "15s"}) as agent:
        for name in ("forever", "unchecked"):
            agent.write(using(name, {"hostPath": {"path": str(dead.place / name)}}))
        agent.until(lambda: hangs_below(dead), what="a call of the runtime that hangs")

        start = time.monotonic()
        agent.write(pod("free"))
        agent.wait("free", phase("Running"))
        print(f"\nseconds to start a pod beside a stuck one: {time.monotonic() - start:.2f}")
        assert hangs_below(dead)

        agent.remove("forever")
        agent.wait_gone("forever", within=40)
        assert hangs_below(dead)

        agent.remove("unchecked")
        dead.give_up()
        agent.wait_gone("unchecked", within=40)


def hangs_below(dead: DeadMount) -> bool:
    """Whether some process waits in the kernel for an answer of the dead file system."""
    for stack in Path("/proc").glob("[0-9]*/task/[0-9]*/stack"):
        try:
            if "fuse_" in stack.read_text():
                return True
        except OSError:
            continue
    return False
