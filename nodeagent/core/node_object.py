"""The Node as the API shows it, from facts about the machine and the runtime."""

from collections.abc import Iterable, Mapping

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.quantity import format_amount
from nodeagent.core.times import as_time
from nodeagent.model.node import NodeFacts
from nodeagent.model.observed import RuntimeHealth, RuntimeInfo, SeenImage

MOST_NAMES = 5  # of one image
READY = "Ready"


class Software(msgspec.Struct, frozen=True, kw_only=True):
    """What nodeInfo tells of the machine's software and identity."""

    kubelet_version: str
    kernel: str = ""
    os_image: str = ""
    architecture: str = ""
    boot_id: str = ""
    machine_id: str = ""
    system_uuid: str = ""


class NodeReading(msgspec.Struct, frozen=True, kw_only=True):
    """What the node's status is made of."""

    facts: NodeFacts
    software: Software
    info: RuntimeInfo
    health: RuntimeHealth
    images: tuple[SeenImage, ...] = ()  # those to show, see `biggest_images`
    port: int = 0  # of the server, 0 if it listens nowhere
    features: tuple[str, ...] = ()  # declared: what the control plane may count on
    addresses: bool = True  # False where a cloud provider sets them


def node_object(
    reading: NodeReading, *, before: v1.Node | None, now: float, since: float
) -> v1.Node:
    """The whole Node. `before` is the last one told, `since` when the agent began."""
    facts = reading.facts
    return v1.Node(
        apiVersion="v1",
        kind="Node",
        metadata=meta_v1.ObjectMeta(
            name=facts.name,
            uid=facts.name,
            labels=dict(facts.labels),
            creationTimestamp=as_time(since),
        ),
        spec=v1.NodeSpec(taints=list(facts.taints) or None),
        status=node_status(reading, before=before.status if before else None, now=now),
    )


def node_status(reading: NodeReading, *, before: v1.NodeStatus | None, now: float) -> v1.NodeStatus:
    """What the agent says of its node. Conditions keep the time of `before` while their status
    holds; every heartbeat is `now`.

    Source: "Node Status" page; the order of conditions is a kubelet's.
    """
    facts, info = reading.facts, reading.info
    old = {c.type: c for c in (before.conditions if before else None) or ()}
    return v1.NodeStatus(
        capacity=_amounts(facts.capacity),
        allocatable=_amounts(facts.allocatable),
        conditions=[_since(one, old.get(one.type), now) for one in _conditions(reading)],
        addresses=_addresses(facts) if reading.addresses else None,
        daemonEndpoints=_endpoints(reading.port),
        nodeInfo=_system(reading),
        images=[_image(one) for one in reading.images] or None,
        volumesInUse=sorted(facts.volumes_in_use) or None,
        runtimeHandlers=_handlers(info) or None,
        features=v1.NodeFeatures(supplementalGroupsPolicy=info.supplemental_groups_policy),
        declaredFeatures=sorted(reading.features) or None,
    )


def is_ready(status: v1.NodeStatus | None) -> bool:
    """Whether the node is Ready by its conditions."""
    conditions = (status.conditions if status else None) or ()
    return any(c.type == READY and c.status == "True" for c in conditions)


def may_be_ready(reading: NodeReading) -> bool:
    """Whether the node would be told Ready now."""
    return _ready(reading).status == "True"


def biggest_images(images: Iterable[SeenImage], *, most: int) -> tuple[SeenImage, ...]:
    """The images that the Node lists: the biggest first, at most `most` (-1: all)."""
    ranked = sorted(images, key=lambda image: (-image.size_bytes, image.ref))
    return tuple(ranked if most < 0 else ranked[:most])


def _image(image: SeenImage) -> v1.ContainerImage:
    """Without a name or a size the field is absent, as the API gives it back."""
    names = [*image.digests, *image.tags][:MOST_NAMES]
    return v1.ContainerImage(names=names or None, sizeBytes=image.size_bytes or None)


def _amounts(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: format_amount(name, value) for name, value in sorted(amounts.items())}


def _addresses(facts: NodeFacts) -> list[v1.NodeAddress]:
    return [
        *(v1.NodeAddress(type="InternalIP", address=ip) for ip in facts.ips),
        v1.NodeAddress(type="Hostname", address=facts.name),
    ]


def _endpoints(port: int) -> v1.NodeDaemonEndpoints | None:
    if not port:
        return None
    return v1.NodeDaemonEndpoints(kubeletEndpoint=v1.DaemonEndpoint(Port=port))


def _conditions(reading: NodeReading) -> list[v1.NodeCondition]:
    pressure = reading.facts.pressure
    return [
        _condition(
            "MemoryPressure",
            pressure.memory,
            ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
            ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ),
        _condition(
            "DiskPressure",
            pressure.disk,
            ("KubeletHasDiskPressure", "kubelet has disk pressure"),
            ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ),
        _condition(
            "PIDPressure",
            pressure.pid,
            ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
            ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ),
        _ready(reading),
    ]


def _condition(
    type_: str, holds: bool, yes: tuple[str, str], no: tuple[str, str]
) -> v1.NodeCondition:
    reason, message = yes if holds else no
    status = "True" if holds else "False"
    return v1.NodeCondition(type=type_, status=status, reason=reason, message=message)


def _ready(reading: NodeReading) -> v1.NodeCondition:
    """Ready as a kubelet words it ("Node Status")."""
    health = reading.health
    wrong = [] if health.runtime_ready else [health.message or "container runtime is down"]
    if health.runtime_ready and not health.network_ready:
        detail = health.network_message or "the runtime does not say why"
        wrong.append(f"container runtime network not ready: {detail}")
    wrong += reading.facts.troubles.values()
    missing = [name for name in ("cpu", "memory", "pods") if not reading.facts.capacity.get(name)]
    if missing:
        wrong.append(f"missing node capacity for resources: {', '.join(missing)}")
    return _condition(
        READY,
        not wrong,
        ("KubeletReady", "kubelet is posting ready status"),
        ("KubeletNotReady", "; ".join(wrong)),
    )


def _since(new: v1.NodeCondition, old: v1.NodeCondition | None, now: float) -> v1.NodeCondition:
    same = old is not None and old.status == new.status and old.lastTransitionTime is not None
    at = old.lastTransitionTime if same and old else as_time(now)
    return msgspec.structs.replace(new, lastTransitionTime=at, lastHeartbeatTime=as_time(now))


def _system(reading: NodeReading) -> v1.NodeSystemInfo:
    software, info, swap = reading.software, reading.info, reading.facts.swap_bytes
    return v1.NodeSystemInfo(
        architecture=software.architecture,
        bootID=software.boot_id,
        containerRuntimeVersion=f"{info.name}://{info.version}" if info.name else "",
        kernelVersion=software.kernel,
        kubeProxyVersion="",
        kubeletVersion=software.kubelet_version,
        machineID=software.machine_id,
        operatingSystem="linux",
        osImage=software.os_image,
        systemUUID=software.system_uuid,
        swap=v1.NodeSwapStatus(capacity=swap) if swap else None,
    )


def _handlers(info: RuntimeInfo) -> list[v1.NodeRuntimeHandler]:
    return [
        v1.NodeRuntimeHandler(
            name=name,
            features=v1.NodeRuntimeHandlerFeatures(
                recursiveReadOnlyMounts="recursiveReadOnlyMounts" in info.features.get(name, ()),
                userNamespaces="userNamespaces" in info.features.get(name, ()),
            ),
        )
        for name in info.handlers
    ]
