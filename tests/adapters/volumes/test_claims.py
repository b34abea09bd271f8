"""Claims and what they are bound to: hostPath, local and nfs volumes, folders and devices."""

import asyncio
import contextlib
import os
import shutil
import stat
import time
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.disposable import PROGRAMS
from nodeagent.adapters.host.mounts import mounts_below
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.adapters.volumes.base import place_of
from nodeagent.adapters.volumes.nfs import NfsVolume
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError, MountFailed, NotSupported, SourceMissing
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.world import UID, Killed, World, a_pod, empty, needs_root

pytestmark = needs_root


def claimed(*, read_only: bool | None = None, device: bool = False) -> DesiredPod:
    source = v1.PersistentVolumeClaimVolumeSource(claimName="disk", readOnly=read_only)
    pod = a_pod(v1.Volume(name="p", persistentVolumeClaim=source))
    if not device:
        return pod
    devices = [v1.VolumeDevice(name="p", devicePath="/dev/p")]
    container = msgspec.structs.replace(
        pod.spec.containers[0], volumeMounts=None, volumeDevices=devices
    )
    spec = msgspec.structs.replace(pod.spec, containers=[container])
    return msgspec.structs.replace(pod, pod=msgspec.structs.replace(pod.pod, spec=spec))


def bind(world: World, spec: v1.PersistentVolumeSpec, **annotations: str) -> None:
    """The claim "disk" is bound to a volume of this spec."""
    world.data.put(PersistentVolume(name="pv0", spec=spec, annotations=annotations))
    claim = v1.PersistentVolumeClaimSpec()
    world.data.put(Claim(namespace="default", name="disk", spec=claim, volume="pv0"))


def local(path: Path | str, **more: object) -> v1.PersistentVolumeSpec:
    return v1.PersistentVolumeSpec(local=v1.LocalVolumeSource(path=str(path)), **more)  # type: ignore[arg-type]


async def test_a_claim_that_is_absent_or_not_bound_is_named_with_the_reason(world: World) -> None:
    with pytest.raises(SourceMissing, match=r'PVC default/disk: .*claims "disk" not found'):
        await world.volumes.set_up(claimed())
    spec = v1.PersistentVolumeClaimSpec()
    world.data.put(Claim(namespace="default", name="disk", spec=spec, why="too small"))
    with pytest.raises(SourceMissing, match=r"PVC default/disk: PVC is not bound: too small"):
        await world.volumes.set_up(claimed())


async def test_a_local_folder_is_bound_into_the_pod_and_keeps_its_files(world: World) -> None:
    disk = world.top / "disk"
    disk.mkdir()
    (disk / "file").write_text("keep")
    bind(world, local(disk), **{"pv.beta.kubernetes.io/gid": "77"})
    for _ in range(2):
        places = await world.volumes.set_up(claimed())
    place = world.pod_folder / "volumes/kubernetes.io~local-volume/pv0"
    assert places == {"p": VolumePlace(host_path=str(place), relabel=True, gid=77)}
    assert world.mounts() == [str(place)]
    assert (place / "file").read_text() == "keep"
    for _ in range(2):
        await world.volumes.tear_down(UID)
    assert world.mounts() == []
    assert (disk / "file").read_text() == "keep"
    assert not (world.pod_folder / "volumes").exists()


async def test_a_local_folder_is_given_to_the_pods_group(world: World) -> None:
    disk = world.top / "disk"
    disk.mkdir()
    (disk / "file").touch()
    bind(world, local(disk))
    pod = grouped(claimed())
    await world.volumes.set_up(pod)
    assert ((disk / "file").stat().st_gid, disk.stat().st_gid) == (4321, 4321)
    assert disk.stat().st_mode & stat.S_ISGID


async def test_files_are_given_to_the_group_also_where_an_earlier_agent_was_killed_before(
    world: World,
) -> None:
    folder = world.top / "disk"
    folder.mkdir()
    (folder / "file").touch()
    bind(world, local(folder))
    pod = grouped(claimed())
    world.kernel.die_at, world.kernel.after = 1, True
    with pytest.raises(Killed):
        await world.volumes.set_up(pod)
    assert len(world.mounts()) == 1
    await world.volumes.set_up(pod)
    assert (folder / "file").stat().st_gid == 4321
    os.chown(folder / "file", -1, 0)  # by the pod: what is given is left as it is
    await world.volumes.set_up(pod)
    assert (folder / "file").stat().st_gid == 0
    await world.volumes.tear_down(UID)
    assert world.mounts() == []


def grouped(pod: DesiredPod) -> DesiredPod:
    spec = msgspec.structs.replace(pod.spec, securityContext=v1.PodSecurityContext(fsGroup=4321))
    return msgspec.structs.replace(pod, pod=msgspec.structs.replace(pod.pod, spec=spec))


async def test_a_host_path_volume_is_checked_and_mounted_as_it_is(world: World) -> None:
    source = v1.HostPathVolumeSource(path=str(world.top), type="Directory")
    bind(world, v1.PersistentVolumeSpec(hostPath=source))
    places = await world.volumes.set_up(claimed(read_only=True))
    assert places == {"p": VolumePlace(host_path=str(world.top), read_only=True)}
    bind(world, v1.PersistentVolumeSpec(hostPath=v1.HostPathVolumeSource(path="/x", type="File")))
    with pytest.raises(MountFailed, match='volume "pv0" : hostPath type check failed'):
        await world.volumes.set_up(claimed())


@pytest.mark.parametrize("kind", ["local", "hostPath"])
async def test_a_block_volume_is_handed_over_as_a_device(world: World, kind: str) -> None:
    device = world.top / "device"
    os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(7, 200))
    source = v1.HostPathVolumeSource(path=str(device))
    spec = (
        local(device, volumeMode="Block")
        if kind == "local"
        else v1.PersistentVolumeSpec(hostPath=source, volumeMode="Block")
    )
    bind(world, spec)
    places = await world.volumes.set_up(claimed(device=True, read_only=True))
    assert places == {"p": VolumePlace(host_path=str(device), read_only=True, device=True)}
    top = world.top / "root/plugins/kubernetes.io~local-volume/volumeDevices/pv0"
    link = world.pod_folder / "volumeDevices/kubernetes.io~local-volume/pv0"
    if kind == "local":
        assert link.readlink() == device
        assert (top / UID).stat().st_rdev == os.makedev(7, 200)
    await world.volumes.tear_down(UID)
    assert (top.exists(), link.is_symlink(), world.mounts()) == (False, False, [])
    await world.volumes.set_up(claimed(device=True, read_only=True))
    with pytest.raises(MountFailed, match="has volumeMode Block, but is specified in volumeMounts"):
        await world.volumes.set_up(claimed())
    device.unlink()
    device.touch()
    with pytest.raises(MountFailed, match="block device"):
        await world.volumes.set_up(claimed(device=True))


async def test_a_folder_is_no_device_and_a_bare_device_no_folder(world: World) -> None:
    bind(world, local(world.top))
    with pytest.raises(MountFailed, match="Filesystem, but is specified in volumeDevices"):
        await world.volumes.set_up(claimed(device=True))
    device = world.top / "device"
    os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(7, 200))
    bind(world, local(device))
    with pytest.raises(MountFailed, match="Device size reported to be zero"):
        await world.volumes.set_up(claimed())
    bind(world, local(world.top / "absent"))
    with pytest.raises(MountFailed, match="needs to be a directory, nothing is there"):
        await world.volumes.set_up(claimed())


async def test_a_volume_for_another_node_is_refused(world: World) -> None:
    term = v1.NodeSelectorTerm(
        matchExpressions=[
            v1.NodeSelectorRequirement(
                key="kubernetes.io/hostname", operator="In", values=["other"]
            )
        ]
    )
    affinity = v1.VolumeNodeAffinity(required=v1.NodeSelector(nodeSelectorTerms=[term]))
    bind(world, local(world.top, nodeAffinity=affinity))
    with pytest.raises(
        MountFailed,
        match=r'NodeAffinity check failed for volume "pv0" : .*"pv0" is not for this node',
    ):
        await world.volumes.set_up(claimed())


async def test_a_volume_with_a_nul_character_fails_its_mount(world: World) -> None:
    bind(world, local(f"{world.top}/a\0b"))
    with pytest.raises(MountFailed, match=r'for volume "pv0" .*NUL character'):
        await world.volumes.set_up(claimed())


async def test_a_folder_of_the_agent_that_cannot_be_written_fails_the_mount_and_says_so(
    world: World,
) -> None:
    pods = world.top / "root/pods"
    pods.mkdir(parents=True)
    world.kernel.mount("tmpfs", str(pods), "tmpfs", flags=1)
    source = v1.NFSVolumeSource(server="127.0.0.1", path="/x")
    with pytest.raises(MountFailed, match=r'for volume "n" : Read-only file system: .*/pods/'):
        await world.volumes.set_up(a_pod(v1.Volume(name="n", nfs=source)))
    bind(world, local(world.top))
    with pytest.raises(MountFailed, match=r'for volume "pv0" : Read-only file system: .*/pods/'):
        await world.volumes.set_up(claimed())


async def test_mount_options_that_would_have_no_effect_are_refused(world: World) -> None:
    host = v1.HostPathVolumeSource(path=str(world.top))
    bind(world, v1.PersistentVolumeSpec(hostPath=host, mountOptions=["noatime"]))
    with pytest.raises(MountFailed, match=r"mount options \(noatime\) are for nfs, local and CSI"):
        await world.volumes.set_up(claimed())
    bind(world, local(world.top, mountOptions=["noexec", "data=journal"]))
    with pytest.raises(MountFailed, match=r"mount options \(data=journal\) are none of a bind"):
        await world.volumes.set_up(claimed())


async def test_a_local_volume_has_the_mount_options_of_a_bind_mount(world: World) -> None:
    folder = world.top / "disk"
    folder.mkdir()
    bind(world, local(folder, mountOptions=["noexec", "ro"]))
    place = (await world.volumes.set_up(claimed()))["p"]
    (mount,) = mounts_below(place.host_path)
    assert {"ro", "noexec"} <= set(mount.options.split(","))
    await world.volumes.tear_down(UID)


def ephemeral() -> DesiredPod:
    template = v1.PersistentVolumeClaimTemplate(spec=v1.PersistentVolumeClaimSpec())
    source = v1.EphemeralVolumeSource(volumeClaimTemplate=template)
    return a_pod(v1.Volume(name="p", ephemeral=source))


def own_claim(world: World, **fields: object) -> None:
    spec = v1.PersistentVolumeClaimSpec()
    world.data.put(
        Claim(namespace="default", name="web-p", spec=spec, volume="pv0", **fields)  # type: ignore[arg-type]
    )


async def test_an_ephemeral_volume_needs_a_cluster_and_a_claim_of_its_own(
    world: World, tmp_path: Path
) -> None:
    assert 'kind "ephemeral" needs an API server' in world.volumes.unsupported(ephemeral())
    data = world.data
    world = World(tmp_path, world.threads, joined=True)
    world.data.objects = data.objects
    assert world.volumes.unsupported(ephemeral()) == ""
    with pytest.raises(SourceMissing, match='persistentvolumeclaims "web-p" not found'):
        await world.volumes.set_up(ephemeral())
    bind(world, local(world.top))
    own_claim(world, owner="another")
    with pytest.raises(MountFailed, match=r"was not created for pod .* \(pod is not owner\)"):
        await world.volumes.set_up(ephemeral())
    own_claim(world, owner=UID)
    await world.volumes.set_up(ephemeral())
    await world.volumes.tear_down(UID)


async def test_a_claim_that_is_deleted_or_bound_elsewhere_is_refused(world: World) -> None:
    reference = v1.ObjectReference(name="disk", namespace="default", uid="c2")
    bind(world, local(world.top, claimRef=reference))
    spec = v1.PersistentVolumeClaimSpec()
    claim = Claim(namespace="default", name="disk", spec=spec, volume="pv0", uid="c1")
    world.data.put(claim)
    with pytest.raises(MountFailed, match='"pv0" is bound to another claim of that name'):
        await world.volumes.set_up(claimed())
    world.data.put(msgspec.structs.replace(claim, deleting=True))
    with pytest.raises(MountFailed, match="PVC default/disk: PVC is being deleted"):
        await world.volumes.set_up(claimed())


async def test_a_volume_for_one_pod_is_for_one_pod_until_it_is_gone(world: World) -> None:
    host = v1.HostPathVolumeSource(path=str(world.top))
    bind(world, v1.PersistentVolumeSpec(hostPath=host, accessModes=["ReadWriteOncePod"]))
    for _ in range(2):
        await world.volumes.set_up(claimed())
    other = msgspec.structs.replace(claimed(), uid=PodUid("0f1e-33"))
    with pytest.raises(MountFailed, match=f"already in use by another pod, {UID}"):
        await world.volumes.set_up(other)
    await world.volumes.tear_down(UID)
    await world.volumes.set_up(other)


async def test_a_kind_of_volume_without_plugin_is_named(world: World) -> None:
    bind(
        world,
        v1.PersistentVolumeSpec(fc=v1.FCVolumeSource(lun=1)),
    )
    with pytest.raises(NotSupported, match='PersistentVolume "pv0" is of a kind'):
        await world.volumes.set_up(claimed())


@pytest.fixture
def mount_program(tmp_path: Path) -> Path:
    """Stands for mount(8): notes its words, and mounts a tmpfs instead of a server's folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "mount"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/words\n'
        'for last; do :; done\nexec /bin/mount -t tmpfs none "$last"\n'
    )
    program.chmod(0o755)
    return folder


async def test_nfs_is_mounted_by_mount_once_with_its_options(
    world: World, mount_program: Path
) -> None:
    source = v1.NFSVolumeSource(server="192.0.2.9", path="/export")
    bind(world, v1.PersistentVolumeSpec(nfs=source, mountOptions=["nfsvers=4.1", "hard"]))
    for _ in range(2):
        places = await world.volumes.set_up(claimed(read_only=True))
    place = world.pod_folder / "volumes/kubernetes.io~nfs/pv0"
    assert places == {"p": VolumePlace(host_path=str(place), read_only=True)}
    said = (mount_program / "words").read_text()
    assert said == f"-t nfs -o ro,nfsvers=4.1,hard -- 192.0.2.9:/export {place}\n"
    (place / "of-the-server").touch()
    await world.volumes.tear_down(UID)
    assert world.mounts() == []
    assert not (world.pod_folder / "volumes").exists()


async def test_nfs_without_its_helper_says_what_to_install(world: World) -> None:
    if shutil.which("mount.nfs", path=PROGRAMS):
        pytest.skip("this node has mount.nfs")
    source = v1.NFSVolumeSource(server="192.0.2.9", path="/export")
    pod = a_pod(v1.Volume(name="n", nfs=source))
    with pytest.raises(MountFailed, match=r'volume "n" : .*install nfs-common'):
        await world.volumes.set_up(pod)
    assert world.mounts() == []
    await world.volumes.tear_down(UID)


def alive_in_session(leader: int) -> list[str]:
    """Processes of a session that are more than a name waiting to be reaped."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = place.read_text().rpartition(")")[2].split()[:4]
            if session == str(leader) and state != "Z":
                found.append(str(place))
    return found


async def test_a_server_that_does_not_answer_fails_by_the_deadline_and_holds_nobody_else_up(
    world: World, mount_program: Path
) -> None:
    pid = mount_program / "pid"
    (mount_program / "mount").write_text(f"#!/bin/sh\necho $$ > {pid}\nsleep 1000 & wait\n")
    threads = Threads(1)
    programs = f"{mount_program}:{PROGRAMS}"
    files = CarefulFiles(threads, world.kernel, deadline=0.5, programs=programs)
    dead = NfsVolume(world.kernel, files, threads)
    volume = v1.Volume(name="n", nfs=v1.NFSVolumeSource(server="192.0.2.9", path="/export"))
    place = place_of(f"{world.top}/root", UID, dead.name, "n")
    hung = asyncio.create_task(dead.set_up(a_pod(volume), volume, place))
    began = time.monotonic()
    await world.volumes.set_up(a_pod(empty("data")))
    assert await files.kind("/") == "Directory"
    assert time.monotonic() - began < 0.4
    with pytest.raises(HostError, match=r"did not answer within 0\.5 s: check its server"):
        await hung
    assert alive_in_session(int(pid.read_text())) == []
    await dead.tear_down(place)
    threads.close()
