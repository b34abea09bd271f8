"""One container's API status from the runtime's records, the memory and the status before."""

from collections.abc import Iterable

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, each_container
from nodeagent.core.ends import shown_message, shown_reason
from nodeagent.core.image_wait import image_wait
from nodeagent.core.resize import resources_of
from nodeagent.core.restart import (
    TROUBLE_SHOWN,
    Decision,
    backoff_key,
    crash_loop,
    restart_at,
    restart_decision,
)
from nodeagent.core.times import as_time, as_time_or_none, short_duration
from nodeagent.model.ends import EndReason
from nodeagent.model.memory import Health, PodMemory
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenMount

RESTARTING_ALL = "RestartingAllContainers"
MESSAGES_BYTES = 12 * 1024
LOST_WHEN_DELETED = (
    "The container could not be located when the pod was deleted.  The container used to be Running"
)
INIT_LOST = (
    "Unable to get init container status from container runtime and pod has been initialized, "
    "treat it as exited normally"
)
LOST_WHEN_TERMINATED = "The container could not be located when the pod was terminated"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the statuses of one pod's containers are derived from."""

    memory: PodMemory
    seen: ObservedPod
    rules: NodeRules
    runtime_name: str
    now: float
    has_begun: bool  # a regular container runs or has run
    before: dict[str, v1.ContainerStatus]


def container_status(view: View, kind: Kind, spec: v1.Container) -> v1.ContainerStatus:
    """The status of one container; records of the same name older than two do not count."""
    records = view.seen.all_of(spec.name)
    before = view.before.get(spec.name)
    if not records:
        return _without_record(view, kind, spec, before)
    newest = records[0]
    status = v1.ContainerStatus(
        name=spec.name,
        image=newest.image or spec.image or "",
        imageID=newest.image_ref,
        containerID=_container_id(view, newest),
        restartCount=newest.restart_count,
        ready=False,
        started=False,
        state=_state(view, newest, before),
        lastState=_last(view, records[1:]) or _kept_last(before),
        volumeMounts=_volume_mounts(spec, newest.mounts),
        resources=_resources(view, spec, newest),
        allocatedResources=(spec.resources.requests if spec.resources else None) or None,
        user=_user(newest),
    )
    status = _held_back(view, kind, spec, newest, status)
    return _with_health(view, kind, spec, newest, status)


def _resources(
    view: View, spec: v1.Container, newest: SeenContainer
) -> v1.ResourceRequirements | None:
    """What the container has: while it runs that may be older than what it is granted."""
    if view.memory.resize is None or newest.phase is not Phase.RUNNING:
        return spec.resources
    return resources_of(view.memory, newest)


def _last(view: View, older: tuple[SeenContainer, ...]) -> v1.ContainerState | None:
    ended = next((c for c in older if c.phase is Phase.EXITED), None)
    return None if ended is None else v1.ContainerState(terminated=terminated_state(view, ended))


def _container_id(view: View, seen: SeenContainer) -> str:
    return f"{view.runtime_name}://{seen.id}"


def _kept_last(before: v1.ContainerStatus | None) -> v1.ContainerState:
    """The last state that was shown before, where the runtime no longer has that record."""
    if before and before.lastState and before.lastState.terminated:
        return before.lastState
    return v1.ContainerState()


def _user(seen: SeenContainer) -> v1.ContainerUser | None:
    if seen.user is None:
        return None
    return v1.ContainerUser(
        linux=v1.LinuxContainerUser(
            uid=seen.user.uid,
            gid=seen.user.gid,
            supplementalGroups=list(seen.user.supplemental_groups) or None,
        )
    )


def _volume_mounts(
    spec: v1.Container, mounts: Iterable[SeenMount] = ()
) -> list[v1.VolumeMountStatus] | None:
    """What is mounted, or is to be; `mounts` is what the runtime has."""
    recursive = {m.container_path: m.recursive_read_only for m in mounts}
    found = []
    for mount in spec.volumeMounts or ():
        shown = None
        if mount.readOnly:
            asked = mount.recursiveReadOnly == "Enabled"
            shown = "Enabled" if recursive.get(mount.mountPath, asked) else "Disabled"
        found.append(
            v1.VolumeMountStatus(
                name=mount.name,
                mountPath=mount.mountPath,
                readOnly=mount.readOnly or None,
                recursiveReadOnly=shown,
            )
        )
    return found or None


def terminated_state(view: View, seen: SeenContainer) -> v1.ContainerStateTerminated:
    """An exited record as the API shows it."""
    note = view.memory.ends.get(seen.id)
    reason = shown_reason(seen, note)
    return v1.ContainerStateTerminated(
        exitCode=seen.exit_code,
        reason=reason,
        message=_bounded(shown_message(seen, note), view.memory.pod.spec) or None,
        startedAt=as_time(seen.started_at),  # one that never started: 1970, as a kubelet tells it
        finishedAt=as_time(seen.finished_at),
        containerID=_container_id(view, seen),
    )


def _bounded(message: str, spec: v1.PodSpec) -> str:
    """All messages of a pod together take 12 KiB at the most, each container its share."""
    share = MESSAGES_BYTES // max(len(list(each_container(spec))), 1)
    return message.encode()[:share].decode(errors="ignore")


def _state(view: View, seen: SeenContainer, before: v1.ContainerStatus | None) -> v1.ContainerState:
    if seen.phase is Phase.RUNNING:
        started = as_time_or_none(seen.started_at)
        return v1.ContainerState(running=v1.ContainerStateRunning(startedAt=started))
    if seen.phase is Phase.EXITED:
        return v1.ContainerState(terminated=terminated_state(view, seen))
    if seen.phase is Phase.UNKNOWN and before and before.state and before.state.running:
        return v1.ContainerState(terminated=_unknown(LOST_WHEN_TERMINATED))
    return v1.ContainerState(waiting=v1.ContainerStateWaiting(reason="ContainerCreating"))


def _unknown(message: str) -> v1.ContainerStateTerminated:
    return v1.ContainerStateTerminated(
        exitCode=137, reason="ContainerStatusUnknown", message=message
    )


def _default_waiting(view: View, kind: Kind, name: str) -> v1.ContainerStateWaiting:
    message = None if view.memory.ending else image_wait(view.memory.images, name)
    has_init = bool(view.memory.pod.spec.initContainers)
    waits_for_init = has_init or kind in (Kind.INIT, Kind.SIDECAR)
    return v1.ContainerStateWaiting(
        reason="PodInitializing" if waits_for_init else "ContainerCreating", message=message
    )


def _without_record(
    view: View, kind: Kind, spec: v1.Container, before: v1.ContainerStatus | None
) -> v1.ContainerStatus:
    count = max(before.restartCount if before else 0, 0)
    status = v1.ContainerStatus(
        name=spec.name,
        image=spec.image or "",
        imageID="",
        restartCount=count,
        ready=False,
        started=None if kind is Kind.EPHEMERAL else False,
        state=v1.ContainerState(waiting=_default_waiting(view, kind, spec.name)),
        lastState=_kept_last(before),
        volumeMounts=_volume_mounts(spec),
    )
    if kind is Kind.INIT and view.has_begun:
        done = v1.ContainerStateTerminated(exitCode=0, reason="Completed", message=INIT_LOST)
        kept = before.state.terminated if before and before.state else None
        return msgspec.structs.replace(
            status, ready=True, state=v1.ContainerState(terminated=kept or done)
        )
    if before is not None:
        status = _after_loss(view, status, before)
    return _with_trouble(view, spec.name, status)


def _after_loss(
    view: View, status: v1.ContainerStatus, before: v1.ContainerStatus
) -> v1.ContainerStatus:
    """The runtime lost the record: what ran is shown as unknown, what ended stays as it was."""
    keep = msgspec.structs.replace
    if before.state and before.state.terminated:
        if view.memory.ending is not None:
            return keep(
                status, state=before.state, imageID=before.imageID, containerID=before.containerID
            )
        return keep(status, lastState=before.state)
    if before.state and before.state.running:
        lost = v1.ContainerState(terminated=_unknown(LOST_WHEN_DELETED))
        again = view.memory.ending is None
        return keep(status, lastState=lost, restartCount=before.restartCount + again)
    return status


def _with_trouble(view: View, name: str, status: v1.ContainerStatus) -> v1.ContainerStatus:
    waiting = _trouble(view, name)
    if waiting is None or view.memory.ending is not None:
        return status
    return msgspec.structs.replace(status, state=v1.ContainerState(waiting=waiting))


def _trouble(view: View, name: str) -> v1.ContainerStateWaiting | None:
    """Why the container does not start: a restart of all, its image, or the last failed try."""
    if view.memory.restart_all > 0:
        return v1.ContainerStateWaiting(reason=RESTARTING_ALL)
    trouble = view.memory.troubles.get(name)
    if trouble is not None:
        return v1.ContainerStateWaiting(reason=trouble.reason, message=trouble.message or None)
    for key, image in sorted(view.memory.images.items()):
        if key.partition("/")[0] == name and image.reason:
            return v1.ContainerStateWaiting(reason=image.reason, message=image.message or None)
    return None


def _held_back(
    view: View, kind: Kind, spec: v1.Container, newest: SeenContainer, status: v1.ContainerStatus
) -> v1.ContainerStatus:
    """An ended container that will run again shows why it waits; its end moves to lastState."""
    if newest.phase is Phase.CREATED or _hook_failed(view, newest):
        return _with_trouble(view, spec.name, status)
    if newest.phase is not Phase.EXITED or view.memory.ending is not None:
        return status
    decision = restart_decision(
        view.memory.pod.spec, kind, spec, exit_code=newest.exit_code, reason=newest.reason
    )
    stays = decision is Decision.STAY or (kind is Kind.INIT and view.has_begun)
    if stays and not view.memory.restart_all:
        return status
    waiting = _waiting(view, spec, newest)
    if waiting is None:
        return status
    ended = v1.ContainerState(terminated=terminated_state(view, newest))
    return msgspec.structs.replace(
        status, state=v1.ContainerState(waiting=waiting), lastState=ended
    )


def _hook_failed(view: View, newest: SeenContainer) -> bool:
    """Whether it runs, and is about to be stopped since its postStart hook failed."""
    note = view.memory.ends.get(newest.id)
    failed = note is not None and note.reason is EndReason.POST_START
    return failed and newest.phase is Phase.RUNNING


def _waiting(
    view: View, spec: v1.Container, newest: SeenContainer
) -> v1.ContainerStateWaiting | None:
    trouble, loop = _trouble(view, spec.name), _crash_loop(view, spec, newest)
    start = view.memory.troubles.get(spec.name)
    if loop is None or start is None or view.memory.restart_all > 0:
        return trouble or loop
    return trouble if 0 <= view.now - start.at < TROUBLE_SHOWN else loop


def _crash_loop(
    view: View, spec: v1.Container, newest: SeenContainer
) -> v1.ContainerStateWaiting | None:
    pod = view.memory.pod
    entry = view.memory.backoffs.get(spec.name)
    loop = crash_loop(view.rules, pod.annotations)
    key = backoff_key(pod, spec)
    ready_at = restart_at(entry, key, newest, loop=loop, now=view.now)
    if entry is None or ready_at <= view.now:
        return None
    delay = short_duration(min(entry.delay, loop.longest))
    return v1.ContainerStateWaiting(
        reason="CrashLoopBackOff", message=backoff_message(delay, spec.name, view.memory)
    )


def backoff_message(delay: str, container: str, memory: PodMemory) -> str:
    """The waiting message of a crash loop."""
    pod = memory.pod
    return (
        f"back-off {delay} restarting failed container={container} "
        f"pod={pod.name}_{pod.namespace}({pod.uid})"
    )


def _with_health(
    view: View, kind: Kind, spec: v1.Container, newest: SeenContainer, status: v1.ContainerStatus
) -> v1.ContainerStatus:
    running = newest.phase is Phase.RUNNING and not _hook_failed(view, newest)
    if kind is Kind.INIT:
        done = newest.phase is Phase.EXITED and newest.exit_code == 0
        return msgspec.structs.replace(status, ready=done, started=running)
    if kind is Kind.EPHEMERAL:
        return msgspec.structs.replace(status, started=None)  # a kubelet never says
    health = _health(view, spec, newest)
    return msgspec.structs.replace(
        status,
        ready=running and health.ready and health.started,
        started=running and health.started,
    )


def _health(view: View, spec: v1.Container, newest: SeenContainer) -> Health:
    known = view.memory.health.get(spec.name)
    if known is not None and known.id == newest.id:
        return known
    return Health(
        id=newest.id,
        started=spec.startupProbe is None,
        ready=spec.readinessProbe is None,
    )
