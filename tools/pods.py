"""Reading the agent's pods from its own socket, and waiting until they are as wanted."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.steps import Step

Pod = Mapping[str, Any]
Judge = Callable[[list[Pod]], dict[str, str]]
PERIOD = 0.1


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def read_pods(path: Path) -> list[Pod]:
    """Every pod the agent knows, as the Kubernetes API writes them."""
    return list(json.loads(read(path, "/api/v1/pods"))["items"])


def read(path: Path, what: str) -> str:
    """A page of the agent's own socket. OSError where there is none."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", what)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"the agent answered {answer.status}: {body[:200]}")
    return body


def wait_for(path: Path, judge: Judge, *, is_alive: Callable[[], bool], patience: float) -> str:
    """Ask until nothing is wrong any more, showing what still is; return that, "" if all is well.

    Gives up after `patience` seconds or when the agent has ended.
    """
    shown = Step("Waiting for the pods")
    deadline = time.monotonic() + patience
    while True:
        try:
            wrong = judge(read_pods(path))
        except OSError as error:
            wrong = {"agent": str(error)}
        if not wrong:
            shown.end("done")
            return ""
        text = ", ".join(f"{name} {state}" for name, state in sorted(wrong.items()))
        if time.monotonic() > deadline or not is_alive():
            shown.end("gave up")
            return text
        shown.tick(text)
        time.sleep(PERIOD)


def as_they_should_be(pods: list[Pod]) -> dict[str, str]:
    """The samples that are not yet what they are there to show, each with its state."""
    by_name = {sample: _find(pods, sample) for sample in EXPECTED}
    return {
        sample: _state(pod)
        for sample, pod in by_name.items()
        if pod is None or not EXPECTED[sample](pod)
    }


def _is_ready(pod: Pod) -> bool:
    conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", ())}
    return _phase(pod) == "Running" and conditions.get("Ready") == "True"


def _has_succeeded(pod: Pod) -> bool:
    return _phase(pod) == "Succeeded"


def _backs_off(pod: Pod) -> bool:
    return any(
        status.get("restartCount", 0) > 0
        and status.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
        for status in pod.get("status", {}).get("containerStatuses", ())
    )


EXPECTED: dict[str, Callable[[Pod], bool]] = {
    "web": _is_ready,
    "pair": _is_ready,
    "job": _has_succeeded,
    "crash": _backs_off,
}


def _find(pods: list[Pod], sample: str) -> Pod | None:
    """A static pod's name ends with its node's."""
    for pod in pods:
        name = pod["metadata"]["name"]
        if name == sample or name.startswith(f"{sample}-"):
            return pod
    return None


def _state(pod: Pod | None) -> str:
    if pod is None:
        return "not seen yet"
    statuses = pod.get("status", {}).get("containerStatuses", ())
    waiting = [s["state"]["waiting"].get("reason") for s in statuses if "waiting" in s["state"]]
    return next((str(reason) for reason in waiting if reason), _phase(pod))


def _phase(pod: Pod) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))
