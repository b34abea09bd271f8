"""A driver beside a pod's volumes, and the claims, volumes and pods that use it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.plugins.sockets import Plugin
from nodeagent.model.csi import CsiDriverRules
from nodeagent.model.data import Claim, CsiDriver, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.world import UID, World, a_pod
from tests.fakes.csi_driver import NAME, Disk, serving

OTHER = PodUid("0f1e-33")


@contextlib.asynccontextmanager
async def running(world: World, disk: Disk) -> AsyncIterator[Disk]:
    """The driver listens, and the agent knows it."""
    async with serving(disk, disk.folder):
        plugin = Plugin(
            type="CSIPlugin", name=NAME, endpoint=str(disk.socket), versions=disk.options.versions
        )
        await world.drivers.add(plugin)
        try:
            yield disk
        finally:
            await world.drivers.remove(plugin)


def pod_of(uid: PodUid = UID, *, claim: str = "disk", **more: Any) -> DesiredPod:
    source = v1.PersistentVolumeClaimVolumeSource(claimName=claim, readOnly=more.pop("ro", None))
    pod = a_pod(v1.Volume(name="p", persistentVolumeClaim=source), **more)
    return msgspec.structs.replace(pod, uid=uid)


def inline_pod(**fields: Any) -> DesiredPod:
    source = v1.CSIVolumeSource(driver=NAME, **fields)
    return a_pod(v1.Volume(name="tmp", csi=source))


def put(
    world: World, *, capacity: str = "1Gi", handle: str = "h-1", told: str = "", **fields: Any
) -> None:
    """The claim "disk" is bound to a volume of the driver, and its status tells a size."""
    spec = {name: fields.pop(name) for name in list(fields) if name in SPEC}
    source = v1.CSIPersistentVolumeSource(driver=NAME, volumeHandle=handle, **fields)
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    whole = v1.PersistentVolumeSpec(csi=source, capacity={"storage": capacity}, **spec)
    world.data.put(PersistentVolume(name="pv0", spec=whole))
    world.data.put(
        Claim(
            namespace="default",
            name="disk",
            spec=v1.PersistentVolumeClaimSpec(accessModes=spec["accessModes"]),
            volume="pv0",
            capacity=told,
        )
    )


SPEC = ("accessModes", "volumeMode", "mountOptions")


def rules(world: World, **fields: Any) -> None:
    world.data.put(CsiDriver(name=NAME, rules=CsiDriverRules(**fields)))


def text(place: VolumePlace, name: str) -> str:
    return Path(place.host_path, name).read_text()


async def up(world: World, pod: DesiredPod, name: str = "p") -> VolumePlace:
    return (await world.volumes.set_up(pod))[name]


def restarted(world: World) -> World:
    """What is in memory is gone."""
    fresh = World(world.top, world.threads)
    fresh.data.objects = world.data.objects
    return fresh
