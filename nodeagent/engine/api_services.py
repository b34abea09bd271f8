"""Services that pods here see in their environment: of their namespaces, and `kubernetes`."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import structlog
from lightkube.models import core_v1 as v1

from nodeagent.core.api_objects import Kept, service_facts
from nodeagent.engine.api_ports import Api
from nodeagent.engine.interests import Interests
from nodeagent.errors import ApiError
from nodeagent.model.api import SERVICES, Purpose, object_key
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid

log = structlog.get_logger()

Services: TypeAlias = tuple[v1.Service, ...]

MASTER: Final = "default"  # the namespace of the service `kubernetes`, which every pod sees
SYNC_LIMIT: Final = 3.0
AGAIN: Final = 5.0


class ApiServices:
    """Watches the services of every namespace that a followed pod is in, and of `default`.

    A pod that wants no service links needs only `default`. `on_change` takes the uids of pods that
    waited for services to be read; a later change of a service rings nobody, since the environment
    of a running container does not change. `on_kept` takes a namespace whose services changed.
    """

    def __init__(
        self,
        api: Api,
        *,
        connected: Callable[[], bool],
        on_change: Callable[[Iterable[PodUid]], None],
        on_kept: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._api, self._connected = api, connected
        self._on_change, self._on_kept = on_change, on_kept
        self._known: dict[str, Services] = {}
        self._answered: dict[str, asyncio.Event] = {}
        self._interests: Interests[str] = Interests(self._keep, unwanted=self._unwanted)

    async def run(self) -> None:
        """Follow them, for ever."""
        await self._interests.run()

    def restore(self, kept: Iterable[Kept]) -> None:
        """What an earlier run was told; before the first pod is followed."""
        for one in kept:
            if one.services is not None:
                self._known[one.home] = one.services

    def follow(self, pod: DesiredPod) -> None:
        """The pod wants to know the services of its namespace. Cheap, may be repeated."""
        links = pod.spec.enableServiceLinks is not False
        self._interests.want(pod.uid, {MASTER, pod.namespace} if links else {MASTER})

    def forget(self, uid: PodUid) -> None:
        """The pod is over."""
        self._interests.forget(uid)

    def known(self, namespace: str) -> Services | None:
        """Those of one namespace as last told, None where nobody uses them or they are not read."""
        used = bool(self._interests.users(namespace))
        return self._known.get(namespace) if used else None

    @property
    def used(self) -> frozenset[str]:
        """The namespaces that are followed."""
        return frozenset(self._interests.wanted)

    async def services(self, namespace: str) -> Services | None:
        """Of the namespace and of `default`; None while they have not been read even once."""
        found: list[v1.Service] = []
        for home in sorted({MASTER, namespace} & self.used):
            if self._connected():
                await self._wait(home)
            if home not in self._known:
                return None
            found += self._known[home]
        return tuple(found)

    async def _wait(self, home: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SYNC_LIMIT):
                await self._event(home).wait()

    def _event(self, home: str) -> asyncio.Event:
        return self._answered.setdefault(home, asyncio.Event())

    def _unwanted(self, home: str) -> None:
        self._known.pop(home, None)
        self._answered.pop(home, None)
        self._on_kept(home)

    async def _keep(self, home: str) -> None:
        while True:
            try:
                async for told in self._api.watch(SERVICES, home, purpose=Purpose.DATA):
                    self._take(home, told.items.values())
            except ApiError as error:
                log.warning("services cannot be read", namespace=home, error=str(error))
            await asyncio.sleep(AGAIN * random.uniform(1.0, 1.5))

    def _take(self, home: str, items: Iterable[v1.Service]) -> None:
        found = tuple(service_facts(one) for one in sorted(items, key=object_key))
        before = self._known.get(home)
        self._known[home] = found
        self._event(home).set()
        if found != before:
            self._on_kept(home)
        if before is None:
            self._on_change(self._interests.users(home))
