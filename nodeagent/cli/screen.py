"""A terminal that a command has for itself until it ends, drawn anew whenever something changes."""

import signal
import sys
import threading
import time
from types import FrameType, TracebackType

from rich.console import Console, RenderableType
from rich.live import Live

TERMINATED = 128 + signal.SIGTERM


class Screen:
    """Use it in a `with`: what was on the terminal before is back afterwards, however that ends."""

    def __init__(self) -> None:
        self.console = Console()
        self._resized = threading.Event()
        self._live = Live(
            console=self.console, screen=True, auto_refresh=False,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def __enter__(self) -> "Screen":
        signal.signal(signal.SIGWINCH, self._on_resize)
        signal.signal(signal.SIGTERM, _on_terminate)
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, what: RenderableType) -> None:
        """Draw this in place of what was there."""
        self._live.update(what, refresh=True)

    def wait(self, until: float) -> bool:
        """Wait for that moment (time.monotonic); False as soon as the terminal has another size."""
        changed = self._resized.wait(max(0.0, until - time.monotonic()))
        self._resized.clear()
        return not changed

    def _on_resize(self, number: int, frame: FrameType | None) -> None:
        self._resized.set()


def _on_terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(TERMINATED)
