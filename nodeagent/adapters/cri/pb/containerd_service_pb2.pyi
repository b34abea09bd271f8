"""Types of package containerd.services.events.v1. Made from protos/containerd_service.proto by protos/generate.py; do not edit."""

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

from nodeagent.adapters.cri.pb import containerd_types_pb2

DESCRIPTOR: FileDescriptor

class SubscribeRequest(Message):
    @property
    def filters(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        filters: Iterable[str] = ...,
    ) -> None: ...
