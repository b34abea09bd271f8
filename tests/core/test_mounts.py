"""Mounts and devices of containers."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.mounts import (
    MountRules,
    Places,
    container_devices,
    container_mounts,
    mounts_hosts,
    sub_paths,
)
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import (
    DeviceSpec,
    IdRange,
    MountSpec,
    Propagation,
    SubPath,
    VolumePlace,
)

VOLUMES = {
    "data": VolumePlace(host_path="/host/data", relabel=True),
    "fixed": VolumePlace(host_path="/host/fixed", read_only=True),
    "pic": VolumePlace(image="r.example/pic:1"),
    "disk": VolumePlace(host_path="/dev/x", device=True),
    "disc": VolumePlace(host_path="/dev/y", device=True, read_only=True),
}
RANGE = IdRange(host_id=65536, container_id=0, length=65536)
POD = DesiredPod(
    uid=PodUid("u1"),
    source=Source.FILE,
    origin="",
    pod=v1.Pod(
        metadata=meta_v1.ObjectMeta(name="web", namespace="shop"),
        spec=v1.PodSpec(
            containers=[v1.Container(name="c")],
            volumes=[
                v1.Volume(name="data", emptyDir=v1.EmptyDirVolumeSource()),
                v1.Volume(name="pic", image=v1.ImageVolumeSource(reference="r.example/pic:1")),
            ],
        ),
    ),
)


def mounting(*mounts: v1.VolumeMount, message: str | None = None) -> v1.Container:
    return v1.Container(name="c", volumeMounts=list(mounts), terminationMessagePath=message)


def mounts_of(
    container: v1.Container,
    places: Places | None = None,
    rules: MountRules | None = None,
) -> tuple[MountSpec, ...]:
    return container_mounts(
        POD,
        container,
        places=places or Places(volumes=VOLUMES),
        env={"DIR": "logs"},
        rules=rules or MountRules(),
    )


def test_volumes_come_first_then_hosts_then_the_message() -> None:
    container = mounting(
        v1.VolumeMount(name="fixed", mountPath="/b"),
        v1.VolumeMount(name="data", mountPath="a", mountPropagation="Bidirectional"),
        v1.VolumeMount(
            name="data", mountPath="/r", readOnly=True, mountPropagation="HostToContainer"
        ),
        message="/dev/termination-log",
    )
    places = Places(volumes=VOLUMES, hosts="/pods/u1/etc-hosts", message="/pods/u1/m")
    assert mounts_of(container, places) == (
        MountSpec(container_path="/b", host_path="/host/fixed", readonly=True),
        MountSpec(
            container_path="/a", host_path="/host/data", propagation=Propagation.BIDIRECTIONAL
        ),
        MountSpec(
            container_path="/r",
            host_path="/host/data",
            readonly=True,
            propagation=Propagation.HOST_TO_CONTAINER,
        ),
        MountSpec(container_path="/etc/hosts", host_path="/pods/u1/etc-hosts"),
        MountSpec(container_path="/dev/termination-log", host_path="/pods/u1/m"),
    )


def test_a_container_may_bring_its_own_hosts_file() -> None:
    container = mounting(v1.VolumeMount(name="data", mountPath="/etc/hosts"))
    places = Places(volumes=VOLUMES, hosts="/hosts", message="/m")
    assert mounts_hosts(container)
    assert not mounts_hosts(v1.Container(name="c"))
    assert [m.host_path for m in mounts_of(container, places)] == ["/host/data"]


def test_labels_and_id_maps_are_set_where_the_node_has_them() -> None:
    container = mounting(
        v1.VolumeMount(name="data", mountPath="/a"), v1.VolumeMount(name="fixed", mountPath="/b")
    )
    places = Places(volumes=VOLUMES, hosts="/hosts")
    got = mounts_of(container, places, MountRules(selinux=True, user=RANGE))
    assert [m.selinux_relabel for m in got] == [True, False, True]
    assert all(m.id_map == RANGE for m in got)


def test_an_image_is_mounted_by_the_runtime_and_read_only() -> None:
    container = mounting(v1.VolumeMount(name="pic", mountPath="/p", subPath="sub"))
    assert mounts_of(container) == (
        MountSpec(
            container_path="/p", readonly=True, image="r.example/pic:1", image_sub_path="sub"
        ),
    )


def test_a_sub_path_is_mounted_from_where_it_was_prepared() -> None:
    container = mounting(
        v1.VolumeMount(name="data", mountPath="/whole"),
        v1.VolumeMount(name="data", mountPath="/a", subPath="x/y"),
        v1.VolumeMount(name="data", mountPath="/b", subPathExpr="$(DIR)/today"),
        v1.VolumeMount(name="pic", mountPath="/p", subPath="z"),
    )
    assert sub_paths(POD, container, env={"DIR": "logs"}) == (
        SubPath(index=1, volume="data", path="x/y"),
        SubPath(index=2, volume="data", path="logs/today"),
    )
    places = Places(volumes=VOLUMES, subpaths={1: "/safe/1", 2: "/safe/2"})
    got = mounts_of(container, places)
    assert [m.host_path for m in got] == ["/host/data", "/safe/1", "/safe/2", ""]
    assert sub_paths(POD, v1.Container(name="c"), env={}) == ()


@pytest.mark.parametrize(
    ("mount", "detail"),
    [
        (v1.VolumeMount(name="none", mountPath="/a"),
         'cannot find volume "none" to mount into container "c"'),
        (v1.VolumeMount(name="disk", mountPath="/a"),
         'cannot find volume "disk" to mount into container "c"'),
        (v1.VolumeMount(name="data", mountPath="/a", subPath="x"),
         'failed to prepare subPath for volumeMount "data" of container "c"'),
        (v1.VolumeMount(name="data", mountPath="/a", subPath="/x"),
         "error SubPath `/x` must not be an absolute path"),
        (v1.VolumeMount(name="data", mountPath="/a", subPath="x/../.."),
         "unable to provision SubPath `x/../..`: must not contain '..'"),
        (v1.VolumeMount(name="data", mountPath="/a", subPathExpr="$(NO)$(DIR)$(A)"),
         "missing value for A, NO"),
    ],
)  # fmt: skip
def test_what_cannot_be_mounted_is_named(mount: v1.VolumeMount, detail: str) -> None:
    with pytest.raises(ConfigError) as failure:
        mounts_of(mounting(mount))
    assert failure.value.detail == detail
    assert failure.value.target == "container c of shop/web"


def rro(wish: str, *, read_only: bool = True, propagation: str | None = None) -> v1.Container:
    return mounting(
        v1.VolumeMount(
            name="data",
            mountPath="/a",
            readOnly=read_only,
            recursiveReadOnly=wish,
            mountPropagation=propagation,
        )
    )


@pytest.mark.parametrize(
    ("wish", "supported", "expected"),
    [
        ("Disabled", True, False),
        ("IfPossible", True, True),
        ("IfPossible", False, False),
        ("Enabled", True, True),
    ],
)
def test_read_only_goes_all_the_way_down_where_possible(
    wish: str, supported: bool, expected: bool
) -> None:
    got = mounts_of(rro(wish), rules=MountRules(recursive_read_only=supported))
    assert got[0].recursive_read_only is expected


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (rro("Enabled"), "but it is not supported by the runtime"),
        (rro("IfPossible", read_only=False), "but it is not read-only"),
        (rro("Enabled", propagation="HostToContainer"),
         'but it is not compatible with propagation "HostToContainer"'),
    ],
)  # fmt: skip
def test_recursive_read_only_that_cannot_be_is_an_error(container: v1.Container, why: str) -> None:
    with pytest.raises(ConfigError) as failure:
        mounts_of(container)
    assert failure.value.detail == (
        "failed to resolve recursive read-only mode: "
        f'volume "data" requested recursive read-only mode, {why}'
    )


def test_block_volumes_become_devices() -> None:
    container = v1.Container(
        name="c",
        volumeDevices=[
            v1.VolumeDevice(name="disk", devicePath="/dev/a"),
            v1.VolumeDevice(name="disc", devicePath="/dev/b"),
        ],
    )
    assert container_devices(POD, container, volumes=VOLUMES) == (
        DeviceSpec(container_path="/dev/a", host_path="/dev/x", permissions="mrw"),
        DeviceSpec(container_path="/dev/b", host_path="/dev/y", permissions="r"),
    )


@pytest.mark.parametrize("name", ["data", "none"])
def test_only_block_volumes_can_be_devices(name: str) -> None:
    container = v1.Container(
        name="c", volumeDevices=[v1.VolumeDevice(name=name, devicePath="/dev/a")]
    )
    with pytest.raises(ConfigError, match=f'cannot find volume "{name}" to pass into'):
        container_devices(POD, container, volumes=VOLUMES)
