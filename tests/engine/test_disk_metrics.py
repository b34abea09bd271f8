"""Claims and logs as metrics: the figures of /stats/summary under a kubelet's names."""

from collections.abc import Mapping

from nodeagent.core.exposition import page_of
from nodeagent.engine.disk_metrics import DiskCollector
from nodeagent.metrics import AgentMetrics
from nodeagent.model.disk_figures import DiskFigures, PodDisk, VolumeUse
from nodeagent.model.usage import DiskUse, FileSystem
from nodeagent.model.volume_stats import VolumeStats
from tests.fakes.figures import total, value
from tests.fakes.pods import UID, a_pod, remembered

SPACE = FileSystem(at=5.0, capacity=1000, available=300, used=700, inodes=50, inodes_free=20)


def metrics_of(pods: Mapping[str, PodDisk]) -> AgentMetrics:
    memories = (remembered(a_pod()), remembered(a_pod(uid="u2", name="two")))
    metrics = AgentMetrics()
    metrics.add(DiskCollector(lambda: DiskFigures(at=1.0, pods=pods), lambda: memories))
    return metrics


def claimed(name: str, space: FileSystem | None = SPACE) -> VolumeUse:
    return VolumeUse(stats=VolumeStats(name="v", claim=f"default/{name}", space=space))


def test_a_claim_is_told_once_however_many_pods_have_it() -> None:
    pods = {
        UID: PodDisk(volumes=(claimed("a"), claimed("b", None))),
        "u2": PodDisk(volumes=(claimed("a"),)),
    }
    metrics = metrics_of(pods)
    labels = {"namespace": "default", "persistentvolumeclaim": "a"}
    expected = {
        "kubelet_volume_stats_capacity_bytes": 1000,
        "kubelet_volume_stats_available_bytes": 300,
        "kubelet_volume_stats_used_bytes": 700,
        "kubelet_volume_stats_inodes": 50,
        "kubelet_volume_stats_inodes_free": 20,
        "kubelet_volume_stats_inodes_used": 30,
    }
    for name, number in expected.items():
        assert value(metrics, name, **labels) == total(metrics, name) == number


def test_volumes_without_a_claim_have_no_series() -> None:
    plain = VolumeUse(stats=VolumeStats(name="v", space=SPACE))
    text = page_of(metrics_of({UID: PodDisk(volumes=(plain,))}).own(), openmetrics=False)
    assert "kubelet_volume_stats" not in text


def test_logs_are_told_by_container() -> None:
    use = DiskUse(at=1.0, used=4096, inodes=2)
    metrics = metrics_of({UID: PodDisk(logs={"web": use})})
    labels = {"uid": UID, "namespace": "default", "pod": "web-n1", "container": "web"}
    assert value(metrics, "kubelet_container_log_filesystem_used_bytes", **labels) == 4096


def test_nobody_asks_before_somebody_scrapes() -> None:
    asked: list[str] = []

    def ask() -> DiskFigures:
        asked.append("asked")
        return DiskFigures()

    metrics = AgentMetrics()
    metrics.add(DiskCollector(ask, tuple))
    assert asked == []
    list(metrics.own())
    assert asked == ["asked"]
