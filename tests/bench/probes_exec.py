"""What exec probes cost: `python -m tests.bench.probes_exec [CONTAINERS] [SECONDS]`.

So many containers on a containerd of our own, each with a command a second: our own CPU, how
long a command takes and how late it begins.
"""

import asyncio
import json
import statistics
import sys
import time
import uuid

from lightkube.models import core_v1 as v1
from lightkube.models.meta_v1 import ObjectMeta

from docs.samples.images.build import BUSYBOX_IMAGE
from nodeagent.adapters.cri.connect import Cri, open_cri
from nodeagent.adapters.probes.checks import ProbeChecks
from nodeagent.adapters.probes.pressure import ProcPressure
from nodeagent.aio.clock import WallClock
from nodeagent.engine.probing import Probing
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import ContainerConfig, Namespaces, SandboxConfig
from nodeagent.model.probes import ProbeRules
from tests.bench.probes import Notes
from tests.e2e.runtime import Runtime, Runtimes


async def _start(cri: Cri, runtime: Runtime, count: int) -> DesiredPod:
    uid = PodUid(str(uuid.uuid4()))
    logs = runtime.settings.root / "bench-logs" / uid
    labels = {
        "io.kubernetes.pod.name": "p",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": uid,
    }
    names = [f"c{number}" for number in range(count)]
    for name in names:
        (logs / name).mkdir(parents=True)
    sandbox = SandboxConfig(
        uid=uid,
        name="p",
        namespace="default",
        attempt=0,
        hostname="p",
        log_directory=str(logs),
        cgroup_parent=f"{runtime.cgroup_root}/kubepods/pod{uid}",
        labels=labels,
        annotations={},
        namespaces=Namespaces(pid="CONTAINER"),
    )
    image = await cri.images.image_status(BUSYBOX_IMAGE)
    assert image is not None
    box = await cri.sandboxes.create_sandbox(sandbox)
    for name in names:
        container = ContainerConfig(
            name=name,
            attempt=0,
            image=BUSYBOX_IMAGE,
            image_ref=image.ref,
            labels={**labels, "io.kubernetes.container.name": name},
            annotations={},
            log_path=f"{name}/0.log",
            command=("sleep", "1000000"),
        )
        await cri.containers.start_container(
            await cri.containers.create_container(box, container, sandbox)
        )
    probe = v1.Probe(exec=v1.ExecAction(command=["true"]), periodSeconds=1, timeoutSeconds=5)
    spec = v1.PodSpec(containers=[v1.Container(name=n, livenessProbe=probe) for n in names])
    pod = v1.Pod(metadata=ObjectMeta(name="p", namespace="default"), spec=spec)
    return DesiredPod(uid=uid, source=Source.FILE, origin="", pod=pod)


async def measure_exec(runtime: Runtime, count: int, seconds: float) -> dict[str, float]:
    async with open_cri(runtime.endpoint) as cri, asyncio.TaskGroup() as group:
        pod = await _start(cri, runtime, count)
        notes = Notes()
        probing = Probing(
            checks=ProbeChecks(cri.containers),
            pressure=ProcPressure(),
            recorder=notes,
            clock=WallClock(),
            listener=notes,
            rules=ProbeRules(),
        )
        task = group.create_task(probing.run())
        probing.watch(pod, (await cri.sight.look(pod.uid)).containers, "10.0.0.1")
        await asyncio.sleep(2)
        before = sum(c.successful for c in probing.counts())
        own, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        wall = time.perf_counter() - began
        own = (time.process_time() - own) / wall
        done = sum(c.successful for c in probing.counts()) - before
        late = probing.lateness()[-done:]
        counts = probing.counts()
        took = sum(c.seconds for c in counts) / sum(c.successful for c in counts)
        task.cancel()
    return {
        "containers": count,
        "execs_per_second": round(done / wall, 1),
        "failed": sum(c.failed for c in probing.counts()),
        "own_cpu_percent_of_a_core": round(100 * own, 2),
        "exec_ms_mean": round(1000 * took, 1),
        "late_ms_p50": round(1000 * statistics.median(late), 1),
        "late_ms_max": round(1000 * max(late), 1),
    }


def main(count: int, seconds: float) -> None:
    """Print a table and one line of JSON."""
    runtimes = Runtimes()
    try:
        runtime = runtimes.get("system")
        figures = asyncio.run(measure_exec(runtime, count, seconds))
        runtime.remove_pods()
    finally:
        runtimes.close()
    for name, value in figures.items():
        print(f"{name:32} {value:>10}")
    print(json.dumps(figures))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        int(arguments[0]) if arguments else 20,
        float(arguments[1]) if len(arguments) > 1 else 10.0,
    )
