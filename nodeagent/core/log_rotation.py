"""Decide what becomes of a container's log files when the newest has grown too large.

Follows the kubelet's rotation of container logs: `<log>.<YYYYMMDD-hhmmss>` for a rotated file,
`.gz` behind it once it is compressed (Kubernetes, "Logging Architecture", log rotation).
"""

import datetime as dt
import re
from collections.abc import Iterable

import msgspec

COMPRESSED, HALF_DONE = ".gz", ".tmp"
_STAMP = re.compile(r"\.[0-9]{8}-[0-9]{6}")


class LogRules(msgspec.Struct, frozen=True, kw_only=True):
    """containerLogMonitorInterval in seconds, containerLogMaxSize in bytes, containerLogMaxFiles.

    The live log is one of the files.
    """

    period: float
    max_bytes: int
    max_files: int


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What to do in the log's folder, in this order. All are file names.

    `compress`: each becomes `<name>.gz`, made as `<name>.tmp` first. `rotated`: what the live log
    is renamed to; the runtime must then open a new one.
    """

    remove: tuple[str, ...]
    compress: tuple[str, ...]
    live: str
    rotated: str


def plan_rotation(live: str, names: Iterable[str], *, max_files: int, now: float) -> Rotation:
    """Make room for one more rotated file among `max_files`, the live one included.

    `names` are all files of the folder; those of other logs are left alone. What an interrupted
    rotation left behind goes: half-made archives, and originals that have their archive.
    """
    ours = sorted(name for name in names if name.startswith(f"{live}."))
    half_done = [name for name in ours if name.endswith(HALF_DONE)]
    archives = {name for name in ours if _is_rotated(live, name.removesuffix(COMPRESSED))} & {
        name for name in ours if name.endswith(COMPRESSED)
    }
    plain = [name for name in ours if _is_rotated(live, name)]
    doubled = [name for name in plain if name + COMPRESSED in archives]
    kept = sorted(archives | set(plain).difference(doubled))
    excess = kept[: max(0, len(kept) - max(0, max_files - 2))]
    stays = kept[len(excess) :]
    return Rotation(
        remove=(*half_done, *doubled, *excess),
        compress=tuple(name for name in stays if not name.endswith(COMPRESSED)),
        live=live,
        rotated=f"{live}.{_stamp(now)}",
    )


def _is_rotated(live: str, name: str) -> bool:
    return _STAMP.fullmatch(name[len(live) :]) is not None


def _stamp(now: float) -> str:
    """In UTC: names must sort by age, also when clocks are put back for winter."""
    return dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y%m%d-%H%M%S")
