"""Images: present, missing, misspelt, and pulled from a registry on the loopback."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import container, pod, ready, waits
from tests.e2e.runtime import Runtime

CONFIG = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: {root}
http:
  addr: 127.0.0.1:{port}
"""


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


@pytest.fixture(scope="module")
def registry(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of our own with one image in it; its address."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config.yml").write_text(CONFIG.format(root=folder / "data", port=port))
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        _wait_for_port(port)
        _push(runtime, f"127.0.0.1:{port}/test/busybox:1")
        yield f"127.0.0.1:{port}"
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(10)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, "docker-registry does not listen"
        time.sleep(0.02)


def _push(runtime: Runtime, name: str) -> None:
    """Bring the busybox image into the registry, and forget its local name."""
    ctr = ["ctr", "--address", str(runtime.settings.socket), "--namespace", "k8s.io", "images"]
    for words in (
        ["tag", BUSYBOX_IMAGE, name],
        ["push", "--plain-http", name],
        ["rm", name],
    ):
        subprocess.run([*ctr, *words], check=True, capture_output=True)


def test_an_image_that_is_present_is_used_without_a_pull(agent: Agent) -> None:
    agent.write(pod("present"))
    view = agent.wait("present", ready)
    assert view.containers["main"]["image"] == BUSYBOX_IMAGE
    assert view.containers["main"]["imageID"]
    said = f'Container image "{BUSYBOX_IMAGE}" already present on machine'
    assert any(
        reason == "Pulled" and text.startswith(said) for reason, text in agent.events("present")
    )


def test_a_missing_image_that_may_not_be_pulled_is_told(agent: Agent) -> None:
    image = "localhost/missing:1"
    agent.write(pod("never", container(image=image, imagePullPolicy="Never")))
    view = agent.wait("never", waits("ErrImageNeverPull"))
    assert view.waiting_message() == (
        f'Container image "{image}" is not present with pull policy of Never'
    )
    assert view.phase == "Pending"


def test_a_name_that_is_no_image_name_is_told(agent: Agent) -> None:
    agent.write(pod("misspelt", container(image="Not:A:Name")))
    view = agent.wait("misspelt", waits("InvalidImageName"))
    assert "Not:A:Name" in view.waiting_message()


def test_an_image_is_pulled_from_a_registry(agent: Agent, registry: str) -> None:
    image = f"{registry}/test/busybox:1"
    agent.write(pod("pulled", container(image=image)))
    view = agent.wait("pulled", ready)
    events = agent.events("pulled")
    assert ("Pulling", f'Pulling image "{image}"') in events
    assert any(text.startswith(f'Successfully pulled image "{image}" in ') for _, text in events)
    assert view.restarts() == 0


def test_an_image_the_registry_has_not_is_tried_again_later_and_later(
    agent: Agent, registry: str
) -> None:
    image = f"{registry}/test/nothing:1"
    agent.write(pod("nothing", container(image=image)))
    view = agent.wait("nothing", waits("ErrImagePull"))
    assert "not found" in view.waiting_message()
    view = agent.wait("nothing", waits("ImagePullBackOff"))
    assert view.waiting_message().startswith(f'Back-off pulling image "{image}"')
    reasons = {reason for reason, _ in agent.events("nothing")}
    assert {"Pulling", "Failed", "BackOff"} <= reasons
    agent.remove("nothing")
    agent.wait_gone("nothing")


def test_a_registry_that_is_configured_by_a_file_is_used(agent: Agent, registry: str) -> None:
    """containerd's hosts.toml: a name of its own leads to the registry."""
    name = f"mirror{os.getpid()}.test:5000"
    folder = agent.runtime.settings.registries / name
    assert folder.is_relative_to(agent.runtime.settings.root), "never the machine's own folder"
    folder.mkdir(parents=True)
    (folder / "hosts.toml").write_text(f'[host."http://{registry}"]\n')
    agent.write(pod("mirrored", container(image=f"{name}/test/busybox:1")))
    view = agent.wait("mirrored", ready)
    assert ("Pulling", f'Pulling image "{name}/test/busybox:1"') in agent.events("mirrored")
    assert agent.runtime.ctr.has_image(f"{name}/test/busybox:1")
    assert view.containers["main"]["imageID"]
