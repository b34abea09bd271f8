"""Types of package containerd.events. Made from protos/containerd_events.proto by protos/generate.py; do not edit."""

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

from google.protobuf import timestamp_pb2
from nodeagent.adapters.cri.pb import containerd_types_pb2

DESCRIPTOR: FileDescriptor

class TaskCreate(Message):
    container_id: str
    bundle: str
    @property
    def rootfs(self) -> RepeatedCompositeFieldContainer[containerd_types_pb2.Mount]: ...
    @property
    def io(self) -> TaskIO: ...
    checkpoint: str
    pid: int
    def __init__(
        self,
        *,
        container_id: str = ...,
        bundle: str = ...,
        rootfs: Iterable[containerd_types_pb2.Mount] = ...,
        io: TaskIO | None = ...,
        checkpoint: str = ...,
        pid: int = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["io"]) -> bool: ...

class TaskStart(Message):
    container_id: str
    pid: int
    def __init__(
        self,
        *,
        container_id: str = ...,
        pid: int = ...,
    ) -> None: ...

class TaskDelete(Message):
    container_id: str
    pid: int
    exit_status: int
    @property
    def exited_at(self) -> timestamp_pb2.Timestamp: ...
    id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
        pid: int = ...,
        exit_status: int = ...,
        exited_at: timestamp_pb2.Timestamp | None = ...,
        id: str = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["exited_at"]) -> bool: ...

class TaskIO(Message):
    stdin: str
    stdout: str
    stderr: str
    terminal: bool
    def __init__(
        self,
        *,
        stdin: str = ...,
        stdout: str = ...,
        stderr: str = ...,
        terminal: bool = ...,
    ) -> None: ...

class TaskExit(Message):
    container_id: str
    id: str
    pid: int
    exit_status: int
    @property
    def exited_at(self) -> timestamp_pb2.Timestamp: ...
    def __init__(
        self,
        *,
        container_id: str = ...,
        id: str = ...,
        pid: int = ...,
        exit_status: int = ...,
        exited_at: timestamp_pb2.Timestamp | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["exited_at"]) -> bool: ...

class TaskOOM(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class TaskExecAdded(Message):
    container_id: str
    exec_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
        exec_id: str = ...,
    ) -> None: ...

class TaskExecStarted(Message):
    container_id: str
    exec_id: str
    pid: int
    def __init__(
        self,
        *,
        container_id: str = ...,
        exec_id: str = ...,
        pid: int = ...,
    ) -> None: ...

class TaskPaused(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class TaskResumed(Message):
    container_id: str
    def __init__(
        self,
        *,
        container_id: str = ...,
    ) -> None: ...

class TaskCheckpointed(Message):
    container_id: str
    checkpoint: str
    def __init__(
        self,
        *,
        container_id: str = ...,
        checkpoint: str = ...,
    ) -> None: ...

class ContainerDelete(Message):
    id: str
    def __init__(
        self,
        *,
        id: str = ...,
    ) -> None: ...
