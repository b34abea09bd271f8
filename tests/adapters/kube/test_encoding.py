"""JSON of the API, read leniently."""

import sys

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import storage_v1

from nodeagent.adapters.kube.encoding import Page, Unreadable, WatchEvent, decode


def test_an_empty_list_that_go_writes_as_null_is_an_empty_list() -> None:
    raw = b'{"metadata": {"name": "n1"}, "spec": {"drivers": null}}'
    assert decode(raw, storage_v1.CSINode).spec == storage_v1.CSINodeSpec(drivers=[])


def pod_of_depth(depth: int, *, name: str = '"web"') -> bytes:
    fields = b'{"f:a":' * depth + b"{}" + b"}" * depth
    managed = b'"managedFields": [{"manager": "m", "fieldsV1": ' + fields + b"}]"
    return b'{"metadata": {"name": ' + name.encode() + b", " + managed + b"}}"


@pytest.mark.parametrize("name", ['"web"', "7"])
def test_fields_as_deep_as_a_server_takes_them_hide_no_pod(name: str) -> None:
    usual, pod = sys.getrecursionlimit(), pod_of_depth(9990, name=name)
    listed = decode(b'{"metadata": {}, "items": [' + pod + b"]}", Page).items
    seen = decode(b'{"type": "ADDED", "object": ' + pod + b"}", WatchEvent).object
    assert listed is not None
    for raw in (listed[0], seen):
        found = decode(raw, v1.Pod)
        assert found.metadata is not None
        assert (found.metadata.name, found.metadata.managedFields) == (name.strip('"'), None)
    assert sys.getrecursionlimit() == usual


def test_what_is_deeper_still_cannot_be_read() -> None:
    with pytest.raises(Unreadable, match="too deep"):
        decode(pod_of_depth(100_000), v1.Pod)
