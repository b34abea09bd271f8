"""Container log lines: formats, partial lines, times."""

import pytest

from nodeagent.core.log_format import (
    LogFilter,
    LogLine,
    LogText,
    fixed_time,
    parse_line,
    time_ns,
)

AT = b"2026-01-02T03:04:05.123456789Z"


def text_of(*lines: bytes, show: LogFilter | None = None) -> bytes:
    return b"".join(LogText(show or LogFilter()).render(lines))


def test_a_cri_line_is_taken_apart() -> None:
    assert parse_line(AT + b" stdout F hello  world ") == LogLine(
        AT, b"stdout", False, b"hello  world "
    )


def test_tags_after_the_partial_mark_are_ignored() -> None:
    line = parse_line(AT + b" stderr P:later:tags half")
    assert line == LogLine(AT, b"stderr", True, b"half")


def test_an_empty_text_needs_no_last_blank() -> None:
    assert parse_line(AT + b" stdout F") == LogLine(AT, b"stdout", False, b"")
    assert parse_line(AT + b" stdout F ") == LogLine(AT, b"stdout", False, b"")


@pytest.mark.parametrize("raw", [b"", b"plain", AT + b" stdlog F x", AT + b" stdout X x", b"{bad"])
def test_a_line_in_no_known_format_is_none(raw: bytes) -> None:
    assert parse_line(raw) is None


def test_docker_json_lines_are_read_too() -> None:
    raw = b'{"log":"hello\\n","stream":"stderr","time":"2026-01-02T03:04:05Z"}'
    assert parse_line(raw) == LogLine(b"2026-01-02T03:04:05Z", b"stderr", False, b"hello")


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        (b"1970-01-01T00:00:01Z", 1_000_000_000),
        (b"1970-01-01T00:00:01.5Z", 1_500_000_000),
        (b"1970-01-01T01:00:00.000000001+01:00", 1),
        (b"1969-12-31T23:00:00-01:00", 0),
        (b"1970-01-01T00:00:01", 0),
        (b"no time", 0),
    ],
)
def test_times_are_read_to_the_nanosecond(text: bytes, nanos: int) -> None:
    assert time_ns(text) == nanos


def test_stamps_have_a_fixed_width() -> None:
    assert fixed_time(b"2026-01-02T03:04:05Z") == b"2026-01-02T03:04:05.000000000Z"
    assert fixed_time(b"2026-01-02T03:04:05.12+02:00") == b"2026-01-02T03:04:05.120000000+02:00"


def test_partial_lines_join_and_are_stamped_once() -> None:
    lines = (AT + b" stdout P one ", AT + b" stdout F line", AT + b" stdout F two")
    assert text_of(*lines) == b"one line\ntwo\n"
    stamped = text_of(*lines, show=LogFilter(timestamps=True))
    assert stamped == AT + b" one line\n" + AT + b" two\n"


def test_lines_before_the_asked_time_are_left_out() -> None:
    late = b"2026-01-02T03:04:06.5Z"
    show = LogFilter(since_ns=time_ns(late))
    lines = (b"torn", AT + b" stdout F old", late + b" stdout F new", b"torn")
    assert text_of(*lines, show=show) == b"new\ntorn\n"
