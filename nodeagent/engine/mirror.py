"""Keeps the API's copies of static pods: one for each, made again whatever becomes of it."""

import asyncio
from collections.abc import Callable, Iterable

import structlog
from lightkube.models import core_v1 as v1

from nodeagent.aio.bell import Bell
from nodeagent.core.mirror import CreateMirror, DeleteMirror, mirror_pod, plan_mirrors
from nodeagent.core.node_patch import node_owner
from nodeagent.engine.api_ports import Api
from nodeagent.engine.own_pods import OwnPods
from nodeagent.errors import ApiConflict, ApiError
from nodeagent.model.api import PODS, Purpose
from nodeagent.model.desired import DesiredPod
from nodeagent.model.memory import PodMemory

log = structlog.get_logger()

AGAIN = 10.0


class Mirrors:
    """The only one who makes and deletes mirror pods.

    `wanted` are all pods of the node's sources, `memories` what is remembered of those that have
    not ended yet, `node` the Node as the API has it: without it no copy is made, since it owns
    them. Nothing is done before `ready`, when every source has spoken.
    """

    def __init__(
        self,
        *,
        api: Api,
        own: OwnPods,
        wanted: Callable[[], Iterable[DesiredPod]],
        memories: Callable[[], Iterable[PodMemory]],
        node: Callable[[], v1.Node | None],
        ready: asyncio.Event,
    ) -> None:
        self._api, self._own, self._ready = api, own, ready
        self._wanted, self._memories, self._node = wanted, memories, node
        self._asked: set[str] = set()  # whose change the watch has not told yet
        self._bell = Bell()
        own.listen(self._hear_api)

    def look_again(self) -> None:
        """Pods or the Node changed."""
        self._bell.ring()

    async def run(self) -> None:
        """Make and delete copies for ever."""
        await self._ready.wait()
        await self._own.seen.wait()
        while True:
            for todo in self._plan():
                await self._do(todo)
            if not await self._bell.wait(at_most=AGAIN if self._asked else None):
                self._asked.clear()

    def _hear_api(self, changed: frozenset[str]) -> None:
        self._asked -= changed
        self._bell.ring()

    def _plan(self) -> list[DeleteMirror | CreateMirror]:
        static = [pod for pod in self._wanted() if pod.is_static]
        busy = [memory.pod.key for memory in self._memories() if memory.pod.is_static]
        plan = plan_mirrors(static, self._own.items, busy=busy)
        return [todo for todo in plan if todo.key not in self._asked]

    async def _do(self, todo: DeleteMirror | CreateMirror) -> None:
        namespace, _, name = todo.key.partition("/")
        self._asked.add(todo.key)
        try:
            if isinstance(todo, DeleteMirror):
                await self._api.delete(
                    PODS, name, namespace, purpose=Purpose.PODS, uid=todo.uid, grace=0
                )
                log.info("mirror pod deleted", pod=todo.key)
                return
            owner = node_owner(self._node(), controller=True)
            if owner is None:
                self._asked.discard(todo.key)  # the Node rings when it is there
                return
            body = mirror_pod(todo.pod, owner)
            await self._api.create(PODS, body, namespace, purpose=Purpose.PODS)
            log.info("mirror pod made", pod=todo.key)
        except ApiConflict as error:
            log.debug("mirror pod is another", pod=todo.key, error=str(error))
        except ApiError as error:
            log.warning("mirror pod cannot be kept", pod=todo.key, error=str(error))
