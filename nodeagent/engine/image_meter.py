"""What the engine tells those who count images: quick calls, which never fail."""

from typing import Protocol


class ImageMeter(Protocol):
    """Hears what becomes of images. Durations are seconds."""

    def pulled(self, size_bytes: int, seconds: float) -> None:
        """An image of that size was pulled, the wait for other pulls included."""
        ...

    def asked(self, policy: str, present: bool | None, pull: bool | None) -> None:
        """A container needs an image: its policy, whether it is on the node, and whether it is
        to be pulled; None for what was not looked at."""
        ...
