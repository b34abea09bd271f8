"""Manifests made to break the reader: refused with a place, never an error of our own."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.core.manifest import Origin, read_manifest
from nodeagent.core.manifest_decode import decode
from nodeagent.core.manifest_yaml import read_tree
from nodeagent.model.desired import DesiredPod, Problem, Source

WHERE = Origin(source=Source.FILE, place="/manifests/a.yaml", node_name="n1", seen_at=1.0)
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  {metadata}
spec:
  {spec}
  containers:
  - name: web
    image: busybox:1
    {container}
"""


def read(
    *, metadata: str = "", spec: str = "", container: str = ""
) -> DesiredPod | tuple[Problem, ...]:
    text = POD.format(metadata=metadata, spec=spec, container=container)
    return read_manifest(text.encode(), WHERE)


def problem(**parts: str) -> Problem:
    found = read(**parts)
    assert not isinstance(found, DesiredPod)
    return found[0]


@pytest.mark.parametrize("key", ["[a]", "{a: b}"])
def test_a_key_that_is_no_text_is_refused_even_where_anything_may_stand(key: str) -> None:
    found = problem(metadata=f"managedFields: [{{fieldsV1: {{{key}: b}}}}]")
    assert found.message == "metadata.managedFields[0].fieldsV1: a key needs to be a text"
    assert found.line == 5


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"container": 'env: [{name: A, value: "a\\0b"}]'}, "spec.containers[0].env[0].value"),
        (
            {"spec": 'volumes: [{name: v, hostPath: {path: "/a\\0b"}}]'},
            "spec.volumes[0].hostPath.path",
        ),
        ({"metadata": 'annotations: {a: "\\0"}'}, "metadata.annotations.a"),
    ],
)
def test_a_nul_character_is_refused_with_its_place(parts: dict[str, str], path: str) -> None:
    assert problem(**parts).message == f"{path}: has a NUL character, which no text may have"


@pytest.mark.parametrize("uid", ["../../x", "..", ".", "a/b", "a b", "x" * 129, "-x"])
def test_a_uid_that_is_no_plain_file_name_is_refused(uid: str) -> None:
    assert problem(metadata=f"uid: {uid}").message.startswith("metadata.uid: is ")


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    found = problem(container='env: [{name: A, value: "\\ud800"}]')
    assert found.message.startswith("is not valid YAML: found invalid Unicode character")


def test_a_config_map_may_hold_any_character() -> None:
    root = read_tree(b'{metadata: {name: a}, data: {"k": "a\\0b"}}')
    found, findings = decode(v1.ConfigMap, root)
    assert found is not None and found.data == {"k": "a\0b"} and not findings


def test_every_signal_that_the_runtime_knows_may_stop_a_container_and_nothing_else() -> None:
    known = [value.name for value in pb.DESCRIPTOR.enum_types_by_name["Signal"].values]
    known.remove("RUNTIME_DEFAULT")
    for name in known:
        spelled = name.replace("PLUS", "+").replace("MINUS", "-")
        assert isinstance(read(container=f"lifecycle: {{stopSignal: {spelled}}}"), DesiredPod)
    for name in ("TERM", "15x", "SIGRTMIN+16", "SIGRTMAX-15", "SIGNAL", "RUNTIME_DEFAULT"):
        found = problem(container=f"lifecycle: {{stopSignal: {name}}}")
        assert found.message.startswith("spec.containers[0].lifecycle.stopSignal: is ")
