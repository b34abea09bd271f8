"""What a container holds of the node's resources that are handed out by piece: values only."""

import msgspec


class HeldDevices(msgspec.Struct, frozen=True, kw_only=True):
    """Devices of one resource, and the NUMA nodes they are on."""

    resource: str
    ids: tuple[str, ...]
    numa: tuple[int, ...] = ()


class HeldMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory, or huge pages of one size (`kind` "hugepages-2Mi"), from these NUMA nodes."""

    kind: str
    size_bytes: int
    numa: tuple[int, ...] = ()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Of one container, or all there is on the node. `cpus`: those that are exclusively its own."""

    devices: tuple[HeldDevices, ...] = ()
    cpus: tuple[int, ...] = ()
    memory: tuple[HeldMemory, ...] = ()


class ContainerHolds(msgspec.Struct, frozen=True, kw_only=True):
    """A container and what it holds."""

    name: str
    held: Held = Held()


class PodHolds(msgspec.Struct, frozen=True, kw_only=True):
    """A pod's containers, sidecars first, with what they hold."""

    name: str
    namespace: str
    containers: tuple[ContainerHolds, ...] = ()
