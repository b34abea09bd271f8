"""The generated protobuf modules are fresh and say what the wire tables say."""

import csv
import importlib.util
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor

from nodeagent.adapters.cri.pb import (
    containerd_events_pb2,
    containerd_service_pb2,
    containerd_types_pb2,
    cri_pb2,
)
from nodeagent.adapters.devices.pb import podresources_pb2
from nodeagent.adapters.plugins.pb import pluginregistration_pb2
from nodeagent.adapters.volumes.csi.pb import csi_pb2

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "tests" / "data" / "protocols"

CRI = (cri_pb2.DESCRIPTOR,)
CONTAINERD = (
    containerd_types_pb2.DESCRIPTOR,
    containerd_events_pb2.DESCRIPTOR,
    containerd_service_pb2.DESCRIPTOR,
)
SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}


class Row(NamedTuple):
    """One line of a table; messages without fields have a line of their own."""

    kind: str
    owner: str
    name: str = ""
    number: str = ""
    type: str = ""
    extra: str = ""


# Seen on the wire of containerd 1.6, though not in the table; what we do not read is left out.
UNLISTED = {
    Row("message", "Mount"),
    Row("field", "ContainerDelete", "id", "1", "string"),
}


@pytest.mark.parametrize(
    ("table", "files"),
    [
        ("cri.tsv", CRI),
        ("containerd-events.tsv", CONTAINERD),
        ("csi.tsv", (csi_pb2.DESCRIPTOR,)),
        ("pluginregistration.tsv", (pluginregistration_pb2.DESCRIPTOR,)),
        ("podresources.tsv", (podresources_pb2.DESCRIPTOR,)),
    ],
)
def test_descriptors_say_what_the_table_says(table: str, files: tuple[FileDescriptor, ...]) -> None:
    wanted = set(read_table(TABLES / table))
    ours = {row for file in files for row in rows_of(file)}
    assert wanted - ours == set()
    assert ours - wanted == (UNLISTED if files is CONTAINERD else set())


def test_cri_has_the_package_that_is_part_of_each_method_name() -> None:
    assert cri_pb2.DESCRIPTOR.services_by_name["RuntimeService"].full_name == (
        "runtime.v1.RuntimeService"
    )
    assert containerd_service_pb2.DESCRIPTOR.services_by_name["Events"].full_name == (
        "containerd.services.events.v1.Events"
    )


def test_generated_modules_are_fresh() -> None:
    assert generator().stale_files() == []


def test_the_freshness_check_works_from_any_directory(tmp_path: Path) -> None:
    script = ROOT / "protos" / "generate.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_proto_file_is_generated_somewhere() -> None:
    assert {path.name for path in (ROOT / "protos").glob("*.proto")} == set(generator().OUTPUTS)


def test_stubs_and_modules_name_the_same_things() -> None:
    stub = (ROOT / "nodeagent/adapters/cri/pb/cri_pb2.pyi").read_text()
    for name in cri_pb2.DESCRIPTOR.message_types_by_name:
        assert f"\nclass {name}(Message):\n" in stub
        assert getattr(cri_pb2, name).DESCRIPTOR.name == name
    for enum in cri_pb2.DESCRIPTOR.enum_types_by_name.values():
        for value in enum.values:
            assert getattr(cri_pb2, value.name) == value.number


def test_an_unknown_message_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="PodSandbocks"):
        getattr(cri_pb2, "PodSandbocks")  # noqa: B009 - the stub knows that it is wrong


def test_absent_and_empty_messages_differ() -> None:
    assert not cri_pb2.ImageStatusResponse().HasField("image")
    answer = cri_pb2.ImageStatusResponse(image=cri_pb2.Image())
    assert cri_pb2.ImageStatusResponse.FromString(answer.SerializeToString()).HasField("image")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "protos" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_table(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        for cells in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if cells and not cells[0].startswith("#") and cells[0] != "kind":
                yield Row(*cells)


def rows_of(file: FileDescriptor) -> Iterator[Row]:
    for message in file.message_types_by_name.values():
        yield from rows_of_message(message, message.name)
    for enum in file.enum_types_by_name.values():
        yield from (Row("enum", enum.name, v.name, str(v.number)) for v in enum.values)
    for service in file.services_by_name.values():
        for method in service.methods:
            answer = method.output_type.name
            if method.server_streaming:
                answer = f"stream {answer}"
            yield Row("rpc", service.name, method.name, "", method.input_type.name, answer)


def rows_of_message(message: Descriptor, path: str) -> Iterator[Row]:
    if not message.fields:
        yield Row("message", path)
    for field in message.fields:
        oneof = None if is_optional(field) else field.containing_oneof
        extra = f"oneof {oneof.name}" if oneof is not None else ""
        yield Row("field", path, field.name, str(field.number), type_of(field), extra)
    for enum in message.enum_types:
        yield from (Row("enum", f"{path}.{enum.name}", v.name, str(v.number)) for v in enum.values)
    for nested in without_map_entries(message.nested_types):
        yield from rows_of_message(nested, f"{path}.{nested.name}")


def without_map_entries(messages: Iterable[Descriptor]) -> Iterator[Descriptor]:
    return (m for m in messages if not m.GetOptions().map_entry)


def is_optional(field: FieldDescriptor) -> bool:
    """A scalar marked `optional`: protobuf makes a oneof of it alone, named with a "_" before."""
    oneof = field.containing_oneof
    return oneof is not None and oneof.name == f"_{field.name}"


def type_of(field: FieldDescriptor) -> str:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        key, value = message.fields
        return f"map<{type_of(key)},{type_of(value)}>"
    target = message or field.enum_type
    if target is not None:
        assert field.containing_type is not None
        package = target.file.package
        same = package == field.containing_type.file.package
        kind = target.full_name.removeprefix(f"{package}.") if same else target.full_name
    else:
        kind = SCALARS[field.type]
    if is_optional(field):
        return f"optional {kind}"
    return f"repeated {kind}" if field.is_repeated else kind
