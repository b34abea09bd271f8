"""A pod as RunPodSandbox takes it."""

from collections.abc import Iterable
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.cgroups import cgroup_parent, pod_cgroup_path
from nodeagent.core.hosts import pod_names
from nodeagent.core.log_paths import pod_log_directory
from nodeagent.core.qos import qos_class
from nodeagent.core.resolv import dns_spec
from nodeagent.core.resources import overhead_resources, sandbox_resources
from nodeagent.core.security import (
    is_privileged,
    pod_namespaces,
    selinux_spec,
    supplemental_groups,
)
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import IdRange, PortSpec, SandboxConfig, VolumePlace
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs

POD_NAME: Final = "io.kubernetes.pod.name"
POD_NAMESPACE: Final = "io.kubernetes.pod.namespace"
POD_UID: Final = "io.kubernetes.pod.uid"
USER_NAMESPACES: Final = "userNamespaces"
_NO_CONTEXT: Final = v1.PodSecurityContext()


def sandbox_config(
    pod: DesiredPod,
    *,
    attempt: int,
    node: NodeFacts,
    rules: NodeRules,
    dirs: PodDirs,
    host_resolv: str | None,
    user: IdRange | None = None,
    places: Iterable[VolumePlace] = (),
) -> SandboxConfig:
    """Everything about the sandbox, from the spec and the node.

    `host_resolv` is the node's resolv.conf (None: there is none by choice); `user` the id range of
    a pod with hostUsers false; `places` its volumes, for their groups. ConfigError says what the
    node cannot give: a runtime class, a user namespace, a name.
    """
    spec = pod.spec
    context = spec.securityContext or _NO_CONTEXT
    handler = _handler(pod, node)
    _check_users(pod, handler, user, node)
    names = pod_names(pod, cluster_domain=rules.cluster_domain)
    dns, _ = dns_spec(pod, node=node, rules=rules, host_resolv=host_resolv)
    path = pod_cgroup_path(pod.uid, qos_class(spec), root=rules.cgroup_root)
    return SandboxConfig(
        uid=pod.uid,
        name=pod.name,
        namespace=pod.namespace,
        attempt=attempt,
        hostname="" if spec.hostNetwork else names.kernel,
        log_directory=pod_log_directory(pod, dirs),
        cgroup_parent=cgroup_parent(path, rules.cgroup_driver),
        labels={
            **pod.labels,
            POD_NAME: pod.name,
            POD_NAMESPACE: pod.namespace,
            POD_UID: pod.uid,
        },
        annotations=pod.annotations,
        namespaces=pod_namespaces(spec, user=user),
        dns=dns,
        ports=tuple(port for container in spec.containers for port in _ports(container)),
        sysctls={dotted(one.name): one.value for one in context.sysctls or ()},
        privileged=is_privileged(spec),
        run_as_user=context.runAsUser,
        run_as_group=context.runAsGroup,
        supplemental_groups=supplemental_groups(spec, places),
        supplemental_groups_policy=context.supplementalGroupsPolicy or "Merge",
        selinux=selinux_spec(context.seLinuxOptions),
        overhead=overhead_resources(spec, rules=rules),
        resources=sandbox_resources(spec, rules=rules),
        runtime_handler=handler,
    )


def dotted(sysctl: str) -> str:
    """A sysctl's name with dots between its parts (sysctl(8)): slashes and dots change places.

    A name whose first separator is a dot is already written that way.
    """
    for char in sysctl:
        if char == ".":
            return sysctl
        if char == "/":
            return sysctl.translate({ord("/"): ".", ord("."): "/"})
    return sysctl


def _handler(pod: DesiredPod, node: NodeFacts) -> str:
    name = pod.spec.runtimeClassName
    if not name:
        return ""
    if name not in node.runtime_classes:
        raise ConfigError(
            op="choose runtime", target=f"pod {pod.key}", detail=f'RuntimeClass "{name}" not found'
        )
    return node.runtime_classes[name]


def _check_users(pod: DesiredPod, handler: str, user: IdRange | None, node: NodeFacts) -> None:
    if pod.spec.hostUsers is not False:
        return
    if USER_NAMESPACES not in node.runtime_features.get(handler, ()):
        who = f'RuntimeClass handler "{handler}"' if handler else "runtime"
        detail = f"can't set `spec.hostUsers: false`, {who} does not support user namespaces"
    elif user is None:
        detail = "can't set `spec.hostUsers: false`: no range of ids was set aside for the pod"
    else:
        return
    raise ConfigError(op="choose users", target=f"pod {pod.key}", detail=detail)


def _ports(container: v1.Container) -> Iterable[PortSpec]:
    """The container's ports, each once: a name, or the same numbers, count only at first."""
    seen: set[str] = set()
    for port in container.ports or ():
        protocol, ip, host = port.protocol or "TCP", port.hostIP or "", port.hostPort or 0
        key = port.name or f"{protocol}-{ip}:{port.containerPort}:{host}"
        if key not in seen:
            seen.add(key)
            yield PortSpec(
                protocol=protocol, container_port=port.containerPort, host_port=host, host_ip=ip
            )
