"""Showing on a terminal which step is under way and how long it takes."""

import shutil
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
        """Show how things stand; call it as often as you like."""
        text = f"{self._name} ... {detail}".rstrip()
        if sys.stdout.isatty():
            text = f"{self._seconds:3.0f} s  {text}"[: shutil.get_terminal_size().columns - 1]
        if text != self._last:
            begin, end = (CLEAR, "") if sys.stdout.isatty() else ("", "\n")
            print(f"{begin}{text}", end=end, flush=True)
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
