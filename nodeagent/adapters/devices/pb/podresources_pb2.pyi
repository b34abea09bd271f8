"""Types of package v1. Made from protos/podresources.proto by protos/generate.py; do not edit."""

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

class AllocatableResourcesRequest(Message):
    def __init__(self) -> None: ...

class AllocatableResourcesResponse(Message):
    @property
    def devices(self) -> RepeatedCompositeFieldContainer[ContainerDevices]: ...
    @property
    def cpu_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def memory(self) -> RepeatedCompositeFieldContainer[ContainerMemory]: ...
    def __init__(
        self,
        *,
        devices: Iterable[ContainerDevices] = ...,
        cpu_ids: Iterable[int] = ...,
        memory: Iterable[ContainerMemory] = ...,
    ) -> None: ...

class ListPodResourcesRequest(Message):
    def __init__(self) -> None: ...

class ListPodResourcesResponse(Message):
    @property
    def pod_resources(self) -> RepeatedCompositeFieldContainer[PodResources]: ...
    def __init__(
        self,
        *,
        pod_resources: Iterable[PodResources] = ...,
    ) -> None: ...

class PodResources(Message):
    name: str
    namespace: str
    @property
    def containers(self) -> RepeatedCompositeFieldContainer[ContainerResources]: ...
    def __init__(
        self,
        *,
        name: str = ...,
        namespace: str = ...,
        containers: Iterable[ContainerResources] = ...,
    ) -> None: ...

class ContainerResources(Message):
    name: str
    @property
    def devices(self) -> RepeatedCompositeFieldContainer[ContainerDevices]: ...
    @property
    def cpu_ids(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def memory(self) -> RepeatedCompositeFieldContainer[ContainerMemory]: ...
    @property
    def dynamic_resources(self) -> RepeatedCompositeFieldContainer[DynamicResource]: ...
    def __init__(
        self,
        *,
        name: str = ...,
        devices: Iterable[ContainerDevices] = ...,
        cpu_ids: Iterable[int] = ...,
        memory: Iterable[ContainerMemory] = ...,
        dynamic_resources: Iterable[DynamicResource] = ...,
    ) -> None: ...

class ContainerMemory(Message):
    memory_type: str
    size: int
    @property
    def topology(self) -> TopologyInfo: ...
    def __init__(
        self,
        *,
        memory_type: str = ...,
        size: int = ...,
        topology: TopologyInfo | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["topology"]) -> bool: ...

class ContainerDevices(Message):
    resource_name: str
    @property
    def device_ids(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def topology(self) -> TopologyInfo: ...
    def __init__(
        self,
        *,
        resource_name: str = ...,
        device_ids: Iterable[str] = ...,
        topology: TopologyInfo | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["topology"]) -> bool: ...

class TopologyInfo(Message):
    @property
    def nodes(self) -> RepeatedCompositeFieldContainer[NUMANode]: ...
    def __init__(
        self,
        *,
        nodes: Iterable[NUMANode] = ...,
    ) -> None: ...

class NUMANode(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class DynamicResource(Message):
    claim_name: str
    claim_namespace: str
    @property
    def claim_resources(self) -> RepeatedCompositeFieldContainer[ClaimResource]: ...
    def __init__(
        self,
        *,
        claim_name: str = ...,
        claim_namespace: str = ...,
        claim_resources: Iterable[ClaimResource] = ...,
    ) -> None: ...

class ClaimResource(Message):
    @property
    def cdi_devices(self) -> RepeatedCompositeFieldContainer[CDIDevice]: ...
    driver_name: str
    pool_name: str
    device_name: str
    share_id: str
    def __init__(
        self,
        *,
        cdi_devices: Iterable[CDIDevice] = ...,
        driver_name: str = ...,
        pool_name: str = ...,
        device_name: str = ...,
        share_id: str | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["share_id"]) -> bool: ...

class CDIDevice(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class GetPodResourcesRequest(Message):
    pod_name: str
    pod_namespace: str
    def __init__(
        self,
        *,
        pod_name: str = ...,
        pod_namespace: str = ...,
    ) -> None: ...

class GetPodResourcesResponse(Message):
    @property
    def pod_resources(self) -> PodResources: ...
    def __init__(
        self,
        *,
        pod_resources: PodResources | None = ...,
    ) -> None: ...
    def HasField(self, field_name: Literal["pod_resources"]) -> bool: ...
