"""Messages of package containerd.events. Made from protos/containerd_events.proto by protos/generate.py; do not edit."""

from google.protobuf import descriptor_pool, message_factory

from google.protobuf import timestamp_pb2  # noqa: F401
from nodeagent.adapters.cri.pb import containerd_types_pb2  # noqa: F401

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\x17containerd_events.proto\x12\x11containerd.events\x1a\x16containerd_types.p'
    b'roto\x1a\x1fgoogle/protobuf/timestamp.proto"\xa3\x01\n\nTaskCreate\x12\x14\n\x0ccontaine'
    b"r_id\x18\x01 \x01(\t\x12\x0e\n\x06bundle\x18\x02 \x01(\t\x12'\n\x06rootfs\x18\x03 \x03(\x0b2\x17.containerd.types.Mo"
    b'unt\x12%\n\x02io\x18\x04 \x01(\x0b2\x19.containerd.events.TaskIO\x12\x12\n\ncheckpoint\x18\x05 \x01(\t\x12\x0b'
    b'\n\x03pid\x18\x06 \x01(\r".\n\tTaskStart\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0b\n\x03pid\x18\x02 \x01(\r"\x7f\n\nT'
    b'askDelete\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0b\n\x03pid\x18\x02 \x01(\r\x12\x13\n\x0bexit_status\x18\x03 \x01('
    b'\r\x12-\n\texited_at\x18\x04 \x01(\x0b2\x1a.google.protobuf.Timestamp\x12\n\n\x02id\x18\x05 \x01(\t"I\n\x06'
    b'TaskIO\x12\r\n\x05stdin\x18\x01 \x01(\t\x12\x0e\n\x06stdout\x18\x02 \x01(\t\x12\x0e\n\x06stderr\x18\x03 \x01(\t\x12\x10\n\x08termina'
    b'l\x18\x04 \x01(\x08"}\n\x08TaskExit\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\n\n\x02id\x18\x02 \x01(\t\x12\x0b\n\x03pid\x18\x03 \x01'
    b'(\r\x12\x13\n\x0bexit_status\x18\x04 \x01(\r\x12-\n\texited_at\x18\x05 \x01(\x0b2\x1a.google.protobuf.Tim'
    b'estamp"\x1f\n\x07TaskOOM\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t"6\n\rTaskExecAdded\x12\x14\n\x0ccont'
    b'ainer_id\x18\x01 \x01(\t\x12\x0f\n\x07exec_id\x18\x02 \x01(\t"E\n\x0fTaskExecStarted\x12\x14\n\x0ccontainer_'
    b'id\x18\x01 \x01(\t\x12\x0f\n\x07exec_id\x18\x02 \x01(\t\x12\x0b\n\x03pid\x18\x03 \x01(\r""\n\nTaskPaused\x12\x14\n\x0ccontaine'
    b'r_id\x18\x01 \x01(\t"#\n\x0bTaskResumed\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t"<\n\x10TaskCheckpoin'
    b'ted\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x12\n\ncheckpoint\x18\x02 \x01(\t"\x1d\n\x0fContainerDelete'
    b'\x12\n\n\x02id\x18\x01 \x01(\tb\x06proto3'
)


def __getattr__(name):
    try:
        descriptor = DESCRIPTOR.message_types_by_name[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    made = globals()[name] = message_factory.GetMessageClass(descriptor)
    return made
