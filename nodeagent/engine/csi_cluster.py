"""What a cluster knows of CSI volumes: drivers' rules, attachments, tokens, sizes of claims."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from lightkube.models import core_v1 as v1
from lightkube.models import storage_v1

from nodeagent.core.csi import MISSING, attachment_name, driver_rules
from nodeagent.engine.api_ports import Api
from nodeagent.engine.claim_growth import ClaimGrowth
from nodeagent.engine.csi_limits import CsiLimits
from nodeagent.engine.csi_node import CsiNode
from nodeagent.engine.ports import Recorder
from nodeagent.engine.tokens import Tokens
from nodeagent.engine.volume_events import tell_of_volume
from nodeagent.errors import ApiError, ApiForbidden, AttachLimitReached, MountFailed
from nodeagent.model.api import CSI_DRIVERS, VOLUME_ATTACHMENTS, Purpose
from nodeagent.model.csi import AskDriver, CsiDriverRules, CsiNodeInfo
from nodeagent.model.data import Claim
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import VolumeEvent
from nodeagent.model.tokens import Token, TokenWish

log = structlog.get_logger()

SYNC_LIMIT: Final = 3.0  # seconds that a volume waits for the first answer about drivers
ATTACH_LIMIT: Final = 5.0  # and for an attachment, before its pod is looked at again
REFUSED_AFTER: Final = 123.0  # seconds that a full node keeps a pod waiting, as a kubelet does
_LOOK, _AGAIN = 0.5, 30.0
_EXHAUSTED: Final = 8  # gRPC's RESOURCE_EXHAUSTED, in the error of an attachment


class CsiCluster:
    """Follows CSIDriver objects, asks for the rest when it is needed.

    `node` is the Node as the API has it: a volume is used only once the Node says that it is in
    use, for what it does not name may be detached.
    """

    def __init__(
        self,
        api: Api,
        *,
        name: str,
        tokens: Tokens,
        csi_node: CsiNode,
        node: Callable[[], v1.Node | None],
        growth: ClaimGrowth,
        recorder: Recorder,
    ) -> None:
        self._api, self._name, self._tokens, self._csi_node = api, name, tokens, csi_node
        self._node, self._growth, self._recorder = node, growth, recorder
        self._limits = CsiLimits(self._limit_periods, csi_node.refresh)
        self._refused: dict[str, float] = {}  # since when, by the VolumeAttachment's name
        self._drivers: Mapping[str, storage_v1.CSIDriver] = {}
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Follow the drivers' objects, and ask drivers for their limits, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._limits.run(), name="limits of CSI drivers")
            group.create_task(self._follow(), name="CSIDriver objects")

    async def _follow(self) -> None:
        while True:
            try:
                async for objects in self._api.watch(CSI_DRIVERS, purpose=Purpose.DATA):
                    self._drivers = objects.items
                    self._answered.set()
                    self._limits.look()
            except ApiError as error:
                log.warning("CSIDriver objects cannot be watched", error=str(error))
            await asyncio.sleep(_AGAIN)

    async def rules(self, driver: str) -> CsiDriverRules:
        """What the driver's object says. MountFailed where the API has not answered yet."""
        try:
            async with asyncio.timeout(SYNC_LIMIT):
                await self._answered.wait()
        except TimeoutError as error:
            detail = "CSIDriver objects are not known yet: the API server has not answered"
            raise MountFailed(op="read", target=driver, detail=detail) from error
        found = self._drivers.get(driver)
        return MISSING if found is None else driver_rules(found.spec)

    async def attached(self, driver: str, handle: str, unique_name: str) -> Mapping[str, str]:
        """Metadata of the VolumeAttachment, once it is attached. MountFailed until then, and
        AttachLimitReached once it is known that the node cannot have it.
        """
        await self._until_reported(unique_name)
        name = attachment_name(handle, driver, self._name)
        deadline = asyncio.get_running_loop().time() + ATTACH_LIMIT
        while True:
            status = await self._attachment(name)
            if status is not None and status.attached:
                self._refused.pop(name, None)
                return status.attachmentMetadata or {}
            error = status.attachError if status is not None else None
            if error is not None:
                await self._check_limit(driver, name, error)
                detail = error.message or "attaching it failed, and no reason is told"
                raise MountFailed(op="attach", target=handle, detail=detail)
            if asyncio.get_running_loop().time() >= deadline:
                raise MountFailed(
                    op="attach",
                    target=handle,
                    detail=f"waiting for {name} (a VolumeAttachment) to be attached",
                )
            await asyncio.sleep(_LOOK)

    async def _check_limit(self, driver: str, name: str, error: storage_v1.VolumeError) -> None:
        """Volumes that are just leaving may make room, so that it takes a while to be sure."""
        if error.errorCode != _EXHAUSTED or not (await self.rules(driver)).limit_period:
            self._refused.pop(name, None)
            return
        now = asyncio.get_running_loop().time()
        if now - self._refused.setdefault(name, now) < REFUSED_AFTER:
            return
        del self._refused[name]
        await self._limits.ask(driver)
        detail = error.message or "the driver has no room for it"
        raise AttachLimitReached(op="attach", target=name, detail=detail)

    def _limit_periods(self) -> Mapping[str, int]:
        found = {name: self._drivers.get(name) for name in self._csi_node.drivers}
        periods = {name: driver_rules(one.spec).limit_period for name, one in found.items() if one}
        return {name: period for name, period in periods.items() if period}

    async def token(self, wish: TokenWish) -> Token:
        """See `Tokens`."""
        return await self._tokens.token(wish)

    async def may_grow(self, claim: Claim) -> bool:
        """See `ClaimGrowth.begin`."""
        return await self._growth.begin(claim)

    async def expanded(self, claim: Claim, size: str) -> None:
        """See `ClaimGrowth.done`."""
        await self._growth.done(claim, size)

    async def not_expanded(self, claim: Claim, words: str, *, size: str, infeasible: bool) -> None:
        """See `ClaimGrowth.failed`."""
        await self._growth.failed(claim, words, size=size, infeasible=infeasible)

    def tell(self, pod: DesiredPod, event: VolumeEvent, claim: Claim | None = None, /) -> None:
        """An event of the pod, and of the claim if one is given."""
        tell_of_volume(self._recorder, pod, event, claim)

    async def add(self, driver: str, info: CsiNodeInfo, ask: AskDriver) -> None:
        """See `CsiNode.add`."""
        await self._csi_node.add(driver, info, ask)
        self._limits.look()

    async def remove(self, driver: str) -> None:
        """See `CsiNode.remove`."""
        await self._csi_node.remove(driver)
        self._limits.look()

    async def _attachment(self, name: str) -> storage_v1.VolumeAttachmentStatus | None:
        try:
            found = await self._api.read(VOLUME_ATTACHMENTS, name, purpose=Purpose.DATA)
        except ApiForbidden:
            return None  # so far: the server's authorizer learns of an attachment after us
        except ApiError as error:
            detail = f"its VolumeAttachment {name} cannot be read: {error}"
            raise MountFailed(op="attach", target=name, detail=detail) from error
        if found is not None and found.metadata and found.metadata.deletionTimestamp:
            detail = "volume attachment is being deleted"
            raise MountFailed(op="attach", target=name, detail=detail)
        return found.status if found is not None else None

    async def _until_reported(self, unique_name: str) -> None:
        deadline = asyncio.get_running_loop().time() + ATTACH_LIMIT
        while not self._is_reported(unique_name):
            if asyncio.get_running_loop().time() >= deadline:
                detail = f"the Node does not say yet that {unique_name} is in use"
                raise MountFailed(op="attach", target=unique_name, detail=detail)
            await asyncio.sleep(_LOOK / 5)

    def _is_reported(self, unique_name: str) -> bool:
        node = self._node()
        status = node.status if node is not None else None
        return unique_name in ((status.volumesInUse if status is not None else None) or ())
