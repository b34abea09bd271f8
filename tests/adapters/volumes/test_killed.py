"""An agent that dies at any of its calls about mounts, with volumes of every kind in one pod."""

import os
import stat

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.plugins.sockets import Plugin
from nodeagent.model.csi import CsiDriverRules
from nodeagent.model.data import Claim, ConfigMap, CsiDriver, PersistentVolume, Secret
from nodeagent.model.desired import DesiredPod
from tests.adapters.volumes.csi_world import restarted
from tests.adapters.volumes.world import UID, Killed, World, a_pod, empty, needs_root
from tests.fakes.csi_driver import NAME, Disk, serving

pytestmark = needs_root
KEPT = "kept"
DEVICES = ("local-raw", "csi-raw")


def prepare(world: World) -> DesiredPod:
    """What the pod refers to, and the pod."""
    (world.top / "local").mkdir()
    (world.top / "local/file").write_text(KEPT)
    os.mknod(world.top / "device", stat.S_IFBLK | 0o600, os.makedev(7, 200))
    world.data.put(ConfigMap(namespace="default", name="map", data={"word": "a"}))
    world.data.put(Secret(namespace="default", name="key", data={"word": b"b"}))
    world.data.put(CsiDriver(name=NAME, rules=CsiDriverRules(modes=("Persistent", "Ephemeral"))))
    sources = {
        "local": v1.PersistentVolumeSpec(local=v1.LocalVolumeSource(path=f"{world.top}/local")),
        "local-raw": v1.PersistentVolumeSpec(
            local=v1.LocalVolumeSource(path=f"{world.top}/device"), volumeMode="Block"
        ),
        "csi": v1.PersistentVolumeSpec(csi=_of_driver("files")),
        "csi-raw": v1.PersistentVolumeSpec(csi=_of_driver("raw"), volumeMode="Block"),
    }
    for name, source in sources.items():
        world.data.put(PersistentVolume(name=name, spec=source))
        claim = v1.PersistentVolumeClaimSpec()
        world.data.put(Claim(namespace="default", name=name, spec=claim, volume=name))
    secret = v1.VolumeProjection(secret=v1.SecretProjection(name="key"))
    pod = a_pod(
        empty("disk"),
        empty("memory", medium="Memory"),
        v1.Volume(name="map", configMap=v1.ConfigMapVolumeSource(name="map", defaultMode=0o644)),
        v1.Volume(name="key", secret=v1.SecretVolumeSource(secretName="key", defaultMode=0o644)),
        v1.Volume(
            name="all", projected=v1.ProjectedVolumeSource(sources=[secret], defaultMode=0o644)
        ),
        v1.Volume(name="inline", csi=v1.CSIVolumeSource(driver=NAME)),
        *(_of_claim(name) for name in sources),
    )
    (container,) = pod.spec.containers
    devices = [v1.VolumeDevice(name=one, devicePath=f"/dev/{one}") for one in DEVICES]
    mounts = [one for one in container.volumeMounts or () if one.name not in DEVICES]
    container = msgspec.structs.replace(container, volumeMounts=mounts, volumeDevices=devices)
    spec = msgspec.structs.replace(pod.spec, containers=[container])
    return msgspec.structs.replace(pod, pod=msgspec.structs.replace(pod.pod, spec=spec))


def _of_driver(handle: str) -> v1.CSIPersistentVolumeSource:
    return v1.CSIPersistentVolumeSource(driver=NAME, volumeHandle=handle)


def _of_claim(name: str) -> v1.Volume:
    source = v1.PersistentVolumeClaimVolumeSource(claimName=name)
    return v1.Volume(name=name, persistentVolumeClaim=source)


async def started(world: World, plugin: Plugin) -> World:
    """The agent after a restart: it knows what is on disk, and the driver as soon as it looked."""
    fresh = restarted(world)
    await fresh.csi.load()
    await fresh.drivers.add(plugin)
    return fresh


async def ended(world: World) -> None:
    world.kernel.die_at = 0
    await world.drivers.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_death_at_any_call_loses_no_volume_and_leaves_none(
    world: World, disk: Disk, after: bool
) -> None:
    pod = prepare(world)
    plugin = Plugin(type="CSIPlugin", name=NAME, endpoint=str(disk.socket), versions=("1.0.0",))
    async with serving(disk, disk.folder):
        agent = await started(world, plugin)
        await agent.volumes.set_up(pod)
        calls_up, wanted = agent.kernel.calls, sorted(agent.mounts())
        await agent.volumes.tear_down(UID)
        calls_down = agent.kernel.calls - calls_up
        await ended(agent)
        assert (calls_up, calls_down) >= (5, 5)
        assert len(wanted) >= 9
        for step, calls in (("up", calls_up), ("down", calls_down)):
            for die_at in range(1, calls + 1):
                agent = await started(world, plugin)
                if step == "down":
                    await agent.volumes.set_up(pod)
                agent.kernel.calls, agent.kernel.die_at, agent.kernel.after = 0, die_at, after
                with pytest.raises(Killed):
                    await (agent.volumes.set_up(pod) if step == "up" else
                           agent.volumes.tear_down(UID))  # fmt: skip
                await ended(agent)
                agent = await started(world, plugin)
                if step == "up":
                    places = await agent.volumes.set_up(pod)
                    assert sorted(agent.mounts()) == wanted
                    assert len(places) == 10
                await agent.volumes.tear_down(UID)
                await ended(agent)
                assert agent.mounts() == []
                check_left(agent)


def check_left(world: World) -> None:
    """What is the node's is there, and nothing else."""
    assert (world.top / "local/file").read_text() == KEPT
    assert [*world.top.glob("root/pods/*/*/*/*")] == []
    assert [*(world.top / "root/plugins").rglob("vol_data.json")] == []
