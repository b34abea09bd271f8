"""Names of things, each its own type so that mypy catches a swapped pair."""

from typing import NewType

PodUid = NewType("PodUid", str)
PodKey = NewType("PodKey", str)  # "<namespace>/<name>", the full name that never runs twice at once
ContainerId = NewType("ContainerId", str)  # as the runtime says it, without a scheme
SandboxId = NewType("SandboxId", str)
ImageRef = NewType("ImageRef", str)  # what CreateContainer takes: an image id or digest


def pod_key(namespace: str, name: str) -> PodKey:
    """The key under which pods of one name are serialized."""
    return PodKey(f"{namespace}/{name}")
