"""Showing on a terminal which step is under way and how long it takes."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

CLEAR = "\r\033[K"


class Step:
    """A line that grows while its step goes on. Without a terminal: one line at each change."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = time.monotonic()
        self._last = ""
        self.tick()

    def tick(self, detail: str = "") -> None:
        """Show how things stand; call it about every second or whenever something changed."""
        text = f"{self._name} ... {detail}"
        if sys.stdout.isatty():
            print(f"{CLEAR}{text} {self._seconds:.0f} s", end="", flush=True)
        elif text != self._last:
            print(text.rstrip(), flush=True)
        self._last = text

    def end(self, result: str) -> None:
        """Leave one finished line."""
        clear = CLEAR if sys.stdout.isatty() else ""
        print(f"{clear}{self._name}: {result} ({self._seconds:.1f} s)", flush=True)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Show a step as done when the block ends, as failed when it raises."""
    shown = Step(name)
    try:
        yield shown
    except BaseException:
        shown.end("failed")
        raise
    shown.end("done")
