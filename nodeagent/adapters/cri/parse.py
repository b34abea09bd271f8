"""Protobuf answers -> values. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.core.container_config import (
    CONTAINER_HASH,
    MESSAGE_PATH,
    MESSAGE_POLICY,
    RESTART_COUNT,
)
from nodeagent.core.sandbox_config import POD_NAME, POD_NAMESPACE, POD_UID
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.observed import (
    EventKind,
    ObservedPod,
    Phase,
    RuntimeEvent,
    RuntimeHealth,
    RuntimeInfo,
    SeenContainer,
    SeenImage,
    SeenMount,
    SeenResources,
    SeenSandbox,
    SeenUser,
)

_NANO = 1e9
_NAME_MAX = 253  # characters of the longest name that Kubernetes has
_COUNT = re.compile(r"[0-9]{1,9}")
_PHASES = {
    pb.CONTAINER_CREATED: Phase.CREATED,
    pb.CONTAINER_RUNNING: Phase.RUNNING,
    pb.CONTAINER_EXITED: Phase.EXITED,
}
_EVENTS = {
    pb.CONTAINER_CREATED_EVENT: EventKind.CREATED,
    pb.CONTAINER_STARTED_EVENT: EventKind.STARTED,
    pb.CONTAINER_STOPPED_EVENT: EventKind.EXITED,
    pb.CONTAINER_DELETED_EVENT: EventKind.DELETED,
}
_DRIVERS = {pb.SYSTEMD: "systemd", pb.CGROUPFS: "cgroupfs"}


def parse_sandbox(item: pb.PodSandbox) -> SeenSandbox:
    """A sandbox of a listing: without IPs and network mode."""
    return SeenSandbox(
        id=SandboxId(item.id),
        attempt=item.metadata.attempt,
        ready=item.state == pb.SANDBOX_READY,
        created_at=item.created_at / _NANO,
        name=item.labels.get(POD_NAME, ""),
        namespace=item.labels.get(POD_NAMESPACE, ""),
        runtime_handler=item.runtime_handler,
    )


def parse_sandbox_status(status: pb.PodSandboxStatus) -> SeenSandbox:
    """A sandbox in full."""
    network = status.network
    ips = (network.ip, *(more.ip for more in network.additional_ips))
    return SeenSandbox(
        id=SandboxId(status.id),
        attempt=status.metadata.attempt,
        ready=status.state == pb.SANDBOX_READY,
        created_at=status.created_at / _NANO,
        name=status.labels.get(POD_NAME, ""),
        namespace=status.labels.get(POD_NAMESPACE, ""),
        ips=tuple(ip for ip in ips if ip),
        host_network=status.linux.namespaces.options.network == pb.NODE,
        runtime_handler=status.runtime_handler,
    )


def parse_container(item: pb.Container) -> SeenContainer:
    """A container of a listing: without times of start and end, exit code, message and mounts."""
    annotations = dict(item.annotations)
    return SeenContainer(
        id=ContainerId(item.id),
        name=item.metadata.name,
        sandbox_id=SandboxId(item.pod_sandbox_id),
        attempt=item.metadata.attempt,
        restart_count=_restart_count(annotations, item.metadata.attempt),
        phase=_PHASES.get(item.state, Phase.UNKNOWN),
        created_at=item.created_at / _NANO,
        image=item.image.user_specified_image or item.image.image,
        image_ref=ImageRef(item.image_ref),
        spec_hash=annotations.get(CONTAINER_HASH, ""),
        message_path=annotations.get(MESSAGE_PATH, ""),
        message_policy=annotations.get(MESSAGE_POLICY) or "File",
        annotations=annotations,
    )


def parse_container_status(status: pb.ContainerStatus, sandbox: SandboxId) -> SeenContainer:
    """A container in full. CRI's status does not name the sandbox, so the caller must."""
    annotations = dict(status.annotations)
    message_path = annotations.get(MESSAGE_PATH, "")
    mounts = tuple(_mount(mount) for mount in status.mounts)
    return SeenContainer(
        id=ContainerId(status.id),
        name=status.metadata.name,
        sandbox_id=sandbox,
        attempt=status.metadata.attempt,
        restart_count=_restart_count(annotations, status.metadata.attempt),
        phase=_PHASES.get(status.state, Phase.UNKNOWN),
        created_at=status.created_at / _NANO,
        started_at=status.started_at / _NANO,
        finished_at=status.finished_at / _NANO,
        exit_code=status.exit_code,
        reason=status.reason,
        message=status.message,
        image=status.image.image,
        image_ref=ImageRef(status.image_ref),
        spec_hash=annotations.get(CONTAINER_HASH, ""),
        log_path=status.log_path,
        message_path=message_path,
        message_policy=annotations.get(MESSAGE_POLICY) or "File",
        message_host_path=_host_path(mounts, message_path),
        annotations=annotations,
        mounts=mounts,
        resources=_resources(status),
        user=_user(status),
    )


def parse_pod(
    uid: PodUid,
    sandboxes: Iterable[tuple[pb.PodSandbox, SeenSandbox]],
    containers: Iterable[tuple[pb.Container, SeenContainer]],
) -> ObservedPod:
    """One pod of its listed records and what is seen of each; both tuples come newest first.

    Name and labels are those of the newest sandbox, else of a container, whose labels are only
    the agent's own.
    """
    ours = sorted(sandboxes, key=lambda pair: _age(pair[1]), reverse=True)
    theirs = sorted(containers, key=lambda pair: _age(pair[1]), reverse=True)
    labels: Mapping[str, str] = ours[0][0].labels if ours else {}
    names = labels or (theirs[0][0].labels if theirs else {})
    return ObservedPod(
        uid=uid,
        name=names.get(POD_NAME, ""),
        namespace=names.get(POD_NAMESPACE, ""),
        labels={k: v for k, v in labels.items() if k not in (POD_NAME, POD_NAMESPACE, POD_UID)},
        annotations=dict(ours[0][0].annotations) if ours else {},
        sandboxes=tuple(seen for _, seen in ours),
        containers=tuple(seen for _, seen in theirs),
    )


def parse_pods(
    sandboxes: Iterable[pb.PodSandbox], containers: Iterable[pb.Container]
) -> tuple[ObservedPod, ...]:
    """Every pod of two whole listings; records without a pod's labels belong to someone else."""
    ours: dict[PodUid, list[tuple[pb.PodSandbox, SeenSandbox]]] = {}
    theirs: dict[PodUid, list[tuple[pb.Container, SeenContainer]]] = {}
    for sandbox in sandboxes:
        if (uid := owner_of(sandbox.labels)) is not None:
            ours.setdefault(uid, []).append((sandbox, parse_sandbox(sandbox)))
    for container in containers:
        if (uid := owner_of(container.labels)) is not None:
            theirs.setdefault(uid, []).append((container, parse_container(container)))
    uids = dict.fromkeys((*ours, *theirs))
    return tuple(parse_pod(u, ours.get(u, ()), theirs.get(u, ())) for u in uids)


def owner_of(labels: Mapping[str, str]) -> PodUid | None:
    """The pod that a record belongs to; None where its labels name none.

    Anybody may label a record. Uid, name and namespace become parts of paths that are removed
    with the pod, so a record whose labels would lead elsewhere is nobody's.
    """
    uid = labels.get(POD_UID, "")
    parts = (labels.get(key, "") for key in (POD_NAME, POD_NAMESPACE))
    return PodUid(uid) if _is_plain(uid) and all(not p or _is_plain(p) for p in parts) else None


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= _NAME_MAX and "/" not in text and "\0" not in text and text[0] != "."


def parse_image(image: pb.Image) -> SeenImage:
    return SeenImage(
        ref=ImageRef(image.id),
        tags=tuple(image.repo_tags),
        digests=tuple(image.repo_digests),
        size_bytes=image.size,
        uid=image.uid.value if image.HasField("uid") else None,
        username=image.username,
        pinned=image.pinned,
    )


def parse_event(event: pb.ContainerEventResponse) -> RuntimeEvent | None:
    """An event of CRI's own stream; None for a kind that is newer than this code.

    The statuses it carries are left aside: they cover one sandbox, and a pod may have several.
    """
    kind = _EVENTS.get(event.container_event_type)
    if kind is None:
        return None
    uid = event.pod_sandbox_status.metadata.uid
    return RuntimeEvent(
        kind=kind,
        container_id=event.container_id,
        at=event.created_at / _NANO,
        uid=PodUid(uid) if _is_plain(uid) else None,
    )


def parse_time(stamp: Timestamp) -> float:
    """Unix seconds."""
    return stamp.seconds + stamp.nanos / _NANO


def parse_info(
    version: pb.VersionResponse, status: pb.StatusResponse, config: pb.RuntimeConfigResponse | None
) -> RuntimeInfo:
    """Who answers and what it can do.

    `config` is None where the runtime lacks that call. containerd before 2.0 does, but tells its
    cgroup driver and handlers in the free-form part of a verbose status.
    """
    plugin = _containerd_config(status.info)
    driver = _driver_of_plugin(plugin)
    if config is not None and config.HasField("linux"):
        driver = _DRIVERS.get(config.linux.cgroup_driver, "")
    told = {handler.name: _features(handler.features) for handler in status.runtime_handlers}
    named = told or dict.fromkeys(("", *_runtimes(plugin)), ())
    return RuntimeInfo(
        name=version.runtime_name,
        version=version.runtime_version,
        api_version=version.runtime_api_version,
        cgroup_driver=driver,
        handlers=tuple(named),
        features=named,
        supplemental_groups_policy=status.features.supplemental_groups_policy,
        sandbox_image=_sandbox_image(status.info),
    )


def parse_health(status: pb.RuntimeStatus) -> RuntimeHealth:
    """The two conditions that count; one that is not told counts as not met."""
    conditions = {condition.type: condition for condition in status.conditions}
    runtime = conditions.get("RuntimeReady", pb.RuntimeCondition(reason="NotTold"))
    network = conditions.get("NetworkReady", pb.RuntimeCondition(reason="NotTold"))
    return RuntimeHealth(
        runtime_ready=runtime.status,
        network_ready=network.status,
        message="" if runtime.status else _because(runtime),
        network_message="" if network.status else _because(network),
    )


def _because(condition: pb.RuntimeCondition) -> str:
    return ": ".join(part for part in (condition.reason, condition.message) if part)


def _age(seen: SeenSandbox | SeenContainer) -> tuple[float, int]:
    return seen.created_at, seen.attempt


def _restart_count(annotations: Mapping[str, str], attempt: int) -> int:
    told = annotations.get(RESTART_COUNT, "")
    return int(told) if _COUNT.fullmatch(told) else attempt


def _mount(mount: pb.Mount) -> SeenMount:
    return SeenMount(
        container_path=mount.container_path,
        host_path=mount.host_path,
        readonly=mount.readonly,
        recursive_read_only=mount.recursive_read_only,
    )


def _host_path(mounts: Iterable[SeenMount], container_path: str) -> str:
    if not container_path:
        return ""
    return next((m.host_path for m in mounts if m.container_path == container_path), "")


def _resources(status: pb.ContainerStatus) -> SeenResources | None:
    if not status.resources.HasField("linux"):
        return None
    linux = status.resources.linux
    return SeenResources(
        cpu_shares=linux.cpu_shares,
        cpu_quota=linux.cpu_quota,
        cpu_period=linux.cpu_period,
        memory_limit_bytes=linux.memory_limit_in_bytes,
    )


def _user(status: pb.ContainerStatus) -> SeenUser | None:
    if not status.user.HasField("linux"):
        return None
    linux = status.user.linux
    groups = tuple(linux.supplemental_groups)
    return SeenUser(uid=linux.uid, gid=linux.gid, supplemental_groups=groups)


def _features(features: pb.RuntimeHandlerFeatures) -> tuple[str, ...]:
    told = {
        "recursiveReadOnlyMounts": features.recursive_read_only_mounts,
        "userNamespaces": features.user_namespaces,
    }
    return tuple(name for name, has in told.items() if has)


def _containerd_config(info: Mapping[str, str]) -> dict[str, Any]:
    """The CRI plugin's own configuration; {} where it is not told or not understood."""
    try:
        return _below(json.loads(info.get("config", "{}")), "containerd")
    except (ValueError, RecursionError):
        return {}


def _below(part: Any, key: str) -> dict[str, Any]:
    """The mapping under a key; {} where there is none, whatever else there is."""
    found = part.get(key) if isinstance(part, dict) else None
    return found if isinstance(found, dict) else {}


def _runtimes(plugin: Mapping[str, Any]) -> dict[str, Any]:
    return _below(plugin, "runtimes")


def _sandbox_image(info: Mapping[str, str]) -> str:
    """containerd tells it in its configuration, in 1.x and 2.x at different places."""
    try:
        config = json.loads(info.get("config", "{}"))
    except (ValueError, RecursionError):
        return ""
    for place in (config, _below(config, "pinnedImages")):
        for key in ("sandboxImage", "sandbox"):
            if isinstance(place, dict) and isinstance(place.get(key), str):
                return str(place[key])
    return ""


def _driver_of_plugin(plugin: Mapping[str, Any]) -> str:
    runtime = _below(_runtimes(plugin), str(plugin.get("defaultRuntimeName", "")))
    if runtime.get("runtimeType") != "io.containerd.runc.v2":
        return ""
    return "systemd" if _below(runtime, "options").get("SystemdCgroup") else "cgroupfs"
