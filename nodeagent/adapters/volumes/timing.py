"""What work on a volume took, told to whoever counts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from lightkube.models import core_v1 as v1

Tell: TypeAlias = Callable[[str, str, float, bool], None]
"""Hears of each operation that ended: the plugin, its kubelet's name, seconds, whether it failed.
"""
Looked: TypeAlias = Callable[[str, float], None]
"""Hears of each volume that was measured: how ("statfs", or the CSI driver), and the seconds."""
MOUNT, UNMOUNT = "volume_mount", "volume_unmount"


def nobody(plugin: str, operation: str, seconds: float, failed: bool) -> None:
    """Hears nothing."""


def unheard(source: str, seconds: float) -> None:
    """Hears nothing."""


@contextmanager
def looked(
    tell: Looked, source: v1.CSIVolumeSource | v1.CSIPersistentVolumeSource | None
) -> Iterator[None]:
    """Tell what measuring took in the block, of a CSI volume with its driver as the way."""
    began = time.monotonic()
    try:
        yield
    finally:
        tell(source.driver if source is not None else "statfs", time.monotonic() - began)


@contextmanager
def timed(tell: Tell, plugin: str, operation: str) -> Iterator[None]:
    """Tell what the block took."""
    began, failed = time.monotonic(), True
    try:
        yield
        failed = False
    finally:
        tell(plugin, operation, time.monotonic() - began, failed)


def with_driver(
    plugin: str, source: v1.CSIVolumeSource | v1.CSIPersistentVolumeSource | None
) -> str:
    """The plugin's name; of a CSI volume with its driver."""
    return f"{plugin}:{source.driver}" if source is not None else plugin
