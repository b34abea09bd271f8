"""What is said of a volume that cannot be had, word for word as a kubelet says it."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.failures import (
    about,
    failing_at,
    of_volume,
    set_up_failed,
    tear_down_failed,
)
from nodeagent.errors import (
    AttachLimitReached,
    DriverFailed,
    HostError,
    MountFailed,
    NotSupported,
    VolumeError,
    VolumeStep,
)
from nodeagent.model.data import PersistentVolume

FILES = PersistentVolume(name="pv0", spec=v1.PersistentVolumeSpec())
DEVICE = PersistentVolume(name="pv0", spec=v1.PersistentVolumeSpec(volumeMode="Block"))


def failed(step: VolumeStep | None, volume: PersistentVolume | None) -> VolumeError:
    """What is told of the pod's volume "v" of two that were not set up yet."""
    error: VolumeError = MountFailed(op="x", target="y", detail="why")
    error.step = step
    if volume is not None:
        with pytest.raises(VolumeError) as caught, about(volume):
            raise error
        error = caught.value
    return set_up_failed(error, "v", ["v", "w"])


@pytest.mark.parametrize(
    ("step", "volume", "reason", "message"),
    [
        (None, None, "FailedMount", 'MountVolume.SetUp failed for volume "v" : why'),
        (
            VolumeStep.CLAIM,
            None,
            "FailedMount",
            "Unable to attach or mount volumes: unmounted volumes=[v w], unattached volumes=[],"
            " failed to process volumes=[v]: why",
        ),
        (None, FILES, "FailedMount", 'MountVolume.SetUp failed for volume "pv0" : why'),
        (
            VolumeStep.STAGE,
            FILES,
            "FailedMount",
            'MountVolume.MountDevice failed for volume "pv0" : why',
        ),
        (
            VolumeStep.ATTACH,
            FILES,
            "FailedMount",
            'MountVolume.WaitForAttach failed for volume "pv0" : why',
        ),
        (
            VolumeStep.AFFINITY,
            FILES,
            "FailedMount",
            'MountVolume.NodeAffinity check failed for volume "pv0" : why',
        ),
        (
            VolumeStep.EXPAND,
            FILES,
            "FailedMount",
            'MountVolume.Setup failed while expanding volume for volume "pv0" : why',
        ),
        (
            VolumeStep.EXPAND_IN_USE,
            FILES,
            "VolumeResizeFailed",
            'NodeExpandVolume.NodeExpandVolume failed for volume "pv0" : why',
        ),
        (None, DEVICE, "FailedMapVolume", 'MapVolume.MapPodDevice failed for volume "pv0" : why'),
        (
            VolumeStep.STAGE,
            DEVICE,
            "FailedMapVolume",
            'MapVolume.SetUpDevice failed for volume "pv0" : why',
        ),
        (
            VolumeStep.AFFINITY,
            DEVICE,
            "FailedMount",
            'MapVolume.NodeAffinity check failed for volume "pv0" : why',
        ),
        (
            VolumeStep.OPTIONS,
            DEVICE,
            "FailedMapVolume",
            'MountVolume.MountOptionSupport check failed for volume "pv0" : why',
        ),
    ],
)
def test_a_volume_that_cannot_be_had_is_told_in_a_kubelets_words(
    step: VolumeStep | None, volume: PersistentVolume | None, reason: str, message: str
) -> None:
    told = failed(step, volume)
    assert (told.reason, str(told)) == (reason, message)


def test_the_kind_of_the_error_stays_for_it_says_when_to_try_again() -> None:
    error = NotSupported(op="x", target="y", detail="never")
    assert isinstance(set_up_failed(error, "v", ["v"]), NotSupported)


def test_a_node_that_is_full_says_so_with_the_volumes_that_are_missing() -> None:
    error = AttachLimitReached(op="attach", target="h", detail="no slot")
    told = set_up_failed(error, "v", ["v", "w"])
    assert isinstance(told, AttachLimitReached)
    assert (told.reason, str(told)) == (
        "VolumeAttachmentLimitExceeded",
        "Node has reached its volume attachment limit, rejecting pod. unmounted volumes=[v w],"
        " unattached volumes=[v], failed to process volumes=[]: no slot",
    )


def test_the_step_that_knows_first_counts() -> None:
    with (
        pytest.raises(DriverFailed) as caught,
        failing_at(VolumeStep.STAGE),
        failing_at(VolumeStep.ATTACH),
    ):
        raise DriverFailed(op="x", target="y", detail="z")
    assert caught.value.step is VolumeStep.ATTACH


def test_an_error_of_the_host_is_one_of_the_volume() -> None:
    with pytest.raises(MountFailed) as caught, about(DEVICE):
        raise HostError(op="stat", target="/x", detail="timed out")
    assert (caught.value.volume, caught.value.block) == ("pv0", True)
    assert caught.value.detail == "stat /x: timed out"


def test_what_cannot_be_taken_down_is_told_alike() -> None:
    gone = HostError(op="unmount", target="/x", detail="busy")
    assert str(tear_down_failed(gone, of_volume("v"))) == (
        'UnmountVolume.TearDown failed for volume "v" : unmount /x: busy'
    )
