"""Types of package csi.v1. Made from protos/csi.proto by protos/generate.py; do not edit."""

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

class GetPluginInfoRequest(Message):
    def __init__(self) -> None: ...

class GetPluginInfoResponse(Message):
    name: str
    vendor_version: str
    @property
    def manifest(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        name: str = ...,
        vendor_version: str = ...,
        manifest: Mapping[str, str] = ...,
    ) -> None: ...

class VolumeCapability(Message):
    class BlockVolume(Message):
        def __init__(self) -> None: ...
    class MountVolume(Message):
        fs_type: str
        @property
        def mount_flags(self) -> RepeatedScalarFieldContainer[str]: ...
        volume_mount_group: str
        def __init__(
            self,
            *,
            fs_type: str = ...,
            mount_flags: Iterable[str] = ...,
            volume_mount_group: str = ...,
        ) -> None: ...
    class AccessMode(Message):
        UNKNOWN: ClassVar[int]
        SINGLE_NODE_WRITER: ClassVar[int]
        SINGLE_NODE_READER_ONLY: ClassVar[int]
        MULTI_NODE_READER_ONLY: ClassVar[int]
        MULTI_NODE_SINGLE_WRITER: ClassVar[int]
        MULTI_NODE_MULTI_WRITER: ClassVar[int]
        SINGLE_NODE_SINGLE_WRITER: ClassVar[int]
        SINGLE_NODE_MULTI_WRITER: ClassVar[int]
        mode: int
        def __init__(
            self,
            *,
            mode: int = ...,
        ) -> None: ...
    @property
    def block(self) -> VolumeCapability.BlockVolume: ...
    @property
    def mount(self) -> VolumeCapability.MountVolume: ...
    @property
    def access_mode(self) -> VolumeCapability.AccessMode: ...
    def __init__(
        self,
        *,
        block: VolumeCapability.BlockVolume | None = ...,
        mount: VolumeCapability.MountVolume | None = ...,
        access_mode: VolumeCapability.AccessMode | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["block", "mount", "access_mode"]) -> bool: ...
    def WhichOneof(self, oneof_group: Literal["access_type"]) -> str | None: ...

class CapacityRange(Message):
    required_bytes: int
    limit_bytes: int
    def __init__(
        self,
        *,
        required_bytes: int = ...,
        limit_bytes: int = ...,
    ) -> None: ...

class Topology(Message):
    @property
    def segments(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        segments: Mapping[str, str] = ...,
    ) -> None: ...

class NodeStageVolumeRequest(Message):
    volume_id: str
    @property
    def publish_context(self) -> ScalarMap[str, str]: ...
    staging_target_path: str
    @property
    def volume_capability(self) -> VolumeCapability: ...
    @property
    def secrets(self) -> ScalarMap[str, str]: ...
    @property
    def volume_context(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        volume_id: str = ...,
        publish_context: Mapping[str, str] = ...,
        staging_target_path: str = ...,
        volume_capability: VolumeCapability | None = ...,
        secrets: Mapping[str, str] = ...,
        volume_context: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["volume_capability"]) -> bool: ...

class NodeStageVolumeResponse(Message):
    def __init__(self) -> None: ...

class NodeUnstageVolumeRequest(Message):
    volume_id: str
    staging_target_path: str
    def __init__(
        self,
        *,
        volume_id: str = ...,
        staging_target_path: str = ...,
    ) -> None: ...

class NodeUnstageVolumeResponse(Message):
    def __init__(self) -> None: ...

class NodePublishVolumeRequest(Message):
    volume_id: str
    @property
    def publish_context(self) -> ScalarMap[str, str]: ...
    staging_target_path: str
    target_path: str
    @property
    def volume_capability(self) -> VolumeCapability: ...
    readonly: bool
    @property
    def secrets(self) -> ScalarMap[str, str]: ...
    @property
    def volume_context(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        volume_id: str = ...,
        publish_context: Mapping[str, str] = ...,
        staging_target_path: str = ...,
        target_path: str = ...,
        volume_capability: VolumeCapability | None = ...,
        readonly: bool = ...,
        secrets: Mapping[str, str] = ...,
        volume_context: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["volume_capability"]) -> bool: ...

class NodePublishVolumeResponse(Message):
    def __init__(self) -> None: ...

class NodeUnpublishVolumeRequest(Message):
    volume_id: str
    target_path: str
    def __init__(
        self,
        *,
        volume_id: str = ...,
        target_path: str = ...,
    ) -> None: ...

class NodeUnpublishVolumeResponse(Message):
    def __init__(self) -> None: ...

class NodeGetVolumeStatsRequest(Message):
    volume_id: str
    volume_path: str
    staging_target_path: str
    def __init__(
        self,
        *,
        volume_id: str = ...,
        volume_path: str = ...,
        staging_target_path: str = ...,
    ) -> None: ...

class NodeGetVolumeStatsResponse(Message):
    @property
    def usage(self) -> RepeatedCompositeFieldContainer[VolumeUsage]: ...
    @property
    def volume_condition(self) -> VolumeCondition: ...
    def __init__(
        self,
        *,
        usage: Iterable[VolumeUsage] = ...,
        volume_condition: VolumeCondition | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["volume_condition"]) -> bool: ...

class VolumeUsage(Message):
    UNKNOWN: ClassVar[int]
    BYTES: ClassVar[int]
    INODES: ClassVar[int]
    available: int
    total: int
    used: int
    unit: int
    def __init__(
        self,
        *,
        available: int = ...,
        total: int = ...,
        used: int = ...,
        unit: int = ...,
    ) -> None: ...

class VolumeCondition(Message):
    abnormal: bool
    message: str
    def __init__(
        self,
        *,
        abnormal: bool = ...,
        message: str = ...,
    ) -> None: ...

class NodeGetCapabilitiesRequest(Message):
    def __init__(self) -> None: ...

class NodeGetCapabilitiesResponse(Message):
    @property
    def capabilities(self) -> RepeatedCompositeFieldContainer[NodeServiceCapability]: ...
    def __init__(
        self,
        *,
        capabilities: Iterable[NodeServiceCapability] = ...,
    ) -> None: ...

class NodeServiceCapability(Message):
    class RPC(Message):
        UNKNOWN: ClassVar[int]
        STAGE_UNSTAGE_VOLUME: ClassVar[int]
        GET_VOLUME_STATS: ClassVar[int]
        EXPAND_VOLUME: ClassVar[int]
        VOLUME_CONDITION: ClassVar[int]
        SINGLE_NODE_MULTI_WRITER: ClassVar[int]
        VOLUME_MOUNT_GROUP: ClassVar[int]
        type: int
        def __init__(
            self,
            *,
            type: int = ...,
        ) -> None: ...
    @property
    def rpc(self) -> NodeServiceCapability.RPC: ...
    def __init__(
        self,
        *,
        rpc: NodeServiceCapability.RPC | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["rpc"]) -> bool: ...
    def WhichOneof(self, oneof_group: Literal["type"]) -> str | None: ...

class NodeGetInfoRequest(Message):
    def __init__(self) -> None: ...

class NodeGetInfoResponse(Message):
    node_id: str
    max_volumes_per_node: int
    @property
    def accessible_topology(self) -> Topology: ...
    def __init__(
        self,
        *,
        node_id: str = ...,
        max_volumes_per_node: int = ...,
        accessible_topology: Topology | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["accessible_topology"]) -> bool: ...

class NodeExpandVolumeRequest(Message):
    volume_id: str
    volume_path: str
    @property
    def capacity_range(self) -> CapacityRange: ...
    staging_target_path: str
    @property
    def volume_capability(self) -> VolumeCapability: ...
    @property
    def secrets(self) -> ScalarMap[str, str]: ...
    def __init__(
        self,
        *,
        volume_id: str = ...,
        volume_path: str = ...,
        capacity_range: CapacityRange | None = ...,
        staging_target_path: str = ...,
        volume_capability: VolumeCapability | None = ...,
        secrets: Mapping[str, str] = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["capacity_range", "volume_capability"]) -> bool: ...

class NodeExpandVolumeResponse(Message):
    capacity_bytes: int
    def __init__(
        self,
        *,
        capacity_bytes: int = ...,
    ) -> None: ...
