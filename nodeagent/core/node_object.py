"""The Node as the API shows it, from facts about the machine and the runtime."""

from collections.abc import Mapping

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.quantity import format_amount
from nodeagent.core.times import as_time
from nodeagent.model.node import NodeFacts
from nodeagent.model.observed import RuntimeHealth, RuntimeInfo


class Software(msgspec.Struct, frozen=True, kw_only=True):
    """What nodeInfo tells of the machine's software and identity."""

    kubelet_version: str
    kernel: str = ""
    os_image: str = ""
    architecture: str = ""
    boot_id: str = ""
    machine_id: str = ""
    system_uuid: str = ""


def node_object(
    facts: NodeFacts,
    *,
    software: Software,
    info: RuntimeInfo,
    health: RuntimeHealth,
    since: float,
    changed_at: float,
) -> v1.Node:
    """The whole Node. `since` is when the agent began, `changed_at` when Ready last turned."""
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
        status=v1.NodeStatus(
            capacity=_amounts(facts.capacity),
            allocatable=_amounts(facts.allocatable),
            conditions=[_ready(health, changed_at)],
            addresses=[
                *(v1.NodeAddress(type="InternalIP", address=ip) for ip in facts.ips),
                v1.NodeAddress(type="Hostname", address=facts.name),
            ],
            nodeInfo=_system(software, info),
            runtimeHandlers=_handlers(info) or None,
            features=v1.NodeFeatures(supplementalGroupsPolicy=info.supplemental_groups_policy),
        ),
    )


def _amounts(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: format_amount(name, value) for name, value in sorted(amounts.items())}


def _ready(health: RuntimeHealth, changed_at: float) -> v1.NodeCondition:
    """Ready as a kubelet words it ("Node Status")."""
    wrong = [] if health.runtime_ready else [health.message or "container runtime is down"]
    if health.runtime_ready and not health.network_ready:
        detail = health.network_message or "the runtime does not say why"
        wrong.append(f"container runtime network not ready: {detail}")
    return v1.NodeCondition(
        type="Ready",
        status="False" if wrong else "True",
        reason="KubeletNotReady" if wrong else "KubeletReady",
        message="; ".join(wrong) or "kubelet is posting ready status",
        lastTransitionTime=as_time(changed_at),
    )


def _system(software: Software, info: RuntimeInfo) -> v1.NodeSystemInfo:
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
