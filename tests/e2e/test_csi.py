"""CSI on the real runtime: a driver of its own process that mounts, dies, and comes back."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import Document, container, pod, ready
from tests.e2e.runtime import Runtime
from tests.fakes.csi_driver import NAME, Disk, tidy

ROOT = Path(__file__).parents[2]


class Driver:
    """The driver's process and its folder."""

    def __init__(self, disk: Disk, registry: Path) -> None:
        self.disk, self._registry = disk, registry
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "tests.fakes.csi_driver"]
        self._process = subprocess.Popen(
            [*words, str(self.disk.folder), str(self._registry)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """Its sockets stay, and nobody listens."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


@pytest.fixture(scope="module")
def driver(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    disk = Disk(tmp_path_factory.mktemp("csi"))
    driver = Driver(disk, agent.state / "plugins_registry")
    driver.start()
    agent.until(lambda: bool(disk.calls("NotifyRegistrationStatus")), what="a registration")
    yield driver
    driver.kill()
    tidy(disk, disk.folder)


def put(agent: Agent, document: Document) -> None:
    place = agent.root / "volumes"
    place.mkdir(mode=0o700, exist_ok=True)
    name = f"{document['kind']}-{document['metadata']['name']}.json"
    half = agent.root / "staging" / name
    half.write_text(json.dumps(document))
    half.rename(place / name)


def volume(agent: Agent, name: str, **more: Any) -> None:
    """A volume of the driver, and a claim of the same name for it."""
    access = {"accessModes": ["ReadWriteOnce"], **more}
    source = {"driver": NAME, "volumeHandle": f"handle-{name}", "fsType": "ext4"}
    put(agent, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {**access, "capacity": {"storage": "1Mi"}, "csi": source}})  # fmt: skip
    put(agent, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {**access, "volumeName": name,
                 "resources": {"requests": {"storage": "1Mi"}}}})  # fmt: skip


def claiming(name: str, claim: str, **more: Any) -> Document:
    mounts = [{"name": "v", "mountPath": "/v"}]
    source = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
    return pod(name, container(volumeMounts=mounts), volumes=[source], **more)


def mounts_of(agent: Agent) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(at for line in lines if (at := line.split()[4]).startswith(f"{agent.root}/"))


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


def test_agent_and_driver_may_die_at_any_moment(agent: Agent, driver: Driver) -> None:
    chance = random.Random(7)
    before = mounts_of(agent)
    names = ["k0", "k1", "k2"]
    for name in ("s0", "s1"):
        volume(agent, name)
    for _ in range(3):
        agent.write(*(claiming(name, f"s{n % 2}") for n, name in enumerate(names)))
        time.sleep(chance.uniform(0.0, 0.5))
        driver.kill()
        agent.kill()
        driver.start()
        agent.start()
        for name in names:
            agent.wait(name, ready)
            agent.sh(name, "touch /v/x")
        agent.remove(*names)
        time.sleep(chance.uniform(0.0, 0.4))
        agent.kill()
        driver.kill()
        agent.start()
        time.sleep(0.3)
        driver.start()
        agent.wait_gone(*names, within=60)
        assert mounts_of(agent) == before
    assert [*(agent.state / "plugins").rglob("vol_data.json")] == []


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
