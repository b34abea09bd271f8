"""What `nodeagent ps` and `logs` show of real pods, and how `nodeagent run` refuses to start."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from nodeagent.adapters.containerd.config import parse_version
from nodeagent.adapters.containerd.findings import find_program, output
from nodeagent.adapters.containerd.processes import answers
from tests.e2e.agent import NODE, PROGRAM, Agent, running_agent
from tests.e2e.pods import IDLE, container, phase, pod, ready, waits
from tests.e2e.runtime import Runtime


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        agent.write(
            pod("web", container(f"echo hello; echo trouble >&2; {IDLE}")),
            pod("pair", container(f"echo one; {IDLE}", name="one"), container(name="two")),
            pod("job", container("echo worked; exit 0"), restartPolicy="Never"),
            pod("crash", container("echo ouch; exit 1")),
        )
        agent.wait("web", ready)
        agent.wait("pair", ready)
        agent.wait("job", phase("Succeeded"))
        agent.wait("crash", waits("CrashLoopBackOff"))
        yield agent


def test_ps_shows_each_pod_with_its_state_restarts_and_address(agent: Agent) -> None:
    done = agent.run("ps")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"]
    rows = {line.split()[0].removesuffix(f"-{NODE}"): line.split() for line in lines}
    assert rows["web"][1:3] == ["1/1", "Running"]
    assert rows["pair"][1:3] == ["2/2", "Running"]
    assert rows["job"][1:3] == ["0/1", "Completed"]
    assert rows["crash"][1:3] == ["0/1", "CrashLoopBackOff"]
    web = agent.wait("web", ready)
    assert rows["web"][-1] == web.ip


def test_ps_as_json_is_the_api_object(agent: Agent) -> None:
    items = json.loads(agent.run("ps", "-o", "json").stdout)["items"]
    web = next(item for item in items if item["metadata"]["name"] == f"web-{NODE}")
    annotations = web["metadata"]["annotations"]
    assert annotations["kubernetes.io/config.source"] == "file"
    assert annotations["kubernetes.io/config.hash"] == web["metadata"]["uid"]
    assert web["spec"]["containers"][0]["image"] == BUSYBOX_IMAGE


def test_logs_prints_both_streams_of_one_container(agent: Agent) -> None:
    done = agent.run("logs", "web")
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, ["hello", "trouble"])
    assert agent.run("logs", "pair", "-c", "one").stdout == "one\n"
    assert agent.run("logs", "job").stdout == "worked\n"
    assert agent.run("logs", "crash", "--previous").stdout == "ouch\n"
    assert agent.run("logs", "nobody").returncode == 1


def test_ps_without_an_agent_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "ps", "--socket", str(tmp_path / "none.sock")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "none.sock" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    """`nodeagent run` that is not expected to stay."""
    return subprocess.run(
        [PROGRAM, "run", *flags], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_wrong_value_is_told_in_one_line_with_field_and_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: many\n"
    )
    done = run(f"--config={config}", f"--root-dir={tmp_path}/root")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "maxPods" in line
    assert "line 3" in line
    assert "many" in line


def test_an_unknown_flag_is_told_in_one_line(tmp_path: Path) -> None:
    done = run("--no-such-flag", f"--root-dir={tmp_path}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "--no-such-flag" in line


def test_a_containerd_without_cri_is_told_with_what_to_change(
    runtime: Runtime, tmp_path: Path
) -> None:
    version = parse_version(output("containerd", "--version", settings=runtime.settings))
    cri = "cri" if version < (2, 0) else "io.containerd.grpc.v1.cri"
    config, socket = tmp_path / "config.toml", tmp_path / "c.sock"
    config.write_text(
        f'version = {1 if version < (2, 0) else 2}\nroot = "{tmp_path}/root"\n'
        f'state = "{tmp_path}/state"\ndisabled_plugins = ["{cri}"]\n[grpc]\naddress = "{socket}"\n'
    )
    program = find_program("containerd", runtime.settings) or "containerd"
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([program, "--config", str(config)], stderr=log) as daemon,
    ):
        try:
            deadline = time.monotonic() + 20
            while not answers(socket) and time.monotonic() < deadline:
                time.sleep(0.02)
            said = _said_until(
                tmp_path / "agent.log",
                "CRI plugin is disabled",
                f"--container-runtime-endpoint=unix://{socket}",
                f"--root-dir={tmp_path}/agent",
                f"--socket={tmp_path}/a.sock",
                "--fail-swap-on=false",
                "--fail-cgroupv1=false",
            )
        finally:
            daemon.terminate()
    assert "does not speak CRI v1" in said
    assert "out of disabled_plugins" in said


def _said_until(log: Path, words: str, *flags: str) -> str:
    """What `nodeagent run` prints until it has said this; it stays, for the runtime may come."""
    with log.open("wb") as out, subprocess.Popen([PROGRAM, "run", *flags], stderr=out) as agent:
        deadline = time.monotonic() + 20
        while words not in log.read_text() and time.monotonic() < deadline:
            assert agent.poll() is None, log.read_text()
            time.sleep(0.05)
        agent.terminate()
    assert agent.returncode == 0
    return log.read_text()
