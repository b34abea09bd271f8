"""What a node log query asks for, and what is wrong with it."""

import datetime as dt

import pytest

from nodeagent.core.log_query import (
    LogQuery,
    Unreadable,
    journal_arguments,
    log_files_of,
    read_query,
)

AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def test_no_query_is_none() -> None:
    assert read_query({}) is None
    assert read_query({"other": ["x"], "tailLines": []}) is None


def test_services_and_files_are_told_apart() -> None:
    assert read_query({"query": ["kubelet", " ", "containerd.service"]}) == LogQuery(
        services=("kubelet", "containerd.service")
    )
    assert read_query({"query": ["/foo.log"]}) == LogQuery(file="/foo.log")
    assert read_query({"query": ["a\\b"]}) == LogQuery(file="a\\b")


def test_everything_at_once() -> None:
    query = read_query(
        {
            "query": ["kubelet"],
            "sinceTime": ["2026-01-02T04:04:05+01:00"],
            "untilTime": ["2026-01-02T03:04:06Z"],
            "tailLines": ["10"],
            "boot": ["-1"],
            "pattern": ["a.*b"],
        }
    )
    assert query is not None and query.has_options
    assert query.since == AT
    assert journal_arguments(query, query.services) == (
        "--utc",
        "--no-pager",
        "--output=short-precise",
        "--since=2026-01-02 03:04:05",
        "--until=2026-01-02 03:04:06",
        "--pager-end",
        "--lines=10",
        "--unit=kubelet",
        "--grep=a.*b",
        "--case-sensitive=false",
        "--boot=-1",
    )


def test_a_plain_question_has_no_options() -> None:
    query = LogQuery(services=("a", "b"))
    assert not query.has_options
    assert journal_arguments(query, ("a", "b"))[3:] == ("--unit=a", "--unit=b")


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({"query": [" "]}, 400, 'query: Invalid value: " ": query cannot be empty'),
        ({"query": ["a"], "boot": ["x"]}, 400,
         'boot: Invalid value: "x": parsing "x": invalid syntax'),
        ({"query": ["a"], "sinceTime": ["2026-01-02"]}, 400,
         'sinceTime: Invalid value: "2026-01-02": invalid time format'),
        ({"query": ["a"], "sinceTime": ["2026-01-02T00:00:00"]}, 400,
         'sinceTime: Invalid value: "2026-01-02T00:00:00": invalid time format'),
        ({"query": ["a", "/b"]}, 406,
         'query: Invalid value: "/b": cannot specify a file and service'),
        ({"query": ["/a", "/b"]}, 406,
         'query: Invalid value: "/a /b": cannot specify more than one file'),
        ({"query": ["/a"], "pattern": ["x"]}, 406,
         'query: Invalid value: "/a": cannot specify file with options'),
        ({"pattern": ["x"]}, 406, "query: Required value: cannot be empty with options"),
        ({"query": ["a"], "tailLines": ["-1"]}, 406,
         'tailLines: Invalid value: "-1": must be between 0 and 100000, inclusive'),
        ({"query": ["a"], "pattern": ["("]}, 406,
         'pattern: Invalid value: "(": is no regular expression'),
        ({"query": ["a"], "pattern": ["a\0"]}, 406,
         'pattern: Invalid value: "a\0": is no regular expression'),
        ({"query": ["a b"]}, 406,
         'query: Invalid value: "a b": contains characters that are not allowed'),
        ({"query": ["--file=x"]}, 406,
         'query: Invalid value: "--file=x": contains characters that are not allowed'),
        ({"query": list("abcde")}, 406, "query: Too many: 5: must have at most 4 items"),
        ({"query": ["a"], "boot": ["1"], "sinceTime": ["2026-01-02T00:00:00Z"],
          "untilTime": ["2026-01-01T00:00:00Z"]}, 406,
         '[untilTime: Invalid value: "2026-01-01 00:00:00+00:00": must be after `sinceTime`, '
         'boot: Invalid value: "1": must be less than 1]'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(given: dict[str, list[str]], code: int, text: str) -> None:
    with pytest.raises(Unreadable) as wrong:
        read_query(given)
    assert (wrong.value.code, str(wrong.value)) == (code, text)


def test_a_service_may_log_to_three_files() -> None:
    assert log_files_of("nginx") == ("nginx", "nginx.log", "nginx/nginx.log")
