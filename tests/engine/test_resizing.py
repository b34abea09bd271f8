"""CPU and memory of running pods are changed in place, by the whole engine in virtual time."""

import asyncio

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.memory_use import MemoryUse
from nodeagent.model.observed import Phase
from tests.fakes.node import Machine, Node, until
from tests.fakes.node import running as node_with
from tests.fakes.pods import UID, a_container, an_api_pod

pytestmark = pytest.mark.looptime

MI = 1 << 20


def asking(cpu: str = "1", memory: str = "64Mi", *, limit: bool = False) -> v1.Container:
    amounts = {"cpu": cpu, "memory": memory}
    resources = v1.ResourceRequirements(requests=amounts, limits=amounts if limit else None)
    return a_container("web", resources=resources)


def pod(container: v1.Container, generation: int = 1, *, uid: str = UID, **spec: int) -> DesiredPod:
    return an_api_pod(container, generation=generation, uid=uid, name=f"web-{uid}", **spec)


def condition(node: Node, type_: str, uid: str = UID) -> v1.PodCondition | None:
    return next((c for c in node.status(uid).conditions or () if c.type == type_), None)


async def test_a_change_that_fits_reaches_cgroups_without_a_restart() -> None:
    async with node_with(pod(asking("1", limit=True))) as node:
        await asyncio.sleep(1)
        (before,) = node.of()
        node.machine.cgroups.made.clear()
        node.want(pod(asking("2", "128Mi", limit=True), 2))
        await asyncio.sleep(1)
        assert [c.id for c in node.of()] == [before.id]
        ((id_, resources),) = node.runtime.updates
        assert (id_, resources.cpu_quota, resources.memory_limit_bytes) == (
            before.id,
            200_000,
            128 * MI,
        )
        ((_, whole),) = node.runtime.told
        assert (whole.cpu_quota, whole.memory_limit_bytes) == (200_000, 128 * MI)
        wide, final = node.machine.cgroups.made
        assert wide.resources.cpu_quota == final.resources.cpu_quota == 200_000
        assert [r for r in node.recorder.reasons(UID) if r.startswith("Resize")] == [
            "ResizeStarted",
            "ResizeCompleted",
        ]
        status = node.container()
        assert status.resources is not None
        assert status.resources.limits == status.allocatedResources
        assert status.allocatedResources == {"cpu": "2", "memory": "128Mi"}
        assert (status.restartCount, node.status().observedGeneration) == (0, 2)
        assert condition(node, "PodResizeInProgress") is None


async def test_a_change_that_does_not_fit_waits_for_a_pod_to_leave() -> None:
    big = pod(asking("3"), uid="u2")
    async with node_with(pod(asking("1")), big) as node:
        await asyncio.sleep(1)
        node.want(pod(asking("2"), 2))
        await asyncio.sleep(1)
        waits = condition(node, "PodResizePending")
        assert waits is not None
        assert (waits.reason, waits.observedGeneration) == ("Deferred", 2)
        assert "Node didn't have enough resource: cpu" in (waits.message or "")
        assert node.container().allocatedResources == {"cpu": "1", "memory": "64Mi"}
        assert node.recorder.reasons(UID).count("ResizeDeferred") == 1
        node.unwant("u2")
        await until(lambda: condition(node, "PodResizePending") is None, at_most=40)
        await asyncio.sleep(1)
        assert node.container().allocatedResources == {"cpu": "2", "memory": "64Mi"}
        assert node.recorder.reasons(UID)[-1] == "ResizeCompleted"


async def test_a_wish_taken_back_no_longer_waits() -> None:
    async with node_with(pod(asking("1"))) as node:
        await asyncio.sleep(1)
        node.want(pod(asking("200"), 2))
        await asyncio.sleep(1)
        assert condition(node, "PodResizePending")
        node.want(pod(asking("1"), 3))
        await asyncio.sleep(1)
        assert condition(node, "PodResizePending") is None
        assert node.runtime.updates == []


async def test_of_two_that_wait_the_pod_of_higher_priority_gets_what_a_third_leaves() -> None:
    first, second = pod(asking("1"), priority=1), pod(asking("1"), uid="u2", priority=9)
    third = pod(asking("2"), uid="u3")
    async with node_with(first, second, third) as node:
        await asyncio.sleep(1)
        node.want(pod(asking("3"), 2, priority=1))
        await asyncio.sleep(1)
        node.want(pod(asking("3"), 2, uid="u2", priority=9))
        await asyncio.sleep(1)
        node.unwant("u3")
        await until(lambda: condition(node, "PodResizePending", "u2") is None, at_most=40)
        await asyncio.sleep(1)
        assert condition(node, "PodResizePending", UID)


async def test_a_pod_that_shrinks_makes_room_for_one_that_waits() -> None:
    async with node_with(pod(asking("1")), pod(asking("3"), uid="u2")) as node:
        await asyncio.sleep(1)
        node.want(pod(asking("2"), 2))
        await asyncio.sleep(1)
        assert condition(node, "PodResizePending")
        node.want(pod(asking("2"), 2, uid="u2"))
        await until(lambda: condition(node, "PodResizePending") is None, at_most=5)


async def test_a_policy_of_restart_replaces_the_container_once() -> None:
    def wish(memory: str, generation: int = 1) -> DesiredPod:
        amounts = {"memory": memory}
        policy = v1.ContainerResizePolicy(resourceName="memory", restartPolicy="RestartContainer")
        resources = v1.ResourceRequirements(requests=amounts, limits=amounts)
        return pod(a_container("web", resources=resources, resizePolicy=[policy]), generation)

    async with node_with(wish("64Mi")) as node:
        await asyncio.sleep(1)
        node.want(wish("128Mi", 2))
        await asyncio.sleep(5)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        config, _ = node.runtime.containers[node.current()]
        assert config.resources.memory_limit_bytes == 128 * MI
        assert (node.runtime.updates, node.container().restartCount) == ([], 1)
        assert "ResizeCompleted" in node.recorder.reasons(UID)
        await asyncio.sleep(300)
        assert node.container().restartCount == 1


async def test_memory_below_what_is_in_use_is_refused_until_it_is_free() -> None:
    machine = Machine()
    async with node_with(pod(asking(memory="128Mi", limit=True)), machine=machine) as node:
        await asyncio.sleep(1)
        used = MemoryUse(used_bytes=100 * MI, working_set_bytes=100 * MI)
        machine.cgroups.memory = {"": used, node.current(): used}
        node.want(pod(asking(memory="64Mi", limit=True), 2))
        await asyncio.sleep(1)
        wrong = condition(node, "PodResizeInProgress")
        assert wrong is not None
        assert wrong.reason == "Error"
        assert "below current usage" in (wrong.message or "")
        assert node.container().resources == asking(memory="128Mi", limit=True).resources
        await asyncio.sleep(60)
        assert node.recorder.reasons(UID).count("ResizeError") == 1
        freed = MemoryUse(used_bytes=10 * MI, working_set_bytes=10 * MI)
        machine.cgroups.memory = {"": freed, node.current(): freed}
        await asyncio.sleep(15)
        assert condition(node, "PodResizeInProgress") is None
        assert node.container().resources == asking(memory="64Mi", limit=True).resources


async def test_a_change_goes_on_where_the_agent_was_killed() -> None:
    machine = Machine()
    machine.runtime.fail["update_resources"] = lambda _: True
    async with node_with(pod(asking("1")), machine=machine) as node:
        await asyncio.sleep(1)
        node.want(pod(asking("2"), 2))
        await asyncio.sleep(1)
        assert condition(node, "PodResizeInProgress")
    machine.runtime.fail.clear()
    async with node_with(machine=machine) as node:
        await asyncio.sleep(15)
        assert condition(node, "PodResizeInProgress") is None
        assert [r.cpu_shares for _, r in machine.runtime.updates] == [2048]
        assert node.container().restartCount == 0


async def test_a_new_image_restarts_only_that_container_and_new_resources_none() -> None:
    async with node_with(pod(asking("1"))) as node:
        node.runtime.registry.add("docker.io/library/busybox:2")
        await asyncio.sleep(1)
        changed = asking("2")
        changed = a_container("web", image="busybox:2", resources=changed.resources)
        node.want(pod(changed, 2))
        await asyncio.sleep(5)
        assert node.phases() == [Phase.EXITED, Phase.RUNNING]
        assert node.container().allocatedResources == {"cpu": "2", "memory": "64Mi"}
