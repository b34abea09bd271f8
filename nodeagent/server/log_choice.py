"""Which log a request means: its options, and the container instance they point at."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.core.log_format import time_ns
from nodeagent.server.refusals import Refusal

_TRUE = ("", "1", "t", "true", "yes", "y")
_FALSE = ("0", "f", "false", "no", "n")
_LOG = re.compile(r"(\d+)\.log")
_IMAGE_TEXT = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """PodLogOptions. None: not asked for. `since_ns`: Unix nanoseconds, 0 for all."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_ns: int = 0
    stream: str = ""  # "stdout", "stderr", "" for both


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a container. `number` is the restart count; `previous`: the run before that."""

    container: str
    container_id: str
    number: int
    running: bool = False
    previous: bool = False


def read_options(query: Mapping[str, str], *, now: float) -> LogOptions:
    """Options of a log request; 400 for a value that cannot be read, 422 for one out of range."""
    tail = query.get("tailLines", query.get("tail", ""))
    since_seconds, since_time = query.get("sinceSeconds"), query.get("sinceTime")
    if since_seconds and since_time:
        raise Refusal(422, "at most one of sinceTime or sinceSeconds may be specified")
    since_ns = 0
    if since_seconds:
        since_ns = int((now - _number("sinceSeconds", since_seconds, least=1)) * 1e9)
    elif since_time:
        since_ns = time_ns(since_time.encode())
        if not since_ns:
            raise Refusal(400, f'sinceTime: "{since_time}" is no RFC 3339 time with a zone')
    limit = query.get("limitBytes")
    return LogOptions(
        container=query.get("container", ""),
        follow=_flag(query, "follow"),
        previous=_flag(query, "previous"),
        timestamps=_flag(query, "timestamps"),
        tail_lines=_number("tailLines", tail, least=0) if tail not in ("", "all") else None,
        limit_bytes=_number("limitBytes", limit, least=1) if limit else None,
        since_ns=since_ns,
    )


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name)
    if value is None or value.lower() in _FALSE:
        return False
    if value.lower() in _TRUE:
        return True
    raise Refusal(400, f'{name}: "{value}" is neither true nor false')


def _number(name: str, text: str, *, least: int) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise Refusal(400, f'{name}: "{text}" is no whole number') from error
    if number < least:
        raise Refusal(422, f"{name}: must be at least {least}, not {number}")
    return number


def choose_container(pod: v1.Pod, asked: str) -> str:
    """The container whose log is meant; 400 where it must be named, 404 where it is not there."""
    names = [c.name for _, c in each_container(pod.spec)] if pod.spec else []
    pod_name = pod.metadata.name if pod.metadata else ""
    if asked:
        if asked not in names:
            listed = " ".join(names)
            raise Refusal(
                404, f'container "{asked}" not found in pod "{pod_name}"; there are: [{listed}]'
            )
        return asked
    regular = [c.name for c in pod.spec.containers] if pod.spec else []
    if len(regular) == 1 and len(names) == 1:
        return regular[0]
    listed = " ".join(names)
    raise Refusal(
        400, f"a container name must be specified for pod {pod_name}, choose one of: [{listed}]"
    )


def choose_instance(pod: v1.Pod, container: str, *, previous: bool) -> Instance:
    """The run of the container whose log is there to read; 400 with the reason if there is none."""
    pod_name = (pod.metadata.name if pod.metadata else "") or ""
    status = find_status(pod, container)
    if status is None:
        raise _unusable(container, pod_name, "is not available")
    state = status.state or v1.ContainerState()
    last = status.lastState.terminated if status.lastState else None
    if previous:
        if last is None or not last.containerID:
            raise Refusal(
                400, f'previous terminated container "{container}" in pod "{pod_name}" not found'
            )
        return Instance(
            container=container,
            container_id=last.containerID,
            number=status.restartCount,
            previous=state.waiting is None,
        )
    chosen = _present_id(status, state, last)
    if chosen:
        return Instance(
            container=container,
            container_id=chosen,
            number=status.restartCount,
            running=state.running is not None,
        )
    raise _unusable(container, pod_name, _why_none(state, last))


def _present_id(
    status: v1.ContainerStatus,
    state: v1.ContainerState,
    last: v1.ContainerStateTerminated | None,
) -> str:
    """A running or ended container, or the one that ended before the present wait."""
    if state.running:
        return status.containerID or ""
    if state.terminated and state.terminated.containerID:
        return state.terminated.containerID
    return (last.containerID if last else "") or ""


def _why_none(state: v1.ContainerState, last: v1.ContainerStateTerminated | None) -> str:
    if state.terminated or last:
        return "is terminated"
    if state.waiting and state.waiting.reason:
        reason = state.waiting.reason
        return f"is waiting to start: {_IMAGE_TEXT.get(reason, reason)}"
    return "is waiting to start - no logs yet"


def _unusable(container: str, pod: str, text: str) -> Refusal:
    return Refusal(400, f'container "{container}" in pod "{pod}" {text}')


def find_status(pod: v1.Pod, container: str) -> v1.ContainerStatus | None:
    """The status of a container of any kind."""
    status = pod.status or v1.PodStatus()
    groups = (
        status.containerStatuses,
        status.initContainerStatuses,
        status.ephemeralContainerStatuses,
    )
    return next((s for group in groups for s in group or () if s.name == container), None)


def is_running(pod: v1.Pod | None, instance: Instance) -> bool:
    """Whether the pod's status still tells that very instance as running."""
    status = find_status(pod, instance.container) if pod else None
    return bool(
        status
        and status.state
        and status.state.running
        and status.containerID == instance.container_id
    )


def find_log(
    logs_dir: Path, pod: v1.Pod, instance: Instance, names: Callable[[Path], list[str]]
) -> Path:
    """The file of that run: `<N>.log`, or the nearest that is there. 404 where none is.

    `names` lists a folder. A run after a lost record has a higher number than status counts.
    """
    metadata = pod.metadata
    assert metadata is not None
    folder = logs_dir / f"{metadata.namespace}_{metadata.name}_{metadata.uid}" / instance.container
    numbers = sorted(int(m[1]) for m in map(_LOG.fullmatch, names(folder)) if m)
    if instance.previous:
        numbers = [n for n in numbers if n < instance.number]
    if not numbers:
        raise Refusal(
            404,
            f'no log of container "{instance.container}" in pod "{metadata.name}" is left'
            f" in {folder}",
        )
    number = instance.number if instance.number in numbers else numbers[-1]
    return folder / f"{number}.log"
