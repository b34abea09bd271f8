"""Work on volumes, calls of CSI drivers, and what measuring volumes took."""

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import SECONDS, STORAGE_SECONDS, Maker


class StorageMetrics:
    """`operated` is called for each operation on a volume that ended, `called` for each call."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self._operations = make.histogram(
            "storage_operation_duration_seconds",
            "Seconds that work on one volume took.",
            "volume_plugin",
            "operation_name",
            "status",
            "migrated",
            buckets=STORAGE_SECONDS,
        )
        self._calls = make.histogram(
            "csi_operations_seconds",
            "Seconds that calls of CSI drivers took, by gRPC's name of how they ended.",
            "driver_name",
            "method_name",
            "grpc_status_code",
            "migrated",
            buckets=STORAGE_SECONDS,
        )
        self._rounds = make.histogram(
            "nodeagent_disk_round_duration_seconds",
            "Seconds that a round over the disks of all pods took.",
            buckets=(*SECONDS, 60.0, 300.0, 1800.0),
        )
        self._measured = make.histogram(
            "kubelet_volume_metric_collection_duration_seconds",
            "Seconds that it took to find out how full a volume is, by the way that was done.",
            "metric_source",
        )

    def operated(self, plugin: str, operation: str, seconds: float, failed: bool) -> None:
        """A volume of this plugin was set up ("volume_mount") or taken down, or was to be."""
        status = "fail-unknown" if failed else "success"
        self._operations.labels(plugin, operation, status, "false").observe(seconds)

    def called(self, driver: str, method: str, code: str, seconds: float) -> None:
        """A CSI driver answered."""
        self._calls.labels(driver, method, code, "false").observe(seconds)

    def went_round(self, seconds: float) -> None:
        """The volumes and logs of all pods were measured."""
        self._rounds.observe(max(seconds, 0.0))

    def measured(self, source: str, seconds: float) -> None:
        """One volume was measured: "du" by a walk, "statfs" by its file system, or by a driver."""
        self._measured.labels(source).observe(seconds)
