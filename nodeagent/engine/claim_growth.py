"""Tells the API how a claim's volume grows on this node."""

from collections.abc import Callable

from lightkube.models import core_v1 as v1

from nodeagent.core import claim_growth as growth
from nodeagent.engine.api_ports import Api
from nodeagent.engine.ports import Clock
from nodeagent.model.api import CLAIMS, Patch, Purpose
from nodeagent.model.data import Claim


class ClaimGrowth:
    """Reads the claim each time: its controller writes the same status. ApiError everywhere."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api, self._clock = api, clock

    async def begin(self, claim: Claim) -> bool:
        """Whether it is the node's turn to let the volume grow; if so, that is told."""
        status = await self._status(claim)
        if status is None or not growth.may_grow(status):
            return False
        await self._patch(claim, growth.begun(status))
        return True

    async def done(self, claim: Claim, size: str) -> None:
        """The claim has this size, and no growing is under way."""
        await self._change(claim, lambda status: growth.done(status, size))

    async def failed(self, claim: Claim, words: str, *, infeasible: bool) -> None:
        """The claim says why it does not grow, and whether that is for good."""
        now = self._clock.now()
        await self._change(
            claim, lambda status: growth.failed(status, words, infeasible=infeasible, now=now)
        )

    async def _change(
        self,
        claim: Claim,
        change: Callable[[v1.PersistentVolumeClaimStatus], growth.Patch | None],
    ) -> None:
        status = await self._status(claim)
        if status is not None:
            await self._patch(claim, change(status))

    async def _status(self, claim: Claim) -> v1.PersistentVolumeClaimStatus | None:
        found = await self._api.read(CLAIMS, claim.name, claim.namespace, purpose=Purpose.DATA)
        if found is None:
            return None
        return found.status or v1.PersistentVolumeClaimStatus()

    async def _patch(self, claim: Claim, patch: growth.Patch | None) -> None:
        if patch is None:
            return
        await self._api.patch(
            CLAIMS,
            claim.name,
            patch,
            claim.namespace,
            purpose=Purpose.DATA,
            how=Patch.MERGE,
            subresource="status",
        )
