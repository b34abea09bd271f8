"""Images: present, missing, misspelt, and pulled from a registry on the loopback."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import View, container, pod, ready, waits
from tests.e2e.runtime import Runtime

CONFIG = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: {root}
http:
  addr: 127.0.0.1:{port}
"""


LOCK = """\
auth:
  htpasswd:
    realm: test
    path: {folder}/htpasswd
"""
USER, PASSWORD = "tester", "secret"
HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


@pytest.fixture(scope="module")
def registry(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of our own with one image in it; its address."""
    with _serving(tmp_path_factory.mktemp("registry"), CONFIG) as address:
        _push(runtime, f"{address}/test/busybox:1")
        yield address


@pytest.fixture(scope="module")
def locked(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that wants a password, with three names of one image in it; its address."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "htpasswd").write_text(HTPASSWD)
    with _serving(folder, CONFIG + LOCK) as address:
        for name in ("mine", "ours", "theirs"):
            _push(runtime, f"{address}/test/{name}:1", f"{USER}:{PASSWORD}")
        yield address


@contextmanager
def _serving(folder: Path, config: str) -> Iterator[str]:
    """docker-registry with this configuration, on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = config.format(root=folder / "data", port=port, folder=folder)
    (folder / "config.yml").write_text(text)
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        _wait_for_port(port)
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


def _push(runtime: Runtime, name: str, user: str = "") -> None:
    """Bring the busybox image into the registry, and forget its local name."""
    ctr = ["ctr", "--address", str(runtime.settings.socket), "--namespace", "k8s.io", "images"]
    for words in (
        ["tag", BUSYBOX_IMAGE, name],
        ["push", "--plain-http", *(["--user", user] if user else []), name],
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


def _docker_config(address: str, password: str = PASSWORD) -> str:
    entry = {"username": USER, "password": password}
    return json.dumps({"auths": {address: entry}})


def _give_secret(agent: Agent, name: str, address: str, password: str = PASSWORD) -> None:
    """A Secret document in the agent's folder of secrets."""
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name, "namespace": "default"},
        "stringData": {".dockerconfigjson": _docker_config(address, password)},
    }
    folder = agent.root / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    half = agent.root / "staging" / f"{name}.json"
    half.write_text(json.dumps(document))
    half.rename(folder / half.name)


def refused(view: View) -> bool:
    """A judge that likes a container whose image may not be had."""
    return view.waiting() in ("ErrImagePull", "ImagePullBackOff")


def _locked_pod(name: str, image: str, *secrets: str, policy: str = "IfNotPresent") -> Any:
    return pod(
        name,
        container(image=image, imagePullPolicy=policy),
        imagePullSecrets=[{"name": secret} for secret in secrets],
    )


def test_a_registry_with_a_password_refuses_a_pod_without_one(agent: Agent, locked: str) -> None:
    agent.write(_locked_pod("nokey", f"{locked}/test/mine:1"))
    view = agent.wait("nokey", waits("ErrImagePull"))
    assert "auth" in view.waiting_message() or "401" in view.waiting_message()
    agent.remove("nokey")
    agent.wait_gone("nokey")


def test_a_pull_secret_opens_it_and_a_pod_without_one_does_not_get_the_image(
    agent: Agent, locked: str
) -> None:
    image = f"{locked}/test/mine:1"
    _give_secret(agent, "key", locked)
    _give_secret(agent, "wrong", locked, "guessed")
    agent.write(_locked_pod("haskey", image, "wrong", "key"))
    agent.wait("haskey", ready)
    assert agent.runtime.ctr.has_image(image)
    agent.write(
        _locked_pod("without", image),
        _locked_pod("wrongkey", image, "wrong"),
        _locked_pod("neverkey", image, policy="Never"),
        _locked_pod("alsokey", image, "key", policy="Never"),
    )
    agent.wait("alsokey", ready)
    for name in ("without", "wrongkey"):
        agent.wait(name, refused)
    view = agent.wait("neverkey", waits("ErrImageNeverPull"))
    assert "is not present with pull policy of Never" in view.waiting_message()
    (record,) = [
        text
        for path in (agent.state / "image_manager/pulled").iterdir()
        if f"{locked}/test/mine" in (text := path.read_text())
    ]
    assert PASSWORD not in record and '"name":"key"' in record
    agent.restart()
    agent.write(_locked_pod("later", image))
    agent.wait("later", refused)
    names = ("haskey", "without", "wrongkey", "neverkey", "alsokey", "later")
    agent.remove(*names)
    agent.wait_gone(*names)


def test_the_nodes_docker_configuration_opens_it_for_every_pod(agent: Agent, locked: str) -> None:
    image = f"{locked}/test/ours:1"
    agent.stop()
    config = agent.state / "config.json"
    config.write_text(_docker_config(locked))
    agent.start()
    agent.write(_locked_pod("node1", image), _locked_pod("node2", image, policy="Never"))
    agent.wait("node1", ready)
    agent.wait("node2", ready)
    agent.remove("node1", "node2")
    agent.wait_gone("node1", "node2")
    config.unlink()


def test_images_are_listed_and_unused_ones_removed_on_demand(agent: Agent, registry: str) -> None:
    image = f"{registry}/test/busybox:1"
    agent.write(pod("user", container(image=image, imagePullPolicy="Always")))
    agent.wait("user", ready)
    listed = agent.run("images")
    (line,) = [text for text in listed.stdout.splitlines() if text.startswith(f"{image} ")]
    assert "default/user-node" in line and "garbage collection begins at 85%" in listed.stderr
    shown = agent.run("images", "gc", "--dry-run")
    assert "0 images would be removed" in shown.stderr, shown
    shown = agent.run("images", "gc", "--all", "--dry-run")
    assert BUSYBOX_IMAGE not in shown.stdout and "pause" not in shown.stdout
    report = json.loads(agent.run("images", "-o", "json").stdout)
    assert report["space"]["capacity_bytes"] > report["space"]["available_bytes"] > 0
    done = agent.run("images", "gc", "--all")
    assert done.returncode == 0, done
    assert agent.runtime.ctr.has_image(image), "its pod runs"
    assert agent.runtime.ctr.has_image(BUSYBOX_IMAGE), "the same image by another name"
