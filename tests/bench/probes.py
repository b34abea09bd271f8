"""What probes cost: `python -m tests.bench.probes [PODS] [SECONDS]`, a table and one line of JSON.

PODS pods with an HTTP probe each second against local servers in another process: own CPU per
probe and in percent of a core, lateness of tries; and the time from a server's first 200 to Ready.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lightkube.models import core_v1 as v1
from lightkube.models.meta_v1 import ObjectMeta

from nodeagent.adapters.probes.checks import ProbeChecks
from nodeagent.adapters.probes.pressure import ProcPressure
from nodeagent.aio.clock import WallClock
from nodeagent.engine.probing import Probing
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.events import NOT_ANNOTATED, Annotations, EventType, Subject
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.launch import ExecResult
from nodeagent.model.memory import Health
from nodeagent.model.observed import Phase, SeenContainer
from nodeagent.model.probes import ProbeRules

WARM_UP = 3.0
READY_AFTER = (0.55, 0.83, 1.13, 1.47, 1.72, 2.21)


class Notes:
    """Hears when containers become ready."""

    def __init__(self) -> None:
        self.ready_at: dict[str, float] = {}
        self.events = 0

    def event(
        self,
        subject: Subject,
        type_: EventType,
        reason: str,
        message: str,
        note: Annotations = NOT_ANNOTATED,
    ) -> None:
        self.events += 1

    def health_changed(self, uid: PodUid, container: str, health: Health) -> None:
        if health.ready:
            self.ready_at[uid] = time.time()

    def memory_changed(self, uid: PodUid) -> None:
        """Not of interest."""


class NoRuntime:
    """No command is run here."""

    async def exec_sync(
        self, container: ContainerId, command: tuple[str, ...], *, limit: float
    ) -> ExecResult:
        raise NotImplementedError


@contextmanager
def servers(count: int) -> Iterator[tuple[float, list[int]]]:
    """So many servers; when they began and their ports."""
    command = [sys.executable, "-m", "tests.bench.probe_servers", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        began, *ports = process.stdout.readline().split()
        try:
            yield float(began), [int(port) for port in ports]
        finally:
            process.kill()


def _watch(probing: Probing, uid: str, probe: v1.Probe) -> None:
    pod = DesiredPod(
        uid=PodUid(uid),
        source=Source.FILE,
        origin="",
        pod=v1.Pod(
            metadata=ObjectMeta(name=uid, namespace="bench"),
            spec=v1.PodSpec(containers=[v1.Container(name="c", readinessProbe=probe)]),
        ),
    )
    seen = SeenContainer(
        id=ContainerId(f"{uid}-0"),
        name="c",
        sandbox_id=SandboxId("s"),
        attempt=0,
        restart_count=0,
        phase=Phase.RUNNING,
        created_at=time.time(),
        started_at=time.time(),
    )
    probing.watch(pod, [seen], "127.0.0.1")


def _http(port: int, path: str, period: int) -> v1.Probe:
    return v1.Probe(httpGet=v1.HTTPGetAction(port=port, path=path), periodSeconds=period)


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def steady(pods: int, seconds: float) -> dict[str, float]:
    """Pods that are ready and stay so, each asked once a second."""
    notes = Notes()
    with servers(pods) as (_, ports):
        probing = _probing(notes)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(probing.run())
            for number, port in enumerate(ports):
                _watch(probing, f"pod-{number}", _http(port, "/", 1))
                await asyncio.sleep(0.013)
            await asyncio.sleep(WARM_UP)
            before = sum(count.successful for count in probing.counts())
            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(seconds)
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
            done = sum(count.successful for count in probing.counts()) - before
            failed = sum(count.failed for count in probing.counts())
            late = probing.lateness()[-done:]
            task.cancel()
    return {
        "pods": pods,
        "probes_per_second": round(done / wall, 1),
        "failed": failed,
        "cpu_percent_of_a_core": round(100 * cpu / wall, 2),
        "cpu_us_per_probe": round(1e6 * cpu / done, 1),
        "late_ms_p50": round(1000 * statistics.median(late), 2),
        "late_ms_p99": round(1000 * _percentile(late, 0.99), 2),
        "late_ms_max": round(1000 * max(late), 2),
    }


async def first_success() -> dict[str, float]:
    """From the moment a server begins to answer 200 to Ready, with a period of ten seconds."""
    notes = Notes()
    waits = []
    with servers(len(READY_AFTER)) as (began, ports):
        probing = _probing(notes)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(probing.run())
            for number, (port, after) in enumerate(zip(ports, READY_AFTER, strict=True)):
                _watch(probing, f"pod-{number}", _http(port, f"/after/{after}", 10))
            await asyncio.sleep(max(READY_AFTER) + 0.5)
            for number, after in enumerate(READY_AFTER):
                waits.append(notes.ready_at[f"pod-{number}"] - began - after)
            task.cancel()
    return {
        "first_200_to_ready_ms_median": round(1000 * statistics.median(waits), 1),
        "first_200_to_ready_ms_max": round(1000 * max(waits), 1),
    }


def _probing(notes: Notes) -> Probing:
    return Probing(
        checks=ProbeChecks(NoRuntime()),
        pressure=ProcPressure(),
        recorder=notes,
        clock=WallClock(),
        listener=notes,
        rules=ProbeRules(),
    )


async def _main(pods: int, seconds: float) -> None:
    figures = {**await steady(pods, seconds), **await first_success()}
    for name, value in figures.items():
        print(f"{name:32} {value:>10}")
    print(json.dumps(figures))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(
        _main(
            int(arguments[0]) if arguments else 110,
            float(arguments[1]) if len(arguments) > 1 else 15.0,
        )
    )
