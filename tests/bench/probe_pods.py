"""The figures of issue [probes]: what probes cost, how late they are, how soon they count."""

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.agent import Agent
from tests.bench.pods import Figures, Say
from tests.bench.probes import first_success, steady
from tests.bench.probes_exec import measure_exec
from tests.bench.watch import TaskWatch
from tests.e2e.runtime import Runtime

PODS, EXECS, SECONDS = 110, 20, 20.0
AFTER = (20.31, 20.93, 21.45, 22.17, 22.79, 23.22)  # seconds after the servers' start
UNTIL = (20.53, 21.18, 21.84, 22.41, 22.97, 23.56)
IDLE = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"


def probe_figures(runtime: Runtime, *, say: Say) -> Figures:
    """All of them: the probing alone first, then the whole agent with real pods."""
    say(f"{PODS} HTTP probes a second, probing alone")
    alone = asyncio.run(steady(PODS, SECONDS))
    say("a server's first 200, probing alone")
    alone |= asyncio.run(first_success())
    say(f"{EXECS} exec probes a second")
    execs = asyncio.run(measure_exec(runtime, EXECS, SECONDS))
    runtime.remove_pods()
    figures: Figures = {
        "probes_110_alone_cpu_percent": alone["cpu_percent_of_a_core"],
        "probes_110_late_p50_ms": alone["late_ms_p50"],
        "probes_110_late_p99_ms": alone["late_ms_p99"],
        "execs_20_alone_cpu_percent": execs["own_cpu_percent_of_a_core"],
        "execs_20_mean_ms": execs["exec_ms_mean"],
    }
    agent = Agent(runtime)
    agent.prepare()
    agent.start()
    try:
        figures |= _steady_pods(agent, say)
        figures |= _soonness(agent, say)
    finally:
        agent.remove_all()
        time.sleep(3.0)
        agent.stop()
        runtime.remove_pods()
    return figures


def _steady_pods(agent: Agent, say: Say) -> Figures:
    """Own CPU of the agent with probed pods, probes and everything else."""
    with servers(PODS) as (_, ports, _), pods_watched(agent) as watch:
        say(f"{PODS} pods with an HTTP probe each second")
        for number, port in enumerate(ports):
            probe = _http(port, "/", periodSeconds=1)
            agent.put(f"probed-{number}", _manifest(f"probed-{number}", readinessProbe=probe))
        watch.wait(lambda: sum(map(bool, watch.ready_at.values())) >= PODS, patience=300)
        time.sleep(15.0)
        before = agent.usage()
        time.sleep(SECONDS)
        after = agent.usage()
    cpu = (after.cpu - before.cpu) / (after.at - before.at) * 100
    _clear(agent)
    return {
        "probed_pods_110_cpu_percent": round(cpu, 2),
        "probed_pods_110_rss_mib": round(after.rss_mib, 1),
    }


def _soonness(agent: Agent, say: Say) -> Figures:
    """From a server's answer to the pod's status, and to the end of its container."""
    say("a server's first 200 to Ready=True, its failure to the container's end")
    tasks = TaskWatch(agent.runtime)
    count = len(AFTER) + len(UNTIL)
    try:
        with servers(count) as (began, ports, failures), pods_watched(agent) as watch:
            for number, after in enumerate(AFTER):
                probe = _http(ports[number], f"/after/{after}", periodSeconds=10)
                agent.put(f"soon-{number}", _manifest(f"soon-{number}", readinessProbe=probe))
            for number, until in enumerate(UNTIL):
                port = ports[len(AFTER) + number]
                probe = _http(port, f"/until/{until}", periodSeconds=1, failureThreshold=1)
                agent.put(f"dies-{number}", _manifest(f"dies-{number}", livenessProbe=probe))
            tasks.wait_starts(2 * count, patience=60)
            if time.time() > began + min(AFTER) - 1:
                say("the pods took too long to start: the figures are not to be trusted")
            time.sleep(max(began + max(*AFTER, *UNTIL) + 3.0 - time.time(), 0.0))
            ready = [
                watch.ready_at[f"soon-{number}-bench"] - began - after
                for number, after in enumerate(AFTER)
                if f"soon-{number}-bench" in watch.ready_at
            ]
            failed = dict(failures)
            offset = time.time() - time.perf_counter()
            ends = [
                min(at + offset - failed_at for at, _ in tasks.exits if at + offset > failed_at)
                for failed_at in failed.values()
            ]
    finally:
        tasks.close()
    _clear(agent)
    return {
        "first_200_to_ready_median_ms": round(1000 * statistics.median(ready), 1),
        "first_200_to_ready_max_ms": round(1000 * max(ready), 1),
        "failure_to_exit_median_ms": round(1000 * statistics.median(ends), 1),
        "failure_to_exit_max_ms": round(1000 * max(ends), 1),
    }


def _clear(agent: Agent) -> None:
    agent.remove_all()
    with pods_watched(agent) as watch:
        watch.wait(lambda: not watch.names, patience=120)


def _http(port: int, path: str, **fields: Any) -> dict[str, Any]:
    return {"httpGet": {"host": "127.0.0.1", "port": port, "path": path}, **fields}


def _manifest(name: str, **fields: Any) -> str:
    container = {
        "name": "c",
        "image": "localhost/nodeagent/busybox:1",
        "command": ["sh", "-c", IDLE],
        **fields,
    }
    spec = {"terminationGracePeriodSeconds": 2, "containers": [container]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


@contextmanager
def servers(count: int) -> Iterator[tuple[float, list[int], list[tuple[int, float]]]]:
    """So many servers: when they began, their ports, and the first failed answer of each."""
    command = [sys.executable, "-m", "tests.bench.probe_servers", str(count)]
    failures: list[tuple[int, float]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout
        began, *ports = output.readline().split()

        def read() -> None:
            known: set[int] = set()
            for line in output:
                _, port, at = line.split()
                if int(port) not in known:
                    known.add(int(port))
                    failures.append((int(port), float(at)))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield float(began), [int(port) for port in ports], failures
        finally:
            process.kill()
            reader.join(5)


class PodWatch:
    """Follows the agent's pods over its own API, and notes when each was first told ready."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._socket.sendall(
            b"GET /api/v1/pods?watch=true HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"
        )
        self.ready_at: dict[str, float] = {}
        self.names: set[str] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        rest = b""
        try:
            while block := self._socket.recv(1 << 16):
                now = time.time()
                *lines, rest = (rest + block).split(b"\n")
                with self._changed:
                    for line in lines:
                        if line.startswith(b'{"type"'):
                            self._take(json.loads(line), now)
                    self._changed.notify_all()
        except OSError:
            return

    def _take(self, step: dict[str, Any], now: float) -> None:
        name = step["object"]["metadata"]["name"]
        if step["type"] == "DELETED":
            self.names.discard(name)
            return
        self.names.add(name)
        conditions = step["object"].get("status", {}).get("conditions") or []
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        if ready:
            self.ready_at.setdefault(name, now)

    def wait(self, judge: Any, *, patience: float) -> None:
        """Return once the judge likes what is known; TimeoutError."""
        deadline = time.monotonic() + patience
        with self._changed:
            while not judge():
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(self.ready_at)} ready of {len(self.names)} pods")
                self._changed.wait(0.5)

    def close(self) -> None:
        """End the thread."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@contextmanager
def pods_watched(agent: Agent) -> Iterator[PodWatch]:
    """A watch of the agent's pods, once it answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            watch = PodWatch(str(agent.root / "agent.sock"))
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    time.sleep(0.5)  # until what is there already has been told
    try:
        yield watch
    finally:
        watch.close()


if __name__ == "__main__":
    from tests.e2e.runtime import Runtimes

    found = Runtimes()
    try:
        for key, value in probe_figures(found.get("system"), say=print).items():
            print(f"{key:36}{value!s:>14}")
    finally:
        found.close()
