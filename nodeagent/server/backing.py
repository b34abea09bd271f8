"""What stands behind the node's port: plain functions, so that the port never meets the engine."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.launch import ExecResult
from nodeagent.server.figures import Figures


class StreamWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which streams an exec or attach gets. With `tty` there is no stderr of its own."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """What the container runtime does for the node's port; each may raise CriError.

    `exec`, `attach` and `forward` give the URL at which the runtime streams, good for one
    connection within about a minute. `run` waits for the end of the command, however long.
    `checkpoint` writes a tar file; its number is a limit in seconds, 0 for the usual one.
    """

    exec: Callable[[ContainerId, tuple[str, ...], StreamWish], Awaitable[str]]
    attach: Callable[[ContainerId, StreamWish], Awaitable[str]]
    forward: Callable[[SandboxId, tuple[int, ...]], Awaitable[str]]
    run: Callable[[ContainerId, tuple[str, ...]], Awaitable[ExecResult]]
    checkpoint: Callable[[ContainerId, str, int], Awaitable[None]]


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """Which endpoints are on: fields of the configuration, and feature gates."""

    debugging: bool = True
    system_logs: bool = True
    log_query: bool = False
    profiling: bool = True
    debug_flags: bool = True
    split_log_streams: bool = False
    translate_websockets: bool = True
    checkpoints: bool = True
    flagz: bool = True
    statusz: bool = True


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's journal; each may raise HostError where there is none.

    `read` takes arguments of journalctl. `units`: every unit that ever wrote to it.
    """

    read: Callable[[tuple[str, ...]], AsyncGenerator[bytes, None]]
    units: Callable[[], Awaitable[frozenset[str]]]


def _no_uid(pod: v1.Pod) -> str:
    return ""


class Backing(msgspec.Struct, frozen=True, kw_only=True):
    """Functions that answer at once, from memory, but for those of `runtime` and `figures`.

    `list_pods`: every pod with its status as last derived. `running_pods`: what the runtime has.
    `container` and `sandbox`: the one that runs now, None for none. `mirror_uid`: the uid of a
    static pod's mirror pod, "" for none. `health`: what is wrong by the name of its check, "" for
    nothing. `configz` and `flags` hold no secrets. `set_verbosity` takes kubelet's `-v`.
    `idle`: seconds after which a stream without a byte is closed.
    """

    version: str
    started_at: float
    logs_dir: Path
    checkpoints_dir: Path
    idle: float
    now: Callable[[], float]
    list_pods: Callable[[], tuple[v1.Pod, ...]]
    running_pods: Callable[[], tuple[v1.Pod, ...]]
    container: Callable[[PodUid, str], ContainerId | None]
    sandbox: Callable[[PodUid], SandboxId | None]
    health: Callable[[], Mapping[str, str]]
    configz: Callable[[], Mapping[str, Any]]
    flags: Callable[[], Mapping[str, str]]
    set_verbosity: Callable[[int], None]
    runtime: Runtime
    journal: Journal
    mirror_uid: Callable[[v1.Pod], str] = _no_uid
    figures: Figures = Figures()
    system_logs_dir: Path = Path("/var/log")
