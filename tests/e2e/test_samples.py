"""The samples are good manifests, and `make run` and `make stop` do with them what they promise."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.containerd import embedded, processes
from nodeagent.adapters.containerd.config import ContainerdSettings
from nodeagent.core.manifest import check_manifest
from tests.e2e.runtime import Runtimes, claim
from tools.pods import EXPECTED, read_pods

SAMPLES = sorted(Path("docs/samples/manifests").glob("*.yaml"))
READY = "Things to try"
PATIENCE = 90.0


def test_each_sample_is_waited_for_by_make_run() -> None:
    assert {sample.stem for sample in SAMPLES} == set(EXPECTED)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_says_what_it_shows_and_is_without_mistakes(sample: Path) -> None:
    text = sample.read_bytes()
    assert text.startswith(b"# ")
    assert check_manifest(text, origin=sample.name, node_name="node") == ()


class Node:
    """`make run` at a place of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root / "node"
        self.socket = root / "agent.sock"
        self.containerd = ContainerdSettings(root=self.root, socket=self.root / "containerd.sock")
        self.output = root / "output"

    def run(self, what: str) -> subprocess.Popen[bytes]:
        """Start `up` or `down` in a group of its own, as a terminal would."""
        command = [sys.executable, "-m", "tools.samples", what, "--root", str(self.root)]
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [*command, "--socket", str(self.socket)],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def up(self) -> subprocess.Popen[bytes]:
        """Return when the pods are as they should be."""
        before = self.said().count(READY)
        process = self.run("up")
        deadline = time.monotonic() + PATIENCE
        while self.said().count(READY) == before:
            if process.poll() is not None or time.monotonic() > deadline:
                end_group(process)
                pytest.fail(f"make run did not get there:\n{self.said()}{self.agent_log()}")
            time.sleep(0.05)
        return process

    def said(self) -> str:
        """What make run and make stop have printed so far."""
        return self.output.read_text() if self.output.exists() else ""

    def agent_log(self) -> str:
        """The end of the agent's own log."""
        log = self.root / "agent.log"
        return log.read_text()[-3000:] if log.exists() else ""

    def container_ids(self) -> dict[str, str]:
        """Running containers by pod and container name."""
        return {
            f"{pod['metadata']['name']}/{status['name']}": status["containerID"]
            for pod in read_pods(self.socket)
            for status in pod["status"]["containerStatuses"]
            if "running" in status["state"]
        }


@pytest.fixture
def node(runtimes: Runtimes) -> Iterator[Node]:
    _, root, give_back = claim()
    node = Node(root)
    yield node
    node.run("down").wait(PATIENCE)
    give_back()


def end_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_make_run_shows_the_samples_and_ctrl_c_leaves_them_running(node: Node) -> None:
    first = node.up()
    assert re.search(r"^\S*web\S*\s+1/1\s+Running", node.said(), re.MULTILINE)
    assert re.search(r"^\S*job\S*\s+0/1\s+Completed", node.said(), re.MULTILINE)
    with urllib.request.urlopen("http://127.0.0.1:8080/", timeout=5) as answer:
        assert answer.read() == b"It works.\n"
    before = node.container_ids()
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait(30) == 0
    assert "The pods go on running" in node.said()
    assert processes.answers(node.containerd.socket)

    second = node.up()
    after = node.container_ids()
    os.killpg(second.pid, signal.SIGINT)
    assert second.wait(30) == 0
    # The crashing sample comes and goes by itself.
    assert {k: v for k, v in before.items() if not k.startswith("crash")} == {
        k: v for k, v in after.items() if not k.startswith("crash")
    }

    assert node.run("down").wait(PATIENCE) == 0
    assert embedded.find_ours(node.containerd) is None
    assert not node.root.exists()
    assert f" {node.root}" not in Path("/proc/self/mountinfo").read_text()
    assert not Path("/sys/class/net", node.containerd.bridge).exists()
