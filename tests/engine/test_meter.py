"""Readings for scrapers: shared, with rates in between, and never failing as a whole."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nodeagent.core.resource_metrics import resource_page
from nodeagent.core.summary import summary_of
from nodeagent.engine.disk_watch import SOON
from nodeagent.metrics import AgentMetrics
from nodeagent.model.ids import ContainerId
from nodeagent.model.memory import Health, PodMemory
from nodeagent.model.scrapes import Tier
from nodeagent.model.usage import Layer
from nodeagent.model.volume_stats import VolumeStats
from tests.fakes.cgroup_trees import AT, PARENTS, make_tree
from tests.fakes.figures import value
from tests.fakes.meter import SPACE, MeterWorld
from tests.fakes.pods import a_container, a_pod
from tests.fakes.summary_shape import CPU_AND_MEMORY, WHOLE, differences


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MeterWorld]:
    world = MeterWorld(make_tree(tmp_path, version=1, pods=2))
    yield world
    world.close()


def pod_path(world: MeterWorld, number: int = 0) -> str:
    return f"{PARENTS[1]}/pod{world.tree.pods[number].uid}"


def memory(world: MeterWorld, number: int = 0, **fields: object) -> PodMemory:
    pod = msgspec.structs.replace(a_pod(a_container("main")), uid=world.tree.pods[number].uid)
    made = PodMemory(pod=pod, seen_at=AT, admitted=True, prepared=True)
    return msgspec.structs.replace(made, **fields)


async def test_scrapes_at_the_same_time_share_one_reading(world: MeterWorld) -> None:
    await asyncio.gather(*(world.meter.scene(Tier.STANDARD) for _ in range(5)))
    assert world.usage.readings == 1
    await world.meter.scene(Tier.STANDARD)
    assert world.usage.readings == 2  # nothing is kept


async def test_a_cancelled_scrape_leaves_the_others_their_answer(world: MeterWorld) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(world.meter.scene(Tier.CORE))
        second = group.create_task(world.meter.scene(Tier.CORE))
        await asyncio.sleep(0)
        first.cancel()
    assert first.cancelled()
    assert second.result().reading.cgroups


async def test_a_reading_that_fails_is_told_and_not_raised(world: MeterWorld) -> None:
    world.usage.broken = True
    assert (await world.meter.scene(Tier.CORE)).failed
    reading, pods, failed = await world.meter.resource()
    assert "resource_scrape_error 1" in resource_page(
        reading, pods, failed=failed, openmetrics=False
    )
    sight = await world.meter.sight(only_cpu_and_memory=False)
    assert summary_of(sight, only_cpu_and_memory=False).node.cpu is None


async def test_cpu_rates_are_those_between_two_readings(world: MeterWorld) -> None:
    async def nanocores() -> int | None:
        sight = await world.meter.sight(only_cpu_and_memory=True)
        pod = summary_of(sight, only_cpu_and_memory=True).pods[0]
        assert pod.cpu is not None
        return pod.cpu.usageNanoCores

    world.set_cpu(pod_path(world), 1_000_000_000)
    assert await nanocores() == round(1_000_000_000 / 70)  # since it was made
    world.clock.at += 10
    world.set_cpu(pod_path(world), 3_000_000_000)
    assert await nanocores() == 200_000_000
    world.clock.at += 0.5  # too soon for another rate
    world.set_cpu(pod_path(world), 9_000_000_000)
    assert await nanocores() == 200_000_000
    world.clock.at += 9.5
    assert await nanocores() == 600_000_000
    world.clock.at -= 0.5  # a slow reading that began before, and is done after
    world.set_cpu(pod_path(world), 8_900_000_000)
    assert await nanocores() == 600_000_000
    world.clock.at += 0.5
    world.clock.at += 1000  # nobody asked for long
    world.set_cpu(pod_path(world), 109_000_000_000)
    assert await nanocores() == 100_000_000
    world.clock.at += 10
    world.set_cpu(pod_path(world), 5)  # a new cgroup of the same name
    assert await nanocores() is None
    world.clock.at -= 3600  # the clock was set back
    world.set_cpu(pod_path(world), 1_000_000_005)
    assert await nanocores() is None
    world.clock.at += 10
    world.set_cpu(pod_path(world), 3_000_000_005)
    assert await nanocores() == 200_000_000


async def test_any_reading_counts_for_the_rate(world: MeterWorld) -> None:
    world.set_cpu(pod_path(world), 0)
    await world.meter.scene(Tier.CORE)
    world.clock.at += 2
    world.set_cpu(pod_path(world), 1_000_000_000)
    await world.meter.resource()
    sight = await world.meter.sight(only_cpu_and_memory=True)
    assert sight.rates[pod_path(world)].nanocores == 500_000_000


async def test_the_first_who_asks_is_told_the_rate_since_the_agent_began(world: MeterWorld) -> None:
    world.set_cpu("", 0)
    await world.meter.begin()
    world.clock.at += 4
    world.set_cpu("", 1_000_000_000)
    sight = await world.meter.sight(only_cpu_and_memory=True)
    node = summary_of(sight, only_cpu_and_memory=True).node
    assert node.cpu is not None and node.cpu.usageNanoCores == 250_000_000


async def test_rates_of_pods_that_are_gone_are_forgotten(world: MeterWorld) -> None:
    await world.meter.scene(Tier.STANDARD)
    for folder in world.tree.folders(pod_path(world)):
        folder.rename(folder.with_name("gone"))
    await world.meter.scene(Tier.STANDARD)
    rates = (await world.meter.sight(only_cpu_and_memory=True)).rates
    assert pod_path(world) not in rates and pod_path(world, 1) in rates
    assert "/system.slice" in rates


async def test_a_container_whose_probe_fails_is_not_well(world: MeterWorld) -> None:
    container = world.tree.pods[0].containers[0]
    sick = Health(id=container.id, failed="Liveness")
    world.memories = [memory(world, health={"main": sick})]
    assert (await world.meter.scene(Tier.FULL)).sick == {container.id}


async def test_a_load_decays_with_the_time_between_readings(world: MeterWorld) -> None:
    path = f"{pod_path(world)}/{world.tree.pods[0].containers[0].id}"
    stat = world.tree.proc / "1000" / "stat"
    stat.write_text("1000 (x) R 1\n")
    assert (await world.meter.scene(Tier.FULL)).loads[path] == (1.0, 0.0)
    stat.write_text("1000 (x) S 1\n")
    world.clock.at += 5
    assert (await world.meter.scene(Tier.FULL)).loads[path][0] == pytest.approx(0.5)


# --- disks --------------------------------------------------------------------------------------


async def settled(world: MeterWorld) -> None:
    """The round that was asked for is over."""
    done = asyncio.Event()
    world.disks.on_round = lambda _: done.set()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.disks.run())
        await done.wait()
        task.cancel()


async def test_disks_are_looked_at_only_when_somebody_asks(world: MeterWorld) -> None:
    assert world.stats.asked == 0
    world.disks.ask()
    await settled(world)
    assert world.stats.asked == 1
    world.clock.at += 30
    world.disks.ask()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.disks.run())
        await asyncio.sleep(0.05)
        task.cancel()
    assert world.stats.asked == 1  # what is known is not old yet


async def test_a_summary_tells_what_the_walk_found(world: MeterWorld) -> None:
    uid, container = world.tree.pods[0].uid, world.tree.pods[0].containers[0]
    world.memories = [memory(world)]
    name = world.memories[0].pod.spec.containers[0].name
    assert name == container.name
    world.volumes.known[uid] = (
        VolumeStats(name="data", folder="/pods/data", space=SPACE),
        VolumeStats(name="memory", folder="/pods/memory", in_memory=True, space=SPACE),
        VolumeStats(name="disk", claim="default/claim", space=SPACE),
        VolumeStats(name="hung"),
    )
    world.walker.sizes = {"/pods/data": 30, "/pods/memory": 4, f"/logs/{uid}/{name}": 500}
    world.stats.known[container.id] = Layer(at=AT, used=11, inodes=3, place="/images")
    world.disks.ask()
    await settled(world)
    sight = await world.meter.sight(only_cpu_and_memory=False)
    told = summary_of(sight, only_cpu_and_memory=False)
    pod = told.pods[0]
    assert pod.volume is not None and pod.ephemeral_storage is not None
    assert {one.name: one.usedBytes for one in pod.volume} == {"data": 30, "memory": 4, "disk": 500}
    assert pod.volume[2].pvcRef is not None and pod.volume[2].pvcRef.name == "claim"
    assert pod.ephemeral_storage.usedBytes == 11 + 500 + 30
    first = pod.containers[0]
    assert first.rootfs is not None and first.rootfs.usedBytes == 11
    assert first.logs is not None and first.logs.usedBytes == 500
    assert told.node.runtime is not None and told.node.runtime.imageFs is not None
    assert told.node.runtime.imageFs.usedBytes == 70
    only = summary_of(await world.meter.sight(only_cpu_and_memory=True), only_cpu_and_memory=True)
    assert only.pods[0].volume is None and only.pods[0].containers[0].rootfs is None
    assert only.node.fs is None and only.node.cpu is not None


def measured(world: MeterWorld, number: int = 0) -> ContainerId:
    """The container of a pod, whose layer the runtime knows from now on."""
    id_ = world.tree.pods[number].containers[0].id
    world.stats.known[id_] = Layer(at=AT, used=11, inodes=3, place="/images")
    return id_


async def test_a_new_containers_layer_is_there_at_the_first_scrape(world: MeterWorld) -> None:
    first = measured(world)
    assert set((await world.meter.scene(Tier.CORE)).layers) == {first}
    sight = await world.meter.sight(only_cpu_and_memory=False)
    told = summary_of(sight, only_cpu_and_memory=False)
    assert told.pods[0].containers[0].rootfs is not None
    assert told.node.runtime is not None and told.node.runtime.imageFs is not None
    assert world.walker.measured == [] and world.stats.asked == 0


async def test_volumes_and_logs_of_a_new_pod_are_walked_soon_and_once(world: MeterWorld) -> None:
    world.disks.ask()
    await settled(world)  # before there were pods
    uid = world.tree.pods[0].uid
    world.memories = [memory(world), memory(world, 1)]
    world.walker.sizes = {f"/logs/{uid}/main": 5}
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.disks.run())
        await world.meter.scene(Tier.CORE)
        await world.walker.two.wait()
        await world.meter.scene(Tier.CORE)
        task.cancel()
    assert world.disks.figures.pods[uid].logs["main"].used == 5
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.disks.run())
        await world.meter.scene(Tier.CORE)
        await asyncio.sleep(0.05)
        task.cancel()
    assert len(world.walker.measured) == 2 and world.stats.asked == 1


async def test_the_runtime_is_seldom_asked_about_new_containers(world: MeterWorld) -> None:
    first, second = (pod.containers[0].id for pod in world.tree.pods)
    measured(world)
    for _ in range(3):
        await world.meter.scene(Tier.CORE)
    assert world.stats.asked_new == [first, second]
    world.clock.at += SOON
    measured(world, 1)
    assert set((await world.meter.scene(Tier.CORE)).layers) == {first, second}
    world.clock.at += SOON
    await world.meter.scene(Tier.CORE)
    assert world.stats.asked_new == [first, second, second]


async def test_a_runtime_that_hangs_or_is_away_holds_up_no_scrape(world: MeterWorld) -> None:
    world.stats.slow = True
    assert (await world.meter.scene(Tier.CORE)).layers == {}
    world.stats.slow, world.stats.away = False, True
    world.clock.at += SOON
    assert (await world.meter.scene(Tier.CORE)).layers == {}
    assert len(world.stats.asked_new) == 4


@pytest.mark.parametrize("version", [1, 2])
async def test_a_summary_has_the_fields_and_types_of_a_kubelets(
    tmp_path: Path, version: int
) -> None:
    world = MeterWorld(make_tree(tmp_path, version=version, pods=2))
    world.memories = [memory(world), memory(world, 1)]
    for number, pod in enumerate(world.tree.pods):
        measured(world, number)
        world.walker.sizes |= {f"/logs/{pod.uid}/main": 5, "/data": 7}
        claim = VolumeStats(name="disk", claim="default/claim", space=SPACE)
        folder = VolumeStats(name="data", folder="/data", space=SPACE)
        world.volumes.known[pod.uid] = (folder, claim)
    world.disks.ask()
    await settled(world)
    await world.meter.begin()
    world.clock.at += 2
    for only, shape in ((False, WHOLE), (True, CPU_AND_MEMORY)):
        sight = await world.meter.sight(only_cpu_and_memory=only)
        told = msgspec.json.encode(summary_of(sight, only_cpu_and_memory=only))
        assert differences(msgspec.json.decode(told), shape) == []
    world.close()


async def test_a_runtime_that_is_away_does_not_stop_the_walk(world: MeterWorld) -> None:
    world.stats.away = True
    world.memories = [memory(world)]
    world.walker.sizes = {f"/logs/{world.tree.pods[0].uid}/main": 5}
    world.disks.ask()
    await settled(world)
    assert world.disks.figures.layers == {}
    assert world.disks.figures.pods[world.tree.pods[0].uid].logs["main"].used == 5


async def test_a_negative_period_turns_walks_off(tmp_path: Path) -> None:
    world = MeterWorld(make_tree(tmp_path, version=1), period=-1)
    world.memories = [memory(world)]
    world.disks.ask()
    await settled(world)
    world.close()
    assert world.stats.asked == 1 and world.walker.measured == []


async def test_what_a_round_and_the_walk_over_a_volume_take_is_counted(world: MeterWorld) -> None:
    metrics = AgentMetrics()
    uid = world.tree.pods[0].uid
    world.memories = [memory(world)]
    world.volumes.known[uid] = (
        VolumeStats(name="data", folder="/pods/data", space=SPACE),
        VolumeStats(name="more", folder="/pods/more", space=SPACE),
        VolumeStats(name="disk", claim="default/claim", space=SPACE),
    )
    world.disks.on_walked = lambda seconds: metrics.storage.measured("du", seconds)
    rounds: list[float] = []
    done = asyncio.Event()

    def went(seconds: float) -> None:
        metrics.storage.went_round(seconds)
        rounds.append(seconds)
        done.set()

    world.disks.on_round = went
    world.disks.ask()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.disks.run())
        await done.wait()
        task.cancel()
    assert value(metrics, "nodeagent_disk_round_duration_seconds_count") == len(rounds) == 1
    name = "kubelet_volume_metric_collection_duration_seconds_count"
    assert value(metrics, name, metric_source="du") == 2
