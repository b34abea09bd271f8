"""May this pod run here? The node's last word, in the order of a kubelet's admission handlers."""

from collections.abc import Callable, Sequence
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.fit import mismatches, shortages, tolerates
from nodeagent.core.manifest_yaml import show_path
from nodeagent.core.qos import QosClass, is_critical, qos_class
from nodeagent.core.sandbox_config import dotted
from nodeagent.core.security import apparmor_profile
from nodeagent.core.support import refused_fields
from nodeagent.model.desired import DesiredPod
from nodeagent.model.memory import Rejected
from nodeagent.model.node import NodeFacts, NodeRules

OS_LABEL: Final = "kubernetes.io/os"
OS: Final = "linux"
SAFE_SYSCTLS: Final = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
)
_IPC: Final = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
_PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure")
_MEMORY_TAINT: Final = v1.Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")
_Check = Callable[[DesiredPod, NodeFacts, NodeRules], str]


def admit(
    pod: DesiredPod, *, others: Sequence[v1.Pod], node: NodeFacts, rules: NodeRules
) -> Rejected | None:
    """None if the pod may run beside `others`, else why not, for good ("Node-level admission").

    `others` are pods admitted and not over, without those that `preemption.victims` named for
    this pod and the caller ends.
    """
    for reason, check in _BEFORE:
        if message := check(pod, node, rules):
            return Rejected(reason=reason, message=message)
    rejected = _fits(pod, others, node, rules)
    if rejected is not None:
        return rejected
    for reason, check in _AFTER:
        if message := check(pod, node, rules):
            return Rejected(reason=reason, message=message)
    return None


def _fits(
    pod: DesiredPod, others: Sequence[v1.Pod], node: NodeFacts, rules: NodeRules
) -> Rejected | None:
    short = shortages(pod.pod, others, node=node, rules=rules)
    wrong = mismatches(pod.pod, others, node=node)
    lacking = tuple(one.as_rejection() for one in short)
    found = (*wrong, *lacking) if is_critical(pod.pod) else (*lacking, *wrong)
    return found[0] if found else None


def _check_pressure(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    """Critical pods come in always; where only memory is short, those that ask for resources."""
    now = node.pressure
    short = [
        name
        for name, is_so in zip(_PRESSURES, (now.memory, now.disk, now.pid), strict=True)
        if is_so
    ]
    if not short or is_critical(pod.pod):
        return ""
    if short == [_PRESSURES[0]] and (
        qos_class(pod.spec) is not QosClass.BEST_EFFORT or tolerates(pod.spec, _MEMORY_TAINT)
    ):
        return ""
    return f"The node had condition: [{' '.join(short)}]. "


def _check_sysctls(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    context = pod.spec.securityContext
    for sysctl in (context.sysctls if context else None) or ():
        trouble = _sysctl_trouble(dotted(sysctl.name), pod.spec, rules)
        if trouble:
            return f"forbidden sysctl: {trouble}"
    return ""


def _sysctl_trouble(name: str, spec: v1.PodSpec, rules: NodeRules) -> str:
    if not _is_allowed(name, rules.allowed_unsafe_sysctls):
        return f'"{name}" not allowlisted'
    space = _namespace(name)
    if (space == "ipc" and spec.hostIPC) or (space == "net" and spec.hostNetwork):
        return f'"{name}" not allowed with host {space} enabled'
    return ""


def _is_allowed(name: str, patterns: Sequence[str]) -> bool:
    if name in SAFE_SYSCTLS:
        return True
    for pattern in map(dotted, patterns):
        if pattern.endswith("*") and name.startswith(pattern[:-1]) and _namespace(pattern[:-1]):
            return True
        if name == pattern and _namespace(name):
            return True
    return False


def _namespace(name: str) -> str:
    """The kernel namespace a sysctl belongs to: "ipc", "net", or "" for the whole machine's."""
    if name.startswith(_IPC):
        return "ipc"
    return "net" if name.startswith("net.") else ""


def _check_os_label(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    if pod.labels.get(OS_LABEL, OS) == OS:
        return ""
    return "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"


def _check_os(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    if pod.spec.os is None or pod.spec.os.name == OS:
        return ""
    return "Failed to admit pod as the OS field doesn't match node OS"


def _check_groups_policy(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    context = pod.spec.securityContext
    if context is None or context.supplementalGroupsPolicy != "Strict":
        return ""
    if node.supplemental_groups_policy:
        return ""
    return "SupplementalGroupsPolicy=Strict is not supported in this node"


def _check_runtime_class(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    name = pod.spec.runtimeClassName
    if not name or name in node.runtime_classes or not pod.is_static:
        return ""  # a class of the API may come yet: the sandbox waits for it, as at a kubelet
    known = ", ".join(sorted(node.runtime_classes)) or "none"
    return f'RuntimeClass "{name}" not found (known here: {known})'


def _check_apparmor(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    every: list[v1.Container] = [*(pod.spec.initContainers or ()), *pod.spec.containers]
    profiles = [apparmor_profile(pod.pod, one) for one in every]
    asked = [profile for profile in profiles if profile and profile.kind != "Unconfined"]
    if not asked:
        return ""
    if not node.apparmor:
        return "Cannot enforce AppArmor: AppArmor is not enabled on the host"
    if any(profile.kind == "Localhost" and not profile.ref.strip() for profile in asked):
        return "Cannot enforce AppArmor: invalid AppArmor profile name: localhost/"
    return ""


def _check_understood(pod: DesiredPod, node: NodeFacts, rules: NodeRules) -> str:
    """What the API server allows may be more than this agent does; manifests are validated."""
    if pod.is_static:
        return ""
    found = next(iter(refused_fields(pod.pod)), None)
    return f"{show_path(found[0])}: {found[1]}" if found is not None else ""


_BEFORE: Final[tuple[tuple[str, _Check], ...]] = (
    ("Evicted", _check_pressure),
    ("PodFeatureUnsupported", _check_understood),
    ("SysctlForbidden", _check_sysctls),
    ("PodOSSelectorNodeLabelDoesNotMatch", _check_os_label),
    ("PodOSNotSupported", _check_os),
    ("SupplementalGroupsPolicyNotSupported", _check_groups_policy),
)
_AFTER: Final[tuple[tuple[str, _Check], ...]] = (
    ("AppArmor", _check_apparmor),
    ("RuntimeClass", _check_runtime_class),
)
