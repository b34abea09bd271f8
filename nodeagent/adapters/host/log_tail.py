"""The end of a container's log, read backwards, so that a log of gigabytes costs the same."""

import os

from nodeagent.adapters.host.oserror import translated
from nodeagent.core.log_format import parse_line

_CHUNK = 8192
_MOST = 4 << 20  # never read more than this, whatever the lines look like


def read_log_tail(path: str, lines: int, limit: int) -> str:
    """What was written in the last `lines` lines, at most its last `limit` bytes.

    Times and stream names are left out; a line that the runtime split is put together again,
    its pieces counting as lines of their own. No file, no text.
    """
    if lines <= 0 or limit <= 0:
        return ""
    with translated("read log", path):
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        try:
            raw = _last_lines(file, lines, limit)
        finally:
            os.close(file)
    return _text(raw)[-limit:].decode(errors="replace")


def _last_lines(file: int, lines: int, limit: int) -> list[bytes]:
    """The last whole lines, as many as asked for or as `limit` bytes of text can need."""
    at = os.fstat(file).st_size
    floor = max(0, at - _MOST)
    data, step = b"", _CHUNK
    while at > floor:
        step = min(2 * step, at - floor)
        at -= step
        data = os.pread(file, step, at) + data
        whole = data.split(b"\n")[0 if at == 0 else 1 :]
        if sum(map(bool, whole)) >= lines or len(_text(whole)) >= limit:
            break
    else:
        whole = data.split(b"\n")[0 if at == 0 else 1 :]
    return [line for line in whole if line][-lines:]


def _text(raw: list[bytes]) -> bytes:
    out: list[bytes] = []
    for line in filter(None, map(parse_line, raw)):
        out.append(line.text if line.partial else line.text + b"\n")
    return b"".join(out)
