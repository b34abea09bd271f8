"""Messages of package containerd.services.events.v1. Made from protos/containerd_service.proto by protos/generate.py; do not edit."""

from google.protobuf import descriptor_pool, message_factory

from nodeagent.adapters.cri.pb import containerd_types_pb2  # noqa: F401

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\x18containerd_service.proto\x12\x1dcontainerd.services.events.v1\x1a\x16conta'
    b'inerd_types.proto"#\n\x10SubscribeRequest\x12\x0f\n\x07filters\x18\x01 \x03(\t2d\n\x06Events'
    b'\x12Z\n\tSubscribe\x12/.containerd.services.events.v1.SubscribeRequest\x1a\x1a'
    b'.containerd.types.Envelope0\x01b\x06proto3'
)


def __getattr__(name):
    try:
        descriptor = DESCRIPTOR.message_types_by_name[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    made = globals()[name] = message_factory.GetMessageClass(descriptor)
    return made
