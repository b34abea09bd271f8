"""This node's pods as the API has them: one watch, for whoever wants to hear of them.

The source of API pods, status reports and mirror pods all listen here.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

import structlog
from lightkube.models import core_v1 as v1

from nodeagent.core.api_versions import is_older
from nodeagent.engine.api_ports import Api
from nodeagent.errors import ApiError
from nodeagent.model.api import PODS, Purpose
from nodeagent.model.events import Subject
from nodeagent.model.ids import pod_key

log = structlog.get_logger()

Listener: TypeAlias = Callable[[frozenset[str]], None]
AGAIN = 5.0  # seconds until a watch that the server forbids is asked for again


class OwnPods:
    """Keeps every pod of the node by "<namespace>/<name>"; `seen` once the API has told them all.

    Listeners are called with the names of those that are other than before, gone ones too; the
    first time, and after a list anew, with all names.
    """

    def __init__(self, api: Api, *, node: str) -> None:
        self._api, self._node = api, node
        self._items: dict[str, v1.Pod] = {}
        self._deleted: Mapping[str, v1.Pod] = {}
        self._listeners: list[Listener] = []
        self.seen = asyncio.Event()

    @property
    def items(self) -> Mapping[str, v1.Pod]:
        """Every pod that the API has for this node, mirror pods too."""
        return self._items

    def get(self, key: str) -> v1.Pod | None:
        """The pod of this name."""
        return self._items.get(key)

    @property
    def deleted(self) -> Mapping[str, v1.Pod]:
        """While listeners are called: pods that were told to be deleted, as they were at last."""
        return self._deleted

    def version_of(self, subject: Subject) -> str:
        """The resource version of the pod that an event is about; "" where the API has none."""
        found = self._items.get(pod_key(subject.namespace, subject.name))
        meta = found.metadata if found is not None and subject.kind == "Pod" else None
        return (meta.resourceVersion or "") if meta is not None and meta.uid == subject.uid else ""

    def listen(self, listener: Listener) -> None:
        """Call this after each change."""
        self._listeners.append(listener)

    def put(self, key: str, pod: v1.Pod) -> None:
        """What the API answered to a change of ours, which the watch may tell only later."""
        before = self._items.get(key)
        if before is not None and not is_older(pod, before):
            self._items[key] = pod

    async def run(self) -> None:
        """Follow them for ever."""
        while True:
            fields = f"spec.nodeName={self._node}"
            try:
                async for told in self._api.watch(PODS, purpose=Purpose.PODS, fields=fields):
                    self._deleted = told.deleted
                    self._take(told.items, told.changed)
            except ApiError as error:
                log.warning("pods cannot be watched", error=str(error))
            await asyncio.sleep(AGAIN)

    def _take(self, items: Mapping[str, v1.Pod], changed: frozenset[str]) -> None:
        before, self._items = self._items, dict(items)
        for key, pod in before.items():
            fresh = self._items.get(key)
            if fresh is not None and _is_same(pod, fresh) and is_older(fresh, pod):
                self._items[key] = pod
        gone = before.keys() - self._items.keys()
        self.seen.set()
        for listener in self._listeners:
            listener(changed | gone)


def _is_same(one: v1.Pod, other: v1.Pod) -> bool:
    assert one.metadata is not None and other.metadata is not None
    return one.metadata.uid == other.metadata.uid
