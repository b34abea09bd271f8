"""Pods of an API server change while they run: resources in place, containers to debug with."""

import asyncio
from typing import Any

from tests.e2e.inside import agent_inside
from tests.e2e.pods import Document, View, container, pod, ready
from tests.e2e.runtime import Runtime
from tests.e2e.test_cgroups import MIB, memory_of, quota_of, shares_as_kept, shares_of


def asking(cpu: str, memory: str, **fields: Any) -> Document:
    amounts = {"cpu": cpu, "memory": memory}
    return container(resources={"limits": amounts}, **fields)


async def test_cpu_and_memory_change_within_the_same_process(runtime: Runtime) -> None:
    async with agent_inside(runtime) as node:
        node.given.put(pod("web", asking("100m", "64Mi")))
        view = await node.wait("web", ready)
        first = view.id_of("main")
        for generation, cpu, memory in ((2, 300, 128), (3, 50, 32)):
            node.given.put(pod("web", asking(f"{cpu}m", f"{memory}Mi")), generation=generation)
            view = await node.wait("web", lambda v, m=memory: has(v, m))  # type: ignore[misc]
            assert view.id_of("main") == first
            for name in ("", "main"):
                cgroup = node.agent.cgroup(view, "cpu", container=name)
                assert shares_of(cgroup) == shares_as_kept(cpu * 1024 // 1000)
                assert quota_of(cgroup) == (cpu * 100, 100_000)
                limit = memory_of(node.agent.cgroup(view, "memory", container=name))
                assert limit == memory * MIB
        assert node.reasons("web").count("ResizeCompleted") == 2


def has(view: View, memory: int) -> bool:
    (status,) = view.status["containerStatuses"]
    limits = status.get("resources", {}).get("limits", {})
    types = {c["type"] for c in view.status["conditions"]}
    return limits.get("memory") == f"{memory}Mi" and "PodResizeInProgress" not in types


async def test_a_limit_below_what_is_used_waits_until_it_is_free(runtime: Runtime) -> None:
    async with agent_inside(runtime) as node:
        node.given.put(pod("web", asking("1", "128Mi", script=HOG, readinessProbe=FULL)))
        view = await node.wait("web", ready)
        node.given.put(
            pod("web", asking("1", "32Mi", script=HOG, readinessProbe=FULL)), generation=2
        )
        view = await node.wait("web", lambda v: "below current usage" in str(v))
        assert memory_of(node.agent.cgroup(view, "memory", container="main")) == 128 * MIB
        first = view.id_of("main")
        await node.wait("web", lambda v: has(v, 32), within=40)
        assert view.id_of("main") == first


HOG = "a=$(head -c 50000000 /dev/zero | tr '\\0' x); touch /full; sleep 6; exec sleep 1000"
"""A shell that holds some 50 MB for a few seconds, then becomes a small program."""
FULL = {"exec": {"command": ["test", "-f", "/full"]}, "periodSeconds": 1}


async def test_a_restart_of_one_container_gives_it_its_memory(runtime: Runtime) -> None:
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    async with agent_inside(runtime) as node:
        node.given.put(pod("web", asking("100m", "64Mi", resizePolicy=policy), container(name="b")))
        before = await node.wait("web", ready)
        changed = pod("web", asking("100m", "96Mi", resizePolicy=policy), container(name="b"))
        node.given.put(changed, generation=2)
        after = await node.wait("web", lambda v: ready(v) and v.restarts("main") == 1)
        assert after.id_of("b") == before.id_of("b")
        assert memory_of(node.agent.cgroup(after, "memory", container="main")) == 96 * MIB


async def test_a_debugger_sees_the_processes_of_its_target(runtime: Runtime) -> None:
    async with agent_inside(runtime) as node:
        document = pod("web", container("exec sleep 4321"))
        node.given.put(document)
        before = await node.wait("web", ready)
        debugger = {**container("ps; sleep 1000", name="debug"), "targetContainerName": "main"}
        document["spec"]["ephemeralContainers"] = [debugger]
        node.given.put(document, generation=2)
        view = await node.wait("web", lambda v: bool(v.status.get("ephemeralContainerStatuses")))
        await asyncio.sleep(1)
        log = next((node.agent.logs_dir).glob("default_web_*/debug/0.log"))
        assert "sleep 4321" in log.read_text()
        assert view.id_of("main") == before.id_of("main")


async def test_a_pod_that_takes_more_of_the_disk_than_it_may_is_evicted(runtime: Runtime) -> None:
    limited = {"name": "data", "emptyDir": {"sizeLimit": "1Mi"}}
    mounts = [{"name": "data", "mountPath": "/data"}]
    fill = "head -c 3000000 /dev/zero > {}; exec sleep 1000"
    limit = {"limits": {"ephemeral-storage": "1Mi"}}
    async with agent_inside(runtime, kubelet={"volumeStatsAggPeriod": "2s"}) as node:
        dir_ = container(fill.format("/data/x"), volumeMounts=mounts)
        node.given.put(pod("dir", dir_, volumes=[limited]))
        node.given.put(pod("layer", container(fill.format("/x"), resources=limit)))
        node.given.put(pod("calm", container(volumeMounts=mounts), volumes=[limited]))
        evicted = await node.wait("dir", lambda v: v.phase == "Failed", within=60)
        assert (evicted.reason, evicted.message) == (
            "Evicted",
            'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
        )
        assert "DisruptionTarget" not in evicted.conditions
        layer = await node.wait("layer", lambda v: v.phase == "Failed", within=60)
        assert layer.message == (
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. "
        )
        assert (await node.wait("calm", ready)).phase == "Running"
