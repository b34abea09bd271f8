"""Unix seconds to the API's times and back; the API keeps whole seconds."""

import datetime as dt
from typing import Final

_FIRST: Final = int(dt.datetime(1, 1, 2, tzinfo=dt.UTC).timestamp())
_LAST: Final = int(dt.datetime(9999, 12, 30, tzinfo=dt.UTC).timestamp())


def as_time(at: float) -> dt.datetime:
    """The API's time for a moment, cut to whole seconds; the nearest it has for one it has not."""
    return dt.datetime.fromtimestamp(min(max(int(at), _FIRST), _LAST), dt.UTC)


def as_micro_time(at: float) -> dt.datetime:
    """The API's MicroTime; never a whole second, since its form needs digits behind the point."""
    exact = dt.datetime.fromtimestamp(at, dt.UTC)
    return exact.replace(microsecond=exact.microsecond or 1)


def as_time_or_none(at: float) -> dt.datetime | None:
    """As `as_time`, None for a moment that never was (0)."""
    return as_time(at) if at > 0 else None


def as_seconds(at: dt.datetime | None) -> float:
    """Unix seconds of an API time; 0.0 where there is none."""
    return at.timestamp() if at else 0.0


def short_duration(seconds: float) -> str:
    """A duration as Go prints whole seconds: 10s, 2m40s, 5m0s, 1h0m0s."""
    whole = round(seconds)
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds else "0s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
