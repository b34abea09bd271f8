"""Log lines: for a terminal, for journald, or JSON; repeats are counted, secrets left out."""

import contextlib
import enum
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, TextIO

import msgspec


@contextlib.contextmanager
def _without_rich() -> Iterator[None]:
    # structlog takes rich along for coloured tracebacks: 4.5 MB of memory the agent never uses.
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["rich"]


with _without_rich():
    import structlog

DEBUG_FROM = 4  # -v 4 and more
QUIET = 60.0  # seconds between two lines about one repeated failure
MOST_KEYS = 1000
_LOUD = frozenset({"warning", "error", "critical"})
_SAME = ("event", "error", "pod", "container", "target")
_SECRET_KEYS = re.compile(r"token|passw|credential|authorization|private_?key|client_key|api_?key")
_BEARER = re.compile(r"(?i)\b(bearer|authorization: basic)\s+[\w.~+/=-]{8,}")
_LARGEST = 2**53  # readers of JSON may not take larger numbers
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

Record = MutableMapping[str, Any]


class Style(enum.Enum):
    CONSOLE = enum.auto()
    JOURNAL = enum.auto()
    JSON = enum.auto()


def configure(
    *,
    verbosity: int = 0,
    style: Style | None = None,
    stream: TextIO | None = None,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Set up logging for the process; may be called again. `style` None: what `stream` is.

    `verbosity` is kubelet's `-v`: 0 to 3 is info, 4 and more debug. `now` counts seconds.
    Warnings of libraries that use `logging` go the same way.
    """
    stream = stream or sys.stderr
    level = logging.DEBUG if verbosity >= DEBUG_FROM else logging.INFO
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Collapse(now),
            hide_secrets,
            *_rendering(style or style_of(stream, os.environ.get("JOURNAL_STREAM", ""))),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _Bridge)] + [_Bridge()]
    root.setLevel(logging.WARNING)


def get_logger(**facts: object) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines all carry `facts`. Safe to keep at module level: set up on first use."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**facts)
    return logger


def style_of(stream: TextIO, journal: str) -> Style:
    """Journald when it holds `stream` (it says so in $JOURNAL_STREAM), else terminal or JSON."""
    try:
        found = os.fstat(stream.fileno())
        if journal == f"{found.st_dev}:{found.st_ino}":
            return Style.JOURNAL
    except (OSError, ValueError):
        return Style.JSON
    return Style.CONSOLE if stream.isatty() else Style.JSON


class Collapse:
    """Keep a failure that repeats from filling the log.

    The same warning or error of the same pod passes once, then at most once per QUIET seconds,
    with `repeated`, the number of lines held back since. Other lines pass untouched.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._shown: dict[tuple[str, ...], tuple[float, int]] = {}

    def __call__(self, _logger: object, level: str, record: Record) -> Record:
        if level not in _LOUD:
            return record
        key = tuple(str(record.get(name, "")) for name in _SAME)
        at = self._now()
        shown_at, held = self._shown.get(key, (None, 0))
        if shown_at is not None and at - shown_at < QUIET:
            self._shown[key] = (shown_at, held + 1)
            raise structlog.DropEvent
        if held:
            record["repeated"] = held
        self._remember(key, at)
        return record

    def _remember(self, key: tuple[str, ...], at: float) -> None:
        self._shown.pop(key, None)
        if len(self._shown) >= MOST_KEYS:
            del self._shown[next(iter(self._shown))]
        self._shown[key] = (at, 0)


def hide_secrets(_logger: object, _level: str, record: Record) -> Record:
    """Replace what looks like a credential, by its key or as an Authorization header."""
    for key, value in record.items():
        if value and key != "event" and _SECRET_KEYS.search(key.lower()):
            record[key] = "[hidden]"
        elif isinstance(value, str) and len(value) > len("bearer "):
            record[key] = _BEARER.sub(r"\1 [hidden]", value)
    return record


def _rendering(style: Style) -> list[Any]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    if style is Style.CONSOLE:
        local = structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False)
        return [local, structlog.dev.ConsoleRenderer()]
    if style is Style.JOURNAL:
        return [structlog.processors.format_exc_info, _journal_line]
    return [stamp, structlog.processors.format_exc_info, _json_line]


def _json_line(_logger: object, _level: str, record: Record) -> str:
    plain = {key: _utf8(value) for key, value in record.items()}
    return msgspec.json.encode(plain, enc_hook=lambda value: _utf8(str(value))).decode()


def _utf8(value: object) -> object:
    """The same, with what is no UTF-8 (as in the name of a file) written as escapes."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {str(_utf8(str(key))): _utf8(inner) for key, inner in value.items()}
    if isinstance(value, int) and abs(value) > _LARGEST:
        return str(value)
    return [_utf8(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _journal_line(_logger: object, _level: str, record: Record) -> str:
    """One line with journald's priority in front and no time: journald knows it."""
    level = record.pop("level", "info")
    event = record.pop("event", "")
    facts = [f"{key}={_quoted(value)}" for key, value in record.items()]
    return " ".join([f"<{_PRIORITY.get(level, 6)}>{event}", *facts])


def _quoted(value: object) -> str:
    text = str(value)
    if text and text.isprintable() and not set(text) & {" ", '"', "="}:
        return text
    return msgspec.json.encode(_utf8(text)).decode()


class _Lines:
    """Writes lines; a log nobody reads any more must not stop the pods."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    log = debug = info = warning = warn = error = critical = fatal = exception = msg


class _Bridge(logging.Handler):
    """Hands records of the standard library's logging on."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        error = record.exc_info[1] if record.exc_info else None
        facts = {"error": repr(error)} if error else {}
        log.log(record.levelno, record.getMessage(), logger=record.name, **facts)
