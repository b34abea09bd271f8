"""What a cluster knows of CSI volumes: drivers' rules, attachments, tokens, sizes of claims."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import structlog
from lightkube.models import core_v1 as v1
from lightkube.models import storage_v1

from nodeagent.core.csi import MISSING, attachment_name, driver_rules
from nodeagent.engine.api_ports import Api
from nodeagent.engine.csi_node import CsiNode
from nodeagent.engine.tokens import Tokens
from nodeagent.errors import ApiError, MountFailed
from nodeagent.model.api import CLAIMS, CSI_DRIVERS, VOLUME_ATTACHMENTS, Patch, Purpose
from nodeagent.model.csi import CsiDriverRules, CsiNodeInfo
from nodeagent.model.data import Claim
from nodeagent.model.tokens import Token, TokenWish

log = structlog.get_logger()

SYNC_LIMIT: Final = 3.0  # seconds that a volume waits for the first answer about drivers
ATTACH_LIMIT: Final = 5.0  # and for an attachment, before its pod is looked at again
_LOOK, _AGAIN = 0.5, 30.0
_RESIZED: Final = ("Resizing", "FileSystemResizePending")


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
    ) -> None:
        self._api, self._name, self._tokens, self._csi_node = api, name, tokens, csi_node
        self._node = node
        self._drivers: Mapping[str, storage_v1.CSIDriver] = {}
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Follow the drivers' objects, for ever."""
        while True:
            try:
                async for objects in self._api.watch(CSI_DRIVERS, purpose=Purpose.DATA):
                    self._drivers = objects.items
                    self._answered.set()
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
        """Metadata of the VolumeAttachment, once it is attached. MountFailed until then."""
        await self._until_reported(unique_name)
        name = attachment_name(handle, driver, self._name)
        deadline = asyncio.get_running_loop().time() + ATTACH_LIMIT
        while True:
            status = await self._attachment(name)
            if status is not None and status.attached:
                return status.attachmentMetadata or {}
            error = status.attachError if status is not None else None
            if error is not None:
                detail = f"attaching it failed: {error.message or 'no reason is told'}"
                raise MountFailed(op="attach", target=handle, detail=detail)
            if asyncio.get_running_loop().time() >= deadline:
                raise MountFailed(
                    op="attach",
                    target=handle,
                    detail=f"waiting for {name} (a VolumeAttachment) to be attached",
                )
            await asyncio.sleep(_LOOK)

    async def token(self, wish: TokenWish) -> Token:
        """See `Tokens`."""
        return await self._tokens.token(wish)

    async def expanded(self, claim: Claim, size: str) -> None:
        """The claim's status has this size, and no growing is under way. ApiError."""
        found = await self._api.read(CLAIMS, claim.name, claim.namespace, purpose=Purpose.DATA)
        if found is None:
            return
        status = found.status or v1.PersistentVolumeClaimStatus()
        left = [one for one in status.conditions or () if one.type not in _RESIZED]
        fresh = {
            "capacity": {"storage": size},
            "allocatedResourceStatuses": {"storage": None},
            "conditions": [msgspec.to_builtins(one) for one in left] or None,
        }
        await self._api.patch(
            CLAIMS,
            claim.name,
            {"status": fresh},
            claim.namespace,
            purpose=Purpose.DATA,
            how=Patch.MERGE,
            subresource="status",
        )

    async def add(self, driver: str, info: CsiNodeInfo) -> None:
        """See `CsiNode.add`."""
        await self._csi_node.add(driver, info)

    async def remove(self, driver: str) -> None:
        """See `CsiNode.remove`."""
        await self._csi_node.remove(driver)

    async def _attachment(self, name: str) -> storage_v1.VolumeAttachmentStatus | None:
        try:
            found = await self._api.read(VOLUME_ATTACHMENTS, name, purpose=Purpose.DATA)
        except ApiError as error:
            detail = f"its VolumeAttachment {name} cannot be read: {error}"
            raise MountFailed(op="attach", target=name, detail=detail) from error
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
