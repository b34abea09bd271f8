"""The runtime dies, the machine reboots, strangers make pods: what runs goes on, or comes back."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from nodeagent.adapters.containerd import embedded, processes
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import Document, container, phase, pod, ready
from tests.e2e.rebooting import kill_containerd, reboot, shims_of
from tests.e2e.runtime import Runtime


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def brief(name: str, seconds: float, code: int = 0) -> Document:
    """A pod whose work takes some time and then is over."""
    return pod(name, container(f"sleep {seconds}; exit {code}"), restartPolicy="Never")


def test_pods_keep_their_status_while_containerd_is_away_and_go_on_afterwards(
    agent: Agent,
) -> None:
    agent.write(
        pod("stays"), brief("ends", 1.0, code=3), pod("crashes", container("sleep 2; exit 1"))
    )
    for name in ("stays", "ends", "crashes"):
        agent.wait(name, ready)
    before = agent.pods()
    kill_containerd(agent.runtime)
    try:
        for _ in range(10):
            time.sleep(0.2)
            assert {n: v.status for n, v in agent.pods().items()} == {
                n: v.status for n, v in before.items()
            }
        agent.write(pod("later"))
        agent.remove("crashes")
        time.sleep(0.5)
        assert len(shims_of(agent.runtime)) == 3, "nothing was ended"
    finally:
        agent.runtime.start()
    view = agent.wait("ends", phase("Failed"))
    assert view.ended()["exitCode"] == 3
    agent.wait("later", ready)
    agent.wait_gone("crashes")
    stays = agent.wait("stays", ready)
    assert stays.status == before["stays"].status
    assert agent.sh("stays", "echo works").strip() == "works"
    agent.remove("stays", "ends", "later")
    agent.wait_gone("stays", "ends", "later")
    agent.assert_no_trace()


def test_pods_come_back_by_themselves_after_a_reboot(agent: Agent) -> None:
    agent.write(
        pod("back", container(name="other"), container()),
        brief("done", 0.1),
        brief("failed", 0.1, code=2),
    )
    before = agent.wait("back", ready)
    done = agent.wait("done", phase("Succeeded"))
    failed = agent.wait("failed", phase("Failed"))
    agent.stop()
    reboot(agent)
    agent.runtime.start()
    agent.start()
    after = agent.wait("back", lambda v: v.is_ready and v.restarts() == 1)
    assert after.uid == before.uid
    assert after.id_of("main") != before.id_of("main")
    assert after.restarts("other") == 1
    assert agent.wait("done", phase("Succeeded")).ended() == done.ended()
    assert agent.wait("failed", phase("Failed")).ended() == failed.ended()
    time.sleep(0.5)
    traces = agent.traces()
    assert len(traces["leases"]) == 1, traces["leases"]
    assert len(traces["network namespaces"]) == 1
    assert len(traces["shims"]) == 1
    agent.remove("back", "done", "failed")
    agent.wait_gone("back", "done", "failed")
    agent.assert_no_trace()


def test_a_shim_that_is_killed_costs_one_restart(agent: Agent) -> None:
    agent.write(pod("shimless"))
    before = agent.wait("shimless", ready)
    (shim,) = shims_of(agent.runtime)
    for pid in (*processes.descendants(shim), shim):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    after = agent.wait("shimless", lambda v: v.is_ready and v.id_of("main") != before.id_of("main"))
    assert after.restarts() == 1
    agent.remove("shimless")
    agent.wait_gone("shimless")
    agent.assert_no_trace()


def test_a_pod_that_was_made_behind_the_agents_back_is_removed(
    agent: Agent, tmp_path: Path
) -> None:
    agent.own["auditPeriod"] = "1s"  # the events of 1.6 tell of ends only
    agent.configure()
    agent.restart()
    agent.write(pod("mine"))
    agent.wait("mine", ready)
    uid = "11111111-2222-3333-4444-555555555555"
    labels = {
        "io.kubernetes.pod.name": "stranger",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": uid,
    }
    config = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="stranger", uid=uid, namespace="default"),
        labels=labels,
        log_directory=str(tmp_path),
        linux=pb.LinuxPodSandboxConfig(cgroup_parent=f"{agent.runtime.cgroup_root}/stranger"),
    )
    made = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="main"),
        labels={**labels, "io.kubernetes.container.name": "main"},
        image=pb.ImageSpec(image=BUSYBOX_IMAGE),
        command=["sleep", "600"],
        log_path="main.log",
    )
    with agent.runtime.cri() as call:
        box = call(pb.RunPodSandboxRequest(config=config)).pod_sandbox_id
        id_ = call(
            pb.CreateContainerRequest(pod_sandbox_id=box, config=made, sandbox_config=config)
        ).container_id
        with suppress(Exception):  # the agent may be quicker
            call(pb.StartContainerRequest(container_id=id_))

        def gone() -> bool:
            return box not in {b.id for b in call(pb.ListPodSandboxRequest()).items}

        agent.until(gone, what="the end of the stranger")
    assert agent.wait("mine", ready).restarts() == 0
    assert set(agent.pods()) == {"mine"}


def test_containers_that_are_not_of_kubernetes_are_left_alone(agent: Agent) -> None:
    ctr = ["ctr", "--address", str(agent.runtime.settings.socket)]
    image = ["--snapshotter", _snapshotter(agent), BUSYBOX_IMAGE]
    try:
        for space, name in (("k8s.io", "plain"), ("other", "apart")):
            if space == "other":
                _copy_image(agent, space)
            run = [*ctr, "--namespace", space, "run", "--detach", *image, name, "sleep", "600"]
            subprocess.run(run, check=True, capture_output=True)
        agent.restart()
        agent.write(pod("beside"))
        agent.wait("beside", ready)
        time.sleep(1.0)
        for space, name in (("k8s.io", "plain"), ("other", "apart")):
            listed = subprocess.run(
                [*ctr, "--namespace", space, "tasks", "list"],
                check=True, capture_output=True, text=True,
            ).stdout  # fmt: skip
            assert [line.split()[2] for line in listed.splitlines() if name in line] == ["RUNNING"]
    finally:
        for space, name in (("k8s.io", "plain"), ("other", "apart")):
            for words in (["tasks", "rm", "--force", name], ["containers", "rm", name]):
                subprocess.run(
                    [*ctr, "--namespace", space, *words], check=False, capture_output=True
                )


def _snapshotter(agent: Agent) -> str:
    return embedded.snapshotter_of(agent.runtime.settings)


def _copy_image(agent: Agent, space: str) -> None:
    """The image in another namespace of containerd."""
    ctr = ["ctr", "--address", str(agent.runtime.settings.socket)]
    archive = str(agent.root / "copy.tar")
    for words in (
        ["--namespace", "k8s.io", "images", "export", archive, BUSYBOX_IMAGE],
        ["--namespace", space, "images", "import", "--snapshotter", _snapshotter(agent), archive],
    ):
        subprocess.run([*ctr, *words], check=True, capture_output=True)
