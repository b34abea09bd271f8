"""The agent inside of the test's own process, with pods as an API server would give them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.cri.connect import open_cri
from nodeagent.aio.supervise import supervise
from nodeagent.aio.threads import Threads
from nodeagent.assembly import Assembly
from nodeagent.core.defaults import apply_defaults
from nodeagent.engine.sources import Sources
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import DesiredPod, Source, SourceUpdate
from nodeagent.model.ids import PodUid
from nodeagent.settings.flags import parse_flags
from nodeagent.settings.load import load
from tests.e2e.agent import Agent
from tests.e2e.pods import Document, View
from tests.e2e.runtime import Runtime


class Given:
    """Pods that a test gives, as the source of an API server would tell them."""

    def __init__(self) -> None:
        self.pods: dict[str, DesiredPod] = {}
        self._changed = asyncio.Event()

    def clear(self) -> None:
        """All pods are gone from the server."""
        self.pods.clear()
        self._changed.set()

    def put(self, document: Document, *, generation: int = 1) -> DesiredPod:
        """Make or change a pod; its uid stays."""
        name = document["metadata"]["name"]
        known = self.pods.get(name)
        uid = known.uid if known is not None else PodUid(str(uuid.uuid4()))
        whole = {
            **document,
            "metadata": {
                "namespace": "default",
                **document["metadata"],
                "uid": uid,
                "generation": generation,
            },
        }
        pod = msgspec.convert(whole, v1.Pod)
        apply_defaults(pod)
        self.pods[name] = DesiredPod(uid=uid, source=Source.API, origin="", pod=pod)
        self._changed.set()
        return self.pods[name]

    async def updates(self) -> AsyncIterator[SourceUpdate]:
        while True:
            self._changed.clear()
            yield SourceUpdate(source=Source.API, pods=tuple(self.pods.values()))
            await self._changed.wait()


class Inside:
    """The running agent: what it is given, what it shows, where things are."""

    def __init__(self, agent: Agent, engine: Assembly, given: Given) -> None:
        self.agent, self.engine, self.given = agent, engine, given

    def view(self, name: str) -> View | None:
        """The pod as the agent shows it."""
        for pod in self.engine.publisher.pods():
            if pod.metadata is not None and pod.metadata.name == name:
                return View(pod.to_dict())
        return None

    async def wait(self, name: str, judge: Callable[[View], bool], *, within: float = 30.0) -> View:
        """The pod, as soon as the judge likes it."""
        end = asyncio.get_running_loop().time() + within
        while True:
            view = self.view(name)
            if view is not None and judge(view):
                return view
            assert asyncio.get_running_loop().time() < end, f"not within {within} s: {view}"
            await asyncio.sleep(0.03)

    def reasons(self, name: str) -> list[str]:
        """Reasons of the pod's events, oldest first."""
        return [e.reason for e in self.engine.journal.events() if e.subject.name == name]


async def _emptied(engine: Assembly) -> None:
    """Every pod is gone from the node."""
    gone = asyncio.Event()
    engine.publisher.listen(lambda _: gone.set())
    async with asyncio.timeout(30):
        while engine.publisher.pods():
            gone.clear()
            await gone.wait()


@asynccontextmanager
async def agent_inside(
    runtime: Runtime, *, kubelet: Mapping[str, Any] | None = None
) -> AsyncIterator[Inside]:
    """The agent until the block is left; then its pods are ended and no trace is left."""
    agent = Agent(runtime, kubelet=kubelet)
    agent.prepare()
    settings, _ = load(parse_flags(agent.command()[2:]))
    settings.paths.root.mkdir(parents=True, exist_ok=True)
    threads, stop, given = Threads(), asyncio.Event(), Given()
    try:
        async with open_cri(runtime.endpoint, image_endpoint="", timeout=60.0) as cri:
            engine = Assembly(settings, cri, threads, AgentMetrics(), None)
            await engine.load()
            engine.sources = Sources(
                {Source.API: given}, on_change=lambda wishes, _: engine.state.want(wishes)
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(supervise(engine.components(), stop=stop, patience=5.0))
                yield Inside(agent, engine, given)
                given.clear()
                await _emptied(engine)
                stop.set()
        agent.assert_no_trace()
    finally:
        threads.close()
        runtime.remove_pods()
