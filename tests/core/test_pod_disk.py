"""The walk's figures, sorted by pod and container."""

from msgspec.structs import replace

from nodeagent.core.pod_disk import disk_use
from nodeagent.model.disk_figures import DiskFigures, PodDisk, VolumeUse
from nodeagent.model.eviction import PodUse, Space
from nodeagent.model.usage import DiskUse, Layer
from nodeagent.model.volume_stats import VolumeStats
from tests.fakes.pods import UID, ended, seen, sight


def walked(used: int) -> DiskUse:
    return DiskUse(at=1.0, used=used, inodes=used // 10)


FIGURES = DiskFigures(
    at=1.0,
    layers={
        "web-0": Layer(at=1.0, used=70, inodes=7),
        "web-1": Layer(at=1.0, used=90, inodes=9),
        "other": Layer(at=1.0, used=1000, inodes=1),
    },
    pods={
        UID: PodDisk(
            volumes=(
                VolumeUse(stats=VolumeStats(name="data", folder="/d"), use=walked(50)),
                VolumeUse(
                    stats=VolumeStats(name="fast", folder="/f", in_memory=True), use=walked(500)
                ),
                VolumeUse(stats=VolumeStats(name="claim")),
            ),
            logs={"web": walked(30)},
        )
    },
)


def test_layers_logs_and_volumes_on_disk_belong_to_the_pod() -> None:
    pod = sight(ended(code=1), seen(restart_count=1))
    assert disk_use(FIGURES, pod) == PodUse(
        layers={"web": Space(used=90, inodes=9)},
        logs={"web": Space(used=30, inodes=3)},
        volumes={"data": Space(used=50, inodes=5)},
        disk_known=True,
    )


def test_a_pod_that_was_not_walked_yet_is_not_known() -> None:
    assert disk_use(replace(FIGURES, pods={}), sight(seen())) is None
