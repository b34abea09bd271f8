"""JSON of the API read and written: quirks mended, unknown fields dropped, digits of times."""

import datetime

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.kube.encoding import Unreadable, decode, encode


def test_numbers_where_texts_belong_and_unknown_fields_are_no_error() -> None:
    raw = b"""{"metadata": {"name": "p", "managedFields": [{"manager": "x"}]}, "new": 1,
        "spec": {"containers": [{"name": 7, "image": true, "tty": "yes"}]}}"""
    pod = decode(raw, v1.Pod)
    assert pod.spec is not None and pod.metadata is not None
    container = pod.spec.containers[0]
    assert (container.name, container.image, container.tty) == ("7", "true", None)
    assert pod.metadata.managedFields is None


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff"])
def test_what_is_no_object_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(raw, v1.Pod)


def test_micro_times_have_six_digits_and_others_none() -> None:
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.UTC)
    assert encode({"spec": {"renewTime": at}, "list": [{"startTime": at}]}) == (
        b'{"spec":{"renewTime":"2026-01-02T03:04:05.006000Z"},'
        b'"list":[{"startTime":"2026-01-02T03:04:05Z"}]}'
    )
