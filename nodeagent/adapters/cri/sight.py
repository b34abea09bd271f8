"""Looking at what the runtime has."""

from collections.abc import Iterable

from nodeagent.adapters.cri.calls import Answer, Pending, RuntimeCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.parse import (
    owner_of,
    parse_container_status,
    parse_pod,
    parse_pods,
    parse_sandbox_status,
)
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.core.sandbox_config import POD_UID
from nodeagent.errors import CriNotFound
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import ObservedPod, SeenContainer, SeenSandbox


class CriSight:
    """Implements the engine's `Sight`. `timeout` is runtimeRequestTimeout in seconds.

    Calls that do not depend on each other are made at once and then awaited in turn.
    """

    def __init__(self, calls: RuntimeCalls, *, timeout: float) -> None:
        self._calls = calls
        self._timeout = timeout

    async def list_pods(self) -> tuple[ObservedPod, ...]:
        """Every pod, by one list of sandboxes and one of containers."""
        return parse_pods(
            *await self._list(pb.PodSandboxFilter(), pb.ContainerFilter(), "all pods")
        )

    async def look(self, uid: PodUid) -> ObservedPod:
        """One pod in full. What vanishes between list and status is left out."""
        selector = {POD_UID: uid}
        sandboxes, containers = await self._list(
            pb.PodSandboxFilter(label_selector=selector),
            pb.ContainerFilter(label_selector=selector),
            f"pod {uid}",
        )
        boxes = [item for item in sandboxes if owner_of(item.labels) == uid]
        records = [item for item in containers if owner_of(item.labels) == uid]
        ours = [(item, self._ask_sandbox(item.id)) for item in boxes]
        theirs = [(item, self._ask_container(item.id)) for item in records]
        try:
            seen_sandboxes = [
                (item, parse_sandbox_status(told.status))
                for item, call in ours
                if (told := await _found(call, "PodSandboxStatus", item.id)) is not None
            ]
            seen_containers = [
                (item, parse_container_status(answer.status, SandboxId(item.pod_sandbox_id)))
                for item, call in theirs
                if (answer := await _found(call, "ContainerStatus", item.id)) is not None
            ]
        finally:
            _give_up(call for _, call in ours)
            _give_up(call for _, call in theirs)
        return parse_pod(uid, seen_sandboxes, seen_containers)

    async def look_container(self, container: ContainerId) -> SeenContainer | None:
        """One container in full. The list tells its sandbox, which the status does not."""
        request = pb.ListContainersRequest(filter=pb.ContainerFilter(id=container))
        listing = self._calls.list_containers(request, timeout=self._timeout)
        status = self._ask_container(container)
        try:
            with translated("ListContainers", container):
                listed = await listing
            answer = await _found(status, "ContainerStatus", container)
        finally:
            _give_up((listing,))
            _give_up((status,))
        if answer is None or not listed.containers:
            return None
        return parse_container_status(answer.status, SandboxId(listed.containers[0].pod_sandbox_id))

    async def look_sandbox(self, sandbox: SandboxId) -> SeenSandbox | None:
        """One sandbox in full."""
        answer = await _found(self._ask_sandbox(sandbox), "PodSandboxStatus", sandbox)
        return None if answer is None else parse_sandbox_status(answer.status)

    async def _list(
        self, sandboxes: pb.PodSandboxFilter, containers: pb.ContainerFilter, target: str
    ) -> tuple[Iterable[pb.PodSandbox], Iterable[pb.Container]]:
        ours = self._calls.list_sandboxes(
            pb.ListPodSandboxRequest(filter=sandboxes), timeout=self._timeout
        )
        theirs = self._calls.list_containers(
            pb.ListContainersRequest(filter=containers), timeout=self._timeout
        )
        try:
            with translated("ListPodSandbox", target):
                sandbox_answer = await ours
            with translated("ListContainers", target):
                container_answer = await theirs
        finally:
            _give_up((ours,))
            _give_up((theirs,))
        return sandbox_answer.items, container_answer.containers

    def _ask_sandbox(self, sandbox: str) -> Pending[pb.PodSandboxStatusResponse]:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox)
        return self._calls.sandbox_status(request, timeout=self._timeout)

    def _ask_container(self, container: str) -> Pending[pb.ContainerStatusResponse]:
        request = pb.ContainerStatusRequest(container_id=container)
        return self._calls.container_status(request, timeout=self._timeout)


async def _found(call: Pending[Answer], op: str, target: str) -> Answer | None:
    try:
        with translated(op, target):
            return await call
    except CriNotFound:
        return None


def _give_up(calls: Iterable[Pending[Answer]]) -> None:
    """End what is still on its way, which is only so after an error or a cancel."""
    for call in calls:
        call.cancel()
