"""Work on volumes is told to whoever counts, each operation once, by the kind of the volume."""

from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.engine.volume_counts import VolumeCounts
from nodeagent.errors import MountFailed
from nodeagent.metrics import AgentMetrics
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.memory import PodMemory
from tests.adapters.volumes.world import UID, World, a_pod, empty, needs_root
from tests.fakes.figures import value

pytestmark = needs_root
NAME = "storage_operation_duration_seconds_count"


def told(metrics: AgentMetrics, plugin: str, operation: str, status: str = "success") -> float:
    labels = {"volume_plugin": plugin, "operation_name": operation, "status": status}
    return value(metrics, NAME, **labels, migrated="false")


async def test_each_volume_of_a_pod_is_counted_by_its_kind(world: World) -> None:
    metrics = AgentMetrics()
    world.volumes.tell(metrics.storage.operated)
    source = v1.DownwardAPIVolumeSource(items=[])
    pod = a_pod(empty("a"), empty("b"), v1.Volume(name="c", downwardAPI=source))
    await world.volumes.set_up(pod)
    assert told(metrics, "kubernetes.io/empty-dir", "volume_mount") == 2
    assert told(metrics, "kubernetes.io/downward-api", "volume_mount") == 1
    await world.volumes.tear_down(UID)
    assert told(metrics, "kubernetes.io/empty-dir", "volume_unmount") == 2


async def test_a_volume_of_a_claim_is_counted_as_what_it_is(world: World, tmp_path: Path) -> None:
    metrics = AgentMetrics()
    world.volumes.tell(metrics.storage.operated)
    spec = v1.PersistentVolumeSpec(local=v1.LocalVolumeSource(path=str(tmp_path / "none")))
    world.data.put(PersistentVolume(name="pv0", spec=spec))
    claim = v1.PersistentVolumeClaimSpec()
    world.data.put(Claim(namespace="default", name="disk", spec=claim, volume="pv0"))
    source = v1.PersistentVolumeClaimVolumeSource(claimName="disk")
    pod = a_pod(v1.Volume(name="p", persistentVolumeClaim=source))
    with pytest.raises(MountFailed):
        await world.volumes.set_up(pod)
    assert told(metrics, "kubernetes.io/local-volume", "volume_mount", "fail-unknown") == 1
    (tmp_path / "none").mkdir()
    await world.volumes.set_up(pod)
    assert told(metrics, "kubernetes.io/local-volume", "volume_mount") == 1
    assert told(metrics, "kubernetes.io/persistent-volume-claim", "volume_mount") == 0


async def test_volumes_of_pods_are_counted_as_wanted_and_as_mounted(world: World) -> None:
    metrics = AgentMetrics()
    csi = v1.Volume(name="c", csi=v1.CSIVolumeSource(driver="d.example"))
    pods = (a_pod(empty("a"), empty("b")), a_pod(empty("a"), csi))
    memories = (
        PodMemory(pod=pods[0], seen_at=1.0, prepared=True),
        PodMemory(pod=pods[1], seen_at=1.0),
    )
    metrics.add(VolumeCounts(lambda: memories, kind=world.volumes.kind, sockets=dict))
    name = "volume_manager_total_volumes"
    plugin = "kubernetes.io/empty-dir"
    assert value(metrics, name, plugin_name=plugin, state="desired_state_of_world") == 3
    assert value(metrics, name, plugin_name=plugin, state="actual_state_of_world") == 2
    plugin = "kubernetes.io/csi:d.example"
    assert value(metrics, name, plugin_name=plugin, state="desired_state_of_world") == 1
    assert value(metrics, name, plugin_name=plugin, state="actual_state_of_world") == 0
