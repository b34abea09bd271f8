"""How full volumes are, of each kind, and of one whose server is dead."""

from lightkube.models import core_v1 as v1

from nodeagent.metrics import AgentMetrics
from nodeagent.model.data import Claim, ConfigMap, PersistentVolume, Secret
from nodeagent.model.volume_stats import VolumeStats
from tests.adapters.volumes.world import MIB, World, a_pod, empty, needs_root
from tests.fakes.figures import total, value

pytestmark = needs_root


async def measured(world: World, *volumes: v1.Volume) -> dict[str, VolumeStats]:
    pod = a_pod(*volumes)
    await world.volumes.set_up(pod)
    return {one.name: one for one in await world.volumes.stats(pod)}


async def test_volumes_of_the_node_are_parts_of_a_larger_file_system(world: World) -> None:
    world.data.put(ConfigMap(namespace="default", name="c", data={"a": "b"}))
    world.data.put(Secret(namespace="default", name="s", data={"a": b"b"}))
    found = await measured(
        world,
        empty("disk"),
        empty("memory", medium="Memory", sizeLimit="4Mi"),
        v1.Volume(name="conf", configMap=v1.ConfigMapVolumeSource(name="c")),
        v1.Volume(name="key", secret=v1.SecretVolumeSource(secretName="s")),
        v1.Volume(name="host", hostPath=v1.HostPathVolumeSource(path="/")),
    )
    assert sorted(found) == ["conf", "disk", "key", "memory"]
    assert [name for name, one in found.items() if one.in_memory] == ["memory", "key"]
    memory = found["memory"].space
    assert memory is not None
    assert (memory.capacity, memory.used) == (4 * MIB, 0)
    assert found["disk"].folder == str(world.place("disk"))
    assert found["disk"].space is not None and found["disk"].space.capacity > 4 * MIB


async def test_a_claims_volume_says_whose_it_is(world: World) -> None:
    folder = world.top / "disk"
    folder.mkdir()
    source = v1.LocalVolumeSource(path=str(folder))
    world.data.put(PersistentVolume(name="pv0", spec=v1.PersistentVolumeSpec(local=source)))
    spec = v1.PersistentVolumeClaimSpec()
    world.data.put(Claim(namespace="default", name="disk", spec=spec, volume="pv0"))
    claim = v1.PersistentVolumeClaimVolumeSource(claimName="disk")
    found = await measured(world, v1.Volume(name="p", persistentVolumeClaim=claim))
    assert found["p"].claim == "default/disk"
    assert found["p"].folder == ""
    assert found["p"].space is not None and found["p"].space.capacity > 0


async def test_what_cannot_be_had_is_left_out(world: World) -> None:
    claim = v1.PersistentVolumeClaimVolumeSource(claimName="none")
    pod = a_pod(v1.Volume(name="p", persistentVolumeClaim=claim), empty("gone"))
    found = {one.name: one for one in await world.volumes.stats(pod)}
    assert found["p"].space is None
    assert found["gone"].space is None


async def test_the_measuring_of_volumes_is_counted_by_the_way_it_is_done(world: World) -> None:
    metrics = AgentMetrics()
    world.volumes.tell(metrics.storage.operated, metrics.storage.measured)
    folder = world.top / "disk"
    folder.mkdir()
    source = v1.LocalVolumeSource(path=str(folder))
    world.data.put(PersistentVolume(name="pv0", spec=v1.PersistentVolumeSpec(local=source)))
    spec = v1.PersistentVolumeClaimSpec()
    world.data.put(Claim(namespace="default", name="disk", spec=spec, volume="pv0"))
    claim = v1.PersistentVolumeClaimVolumeSource(claimName="disk")
    await measured(world, empty("walked"), v1.Volume(name="p", persistentVolumeClaim=claim))
    name = "kubelet_volume_metric_collection_duration_seconds_count"
    assert value(metrics, name, metric_source="statfs") == total(metrics, name) == 1
