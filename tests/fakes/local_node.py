"""A node as the local API sees it, with state that tests change; and the API served on a socket."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.model.desired import Problem
from nodeagent.model.events import EventType, SeenEvent, Subject
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory
from nodeagent.server.local import LocalApi
from nodeagent.server.view import View

NOW = 1_800_000_000.0


def at(seconds: float) -> dt.datetime:
    """A time so many seconds before NOW."""
    return dt.datetime.fromtimestamp(NOW - seconds, dt.UTC)


def running(name: str = "web", *, restarts: int = 0, ready: bool = True) -> v1.ContainerStatus:
    """A running container; a restarted one ended with code 1 half a minute ago."""
    ended = v1.ContainerStateTerminated(
        exitCode=1,
        reason="Error",
        containerID=f"containerd://{name}-{restarts - 1}",
        startedAt=at(40),
        finishedAt=at(30),
    )
    return v1.ContainerStatus(
        name=name,
        image="busybox",
        imageID="sha256:1",
        ready=ready,
        started=True,
        restartCount=restarts,
        containerID=f"containerd://{name}-{restarts}",
        state=v1.ContainerState(running=v1.ContainerStateRunning(startedAt=at(20))),
        lastState=v1.ContainerState(terminated=ended) if restarts else None,
    )


def waiting(
    name: str = "web",
    *,
    reason: str,
    message: str = "",
    restarts: int = 0,
    last: v1.ContainerStateTerminated | None = None,
) -> v1.ContainerStatus:
    """A container that waits, perhaps after an end."""
    return v1.ContainerStatus(
        name=name,
        image="busybox",
        imageID="",
        ready=False,
        started=False,
        restartCount=restarts,
        state=v1.ContainerState(waiting=v1.ContainerStateWaiting(reason=reason, message=message)),
        lastState=v1.ContainerState(terminated=last) if last else None,
    )


def ended(name: str = "web", *, code: int = 0, reason: str = "") -> v1.ContainerStatus:
    """A container that ended for good."""
    return v1.ContainerStatus(
        name=name,
        image="busybox",
        imageID="sha256:1",
        ready=False,
        started=False,
        restartCount=0,
        containerID=f"containerd://{name}-0",
        state=v1.ContainerState(
            terminated=v1.ContainerStateTerminated(
                exitCode=code,
                reason=reason or ("Error" if code else "Completed"),
                containerID=f"containerd://{name}-0",
                startedAt=at(40),
                finishedAt=at(30),
            )
        ),
    )


def a_pod(
    name: str = "web-node1",
    *statuses: v1.ContainerStatus,
    namespace: str = "default",
    phase: str = "Running",
    labels: dict[str, str] | None = None,
    policy: str = "Always",
) -> v1.Pod:
    """A pod whose containers are those of the statuses."""
    shown = statuses or (running(),)
    ready = all(s.ready for s in shown)
    conditions = [
        v1.PodCondition(type=type_, status="True" if ready else "False", lastTransitionTime=at(15))
        for type_ in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace=namespace,
            uid=f"uid-{name}",
            labels=labels,
            creationTimestamp=at(300),
        ),
        spec=v1.PodSpec(
            containers=[v1.Container(name=s.name, image="busybox") for s in shown],
            nodeName="node1",
            restartPolicy=policy,
        ),
        status=v1.PodStatus(
            phase=phase,
            conditions=conditions,
            podIP="10.1.0.7",
            hostIP="192.0.2.1",
            startTime=at(290),
            qosClass="BestEffort",
            containerStatuses=list(shown),
        ),
    )


def an_event(
    reason: str = "Started",
    message: str = "Container started",
    *,
    pod: str = "web-node1",
    warning: bool = False,
    ago: float = 20,
    container: str = "web",
    count: int = 1,
) -> SeenEvent:
    """An event about a container of a pod."""
    return SeenEvent(
        subject=Subject(
            name=pod,
            namespace="default",
            uid=PodUid(f"uid-{pod}"),
            field_path=f"spec.containers{{{container}}}" if container else "",
        ),
        type=EventType.WARNING if warning else EventType.NORMAL,
        reason=reason,
        message=message,
        first_at=NOW - ago,
        last_at=NOW - ago,
        count=count,
    )


class LocalNode:
    """What the agent knows; change it, then `ring`."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "run" / "agent.sock"
        self.logs = folder / "logs"
        self.pods: list[v1.Pod] = [a_pod()]
        self.problems: list[Problem] = []
        self.events: list[SeenEvent] = [an_event()]
        self.memories: dict[str, PodMemory] = {}
        self.node = v1.Node(
            metadata=meta_v1.ObjectMeta(name="node1", uid="node1", creationTimestamp=at(9000)),
            spec=v1.NodeSpec(),
            status=v1.NodeStatus(
                conditions=[v1.NodeCondition(type="Ready", status="True", reason="KubeletReady")],
                addresses=[v1.NodeAddress(type="InternalIP", address="192.0.2.1")],
            ),
        )
        self.api = LocalApi(self.view(), path=self.socket)

    def view(self) -> View:
        return View(
            node_name="node1",
            version="v1.36.2+nodeagent.0.1.0",
            logs_dir=self.logs,
            now=lambda: NOW,
            list_pods=lambda: tuple(self.pods),
            problems=lambda: tuple(self.problems),
            events=lambda: tuple(self.events),
            node=lambda: self.node,
            memory=lambda uid: self.memories.get(uid),
        )

    def ring(self) -> None:
        self.api.notify()

    def change_status(self, index: int = 0, **fields: object) -> None:
        """Replace fields of a pod's status, and ring."""
        pod = self.pods[index]
        assert pod.status is not None
        self.pods[index] = msgspec.structs.replace(
            pod, status=msgspec.structs.replace(pod.status, **fields)
        )
        self.ring()

    def log_file(self, number: int = 0, *, pod: str = "web-node1", container: str = "web") -> Path:
        """Where a container's log is; its folder exists."""
        path = self.logs / f"default_{pod}_uid-{pod}" / container / f"{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@asynccontextmanager
async def serving(node: LocalNode) -> AsyncIterator[LocalNode]:
    """The node's API answers on its socket inside."""
    task = asyncio.ensure_future(node.api.run())
    ready = asyncio.ensure_future(node.api.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if task.done():
        task.result()
    try:
        yield node
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def log_line(text: str, *, second: int = 0, stream: str = "stdout", tag: str = "F") -> str:
    """One CRI log line, written `second` seconds into a minute."""
    return f"2027-01-15T07:59:{second:02}.000000001Z {stream} {tag} {text}\n"
