"""Node log query: what a request to /logs/ asks of the journal or of a file in /var/log.

Source: section 10.2 of the reference; KEP-2258 (node log query).
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence

import msgspec

MOST_LINES = 100_000
MOST_SERVICES, LONGEST_SERVICE = 4, 256
_UNSAFE = re.compile(r"[^a-zA-Z\-_.:0-9@]")
_NAMES = ("query", "sinceTime", "untilTime", "tailLines", "pattern", "boot")


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Services or one file, and what of their logs. Times are aware; None: not asked for."""

    services: tuple[str, ...] = ()
    file: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    tail_lines: int | None = None
    boot: int | None = None
    pattern: str = ""

    @property
    def has_options(self) -> bool:
        """Whether anything is asked for that only the journal can do."""
        plain = LogQuery(services=self.services, file=self.file)
        return self != plain


class Unreadable(Exception):
    """A value that is none of its kind (400), or does not go with the others (406): `code`."""

    def __init__(self, code: int, wrong: Sequence[str]) -> None:
        super().__init__(wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]")
        self.code = code


def read_query(given: Mapping[str, Sequence[str]]) -> LogQuery | None:
    """The query; None where none is given at all. Unreadable says all that is wrong."""
    if not any(given.get(name) for name in _NAMES):
        return None
    asked = given.get("query", ())
    files = [one for one in asked if re.search(r"[/\\]", one)]
    services = [one for one in asked if one not in files and one.strip()]
    wrong: list[str] = []
    if "query" in given and not files and not services:
        wrong.append(_invalid("query", " ".join(asked), "query cannot be empty"))
    query = LogQuery(
        services=tuple(services),
        file=files[0] if files else "",
        since=_time(given, "sinceTime", wrong),
        until=_time(given, "untilTime", wrong),
        tail_lines=_number(given, "tailLines", wrong),
        boot=_number(given, "boot", wrong),
        pattern=_first(given, "pattern"),
    )
    if wrong:
        raise Unreadable(400, wrong)
    wrong = [*_wrong_names(query, files), *_wrong_options(query)]
    if wrong:
        raise Unreadable(406, wrong)
    return query


def _first(given: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(given.get(name, ())), "")


def _time(given: Mapping[str, Sequence[str]], name: str, wrong: list[str]) -> dt.datetime | None:
    text = _first(given, name)
    if not text:
        return None
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or "T" not in text:
        wrong.append(_invalid(name, text, "invalid time format"))
        return None
    return time


def _number(given: Mapping[str, Sequence[str]], name: str, wrong: list[str]) -> int | None:
    text = _first(given, name)
    if not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        wrong.append(_invalid(name, text, f'parsing "{text}": invalid syntax'))
        return None
    return int(text)


def _wrong_names(query: LogQuery, files: Sequence[str]) -> list[str]:
    wrong = [
        _invalid("query", name, "contains characters that are not allowed")
        for name in query.services
        if _UNSAFE.search(name) or len(name) > LONGEST_SERVICE or name.startswith("-")
    ]
    if len(query.services) > MOST_SERVICES:
        wrong.append(
            f"query: Too many: {len(query.services)}: must have at most {MOST_SERVICES} items"
        )
    if not files and not query.services:
        wrong.append("query: Required value: cannot be empty with options")
    elif files and query.services:
        wrong.append(_invalid("query", files[0], "cannot specify a file and service"))
    elif len(files) > 1:
        wrong.append(_invalid("query", " ".join(files), "cannot specify more than one file"))
    elif files and query.has_options:
        wrong.append(_invalid("query", files[0], "cannot specify file with options"))
    return wrong


def _wrong_options(query: LogQuery) -> list[str]:
    wrong = []
    if query.since and query.until and query.since > query.until:
        wrong.append(_invalid("untilTime", str(query.until), "must be after `sinceTime`"))
    if query.boot is not None and query.boot > 0:
        wrong.append(_invalid("boot", str(query.boot), "must be less than 1"))
    if query.tail_lines is not None and not 0 <= query.tail_lines <= MOST_LINES:
        span = f"must be between 0 and {MOST_LINES}, inclusive"
        wrong.append(_invalid("tailLines", str(query.tail_lines), span))
    if query.pattern and not _is_pattern(query.pattern):
        wrong.append(_invalid("pattern", query.pattern, "is no regular expression"))
    return wrong


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return "\0" not in text


def _invalid(field: str, value: str, why: str) -> str:
    return f'{field}: Invalid value: "{value}": {why}'


def journal_arguments(query: LogQuery, services: Sequence[str]) -> tuple[str, ...]:
    """Arguments of journalctl for these services; times in UTC."""
    arguments = ["--utc", "--no-pager", "--output=short-precise"]
    for name, time in (("since", query.since), ("until", query.until)):
        if time is not None:
            arguments.append(f"--{name}={time.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}")
    if query.tail_lines is not None:
        arguments += ["--pager-end", f"--lines={query.tail_lines}"]
    arguments += [f"--unit={service}" for service in services]
    if query.pattern:
        arguments += [f"--grep={query.pattern}", "--case-sensitive=false"]
    if query.boot is not None:
        arguments.append(f"--boot={query.boot}")
    return tuple(arguments)


def log_files_of(service: str) -> tuple[str, ...]:
    """Where a service that does not write to the journal may log, below /var/log."""
    return (service, f"{service}.log", f"{service}/{service}.log")
