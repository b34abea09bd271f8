"""gitRepo volumes where they are enabled, from a git server on loopback."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import Document, container, pod, ready
from tests.e2e.runtime import Runtime
from tests.fakes.git_server import GitServer, git_server, needs_git

pytestmark = needs_git
EVIL = "#!/bin/sh\ntouch /pwned /work/pwned pwned\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    with git_server(tmp_path / "served") as server:
        yield server


@pytest.fixture
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime, kubelet={"featureGates": {"GitRepoVolumeDriver": True}}) as agent:
        yield agent


def cloning(name: str, url: str, **more: str) -> Document:
    volume = {"name": "code", "gitRepo": {"repository": url, **more}}
    mounts = [{"name": "code", "mountPath": "/code"}]
    context = {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 4321}
    return pod(name, container(volumeMounts=mounts), securityContext=context, volumes=[volume])


def test_a_pod_works_on_its_clone_over_restarts_of_the_agent(
    agent: Agent, server: GitServer
) -> None:
    server.commit("app", {"word": "one"}, tag="v1")
    server.commit("app", {"word": "two"})
    agent.write(cloning("clone", server.url("app"), revision="v1", directory="."))
    agent.wait("clone", ready)
    assert agent.sh("clone", "cat /code/word; echo mine >/code/word; echo x >/code/new") == "one"
    agent.restart()
    agent.wait("clone", ready)
    assert agent.sh("clone", "cat /code/word /code/new") == "mine\nx\n"
    agent.remove("clone")
    agent.wait_gone("clone")
    assert not list(agent.state.glob("pods/*"))


def test_a_pod_waits_for_its_repository_and_starts_once_it_is_there(
    agent: Agent, server: GitServer
) -> None:
    agent.write(cloning("later", server.url("later")))
    agent.until(lambda: agent.said("repository not exported") > 0, what="a clone that fails")
    server.commit("later", {"word": "x"})
    agent.wait("later", ready, within=60)
    assert agent.sh("later", "cat /code/later/word") == "x"


def test_a_hostile_repository_changes_nothing_but_its_volume(
    agent: Agent, server: GitServer, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    files = {
        "config": "[core]\n\tfsmonitor = /work/.git/hooks/post-checkout\n\tbare = false\n",
        "HEAD": "ref: refs/heads/main\n",
        "hooks/post-checkout": EVIL,
        "objects/x": EVIL,
        "refs/x": EVIL,
        "sub": f"-> {target}",
    }
    server.commit("evil", files)
    server.add_submodule("evil", "module", f"ext::touch {target}/pwned")
    for name, directory in (("plain", "sub"), ("inner", ".git")):
        agent.write(cloning(name, server.url("evil"), revision="main", directory=directory))
        agent.wait(name, ready)
        assert agent.sh(name, f"ls /code/{directory}/module; cd /code; find . -name pwned") == ""
    assert os.listdir(target) == []  # noqa: PTH208
    assert not Path("/pwned").exists()
    refused = cloning("refused", "ext::touch /pwned")
    agent.write(refused)
    view = agent.wait("refused", lambda view: view.phase == "Failed")
    assert "needs an address with http://, https:// or git://" in view.message
