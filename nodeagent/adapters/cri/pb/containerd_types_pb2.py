"""Messages of package containerd.types. Made from protos/containerd_types.proto by protos/generate.py; do not edit."""

from google.protobuf import descriptor_pool, message_factory

from google.protobuf import any_pb2  # noqa: F401
from google.protobuf import timestamp_pb2  # noqa: F401

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\x16containerd_types.proto\x12\x10containerd.types\x1a\x19google/protobuf/any.'
    b'proto\x1a\x1fgoogle/protobuf/timestamp.proto"\x80\x01\n\x08Envelope\x12-\n\ttimestamp'
    b'\x18\x01 \x01(\x0b2\x1a.google.protobuf.Timestamp\x12\x11\n\tnamespace\x18\x02 \x01(\t\x12\r\n\x05topic\x18\x03'
    b' \x01(\t\x12#\n\x05event\x18\x04 \x01(\x0b2\x14.google.protobuf.Any"\x07\n\x05Mountb\x06proto3'
)


def __getattr__(name):
    try:
        descriptor = DESCRIPTOR.message_types_by_name[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    made = globals()[name] = message_factory.GetMessageClass(descriptor)
    return made
