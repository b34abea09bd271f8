"""What the runtime itself takes: the same CRI calls without an agent around them."""

import asyncio
import time
import uuid
from pathlib import Path

from nodeagent.adapters.cri.connect import Cri, open_cri
from nodeagent.model.ids import ImageRef, PodUid
from nodeagent.model.launch import ContainerConfig, Namespaces, SandboxConfig
from tests.e2e.runtime import Runtime

IMAGE = "localhost/nodeagent/busybox:1"


async def start_pod(cri: Cri, image: ImageRef, number: int, logs: Path, parent: str) -> float:
    """Start one pod with one container; seconds it took."""
    uid = PodUid(str(uuid.uuid4()))
    log_directory = logs / uid
    (log_directory / "c").mkdir(parents=True)
    labels = {
        "io.kubernetes.pod.name": f"bare-{number}",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": uid,
    }
    sandbox = SandboxConfig(
        uid=uid,
        name=f"bare-{number}",
        namespace="default",
        attempt=0,
        hostname=f"bare-{number}",
        log_directory=str(log_directory),
        cgroup_parent=f"{parent}/kubepods/pod{uid}",
        labels=labels,
        annotations={},
        namespaces=Namespaces(pid="CONTAINER"),
    )
    container = ContainerConfig(
        name="c",
        attempt=0,
        image=IMAGE,
        image_ref=image,
        labels={**labels, "io.kubernetes.container.name": "c"},
        annotations={},
        log_path="c/0.log",
        command=("sleep", "1000000"),
    )
    began = time.perf_counter()
    box = await cri.sandboxes.create_sandbox(sandbox)
    id_ = await cri.containers.create_container(box, container, sandbox)
    await cri.containers.start_container(id_)
    return time.perf_counter() - began


async def remove_all(cri: Cri) -> None:
    """Remove every pod of the runtime, eight at a time."""
    places = asyncio.Semaphore(8)

    async def remove(box: object) -> None:
        async with places:
            await cri.sandboxes.remove_sandbox(box)  # type: ignore[arg-type]

    pods = await cri.sight.list_pods()
    await asyncio.gather(*(remove(box.id) for pod in pods for box in pod.sandboxes))


async def bare_single(runtime: Runtime, *, rounds: int = 5) -> list[float]:
    """Seconds for one pod alone, several times."""
    async with open_cri(runtime.endpoint) as cri:
        found = await cri.images.image_status(IMAGE)
        assert found is not None, f"{IMAGE} is not in the runtime"
        logs = runtime.settings.root / "bare-logs"
        took = [
            await start_pod(cri, found.ref, n, logs, runtime.cgroup_root) for n in range(rounds)
        ]
        await remove_all(cri)
    return took


async def bare_restart(runtime: Runtime, *, rounds: int = 5) -> list[float]:
    """Seconds for making and starting one container in a sandbox that is there."""
    async with open_cri(runtime.endpoint) as cri:
        found = await cri.images.image_status(IMAGE)
        assert found is not None
        logs = runtime.settings.root / "bare-logs"
        await start_pod(cri, found.ref, 0, logs, runtime.cgroup_root)
        (pod,) = await cri.sight.list_pods()
        (box,) = pod.sandboxes
        took = []
        sandbox = SandboxConfig(
            uid=pod.uid,
            name=pod.name,
            namespace=pod.namespace,
            attempt=0,
            hostname="bare",
            log_directory=str(logs / pod.uid),
            cgroup_parent=f"{runtime.cgroup_root}/kubepods/pod{pod.uid}",
            labels={},
            annotations={},
        )
        for attempt in range(1, rounds + 1):
            config = ContainerConfig(
                name="c",
                attempt=attempt,
                image=IMAGE,
                image_ref=found.ref,
                labels={},
                annotations={},
                log_path=f"c/{attempt}.log",
                command=("sleep", "1000000"),
            )
            began = time.perf_counter()
            id_ = await cri.containers.create_container(box.id, config, sandbox)
            await cri.containers.start_container(id_)
            took.append(time.perf_counter() - began)
        await remove_all(cri)
    return took


async def bare_many(runtime: Runtime, *, pods: int, parallel: int) -> float:
    """Wall seconds for so many pods, so many at a time."""
    async with open_cri(runtime.endpoint) as cri:
        found = await cri.images.image_status(IMAGE)
        assert found is not None
        logs = runtime.settings.root / "bare-logs"
        places = asyncio.Semaphore(parallel)

        async def one(number: int) -> None:
            async with places:
                await start_pod(cri, found.ref, number, logs, runtime.cgroup_root)

        began = time.perf_counter()
        await asyncio.gather(*(one(n) for n in range(pods)))
        took = time.perf_counter() - began
        await remove_all(cri)
    return took
