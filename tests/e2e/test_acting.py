"""`exec`, `restart`, `plan` and `drain` against a real agent on real containerds."""

import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from typing import Any

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from tests.e2e.agent import PROGRAM, Agent, running_agent
from tests.e2e.pods import container, pod, ready
from tests.e2e.runtime import Runtime


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        agent.write(pod("box", container(), container(name="second")))
        agent.wait("box", ready)
        yield agent


def execute(agent: Agent, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "NODEAGENT_SOCKET": str(agent.socket)}
    return subprocess.run(
        [PROGRAM, "exec", *words],
        input=given,
        capture_output=True,
        check=False,
        timeout=30,
        env=environment,
    )


# --- exec -------------------------------------------------------------------------------------


def test_output_errors_and_exit_code_come_back_apart(agent: Agent) -> None:
    script = "echo out; echo err >&2; exit 7"
    done = execute(agent, "-c", "main", "box", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    chosen = execute(agent, "box", "--", "true")
    assert (chosen.returncode, chosen.stdout) == (0, b"")
    assert chosen.stderr.startswith(b"container main (there is also: second")


def test_words_arrive_as_they_are(agent: Agent) -> None:
    done = execute(agent, "box", "--", "printf", "%s|", "a b", "", "ü&=", "-c")
    assert done.stdout.decode() == "a b||ü&=|-c|"


def test_piped_input_ends_at_its_end(agent: Agent) -> None:
    given = os.urandom(3_000_000)
    done = execute(agent, "-i", "box", "--", "cat", given=given)
    assert done.returncode == 0
    assert done.stdout == given


def test_without_input_the_command_sees_none(agent: Agent) -> None:
    assert execute(agent, "box", "--", "cat", given=b"unseen").stdout == b""


def test_another_container_is_chosen(agent: Agent) -> None:
    assert execute(agent, "-c", "second", "box", "--", "true").returncode == 0
    wrong = execute(agent, "-c", "third", "box", "--", "true")
    assert wrong.returncode == 1
    assert b"there are: [main second]" in wrong.stderr


def test_a_program_that_is_not_there_is_told(agent: Agent) -> None:
    done = execute(agent, "box", "--", "/no/such/program")
    assert done.returncode != 0
    assert b"no such file" in done.stderr
    assert done.stderr.count(b"nodeagent: ") == 1


def test_a_terminal_has_the_size_of_ours_and_follows_it(agent: Agent) -> None:
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("4H", 41, 123, 0, 0))
    told = "until stty size 2>/dev/null | grep -v ^0; do sleep 0.05; done"
    script = f"{told}; read line; {told}; echo got $line; exit 3"
    environment = {**os.environ, "NODEAGENT_SOCKET": str(agent.socket)}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [PROGRAM, "exec", "-it", "box", "--", "sh", "-c", script],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=environment,
        start_new_session=True,
    )
    try:
        assert "41 123" in _until(outer, "41 123")
        ioctl(inner, termios.TIOCSWINSZ, struct.pack("4H", 30, 99, 0, 0))
        process.send_signal(signal.SIGWINCH)  # we are no terminal emulator
        time.sleep(0.3)
        os.write(outer, b"hello\r")
        said = _until(outer, "got hello")
        assert "30 99" in said
        assert process.wait(10) == 3
    finally:
        process.kill()
        os.close(outer)
        os.close(inner)


def _until(fd: int, word: str) -> str:
    said, deadline = "", time.monotonic() + 15
    while word not in said and time.monotonic() < deadline:
        if select.select([fd], [], [], 0.2)[0]:
            said += os.read(fd, 4096).decode()
    assert word in said, said
    return said


# --- restart ----------------------------------------------------------------------------------


def test_restart_starts_one_container_or_all_anew(agent: Agent) -> None:
    before = agent.wait("box", ready)
    done = agent.run("restart", "box", "-c", "second")
    assert (done.returncode, done.stdout) == (0, "restarting second of default/box-node\n")
    agent.wait("box", lambda view: view.restarts("second") == 1 and ready(view))
    after = agent.wait("box", ready)
    assert after.id_of("main") == before.id_of("main")
    assert agent.run("restart", "box").returncode == 0
    agent.wait("box", lambda view: view.restarts("main") == 1 and view.restarts("second") == 2)


def test_restart_ends_a_back_off(agent: Agent) -> None:
    agent.write(pod("crash", container("exit 1")))
    agent.wait("crash", lambda view: view.waiting() == "CrashLoopBackOff" and view.restarts() >= 1)
    count = agent.wait("crash", lambda view: True).restarts()
    agent.run("restart", "crash")
    agent.wait("crash", lambda view: view.restarts() > count, within=5)
    agent.remove("crash")
    agent.wait_gone("crash")


def test_restart_of_an_unknown_container_names_those_there_are(agent: Agent) -> None:
    done = agent.run("restart", "box", "-c", "third")
    assert done.returncode == 1
    assert "there are: [main second]" in done.stderr


# --- plan -------------------------------------------------------------------------------------


def planned(agent: Agent, name: str, document: Any) -> tuple[int, dict[str, Any]]:
    file = agent.root / "staging" / f"{name}.yaml"
    file.write_text(json.dumps(document))
    done = agent.run("plan", "-o", "json", str(file))
    assert done.stderr == ""
    (found,) = json.loads(done.stdout)["pods"]
    return done.returncode, found


def test_plan_of_what_runs_is_nothing(agent: Agent) -> None:
    code, found = planned(agent, "box", pod("box", container(), container(name="second")))
    assert (code, found["act"], found["changes"]) == (0, "nothing", [])


def test_plan_of_an_edit_names_fields_and_containers_and_changes_nothing(agent: Agent) -> None:
    before = agent.wait("box", ready)
    edited = pod("box", container(env=[{"name": "A", "value": "1"}]), container(name="second"))
    code, found = planned(agent, "box", edited)
    assert (code, found["act"]) == (0, "replace")
    assert found["stops"] == found["starts"] == ["main", "second"]
    assert found["grace"] == 5.0
    assert any(line.startswith("spec.containers[main].env") for line in found["changes"])
    assert agent.wait("box", ready).id_of("main") == before.id_of("main")


def test_plan_of_a_new_pod_tells_images_and_clashes(agent: Agent) -> None:
    port = [{"containerPort": 80, "hostPort": 18080}]
    agent.write(pod("holder", container(ports=port)))
    agent.wait("holder", ready)
    wanted = pod(
        "new",
        container(ports=port, image="example.org/none:1"),
        container(name="here", image=BUSYBOX_IMAGE),
        volumes=[{"name": "v", "hostPath": {"path": "/no/such/folder", "type": "Directory"}}],
    )
    code, found = planned(agent, "new", wanted)
    assert (code, found["act"], found["reason"]) == (1, "refuse", "NodePorts")
    assert {one["container"]: one["here"] for one in found["images"]} == {
        "main": False,
        "here": True,
    }
    assert "a host port is taken by pod default/holder-node" in found["clashes"]
    assert any("/no/such/folder is not there" in one for one in found["clashes"])
    assert agent.pod("new") is None
    said = agent.run("plan", str(agent.root / "staging/new.yaml")).stdout
    assert "nodeagent help NA2002" in said
    assert "example.org/none:1 is not on this node: it would be pulled" in said
