"""The server's side of WebSocket: handshake and frames, in any pieces."""

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.core import websocket as ws


def masked(
    data: bytes, *, kind: int = ws.BINARY, flags: int = 0x80, mask: bytes = b"abcd"
) -> bytes:
    """A frame as a client sends it."""
    size = len(data)
    length = struct.pack("!B", 0x80 | size) if size < 126 else b"\xff" + struct.pack("!Q", size)
    if 126 <= size < 65536:
        length = b"\xfe" + struct.pack("!H", size)
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return bytes((flags | kind,)) + length + mask + body


def test_the_key_of_the_rfc_has_its_answer() -> None:
    assert ws.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("key", ["", "short", "!!!!", "YQ==", "dGhlIHNhbXBsZSBub25jZQ==x"])
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(ValueError):
        ws.accept_key(key)


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_server_does_not_mask_and_tells_the_length(size: int, head: bytes) -> None:
    assert ws.frame(b"x" * size) == head + b"x" * size
    if size:
        assert ws.frame(b"x" * (size - 1), prefix=b"x") == head + b"x" * size


@given(
    messages=st.lists(st.binary(max_size=70), max_size=5),
    cuts=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    mask=st.binary(min_size=4, max_size=4),
)
def test_messages_arrive_however_they_are_cut(
    messages: list[bytes], cuts: list[int], mask: bytes
) -> None:
    raw = b"".join(masked(one, mask=mask) for one in messages)
    reader, found, at = ws.Reader(), [], 0
    while raw:
        size = cuts[at % len(cuts)]
        found += list(reader.receive(raw[:size]))
        raw, at = raw[size:], at + 1
    assert found == [ws.Message(one) for one in messages]


@pytest.mark.parametrize("size", [126, 65535, 65536, 200_000])
def test_long_messages(size: int) -> None:
    data = os.urandom(size)
    assert list(ws.Reader().receive(masked(data))) == [ws.Message(data)]


def test_a_message_in_parts_with_a_ping_between_them() -> None:
    raw = masked(b"one ", flags=0) + masked(b"?", kind=ws.PING) + masked(b"two", kind=ws.CONTINUED)
    assert list(ws.Reader().receive(raw)) == [
        ws.Pinged(ws.frame(b"?", kind=ws.PONG)),
        ws.Message(b"one two"),
    ]


def test_pongs_are_nothing_and_a_close_has_its_code() -> None:
    raw = masked(b"", kind=ws.PONG) + masked(struct.pack("!H", 1001), kind=ws.CLOSE)
    assert list(ws.Reader().receive(raw)) == [ws.Closed(1001)]
    assert list(ws.Reader().receive(masked(b"", kind=ws.CLOSE))) == [ws.Closed(ws.NORMAL)]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x82\x01a",  # not masked
        masked(b"a", flags=0xC0),  # an extension's flag
        masked(b"a", kind=3),  # a kind that is none
        masked(b"a", kind=ws.CONTINUED),  # nothing to continue
        masked(b"a", flags=0) + masked(b"b"),  # a message inside of another
        masked(b"a", kind=ws.PING, flags=0),  # a control frame in parts
        masked(b"a" * 126, kind=ws.PING),  # a control frame too long
    ],
)
def test_what_is_no_websocket_breaks_it(raw: bytes) -> None:
    with pytest.raises(ws.Broken) as broken:
        list(ws.Reader().receive(raw))
    assert broken.value.code == ws.PROTOCOL_ERROR


def test_a_message_too_long_is_refused_before_it_came() -> None:
    reader = ws.Reader(longest=10)
    with pytest.raises(ws.Broken) as broken:
        list(reader.receive(masked(b"x" * 11)[:6]))
    assert broken.value.code == ws.TOO_BIG
    reader = ws.Reader(longest=10)
    assert list(reader.receive(masked(b"x" * 6, flags=0))) == []
    with pytest.raises(ws.Broken):
        list(reader.receive(masked(b"x" * 6, kind=ws.CONTINUED)))


def test_a_length_of_which_nothing_came_is_waited_for() -> None:
    for raw in (b"\x82", b"\x82\xfe\x00", b"\x82\xff\x00\x00", b"\x82\x81ab"):
        assert list(ws.Reader().receive(raw)) == []


def test_a_close_frame_has_code_and_words() -> None:
    assert ws.close_frame(1002, "no") == b"\x88\x04\x03\xeano"
