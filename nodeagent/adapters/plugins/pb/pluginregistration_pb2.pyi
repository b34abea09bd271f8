"""Types of package pluginregistration. Made from protos/pluginregistration.proto by protos/generate.py; do not edit."""

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

DESCRIPTOR: FileDescriptor

class InfoRequest(Message):
    def __init__(self) -> None: ...

class PluginInfo(Message):
    type: str
    name: str
    endpoint: str
    @property
    def supported_versions(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        type: str = ...,
        name: str = ...,
        endpoint: str = ...,
        supported_versions: Iterable[str] = ...,
    ) -> None: ...

class RegistrationStatus(Message):
    plugin_registered: bool
    error: str
    def __init__(
        self,
        *,
        plugin_registered: bool = ...,
        error: str = ...,
    ) -> None: ...

class RegistrationStatusResponse(Message):
    def __init__(self) -> None: ...
