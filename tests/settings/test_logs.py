"""Log lines: three shapes, repeats counted, secrets hidden, a lost reader survived."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from nodeagent import logs
from nodeagent.logs import Collapse, Style


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Log:
    """A configured log and what it wrote."""

    def __init__(self, style: Style = Style.JSON, verbosity: int = 0) -> None:
        self.clock = Clock()
        self.stream = io.StringIO()
        logs.configure(verbosity=verbosity, style=style, stream=self.stream, now=self.clock)
        self.log = logs.get_logger()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def test_a_json_line_carries_event_level_time_and_facts() -> None:
    log = Log()
    log.log.info("container started", pod="u1", attempt=2)
    (record,) = log.records
    assert record.pop("timestamp").endswith("Z")
    assert record == {"event": "container started", "level": "info", "pod": "u1", "attempt": 2}


def test_a_journal_line_has_a_priority_and_no_time() -> None:
    log = Log(Style.JOURNAL)
    log.log.info("container started", pod="u1", path="a b", empty="")
    log.log.error("it broke", error='say "no"\nmore')
    assert log.text.splitlines() == [
        '<6>container started pod=u1 path="a b" empty=""',
        '<3>it broke error="say \\"no\\"\\nmore"',
    ]


@pytest.mark.parametrize("style", Style)
def test_a_line_about_anything_can_be_written(style: Style) -> None:
    log = Log(style)
    log.log.warning("odd", path="/m/\udcff.yaml", many=["\udcff", 2**80], by={"\udcff": b"\xff"})
    assert "odd" in log.text and "udcff" in log.text


def test_a_console_line_reads_as_text() -> None:
    log = Log(Style.CONSOLE)
    log.log.info("container started", pod="u1")
    assert "container started" in log.text and "u1" in log.text


@pytest.mark.parametrize(("verbosity", "count"), [(0, 1), (2, 1), (3, 1), (4, 2), (10, 2)])
def test_debug_lines_appear_from_verbosity_four(verbosity: int, count: int) -> None:
    log = Log(verbosity=verbosity)
    log.log.debug("small thing")
    log.log.info("big thing")
    assert len(log.records) == count


def test_a_failure_that_repeats_shows_once_a_minute_with_a_count() -> None:
    log = Log()
    for _ in range(180):
        log.log.warning("pull failed", error="no route", pod="u1")
        log.clock.seconds += 1
    assert [record.get("repeated") for record in log.records] == [None, 59, 59]


def test_other_failures_and_other_pods_are_not_held_back() -> None:
    log = Log()
    log.log.warning("pull failed", error="no route", pod="u1")
    log.log.warning("pull failed", error="no route", pod="u2")
    log.log.warning("pull failed", error="denied", pod="u1")
    log.log.error("mount failed", error="no route", pod="u1")
    assert len(log.records) == 4


def test_information_is_never_held_back() -> None:
    log = Log()
    for _ in range(3):
        log.log.info("container started", pod="u1")
    assert len(log.records) == 3


def test_a_storm_of_different_failures_does_not_grow_memory() -> None:
    collapse = Collapse(Clock())
    for number in range(logs.MOST_KEYS * 2):
        collapse(None, "warning", {"event": "e", "error": str(number)})
    assert len(collapse._shown) == logs.MOST_KEYS


def test_what_looks_like_a_secret_is_hidden() -> None:
    log = Log(Style.JOURNAL)
    log.log.info("asked", token="s3cret", registry_password="s3cret", client_key_data="s3cret")
    log.log.info("asked", header="Authorization: Basic czNjcmV0czNj", other="bearer s3cret.s3cret")
    assert "s3cret" not in log.text and "czNjcmV0" not in log.text
    assert log.text.count("[hidden]") == 5


def test_a_secrets_name_is_no_secret() -> None:
    log = Log()
    log.log.info("volume mounted", secret="db-login", basic="Basic networking")
    (record,) = log.records
    assert (record["secret"], record["basic"]) == ("db-login", "Basic networking")


def test_values_json_has_no_form_for_are_written_as_text() -> None:
    log = Log()
    log.log.info("found", what=ValueError("odd"))
    assert log.records[0]["what"] == "odd"


def test_a_traceback_stays_on_one_line() -> None:
    log = Log(Style.JOURNAL)
    log.log.error("a bug", exc_info=ValueError("odd"))
    (line,) = log.text.splitlines()
    assert line.startswith("<3>a bug exception=") and "ValueError: odd" in line


def test_warnings_of_libraries_go_the_same_way() -> None:
    log = Log()
    logging.getLogger("lib").info("chatter")
    logging.getLogger("lib").warning("hm %s", 1)
    logging.getLogger("lib").error("failed", exc_info=ValueError("odd"))
    assert [record["event"] for record in log.records] == ["hm 1", "failed"]
    assert log.records[1]["error"] == "ValueError('odd')"


def test_setting_up_twice_writes_each_line_once() -> None:
    Log()
    log = Log()
    logging.getLogger("lib").warning("hm")
    assert len(log.records) == 1


def test_a_reader_that_went_away_does_not_stop_the_agent() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w", buffering=1) as stream:  # noqa: PTH123
        logs.configure(style=Style.JSON, stream=stream)
        logs.get_logger().info("nobody reads this")
        os.dup2(os.open(os.devnull, os.O_WRONLY), write_end)


def test_the_style_follows_the_stream() -> None:
    assert logs.style_of(io.StringIO(), "") is Style.JSON
    read_end, write_end = os.pipe()
    with os.fdopen(read_end), os.fdopen(write_end, "w") as stream:
        found = os.fstat(write_end)
        assert logs.style_of(stream, "") is Style.JSON
        assert logs.style_of(stream, f"{found.st_dev}:{found.st_ino}") is Style.JOURNAL
    main_end, terminal = os.openpty()
    with os.fdopen(main_end), os.fdopen(terminal, "w") as stream:
        assert logs.style_of(stream, "1:2") is Style.CONSOLE


def test_logging_does_not_take_the_table_printer_into_memory() -> None:
    code = "import sys, nodeagent.logs; print([m for m in sys.modules if m.startswith('rich')])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(logs.__file__).parent.parent,
    )
    assert done.stdout.strip() == "[]"
