"""A node joins with a token; its pods are run, looked at and ended by stock kubectl."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.member import KUBECTL, Member, free_port, running_member
from tests.e2e.pods import container, pod
from tests.e2e.runtime import Runtime

TALK = "i=0; while :; do i=$((i+1)); echo line $i; echo oops $i >&2; sleep 0.2; done"
SERVE = "mkdir -p /www && echo hello > /www/index.html && exec httpd -f -p 8080 -h /www"


@pytest.fixture(scope="module")
def node(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with running_member(runtime, tmp_path_factory.mktemp("cluster")) as member:
        yield member


def test_the_node_has_its_own_certificate_and_kubeconfig(node: Member) -> None:
    link = node.certificates / "kubelet-client-current.pem"
    assert link.is_symlink() and link.stat().st_mode & 0o777 == 0o600
    assert "kubelet-client-current.pem" in node.kubeconfig.read_text()
    assert str(node.token) not in node.kubeconfig.read_text()
    text = node.kubectl("get", "csr")
    assert "kubernetes.io/kube-apiserver-client-kubelet" in text
    assert "Approved,Issued" in text
    assert "Ready" in node.kubectl("get", "nodes")


def test_a_pod_runs_and_its_logs_are_read(node: Member) -> None:
    node.apply(pod("talker", container(TALK)))
    node.wait_phase("talker")
    node.until(lambda: "line 3" in node.kubectl("logs", "talker"), what="three lines of the log")
    assert node.kubectl("logs", "talker", "--tail=1").count("\n") == 1
    assert "T" in node.kubectl("logs", "talker", "--timestamps", "--tail=1").split()[0]
    assert "talker" in node.kubectl("get", "pods", "-o", "wide")
    described = node.kubectl("describe", "pod", "talker")
    assert "Started" in described and "Running" in described


def test_logs_are_followed(node: Member) -> None:
    node.apply(pod("talker", container(TALK)))
    node.wait_phase("talker")
    with subprocess.Popen(
        [KUBECTL, "logs", "-f", "talker", "--tail=1"], stdout=subprocess.PIPE, env=node.environment
    ) as following:
        assert following.stdout is not None
        lines = [following.stdout.readline() for _ in range(6)]
        following.kill()
    assert all(lines) and len(set(lines)) == 6


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_a_command_runs_in_a_container(
    node: Member, monkeypatch: pytest.MonkeyPatch, websockets: str
) -> None:
    monkeypatch.setenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets)
    node.apply(pod("worker", container()))
    node.wait_phase("worker")
    told = node.kubectl("exec", "-i", "worker", "--", "sh", "-c", "cat; echo done", given="in\n")
    assert told == "in\ndone\n"
    failed = node.kubectl("exec", "worker", "--", "sh", "-c", "echo bad >&2; exit 7", check=False)
    assert "bad" in failed and "exit code 7" in failed


def test_files_are_copied_both_ways(node: Member, tmp_path: Path) -> None:
    node.apply(pod("worker", container()))
    node.wait_phase("worker")
    data = bytes(range(256)) * 4096
    (tmp_path / "there").write_bytes(data)
    node.kubectl("cp", str(tmp_path / "there"), "worker:/tmp/there")
    node.kubectl("cp", "worker:/tmp/there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_a_port_is_forwarded(
    node: Member, monkeypatch: pytest.MonkeyPatch, websockets: str
) -> None:
    monkeypatch.setenv("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets)
    node.apply(pod("server", container(SERVE)))
    node.wait_phase("server")
    port = free_port()
    with subprocess.Popen(
        [KUBECTL, "port-forward", "pod/server", f"{port}:8080"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=node.environment,
    ) as forwarding:
        assert forwarding.stdout is not None
        assert b"Forwarding from" in forwarding.stdout.readline()
        answers = [fetched(port) for _ in range(5)]
        forwarding.kill()
    assert all(b"hello" in one for one in answers), answers


def fetched(port: int) -> bytes:
    deadline = time.monotonic() + 10
    while True:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
            one.sendall(b"GET / HTTP/1.0\r\n\r\n")
            found = b""
            while data := one.recv(4096):
                found += data
        if found or time.monotonic() > deadline:
            return found


def test_attach_hears_what_a_container_says(node: Member) -> None:
    node.apply(pod("talker", container(TALK)))
    node.wait_phase("talker")
    with subprocess.Popen(
        [KUBECTL, "attach", "talker"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=node.environment,
    ) as attached:
        assert attached.stdout is not None
        line = attached.stdout.readline()
        attached.kill()
    assert line.startswith((b"line", b"oops"))


def test_a_debug_container_joins_a_pod(node: Member) -> None:
    node.apply(pod("worker", container()))
    node.wait_phase("worker")
    image = container()["image"]
    said = node.kubectl(
        *("debug", "worker", f"--image={image}", "--container=dbg", "--attach=false"),
        *("--image-pull-policy=Never", "--profile=general", "--", "sleep", "1000"),
        check=False,
    )
    node.until(
        lambda: any(
            "running" in (one.get("state") or {})
            for one in ((node.api_pod("worker") or {})["status"]).get(
                "ephemeralContainerStatuses", []
            )
        ),
        what="the debug container",
        show=lambda: said + str(node.api_pod("worker")),
    )
    assert node.kubectl("exec", "worker", "-c", "dbg", "--", "echo", "hi") == "hi\n"


def test_a_deleted_pod_ends_within_its_grace_and_its_object_goes(node: Member) -> None:
    node.apply(pod("going", container("trap 'exit 0' TERM; sleep 1000 & wait")))
    node.wait_phase("going")
    node.kubectl("delete", "pod", "going", "--timeout=20s")
    assert node.api_pod("going") is None
    node.until(lambda: "going" not in node.pods(), what="the end of going")


def test_a_pod_is_found_finished_with_its_exit_code(node: Member) -> None:
    node.apply(pod("job", container("exit 3"), restartPolicy="Never"))
    found = node.wait_phase("job", "Failed")
    ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 3
    node.kubectl("delete", "pod", "job", "--timeout=20s")
