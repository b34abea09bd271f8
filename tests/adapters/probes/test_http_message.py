"""The few parts of HTTP/1.1 that probes read and write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.adapters.probes.http_message import (
    BODY_LIMIT,
    BadMessage,
    Body,
    Head,
    Place,
    head_end,
    parse_head,
    request_bytes,
    request_target,
)

PLACE = Place(tls=False, host="10.0.0.1", port=80, target="/")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("healthz", "/healthz"),
        ("/a b/ä", "/a%20b/%C3%A4"),
        ("/kept%2Fas%20is", "/kept%2Fas%20is"),
        ("/broken%zz?x", "/broken%25zz%3Fx"),
        ("/q?a=1&b=c d#frag", "/q?a=1&b=c%20d"),
        ("/a\r\nX: y", "/aX:%20y"),
        ("http://elsewhere:1/x?y", "/x?y"),
        ("//[bad/x", "//[bad/x"),
    ],
)
def test_paths_are_sent_escaped_and_without_fragment(path: str, target: str) -> None:
    assert request_target(path) == target


@given(path=st.text(st.characters(exclude_categories=["Cs"])), name=st.text(), value=st.text())
def test_no_spec_can_smuggle_a_line_into_a_request(path: str, name: str, value: str) -> None:
    place = Place(tls=False, host="h", port=1, target=request_target(path))
    try:
        data = request_bytes(place, ((name, value),), "agent")
    except BadMessage:
        return
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(c) <= 0xDFFF for c in value)
        return
    lines = data.decode().split("\r\n")
    assert len(lines) <= 8
    assert lines[0].count(" ") == 2
    assert lines[-2:] == ["", ""]


@pytest.mark.parametrize(
    ("host", "port", "tls", "shown"),
    [
        ("10.0.0.1", 80, False, "10.0.0.1"),
        ("10.0.0.1", 443, True, "10.0.0.1"),
        ("10.0.0.1", 443, False, "10.0.0.1:443"),
        ("fd00::1", 8080, False, "[fd00::1]:8080"),
        ("fd00::1", 80, False, "[fd00::1]"),
    ],
)
def test_the_host_header_leaves_out_the_default_port(
    host: str, port: int, tls: bool, shown: str
) -> None:
    place = Place(tls=tls, host=host, port=port, target="/")
    assert f"\r\nHost: {shown}\r\n".encode() in request_bytes(place, (), "agent")


def test_headers_that_would_change_the_framing_are_ours_alone() -> None:
    given_ones = (("Content-Length", "5"), ("transfer-encoding", "chunked"), ("connection", "x"))
    assert request_bytes(PLACE, given_ones, "a") == request_bytes(PLACE, (), "a")


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_head_or_a_bad_message(data: bytes) -> None:
    try:
        head = parse_head(b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n")
        Body(head)
    except BadMessage:
        return
    assert head.status == 200


@given(
    framing=st.sampled_from(
        [
            (("transfer-encoding", "chunked"),),
            (("content-length", "70"),),
            (("content-length", "9" * 5000),),
            (),
        ]
    ),
    parts=st.lists(st.binary(max_size=60) | st.sampled_from([b"5\r\n", b"\r\n", b"0\r\n"])),
)
def test_any_body_ends_or_is_a_bad_message(
    framing: tuple[tuple[str, str], ...], parts: list[bytes]
) -> None:
    try:
        body = Body(Head(status=200, headers=framing))
        for part in parts:
            body.feed(part)
        body.end()
    except BadMessage:
        return
    assert body.done
    assert len(body.data) <= BODY_LIMIT


@given(chunks=st.lists(st.binary(min_size=1, max_size=700), max_size=30), cut=st.integers(1, 50))
def test_chunks_come_together_however_they_are_cut(chunks: list[bytes], cut: int) -> None:
    wire = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    body = Body(Head(status=200, headers=(("transfer-encoding", "Chunked"),)))
    for at in range(0, len(wire), cut):
        body.feed(wire[at : at + cut])
    body.end()
    assert bytes(body.data) == b"".join(chunks)[:BODY_LIMIT]


@given(before=st.binary(max_size=20), cut=st.integers(0, 24))
def test_the_end_of_a_head_is_found_across_reads(before: bytes, cut: int) -> None:
    data = before + b"\r\n\r\nrest"
    first = head_end(data[:cut], 0)
    found = first if first >= 0 else head_end(data, cut)
    assert found == head_end(data, 0)


def test_a_url_shows_where_a_request_goes() -> None:
    assert Place(tls=True, host="fd00::1", port=8443, target="/x?y").url == (
        "https://[fd00::1]:8443/x?y"
    )
