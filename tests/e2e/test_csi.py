"""CSI on the real runtime: a driver of its own process that mounts, dies, and comes back."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.agent import Agent, running_agent
from tests.e2e.csi import Driver, running_driver
from tests.e2e.objects import mounts_of, put, volume_and_claim
from tests.e2e.pods import Document, container, pod, ready
from tests.e2e.runtime import Runtime
from tests.fakes.csi_driver import NAME


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


@pytest.fixture(scope="module")
def driver(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with running_driver(agent, tmp_path_factory.mktemp("csi")) as driver:
        yield driver


def volume(agent: Agent, name: str, **more: str) -> None:
    """A volume of the driver, and a claim of the same name for it."""
    source = {"csi": {"driver": NAME, "volumeHandle": f"handle-{name}", "fsType": "ext4"}}
    put(agent, *volume_and_claim(name, source, **more))


def claiming(name: str, claim: str, **more: Any) -> Document:
    mounts = [{"name": "v", "mountPath": "/v"}]
    source = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
    return pod(name, container(volumeMounts=mounts), volumes=[source], **more)


def test_two_pods_share_a_volume_that_outlives_them(agent: Agent, driver: Driver) -> None:
    before = mounts_of(agent)
    volume(agent, "disk")
    agent.write(claiming("one", "disk", securityContext={"fsGroup": 4321}), claiming("two", "disk"))
    agent.wait("one", ready)
    agent.wait("two", ready)
    agent.sh("one", "echo hello > /v/file")
    assert agent.sh("two", "cat /v/file; stat -c %g /v") == "hello\n4321\n"
    assert driver.disk.methods().count("StageVolume") == 1
    agent.remove("one", "two")
    agent.wait_gone("one", "two")
    assert driver.disk.methods()[-1] == "UnstageVolume"
    assert mounts_of(agent) == before
    assert (driver.disk.volume("handle-disk") / "file").read_text() == "hello\n"


def test_an_inline_volume_lives_as_long_as_its_pod(agent: Agent, driver: Driver) -> None:
    source = {"name": "v", "csi": {"driver": NAME, "volumeAttributes": {"a": "b"}}}
    mounts = [{"name": "v", "mountPath": "/v"}]
    agent.write(pod("inline", container(volumeMounts=mounts), volumes=[source]))
    agent.until(
        lambda: any("no CSIDriver object" in text for _, text in agent.events("inline")),
        what="a refusal",
    )
    modes = {"volumeLifecycleModes": ["Persistent", "Ephemeral"], "podInfoOnMount": True}
    put(agent, {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver",
        "metadata": {"name": NAME}, "spec": modes})  # fmt: skip
    agent.wait("inline", ready)
    agent.sh("inline", "echo x > /v/file")
    request = driver.disk.calls("NodePublishVolume")[-1]
    assert request["volume_context"]["csi.storage.k8s.io/pod.name"] == "inline-node"
    agent.remove("inline")
    agent.wait_gone("inline")


def test_a_block_volume_is_read_and_written_through_its_device(
    agent: Agent, driver: Driver
) -> None:
    volume(agent, "raw", volumeMode="Block")
    devices = [{"name": "v", "devicePath": "/dev/raw"}]
    source = {"name": "v", "persistentVolumeClaim": {"claimName": "raw"}}
    agent.write(pod("raw", container(volumeDevices=devices), volumes=[source]))
    agent.wait("raw", ready)
    said = agent.sh(
        "raw",
        "head -c5 /dev/raw; printf answer | dd of=/dev/raw bs=512 seek=1 conv=notrunc,fsync 2>&1"
        " | head -1",
    )
    assert said.startswith("block")
    agent.remove("raw")
    agent.wait_gone("raw")
    assert driver.disk.volume("handle-raw").read_bytes()[512:518] == b"answer"
    assert driver.disk.methods()[-1] == "UnstageVolume"


def test_a_driver_that_does_not_answer_holds_up_its_own_pods_only(
    agent: Agent, driver: Driver
) -> None:
    volume(agent, "stuck")
    driver.disk.fail("NodeStageVolume", "hang")
    agent.write(claiming("stuck", "stuck"))
    agent.until(lambda: "StageVolume" in driver.disk.methods()[-1:], what="the call that hangs")
    start = time.monotonic()
    agent.write(pod("free"))
    agent.wait("free", ready)
    took = time.monotonic() - start
    print(f"\nseconds to start a pod beside a stuck one: {took:.2f}")
    assert took < 2
    driver.kill()
    driver.start()
    agent.wait("stuck", ready, within=60)
    agent.remove("stuck", "free")
    agent.wait_gone("stuck", "free")
