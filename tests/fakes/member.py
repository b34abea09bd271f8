"""A whole engine that is joined to an API server in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.engine.api_pods import ApiPods
from nodeagent.engine.mirror import Mirrors
from nodeagent.engine.own_pods import OwnPods
from nodeagent.engine.report import StatusReport
from nodeagent.engine.sources import Sources
from nodeagent.model.api import PODS
from nodeagent.model.desired import DesiredPod, Problem, Source
from nodeagent.model.ids import PodUid
from tests.apiserver.kinds import Kind, kind_at
from tests.apiserver.problems import Document
from tests.apiserver.store import Options
from tests.fakes.api import FakeApi, decoded
from tests.fakes.node import Machine, Node, running

NODE_OBJECT = v1.Node(metadata=meta_v1.ObjectMeta(name="n1", uid="node-uid"))


def pod_kind() -> Kind:
    """Pods, as the store names them."""
    kind = kind_at("pods", "", "v1")
    assert kind is not None
    return kind


class Member:
    """A node on its machine, its API server, and what connects the two."""

    def __init__(self, node: Node, api: FakeApi) -> None:
        self.node, self.api = node, api
        clock = node.machine.clock
        self.own = OwnPods(api, node="n1")
        self.report = StatusReport(
            api=api,
            own=self.own,
            publisher=node.publisher,
            memory=node.workers.memory,
            clock=clock,
        )
        self.mirrors = Mirrors(
            api=api,
            own=self.own,
            wanted=node.state.all_desired,
            memories=node.workers.memories,
            node=lambda: NODE_OBJECT,
            ready=node.ready,
        )
        node.publisher.listen(lambda _: self.mirrors.look_again())
        self.sources = Sources(
            {
                Source.API: ApiPods(
                    self.own, previous=(), connected=lambda: not api.down, clock=clock
                )
            },
            on_change=self._want,
        )

    def _want(self, desired: Mapping[PodUid, DesiredPod], problems: tuple[Problem, ...]) -> None:
        static = {uid: pod for uid, pod in self.node.machine.wanted.items() if pod.is_static}
        self.node.machine.wanted = {**static, **desired}
        self.node.state.want(self.node.machine.wanted)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.own.run())
            group.create_task(self.sources.run())
            group.create_task(self.report.run())
            group.create_task(self.mirrors.run())

    # --- what tests say ---------------------------------------------------------------------

    def create(self, name: str = "web", **spec: Any) -> Document:
        """A pod bound to this node, as the scheduler leaves it."""
        spec.setdefault("containers", [{"name": "web", "image": "busybox:1"}])
        status = spec.pop("status", None)
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": "n1", **spec},
        }
        return self.api.store.put({**body, "status": status} if status else body)

    def delete(self, name: str = "web", *, grace: int | None = None) -> None:
        """A user deletes the pod."""
        self.api.store.delete(pod_kind(), name, "default", Options(grace=grace))

    def pod(self, name: str = "web") -> v1.Pod | None:
        """The pod as the API has it."""
        found = self.api.store.find(pod_kind(), name, "default")
        return None if found is None else decoded(found, PODS)

    def status(self, name: str = "web") -> v1.PodStatus:
        pod = self.pod(name)
        assert pod is not None and pod.status is not None
        return pod.status

    def phase(self, name: str = "web") -> str:
        pod = self.pod(name)
        return (pod.status.phase or "") if pod is not None and pod.status is not None else "gone"

    def patches(self) -> list[Document]:
        """Bodies of all status patches."""
        return [a.body for a in self.api.requests("patch", "pods") if a.subresource == "status"]

    def uid(self, name: str = "web") -> str:
        pod = self.pod(name)
        assert pod is not None and pod.metadata is not None
        return pod.metadata.uid or ""


@asynccontextmanager
async def joined(
    *static: DesiredPod, machine: Machine | None = None, api: FakeApi | None = None
) -> AsyncIterator[Member]:
    """An agent that is a member, until the block is left."""
    async with running(*static, machine=machine) as node:
        member = Member(node, api or FakeApi())
        task = asyncio.ensure_future(member.run())
        try:
            yield member
        finally:
            task.cancel()
            await asyncio.wait({task})
