"""All that pods refer to in the API, put together: followed, kept on disk, taken up again."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from nodeagent.aio.bell import Bell
from nodeagent.aio.supervise import Component
from nodeagent.core.api_objects import Kept
from nodeagent.engine.api_classes import ApiClasses
from nodeagent.engine.api_data import ApiData
from nodeagent.engine.api_ports import Api, Vault
from nodeagent.engine.api_services import ApiServices
from nodeagent.engine.pod_certificates import PodCertificates
from nodeagent.engine.ports import Clock
from nodeagent.engine.tokens import Tokens
from nodeagent.errors import HostError
from nodeagent.model.data import DataKey
from nodeagent.model.ids import PodUid
from nodeagent.model.pod_certificates import CertificateWish
from nodeagent.model.tokens import TokenWish
from nodeagent.settings.names import ChangeDetection

log = structlog.get_logger()

SETTLE: Final = 0.5  # seconds in which changes come together before they are written
AGAIN: Final = 30.0  # after the disk refused
SPARED: Final = 300.0  # seconds after the start in which nothing is removed for want of a user
CLASSES: Final = "RuntimeClasses"


class ClusterData:
    """The parts, and what they were told last in the vault.

    `load` before the first pod is worked on. What no pod uses any more is removed: at once when
    its last pod ends, and, of an earlier run, some minutes after the start. `connected` tells
    whether the server can be reached, `on_change` rings pods, `on_classes` takes the handlers of
    RuntimeClasses by name (`NodeKeeper.define_classes`). `certificates` are kept too, where pods
    are given any.
    """

    def __init__(
        self,
        api: Api,
        vault: Vault,
        clock: Clock,
        *,
        strategy: ChangeDetection,
        connected: Callable[[], bool],
        on_change: Callable[[Iterable[PodUid]], None],
        on_classes: Callable[[Mapping[str, str]], None],
        certificates: PodCertificates | None = None,
    ) -> None:
        self._vault = vault
        self._due: set[str] = set()
        self._names: dict[str, DataKey] = {}
        self._wishes: dict[str, TokenWish | CertificateWish] = {}
        self._bell = Bell()
        self._on_classes = on_classes
        self.data = ApiData(
            api,
            strategy=strategy,
            connected=connected,
            on_change=on_change,
            on_kept=self._object_changed,
        )
        self.services = ApiServices(
            api,
            connected=connected,
            on_change=on_change,
            on_kept=lambda home: self._changed(_services(home)),
        )
        self.classes = ApiClasses(api, on_change=self._classes_changed)
        self.tokens = Tokens(api, clock, on_kept=self._wish_changed)
        self._certificates = certificates
        if certificates is not None:
            certificates.on_kept = self._wish_changed

    async def load(self) -> None:
        """Take up what an earlier run was told. Never fails."""
        found = await self._vault.load()
        self.data.restore(found)
        self.services.restore(found)
        self.classes.restore(found)
        self.tokens.restore(found)
        if self._certificates is not None:
            self._certificates.restore(found)

    def components(self) -> dict[str, Component]:
        """What runs."""
        return {
            "api data": self.data.run,
            "api services": self.services.run,
            "api classes": self.classes.run,
            "kept data": self._keep,
        }

    # --- the vault --------------------------------------------------------------------------

    def _object_changed(self, key: DataKey) -> None:
        name = _name(key)
        self._names[name] = key
        self._changed(name)

    def _wish_changed(self, wish: TokenWish | CertificateWish) -> None:
        name = _wish(wish)
        self._wishes[name] = wish
        self._changed(name)

    def _classes_changed(self, handlers: Mapping[str, str]) -> None:
        self._on_classes(handlers)
        self._changed(CLASSES)

    def _changed(self, name: str) -> None:
        self._due.add(name)
        self._bell.ring()

    async def _keep(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._remove_unused(), name="remove unused")
            while True:
                await self._bell.wait(at_most=None)
                await asyncio.sleep(SETTLE)
                await self._write()

    async def _write(self) -> None:
        names, self._due = self._due, set()
        for name in sorted(names):
            try:
                await self._put(name)
            except HostError as error:
                log.warning("what the API told is not kept", error=str(error))
                self._due.add(name)
        if self._due & names:
            await asyncio.sleep(AGAIN)
            self._bell.ring()

    async def _put(self, name: str) -> None:
        one = self._current(name)
        if one is not None:
            await self._vault.save(name, one)
        else:
            await self._vault.remove(name)
            self._names.pop(name, None)
            self._wishes.pop(name, None)

    def _current(self, name: str) -> Kept | None:
        if name == CLASSES:
            return Kept(classes=self.classes.handlers or {})
        if name in self._names:
            return self.data.to_keep(self._names[name])
        wish = self._wishes.get(name)
        if isinstance(wish, TokenWish):
            return self.tokens.to_keep(wish)
        if wish is not None:
            return self._certificates.to_keep(wish) if self._certificates is not None else None
        home = name.partition("/")[2]
        services = self.services.known(home)
        return Kept(home=home, services=services) if services is not None else None

    async def _remove_unused(self) -> None:
        await asyncio.sleep(SPARED)
        names = {_name(key) for key in self.data.used}
        names |= {_services(home) for home in self.services.used}
        names |= {_wish(wish) for wish in self.tokens.keep_only(self.data.pods)}
        if self._certificates is not None:
            names |= {_wish(wish) for wish in self._certificates.keep_only(self.data.pods)}
        try:
            await self._vault.keep_only(frozenset(names | {CLASSES}))
        except HostError as error:
            log.warning("what no pod uses is still kept", error=str(error))


def _name(key: DataKey) -> str:
    return f"{key.kind}/{key.namespace}/{key.name}"


def _wish(wish: TokenWish | CertificateWish) -> str:
    if isinstance(wish, CertificateWish):
        return f"Certificate/{wish.uid}/{wish.source}"
    return f"Token/{wish.uid}/{wish.account}/{wish.audience}/{wish.seconds}"


def _services(home: str) -> str:
    return f"Services/{home}"
