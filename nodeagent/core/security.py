"""Security of containers: pod and container fields merged, checked against the image's user."""

from collections.abc import Iterable, Mapping
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import AnyContainer
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import (
    ContainerSecurity,
    IdRange,
    Namespaces,
    Profile,
    SelinuxSpec,
    VolumePlace,
)
from nodeagent.model.memory import ImageOutcome
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs

MASKED: Final = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
APPARMOR_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"
RUNTIME_DEFAULT: Final = Profile(kind="RuntimeDefault")
UNCONFINED: Final = Profile(kind="Unconfined")
_NO_CONTEXT: Final = v1.SecurityContext()
_NO_POD_CONTEXT: Final = v1.PodSecurityContext()


def container_security(
    pod: DesiredPod,
    container: AnyContainer,
    *,
    image: ImageOutcome,
    namespaces: Namespaces,
    volumes: Mapping[str, VolumePlace],
    node: NodeFacts,
    rules: NodeRules,
    dirs: PodDirs,
) -> ContainerSecurity:
    """The merged security context ("Configure a Security Context for a Pod or Container").

    A container's field replaces the pod's. ConfigError where runAsNonRoot forbids the start.
    """
    own = container.securityContext or _NO_CONTEXT
    whole = pod.spec.securityContext or _NO_POD_CONTEXT
    capabilities = own.capabilities
    uid = _first(own.runAsUser, whole.runAsUser)
    if _first(own.runAsNonRoot, whole.runAsNonRoot):
        _check_non_root(pod, container, uid, image)
    by_name = uid is None and image.uid is None and image.username
    if uid is None and not by_name:
        uid = image.uid or 0
    masked = own.procMount != "Unmasked"
    return ContainerSecurity(
        privileged=bool(own.privileged),
        run_as_user=uid,
        run_as_username=image.username if by_name else "",
        run_as_group=_first(own.runAsGroup, whole.runAsGroup),
        supplemental_groups=supplemental_groups(pod.spec, volumes.values()),
        supplemental_groups_policy=whole.supplementalGroupsPolicy or "Merge",
        readonly_rootfs=bool(own.readOnlyRootFilesystem),
        no_new_privs=own.allowPrivilegeEscalation is False,
        add_capabilities=tuple((capabilities.add if capabilities else None) or ()),
        drop_capabilities=tuple((capabilities.drop if capabilities else None) or ()),
        masked_paths=(*MASKED, *node.throttle_paths) if masked else (),
        readonly_paths=READ_ONLY if masked else (),
        selinux=selinux_spec(own.seLinuxOptions or whole.seLinuxOptions),
        seccomp=seccomp_profile(pod, container, rules=rules, dirs=dirs),
        apparmor=apparmor_profile(pod.pod, container),
        namespaces=namespaces,
    )


def pod_namespaces(spec: v1.PodSpec, *, user: IdRange | None, target: str = "") -> Namespaces:
    """The namespaces of a sandbox, or of a container with `target`.

    `target` is the id of the container whose processes an ephemeral container sees; it counts
    only where the pod has no process namespace in common anyway.
    """
    pid = "NODE" if spec.hostPID else "POD" if spec.shareProcessNamespace else "CONTAINER"
    aimed = bool(target) and pid == "CONTAINER"
    return Namespaces(
        host_network=bool(spec.hostNetwork),
        host_ipc=bool(spec.hostIPC),
        pid="TARGET" if aimed else pid,
        pid_target=target if aimed else "",
        user=user if spec.hostUsers is False else None,
    )


def supplemental_groups(spec: v1.PodSpec, volumes: Iterable[VolumePlace]) -> tuple[int, ...]:
    """fsGroup, then the spec's groups, then those of the pod's volumes."""
    whole = spec.securityContext or _NO_POD_CONTEXT
    first = () if whole.fsGroup is None else (whole.fsGroup,)
    own = tuple(whole.supplementalGroups or ())
    return (*first, *own, *(place.gid for place in volumes if place.gid is not None))


def selinux_spec(options: v1.SELinuxOptions | None) -> SelinuxSpec | None:
    """SELinux label parts, None where none are asked for."""
    if options is None:
        return None
    return SelinuxSpec(
        user=options.user or "",
        role=options.role or "",
        type=options.type or "",
        level=options.level or "",
    )


def seccomp_profile(
    pod: DesiredPod, container: AnyContainer, *, rules: NodeRules, dirs: PodDirs
) -> Profile:
    """The container's profile, else the pod's, else the node's default ("Seccomp and Kubernetes").

    Localhost profiles lie in `seccomp` below the root folder.
    """
    own = container.securityContext or _NO_CONTEXT
    whole = pod.spec.securityContext or _NO_POD_CONTEXT
    asked = own.seccompProfile or whole.seccompProfile
    if asked is None:
        return RUNTIME_DEFAULT if rules.seccomp_default else UNCONFINED
    if asked.type != "Localhost":
        return RUNTIME_DEFAULT if asked.type == "RuntimeDefault" else UNCONFINED
    if not asked.localhostProfile:
        raise ConfigError(
            op="choose seccomp profile",
            target=f"container {container.name} of {pod.key}",
            detail="localhostProfile must be set if seccompProfile type is Localhost.",
        )
    return Profile(kind="Localhost", ref=f"{dirs.root}/seccomp/{asked.localhostProfile}")


def apparmor_profile(pod: v1.Pod, container: AnyContainer) -> Profile | None:
    """The container's profile, else the pod's, else that of the old annotation; None for none."""
    spec, metadata = pod.spec, pod.metadata
    own = container.securityContext or _NO_CONTEXT
    whole = (spec.securityContext if spec else None) or _NO_POD_CONTEXT
    asked = own.appArmorProfile or whole.appArmorProfile
    if asked is not None:
        return Profile(kind=asked.type, ref=asked.localhostProfile or "")
    annotations = (metadata.annotations if metadata else None) or {}
    match annotations.get(APPARMOR_ANNOTATION + container.name, "").partition("/"):
        case ("runtime", "/", "default"):
            return RUNTIME_DEFAULT
        case ("unconfined", "", ""):
            return UNCONFINED
        case ("localhost", "/", name):
            return Profile(kind="Localhost", ref=name)
    return None


def is_privileged(spec: v1.PodSpec) -> bool:
    """Whether any container of the pod, of whatever kind, is privileged."""
    every: tuple[AnyContainer, ...] = (
        *spec.containers,
        *(spec.initContainers or ()),
        *(spec.ephemeralContainers or ()),
    )
    return any(one.securityContext and one.securityContext.privileged for one in every)


def _first(own: int | None, whole: int | None) -> int | None:
    return whole if own is None else own


def _check_non_root(
    pod: DesiredPod, container: AnyContainer, uid: int | None, image: ImageOutcome
) -> None:
    if uid == 0:
        trouble = "container's runAsUser breaks non-root policy"
    elif uid is not None:
        return
    elif image.uid is None and image.username:
        trouble = (
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), "
            "cannot verify user is non-root"
        )
    elif not image.uid:
        trouble = "container has runAsNonRoot and image will run as root"
    else:
        return
    raise ConfigError(
        op="check user",
        target=f"container {container.name} of {pod.key}",
        detail=f'{trouble} (pod: "{pod.name}_{pod.namespace}({pod.uid})", '
        f"container: {container.name})",
    )
