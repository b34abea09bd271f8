"""Images: how they were brought, who may use them, and what was collected."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import PULL_SECONDS, Maker

_MIB, _GIB = 1 << 20, 1 << 30
_SIZES = (
    (100 * _GIB, "GT100GB"),
    (60 * _GIB, "60GB-100GB"),
    (40 * _GIB, "40GB-60GB"),
    (30 * _GIB, "30GB-40GB"),
    (20 * _GIB, "20GB-30GB"),
    (10 * _GIB, "10GB-20GB"),
    (5 * _GIB, "5GB-10GB"),
    (_GIB, "1GB-5GB"),
    (500 * _MIB, "500MB-1GB"),
    (100 * _MIB, "100MB-500MB"),
    (10 * _MIB, "10MB-100MB"),
    (0, "0-10MB"),
)


class ImageMetrics:
    """Implements the engine's `ImageMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self._pulls = make.histogram(
            "kubelet_image_pull_duration_seconds",
            "Seconds that pulls of images took with their wait for others, by size.",
            "image_size_in_bytes",
            buckets=PULL_SECONDS,
        )
        self._asked = make.counter(
            "kubelet_image_manager_ensure_image_requests_total",
            "Images that were to be there for a container, by what that took.",
            "pull_policy",
            "present_locally",
            "pull_required",
        )
        self._checks = make.counter(
            "kubelet_imagemanager_image_mustpull_checks_total",
            "Times that a pod's right to an image of the node was looked at, by the outcome.",
            "result",
        )
        self._removed = make.counter(
            "kubelet_image_garbage_collected_total", "Images that were collected.", "reason"
        )

        self._begun = make.gauge(
            "kubelet_imagemanager_ondisk_pullintents",
            "Images noted on disk whose pull began, and of which nothing else is recorded.",
        )
        self._recorded = make.gauge(
            "kubelet_imagemanager_ondisk_pulledrecords",
            "Images of which it is recorded on disk who opened them.",
        )

    def count_records(self, begun: Callable[[], int], recorded: Callable[[], int]) -> None:
        """Ask these when the records are to be shown."""
        self._begun.set_function(begun)
        self._recorded.set_function(recorded)

    def pulled(self, size_bytes: int, seconds: float) -> None:
        """See `ImageMeter`."""
        label = next((label for least, label in _SIZES if size_bytes > least), "N/A")
        self._pulls.labels(label).observe(seconds)

    def asked(self, policy: str, present: bool | None, pull: bool | None) -> None:
        """See `ImageMeter`."""
        self._asked.labels(policy.lower(), _told(present), _told(pull)).inc()

    def checked(self, result: str) -> None:
        """A look at a pod's right to an image ended so."""
        self._checks.labels(result).inc()

    def removed(self, reason: str) -> None:
        """An image was collected, for "age" or "space"."""
        self._removed.labels(reason).inc()


def _told(answer: bool | None) -> str:
    return "unknown" if answer is None else str(answer).lower()
