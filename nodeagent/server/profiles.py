"""What the process is doing: stacks of tasks and threads, where time goes, what fills memory."""

import asyncio
import collections
import gc
import io
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

PERIOD = 0.01  # seconds between two samples
MOST_SECONDS = 300


def stacks() -> str:
    """Every task of the loop and every thread, with where it is. To be called on the loop."""
    out = io.StringIO()
    tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
    out.write(f"tasks: {len(tasks)}\n")
    for task in tasks:
        out.write(f"\ntask {task.get_name()}:\n")
        for frame in task.get_stack():
            out.write("".join(traceback.format_stack(frame, limit=1)))
    out.write(f"\nthreads: {threading.active_count()}\n")
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        out.write(f"\nthread {names.get(ident, ident)}:\n")
        out.write("".join(traceback.format_stack(frame)))
    return out.getvalue()


def sample(seconds: float) -> str:
    """Where the threads were, as folded stacks with counts: input of flame graph programs.

    Blocks so long: to be called in a thread, which leaves itself out.
    """
    counts: collections.Counter[str] = collections.Counter()
    me, until = threading.get_ident(), time.monotonic() + min(seconds, MOST_SECONDS)
    while time.monotonic() < until:
        for ident, frame in sys._current_frames().items():
            if ident != me:
                counts[_folded(frame)] += 1
        time.sleep(PERIOD)
    return "".join(f"{stack} {count}\n" for stack, count in counts.most_common())


def _folded(frame: FrameType) -> str:
    parts = []
    here: FrameType | None = frame
    while here is not None:
        code = here.f_code
        parts.append(f"{Path(code.co_filename).stem}.{code.co_name}")
        here = here.f_back
    return ";".join(reversed(parts))


def heap() -> str:
    """How many objects of which type the collector knows, most first, and the process' memory."""
    counts = collections.Counter(
        f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects()
    )
    lines = [f"{count:>9} {name}\n" for name, count in counts.most_common(100)]
    status = Path("/proc/self/status").read_text()
    memory = [line for line in status.splitlines(keepends=True) if line.startswith(("Vm", "Rss"))]
    return "".join([*memory, f"\nobjects: {counts.total()}\n", *lines])
