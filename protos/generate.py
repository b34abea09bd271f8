"""Turn the .proto files beside this script into Python modules with type stubs.

Without arguments the modules are written; `--check` writes nothing and fails if one is out of date.
protoc (from grpcio-tools) only reads the files. The modules are written here and hold nothing but
the descriptor, through public calls of protobuf: unlike protoc's own Python output they need no
particular protobuf version at run time, do not change with the version of protoc, and build the
class of a message only when it is first used.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# Which package gets the modules of which file. Each file a module imports must be listed too.
OUTPUTS = {
    "containerd_events.proto": "nodeagent/adapters/cri/pb",
    "containerd_service.proto": "nodeagent/adapters/cri/pb",
    "containerd_types.proto": "nodeagent/adapters/cri/pb",
    "cri.proto": "nodeagent/adapters/cri/pb",
    "podresources.proto": "nodeagent/adapters/devices/pb",
    "csi.proto": "nodeagent/adapters/volumes/csi/pb",
    "pluginregistration.proto": "nodeagent/adapters/plugins/pb",
}

MODULE = '''\
"""Messages of package {package}. Made from protos/{source} by protos/generate.py; do not edit."""

from google.protobuf import descriptor_pool, message_factory

{imports}DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
{blob}
)
{constants}

def __getattr__(name):
    try:
        descriptor = DESCRIPTOR.message_types_by_name[name]
    except KeyError:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}") from None
    made = globals()[name] = message_factory.GetMessageClass(descriptor)
    return made
'''

STUB = '''\
"""Types of package {package}. Made from protos/{source} by protos/generate.py; do not edit."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import (
    MessageMap,
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
    ScalarMap,
)
from google.protobuf.message import Message

{imports}DESCRIPTOR: FileDescriptor
{body}'''

Field = FieldDescriptorProto
SCALARS = {
    Field.TYPE_BOOL: "bool",
    Field.TYPE_BYTES: "bytes",
    Field.TYPE_DOUBLE: "float",
    Field.TYPE_ENUM: "int",
    Field.TYPE_FIXED32: "int",
    Field.TYPE_FIXED64: "int",
    Field.TYPE_FLOAT: "float",
    Field.TYPE_INT32: "int",
    Field.TYPE_INT64: "int",
    Field.TYPE_SFIXED32: "int",
    Field.TYPE_SFIXED64: "int",
    Field.TYPE_SINT32: "int",
    Field.TYPE_SINT64: "int",
    Field.TYPE_STRING: "str",
    Field.TYPE_UINT32: "int",
    Field.TYPE_UINT64: "int",
}
GOOGLE = "google/protobuf/"


def read_protos() -> dict[str, FileDescriptorProto]:
    """The descriptors of all files by name, those of Google's that they import included."""
    from grpc_tools import _proto, protoc  # only here: the rest works on descriptors alone

    include = Path(next(iter(_proto.__path__)))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set")
        arguments = [
            f"-I{HERE}",
            f"-I{include}",
            "--include_imports",
            f"--descriptor_set_out={out}",
        ]
        if protoc.main(["protoc", *arguments, *OUTPUTS]) != 0:
            raise SystemExit("protoc refused the files under protos/; its message is above")
        files = FileDescriptorSet.FromString(out.read_bytes()).file
    return {file.name: file for file in files}


def render_all() -> dict[Path, str]:
    """What each generated file should hold, by its path in the source tree."""
    files = read_protos()
    wanted: dict[Path, str] = {}
    for name in OUTPUTS:
        writer = Writer(files, name)
        wanted[module_path(name)] = writer.module()
        wanted[module_path(name).with_suffix(".pyi")] = writer.stub()
    return wanted


def stale_files() -> list[str]:
    """Paths of the generated files that differ from what their .proto file says."""
    return [
        str(path.relative_to(ROOT))
        for path, text in render_all().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def module_path(proto: str) -> Path:
    return ROOT / OUTPUTS[proto] / f"{Path(proto).stem}_pb2.py"


class Writer:
    """Writes the module and the stub of one .proto file."""

    def __init__(self, files: dict[str, FileDescriptorProto], name: str) -> None:
        self._file = FileDescriptorProto()
        self._file.CopyFrom(files[name])
        for message in walk(self._file.message_type):
            for field in message.field:
                field.ClearField("json_name")  # protoc adds it, the runtime derives it again
        self._python_names: dict[str, str] = {}
        self._map_entries: dict[str, DescriptorProto] = {}
        for dependency in self._file.dependency:
            self._learn(files[dependency], prefix=f"{alias(dependency)}.")
        self._learn(self._file, prefix="")

    def module(self) -> str:
        raw = self._file.SerializeToString(deterministic=True)
        pieces = [raw[i : i + 64] for i in range(0, len(raw), 64)]
        return MODULE.format(
            package=self._file.package,
            source=self._file.name,
            imports=self._imports(mark="  # noqa: F401"),
            blob="\n".join(f"    {piece!r}" for piece in pieces),
            constants="".join(f"{n} = {v}\n" for n, v in constants(self._file.enum_type)),
        )

    def stub(self) -> str:
        lines = [f"{name}: int" for name, _ in constants(self._file.enum_type)]
        for message in self._file.message_type:
            lines += ["", *self._message(message)]
        return STUB.format(
            package=self._file.package,
            source=self._file.name,
            imports=self._imports(mark=""),
            body="\n".join(lines) + "\n",
        )

    def _imports(self, *, mark: str) -> str:
        lines = sorted(import_line(name) + mark for name in self._file.dependency)
        return "\n".join(lines) + "\n\n" if lines else ""

    def _learn(self, file: FileDescriptorProto, prefix: str) -> None:
        for message, path in walk_named(file.message_type):
            full = f".{file.package}.{path}"
            self._python_names[full] = prefix + path
            if message.options.map_entry:
                self._map_entries[full] = message

    def _message(self, message: DescriptorProto) -> list[str]:
        body = [f"{name}: ClassVar[int]" for name, _ in constants(message.enum_type)]
        for nested in message.nested_type:
            if not nested.options.map_entry:
                body += self._message(nested)
        fields = list(message.field)
        for field in fields:
            body += self._attribute(field)
        body += self._init(fields)
        body += presence([f.name for f in fields if has_presence(f)])
        body += chosen(message)
        return [f"class {message.name}(Message):", *(f"    {line}" for line in body)]

    def _attribute(self, field: FieldDescriptorProto) -> list[str]:
        if not is_repeated(field) and field.type != Field.TYPE_MESSAGE:
            return [f"{field.name}: {SCALARS[field.type]}"]
        kind = self._one(field)
        if entry := self._map_entries.get(field.type_name):
            key, value = entry.field
            box = "MessageMap" if value.type == Field.TYPE_MESSAGE else "ScalarMap"
            kind = f"{box}[{self._one(key)}, {self._one(value)}]"
        elif is_repeated(field):
            composite = field.type == Field.TYPE_MESSAGE
            box = "RepeatedCompositeFieldContainer" if composite else "RepeatedScalarFieldContainer"
            kind = f"{box}[{kind}]"
        return ["@property", f"def {field.name}(self) -> {kind}: ..."]

    def _one(self, field: FieldDescriptorProto) -> str:
        if field.type == Field.TYPE_MESSAGE:
            return self._python_names[field.type_name]
        return SCALARS[field.type]

    def _init(self, fields: Sequence[FieldDescriptorProto]) -> list[str]:
        if not fields:
            return ["def __init__(self) -> None: ..."]
        arguments = [f"    {field.name}: {self._argument(field)} = ...," for field in fields]
        return ["def __init__(", "    self,", "    *,", *arguments, ") -> None: ..."]

    def _argument(self, field: FieldDescriptorProto) -> str:
        if entry := self._map_entries.get(field.type_name):
            key, value = entry.field
            return f"Mapping[{self._one(key)}, {self._one(value)}]"
        if is_repeated(field):
            return f"Iterable[{self._one(field)}]"
        return f"{self._one(field)} | None" if has_presence(field) else self._one(field)


def is_repeated(field: FieldDescriptorProto) -> bool:
    return field.label == Field.LABEL_REPEATED


def has_presence(field: FieldDescriptorProto) -> bool:
    """Whether `HasField` works on it: single messages, members of a oneof, optional scalars."""
    single_message = field.type == Field.TYPE_MESSAGE and not is_repeated(field)
    return single_message or field.HasField("oneof_index")


def presence(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    choices = ", ".join(f'"{name}"' for name in names)
    return [f"def HasField(self, field_name: Literal[{choices}]) -> bool: ..."]


def chosen(message: DescriptorProto) -> list[str]:
    real = [oneof.name for oneof in message.oneof_decl if not oneof.name.startswith("_")]
    if not real:
        return []
    choices = ", ".join(f'"{name}"' for name in real)
    return [f"def WhichOneof(self, oneof_group: Literal[{choices}]) -> str | None: ..."]


def constants(enums: Sequence[EnumDescriptorProto]) -> Iterator[tuple[str, int]]:
    for enum in enums:
        for value in enum.value:
            yield value.name, value.number


def walk(messages: Sequence[DescriptorProto]) -> Iterator[DescriptorProto]:
    return (message for message, _ in walk_named(messages))


def walk_named(
    messages: Sequence[DescriptorProto], above: str = ""
) -> Iterator[tuple[DescriptorProto, str]]:
    for message in messages:
        path = f"{above}{message.name}"
        yield message, path
        yield from walk_named(message.nested_type, f"{path}.")


def alias(proto: str) -> str:
    return f"{Path(proto).stem}_pb2"


def import_line(proto: str) -> str:
    package = "google.protobuf" if proto.startswith(GOOGLE) else OUTPUTS[proto].replace("/", ".")
    return f"from {package} import {alias(proto)}"


def main(arguments: Sequence[str]) -> int:
    if arguments == ["--check"]:
        stale = stale_files()
        for name in stale:
            print(f"{name} is out of date: run `make protos` and commit the result")
        return 1 if stale else 0
    if arguments:
        print(f"unknown arguments {' '.join(arguments)}: give none to write, --check to compare")
        return 2
    for path, text in render_all().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
