"""Messages of package v1. Made from protos/podresources.proto by protos/generate.py; do not edit."""

from google.protobuf import descriptor_pool, message_factory

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\x12podresources.proto\x12\x02v1"\x1d\n\x1bAllocatableResourcesRequest"{\n\x1cAlloc'
    b'atableResourcesResponse\x12%\n\x07devices\x18\x01 \x03(\x0b2\x14.v1.ContainerDevices\x12\x0f'
    b'\n\x07cpu_ids\x18\x02 \x03(\x03\x12#\n\x06memory\x18\x03 \x03(\x0b2\x13.v1.ContainerMemory"\x19\n\x17ListPodR'
    b'esourcesRequest"C\n\x18ListPodResourcesResponse\x12\'\n\rpod_resources\x18\x01 \x03'
    b'(\x0b2\x10.v1.PodResources"[\n\x0cPodResources\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x11\n\tnamespace\x18'
    b'\x02 \x01(\t\x12*\n\ncontainers\x18\x03 \x03(\x0b2\x16.v1.ContainerResources"\xaf\x01\n\x12ContainerR'
    b'esources\x12\x0c\n\x04name\x18\x01 \x01(\t\x12%\n\x07devices\x18\x02 \x03(\x0b2\x14.v1.ContainerDevices\x12\x0f\n'
    b'\x07cpu_ids\x18\x03 \x03(\x03\x12#\n\x06memory\x18\x04 \x03(\x0b2\x13.v1.ContainerMemory\x12.\n\x11dynamic_r'
    b'esources\x18\x05 \x03(\x0b2\x13.v1.DynamicResource"X\n\x0fContainerMemory\x12\x13\n\x0bmemory'
    b'_type\x18\x01 \x01(\t\x12\x0c\n\x04size\x18\x02 \x01(\x04\x12"\n\x08topology\x18\x03 \x01(\x0b2\x10.v1.TopologyInfo"a\n'
    b'\x10ContainerDevices\x12\x15\n\rresource_name\x18\x01 \x01(\t\x12\x12\n\ndevice_ids\x18\x02 \x03(\t\x12"\n\x08'
    b'topology\x18\x03 \x01(\x0b2\x10.v1.TopologyInfo"+\n\x0cTopologyInfo\x12\x1b\n\x05nodes\x18\x01 \x03(\x0b2'
    b'\x0c.v1.NUMANode"\x16\n\x08NUMANode\x12\n\n\x02ID\x18\x01 \x01(\x03"j\n\x0fDynamicResource\x12\x12\n\nclai'
    b'm_name\x18\x02 \x01(\t\x12\x17\n\x0fclaim_namespace\x18\x03 \x01(\t\x12*\n\x0fclaim_resources\x18\x04 \x03(\x0b2\x11'
    b'.v1.ClaimResource"\x94\x01\n\rClaimResource\x12"\n\x0bcdi_devices\x18\x01 \x03(\x0b2\r.v1.CD'
    b'IDevice\x12\x13\n\x0bdriver_name\x18\x02 \x01(\t\x12\x11\n\tpool_name\x18\x03 \x01(\t\x12\x13\n\x0bdevice_name\x18\x04'
    b' \x01(\t\x12\x15\n\x08share_id\x18\x05 \x01(\tH\x00\x88\x01\x01B\x0b\n\t_share_id"\x19\n\tCDIDevice\x12\x0c\n\x04name\x18\x01 '
    b'\x01(\t"A\n\x16GetPodResourcesRequest\x12\x10\n\x08pod_name\x18\x01 \x01(\t\x12\x15\n\rpod_namespace'
    b'\x18\x02 \x01(\t"B\n\x17GetPodResourcesResponse\x12\'\n\rpod_resources\x18\x01 \x01(\x0b2\x10.v1.Po'
    b'dResources2\xf5\x01\n\x12PodResourcesLister\x12A\n\x04List\x12\x1b.v1.ListPodResourcesR'
    b'equest\x1a\x1c.v1.ListPodResourcesResponse\x12\\\n\x17GetAllocatableResources\x12'
    b'\x1f.v1.AllocatableResourcesRequest\x1a .v1.AllocatableResourcesRespon'
    b'se\x12>\n\x03Get\x12\x1a.v1.GetPodResourcesRequest\x1a\x1b.v1.GetPodResourcesRespon'
    b'seb\x06proto3'
)


def __getattr__(name):
    try:
        descriptor = DESCRIPTOR.message_types_by_name[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    made = globals()[name] = message_factory.GetMessageClass(descriptor)
    return made
