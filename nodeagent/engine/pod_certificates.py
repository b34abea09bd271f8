"""Certificates for pods: asked for with a key made here, shown once issued, replaced in time."""

import asyncio
import base64
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from random import random
from typing import Final, Protocol

import structlog
from lightkube.models import certificates_v1beta1 as certificates
from lightkube.models import core_v1 as v1

from nodeagent.core.api_objects import Kept
from nodeagent.core.pod_certificates import (
    GONE_AFTER,
    JITTER,
    Deleted,
    Pending,
    Refused,
    overdue_words,
    request_for,
    settled,
    state_of,
)
from nodeagent.engine.api_ports import Api
from nodeagent.engine.ports import Clock
from nodeagent.errors import AgentError, ApiError, MountFailed
from nodeagent.model.api import POD_CERTIFICATES, SERVICE_ACCOUNTS, Purpose
from nodeagent.model.ids import PodUid
from nodeagent.model.pod_certificates import (
    CertificateWish,
    Credential,
    KeptCertificate,
    KeyProof,
    Shown,
)

log = structlog.get_logger()

PATIENCE: Final = 5.0  # seconds that a volume waits for a signer before it says so
LOOK_AGAIN: Final = 60.0
_AGAIN: Final = 30.0

Tell = Callable[[CertificateWish, str, str], None]
"""Emits a warning about the pod of a wish: reason and message."""


class Keys(Protocol):
    """Makes keys."""

    async def make(self, key_type: str) -> KeyProof:
        """A new one. MountFailed for a type that nobody knows."""
        ...


class _Entry:
    """One source of one pod. With neither a request under way nor a refusal, it is at rest."""

    def __init__(self) -> None:
        self.credential: Credential | None = None
        self.pending: Pending | None = None
        self.refused: Refused | None = None
        self.decided = asyncio.Event()
        self.told: set[str] = set()


class PodCertificates:
    """A request is made when a volume first needs it, and again once the issued certificate says.

    Until the next one is issued the old one is shown; a refusal is final for the pod. `node` is
    the Node as the API has it. `on_change` takes the pods for which something was decided,
    `on_kept` a wish whose credential became another or is no longer used.
    """

    def __init__(
        self,
        api: Api,
        clock: Clock,
        *,
        name: str,
        node: Callable[[], v1.Node | None],
        keys: Keys,
        on_change: Callable[[Iterable[PodUid]], None],
        tell: Tell,
    ) -> None:
        self._api, self._clock, self._name, self._node = api, clock, name, node
        self._keys, self._on_change, self._tell = keys, on_change, tell
        self._entries: dict[CertificateWish, _Entry] = {}
        self._requests: Mapping[str, certificates.PodCertificateRequest] = {}
        self._changes: Counter[PodUid] = Counter()
        self.on_kept: Callable[[CertificateWish], None] = lambda _: None

    def restore(self, found: Iterable[Kept]) -> None:
        """Those that an earlier run was given; before the first is shown."""
        for one in found:
            if one.certificate is not None:
                entry = self._entries.setdefault(one.certificate.wish, _Entry())
                entry.credential = one.certificate.credential

    def to_keep(self, wish: CertificateWish) -> Kept | None:
        """The credential to be put away; None where there is none any more."""
        entry = self._entries.get(wish)
        if entry is None or entry.credential is None:
            return None
        return Kept(certificate=KeptCertificate(wish=wish, credential=entry.credential))

    def keep_only(self, pods: Collection[PodUid]) -> frozenset[CertificateWish]:
        """Forget those of other pods, which an earlier run had; what is left."""
        for uid in {wish.uid for wish in self._entries} - set(pods):
            self.forget(uid)
        return frozenset(self._entries)

    async def run(self) -> None:
        """Follow the requests of this node, for ever."""
        fields = f"spec.nodeName={self._name}"
        while True:
            try:
                async for objects in self._api.watch(
                    POD_CERTIFICATES, purpose=Purpose.CERTIFICATES, fields=fields
                ):
                    self._requests = objects.items
                    for wish, entry in list(self._entries.items()):
                        self._settle(wish, entry)
            except ApiError as error:
                log.warning("certificate requests of pods cannot be watched", error=str(error))
            await asyncio.sleep(_AGAIN)

    async def shown(self, wish: CertificateWish) -> Shown:
        """The credential as it is to be shown now. MountFailed: refused, or not issued yet."""
        entry = self._entries.setdefault(wish, _Entry())
        self._settle(wish, entry)
        if entry.refused is None and entry.pending is None and self._is_due(entry):
            await self._begin(wish, entry)
        if entry.credential is None and entry.pending is not None:
            await self._wait(wish, entry)
        if entry.refused is not None:
            raise _failed(wish, entry.refused.why)
        if entry.credential is None:
            raise _failed(wish, "the PodCertificateRequest was deleted; another one will be made")
        now = self._clock.now()
        for reason, message in overdue_words(entry.credential, now=now):
            if reason not in entry.told:
                entry.told.add(reason)
                self._tell(wish, reason, message)
        due = entry.credential.refresh_at
        return Shown(credential=entry.credential, again_at=due if due > now else now + LOOK_AGAIN)

    def version(self, uid: PodUid) -> str:
        """Another text whenever something was decided for the pod."""
        return str(self._changes[uid]) if uid in self._changes else ""

    def states(self) -> Counter[tuple[str, str]]:
        """How many sources are in which state, by signer and state."""
        now = self._clock.now()
        return Counter(
            (
                wish.signer,
                entry.refused.verdict.lower()
                if entry.refused is not None
                else state_of(entry.credential, now=now),
            )
            for wish, entry in self._entries.items()
        )

    def forget(self, uid: PodUid) -> None:
        """The pod is over."""
        for wish in [one for one in self._entries if one.uid == uid]:
            if self._entries.pop(wish).credential is not None:
                self.on_kept(wish)
        self._changes.pop(uid, None)

    def _is_due(self, entry: _Entry) -> bool:
        return entry.credential is None or entry.credential.refresh_at <= self._clock.now()

    async def _begin(self, wish: CertificateWish, entry: _Entry) -> None:
        """A request is under way afterwards; a failure to renew is told, and tried again later."""
        try:
            entry.pending = await self._ask(wish)
        except AgentError as error:
            if entry.credential is None:
                why = f"while creating PodCertificateRequest: {error}"
                raise _failed(wish, why) from error
            log.warning(
                "certificate of a pod not renewed",
                namespace=wish.namespace,
                pod=wish.pod,
                signer=wish.signer,
                valid_for=round(entry.credential.not_after - self._clock.now()),
                error=str(error),
            )
            return
        entry.decided = asyncio.Event()
        self._settle(wish, entry)

    async def _ask(self, wish: CertificateWish) -> Pending:
        node = self._node()
        uid = node.metadata.uid if node is not None and node.metadata is not None else None
        if not uid:
            raise _failed(wish, f'the API has not told the uid of node "{self._name}" yet')
        account = await self._api.read(
            SERVICE_ACCOUNTS, wish.account, wish.namespace, purpose=Purpose.CERTIFICATES
        )
        if account is None or account.metadata is None:
            raise _failed(wish, f'serviceaccount "{wish.account}" not found')
        proof = await self._keys.make(wish.key_type)
        request = request_for(
            wish,
            base64.b64encode(proof.request).decode(),
            account=account.metadata.uid or "",
            node=self._name,
            node_uid=uid,
        )
        made = await self._api.create(
            POD_CERTIFICATES, request, wish.namespace, purpose=Purpose.CERTIFICATES
        )
        name = (made.metadata.name if made.metadata is not None else None) or ""
        gone_at = self._clock.now() + GONE_AFTER + JITTER * random()
        return Pending(request=f"{wish.namespace}/{name}", proof=proof, gone_at=gone_at)

    async def _wait(self, wish: CertificateWish, entry: _Entry) -> None:
        assert entry.pending is not None
        request = entry.pending.request
        try:
            async with asyncio.timeout(PATIENCE):
                await entry.decided.wait()
        except TimeoutError as error:
            why = (
                f"credential bundle is not issued yet: PodCertificateRequest {request} waits for"
                f' signer "{wish.signer}"'
            )
            raise _failed(wish, why) from error

    def _settle(self, wish: CertificateWish, entry: _Entry) -> None:
        """Take in what has become of the request, if there is one."""
        if entry.pending is None:
            return
        found = settled(
            entry.pending,
            self._requests.get(entry.pending.request),
            now=self._clock.now(),
            jitter=JITTER * random(),
        )
        if isinstance(found, Pending):
            entry.pending = found
            return
        request, entry.pending = entry.pending.request, None
        if isinstance(found, Refused):
            entry.refused = found
            self._tell(wish, found.verdict, found.told)
        elif isinstance(found, Credential):
            entry.credential, entry.told = found, set()
            self.on_kept(wish)
        else:
            assert isinstance(found, Deleted)
        log.info(
            "certificate request of a pod decided",
            request=request,
            pod=wish.pod,
            outcome=type(found).__name__,
        )
        entry.decided.set()
        self._changes[wish.uid] += 1
        self._on_change((wish.uid,))


def _failed(wish: CertificateWish, detail: str) -> MountFailed:
    return MountFailed(op="project", target=f"podCertificate of {wish.signer}", detail=detail)
