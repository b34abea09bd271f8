"""Types of package containerd.types. Made from protos/containerd_types.proto by protos/generate.py; do not edit."""

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

from google.protobuf import any_pb2
from google.protobuf import timestamp_pb2

DESCRIPTOR: FileDescriptor

class Envelope(Message):
    @property
    def timestamp(self) -> timestamp_pb2.Timestamp: ...
    namespace: str
    topic: str
    @property
    def event(self) -> any_pb2.Any: ...
    def __init__(
        self,
        *,
        timestamp: timestamp_pb2.Timestamp | None = ...,
        namespace: str = ...,
        topic: str = ...,
        event: any_pb2.Any | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["timestamp", "event"]) -> bool: ...

class Mount(Message):
    def __init__(self) -> None: ...
