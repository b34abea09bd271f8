"""JSON of the API, read leniently."""

from lightkube.models import storage_v1

from nodeagent.adapters.kube.encoding import decode


def test_an_empty_list_that_go_writes_as_null_is_an_empty_list() -> None:
    raw = b'{"metadata": {"name": "n1"}, "spec": {"drivers": null}}'
    assert decode(raw, storage_v1.CSINode).spec == storage_v1.CSINodeSpec(drivers=[])
