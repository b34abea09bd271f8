"""What the API server's validation refuses in a new Pod."""

from collections.abc import Iterator

from lightkube.models import core_v1 as v1

from nodeagent.core.manifest_yaml import Path


def validate_pod(pod: v1.Pod) -> Iterator[tuple[Path, str]]:
    """Every field that cannot be as it is, with what it needs. `pod` has its defaults."""
    assert pod.spec is not None
    if not pod.spec.containers:
        yield ("spec", "containers"), "needs at least one container"
