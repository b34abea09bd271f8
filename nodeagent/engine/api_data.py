"""Config maps, secrets, claims and volumes of the API: those that pods here use, as they are."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog

from nodeagent.core.api_objects import API_KINDS, Kept, data_object, kept, version_of
from nodeagent.core.data_questions import ByKey
from nodeagent.core.references import driver_secrets, pod_references, pull_secrets
from nodeagent.engine.api_ports import Api
from nodeagent.engine.interests import Interests
from nodeagent.errors import ApiError, ApiForbidden, SourceUnknown
from nodeagent.model.api import Purpose
from nodeagent.model.data import (
    Claim,
    ConfigMap,
    DataKey,
    DataKind,
    DataObject,
    PersistentVolume,
    Secret,
)
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.settings.names import ChangeDetection

log = structlog.get_logger()

SYNC_LIMIT: Final = 3.0  # seconds that a pod waits for the first answer about an object
SOON: Final = 2.0  # between two looks at a claim that is not bound yet
SELDOM: Final = 60.0  # between two looks at what may not be watched
_LAG: Final = 0.1  # first wait after a 403: the authorizer learns of a new pod after we do
_LONGEST: Final = 10.0


class _Entry:
    """One object that a pod uses. `known`: answered once, in this run or an earlier one."""

    def __init__(self) -> None:
        self.value: DataObject | None = None
        self.version = ""
        self.known = False
        self.answered = asyncio.Event()
        self.trouble = ""

    @property
    def stamp(self) -> str:
        return self.version if self.known else "?"


class ApiData(ByKey):
    """A `DataSource`. `follow` registers what a pod refers to, and its pull secrets.

    Nodes may watch a single config map or secret that a pod of theirs uses, and read, not watch,
    claims and volumes (node authorizer): those are looked at again from time to time. `strategy`
    is configMapAndSecretChangeDetectionStrategy. An immutable object is asked for once.
    `on_change` takes the uids of the pods to ring, `on_kept` the keys whose object became another
    or is no longer used. Source: watch_based_manager of a kubelet.
    """

    def __init__(
        self,
        api: Api,
        *,
        strategy: ChangeDetection = ChangeDetection.WATCH,
        connected: Callable[[], bool],
        on_change: Callable[[Iterable[PodUid]], None],
        on_kept: Callable[[DataKey], None] = lambda _: None,
    ) -> None:
        self._api, self._strategy, self._connected = api, strategy, connected
        self._on_change, self._on_kept = on_change, on_kept
        self._entries: dict[DataKey, _Entry] = {}
        self._pods: dict[PodUid, tuple[DesiredPod, frozenset[DataKey]]] = {}
        self._interests: Interests[DataKey] = Interests(self._keep, unwanted=self._unwanted)

    async def run(self) -> None:
        """Follow the objects, for ever."""
        await self._interests.run()

    def restore(self, found: Iterable[Kept]) -> None:
        """What an earlier run was told; before the first pod is followed."""
        for one in found:
            if one.key is not None:
                entry = self._entries[one.key] = _Entry()
                entry.value, entry.version, entry.known = one.object, one.version, True

    def to_keep(self, key: DataKey) -> Kept | None:
        """The object as last told, absent ones too; None while nobody uses it or knows it."""
        entry = self._entries.get(key)
        if entry is None or not entry.known or not self._interests.users(key):
            return None
        return kept(key, entry.value, entry.version)

    @property
    def pods(self) -> frozenset[PodUid]:
        """The pods that are followed."""
        return frozenset(self._pods)

    @property
    def used(self) -> frozenset[DataKey]:
        """What pods here use now."""
        return frozenset(self._interests.wanted)

    # --- a data source ----------------------------------------------------------------------

    def place(self, kind: DataKind) -> str:
        """See `DataSource`."""
        return ""

    def follow(self, pod: DesiredPod) -> str:
        """See `DataSource`."""
        known = self._pods.get(pod.uid)
        if known is None or known[0] is not pod:
            keys = known[1] if known is not None and known[0] == pod else pod_references(pod)
            known = self._pods[pod.uid] = (pod, keys)
            self._register(pod.uid)
        return " ".join(self._version(key) for key in sorted(known[1]))

    def forget(self, uid: PodUid) -> None:
        """See `DataSource`."""
        if self._pods.pop(uid, None) is not None:
            self._interests.forget(uid)

    # --- what is asked for ------------------------------------------------------------------

    def _register(self, uid: PodUid) -> None:
        pod, keys = self._pods[uid]
        wanted = keys | pull_secrets(pod)
        volumes = {below for key in keys if (below := self._volume_of(key)) is not None}
        wanted |= volumes | {one for key in volumes for one in self._secrets_of(key)}
        for key in wanted:
            self._entries.setdefault(key, _Entry())
        self._interests.want(uid, wanted)

    def _unwanted(self, key: DataKey) -> None:
        self._entries.pop(key, None)
        self._on_kept(key)

    def _volume_of(self, key: DataKey) -> DataKey | None:
        entry = self._entries.get(key)
        one = entry.value if entry is not None else None
        if isinstance(one, Claim) and one.volume:
            return DataKey(DataKind.VOLUME, "", one.volume)
        return None

    def _secrets_of(self, key: DataKey) -> frozenset[DataKey]:
        entry = self._entries.get(key)
        one = entry.value if entry is not None else None
        return driver_secrets(one) if isinstance(one, PersistentVolume) else frozenset()

    def _version(self, key: DataKey) -> str:
        """A claim's volume counts with it."""
        entry, volume = self._entries.get(key), self._volume_of(key)
        own = entry.stamp if entry is not None else "?"
        below = self._entries.get(volume) if volume is not None else None
        return f"{own}+{below.stamp}" if below is not None else own

    async def _get(self, key: DataKey) -> DataObject | None:
        entry = self._entries.get(key)
        if entry is None or not self._interests.users(key):
            return await self._once(key)
        if self._strategy is ChangeDetection.GET and key.kind in _WATCHED:
            await self._look(key, entry)
        if not entry.answered.is_set() and (self._connected() or not entry.known):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SYNC_LIMIT):
                    await entry.answered.wait()
        if not entry.known:
            raise _unknown(key, entry.trouble)
        return entry.value

    async def _once(self, key: DataKey) -> DataObject | None:
        """One that no pod refers to by itself: as the server has it now."""
        try:
            one = await self._read(key)
        except ApiError as error:
            raise _unknown(key, error.detail) from error
        return data_object(key.kind, one) if one is not None else None

    async def _read(self, key: DataKey) -> Any:
        return await self._api.read(
            API_KINDS[key.kind], key.name, key.namespace, purpose=Purpose.DATA
        )

    async def _look(self, key: DataKey, entry: _Entry) -> None:
        """Ask for the object once; what was known stays where that fails."""
        try:
            self._take(key, await self._read(key))
        except ApiError as error:
            entry.trouble = error.detail

    # --- keeping one object -----------------------------------------------------------------

    async def _keep(self, key: DataKey) -> None:
        """Keep the entry up to date, until it cannot change any more."""
        pause = 0.0
        while True:
            entry = self._entries[key]
            try:
                if self._strategy is ChangeDetection.WATCH and key.kind in _WATCHED:
                    await self._watch(key)
                else:
                    self._take(key, await self._read(key))
                if _is_final(entry.value):
                    return
                pause = 0.0
                await asyncio.sleep(_period(entry.value) * random.uniform(0.9, 1.1))
            except ApiError as error:
                lag = isinstance(error, ApiForbidden)
                pause = min(max(2 * pause, _LAG if lag else 1.0), _LONGEST)
                entry.trouble = error.detail
                log.debug("object not read", kind=key.kind, name=key.name, error=str(error))
                await asyncio.sleep(max(pause, error.retry_after) * random.uniform(1.0, 1.2))

    async def _watch(self, key: DataKey) -> None:
        """Until the object cannot change any more."""
        told = self._api.watch(
            API_KINDS[key.kind],
            key.namespace,
            purpose=Purpose.DATA,
            fields=f"metadata.name={key.name}",
        )
        try:
            async for objects in told:
                one = objects.items.get(f"{key.namespace}/{key.name}")
                self._take(key, one)
                if _is_final(self._entries[key].value):
                    return
        finally:
            await told.aclose()  # type: ignore[attr-defined]

    def _take(self, key: DataKey, one: Any) -> None:
        """The server's answer about the object."""
        entry = self._entries.get(key)
        if entry is None:
            return
        value = data_object(key.kind, one) if one is not None else None
        first, entry.trouble = not entry.known, ""
        if first or value != entry.value:
            entry.value, entry.version, entry.known = value, version_of(one), True
            users = self._interests.users(key)
            if isinstance(value, Claim | PersistentVolume):
                for uid in users:
                    self._register(uid)
            self._on_kept(key)
            self._on_change(users)
        entry.answered.set()


_WATCHED: Final = (DataKind.CONFIG_MAP, DataKind.SECRET)


def _is_final(one: DataObject | None) -> bool:
    return isinstance(one, ConfigMap | Secret) and one.immutable


def _period(one: DataObject | None) -> float:
    waiting = one is None or (isinstance(one, Claim) and not one.volume)
    return SOON if waiting else SELDOM


def _unknown(key: DataKey, trouble: str) -> SourceUnknown:
    word = {DataKind.CONFIG_MAP: "configmap", DataKind.SECRET: "secret"}.get(key.kind, key.kind)
    detail = trouble or "timed out waiting for the condition"
    name = f"{key.namespace}/{key.name}".lstrip("/")
    return SourceUnknown(op="read", target=name, detail=f"failed to sync {word} cache: {detail}")
