"""What the end of a container means, in words."""

import signal

from lightkube.models import core_v1 as v1

from nodeagent.core.catalogue import code_for
from nodeagent.core.pod_state import short_age
from nodeagent.core.times import as_seconds

_HINTS = {
    126: "its command cannot be executed",
    127: "its command was not found in the image",
}
_SHOWN = 160  # characters of a container's own last words


def end_text(ended: v1.ContainerStateTerminated, *, memory_limit: str = "") -> str:
    """How a container ended: "exited with code 1 after 3s: <its last words>"."""
    parts = _how(ended, memory_limit)
    started, finished = as_seconds(ended.startedAt), as_seconds(ended.finishedAt)
    if started and finished >= started:
        parts += f" after {short_age(finished - started)}"
    words = one_line((ended.message or "").removeprefix(f"{ended.reason}: "))
    return f"{parts}: {words}" if words else parts


def end_code(ended: v1.ContainerStateTerminated | None) -> str:
    """The end's code in the catalogue of errors, "" for a good one."""
    if ended is None or (ended.exitCode == 0 and ended.reason in (None, "", "Completed")):
        return ""
    return code_for(ended.reason or "Error", exit_code=ended.exitCode)


def _how(ended: v1.ContainerStateTerminated, memory_limit: str) -> str:
    code, reason = ended.exitCode, ended.reason or ""
    if reason == "OOMKilled":
        over = f"its limit of {memory_limit}" if memory_limit else "there was"
        return f"was killed for using more memory than {over} (OOMKilled, exit code {code})"
    if reason in ("StartError", "ContainerCannotRun"):
        return f"could not be started ({reason}, exit code {code})"
    if reason == "ContainerStatusUnknown":
        return "was lost: the runtime no longer knows it"
    if code == 0:
        return "completed with code 0"
    if code in _HINTS:
        return f"exited with code {code} ({_HINTS[code]})"
    if name := _signal_name(code):
        return f"was ended by {name} (exit code {code})"
    return f"exited with code {code}"


def _signal_name(code: int) -> str:
    return signal.Signals(code - 128).name if 128 < code < 160 else ""


def one_line(text: str) -> str:
    """The last line that says something, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last if len(last) <= _SHOWN else last[: _SHOWN - 3] + "..."
