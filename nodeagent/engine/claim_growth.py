"""Tells the API how a claim's volume grows on this node."""

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
        found = await self._read(claim)
        if found is None or not growth.may_grow(_status(found)):
            return False
        await self._patch(claim, growth.begun(_status(found)))
        return True

    async def done(self, claim: Claim, size: str) -> None:
        """The claim has this size, and no growing is under way."""
        found = await self._read(claim)
        if found is not None:
            await self._patch(claim, growth.done(_status(found), size))

    async def failed(self, claim: Claim, words: str, *, size: str, infeasible: bool) -> None:
        """The claim says why it does not grow to `size`, and whether that is for good.

        It also is where that has failed before and something else is wanted by now: then the
        claim's controller takes up what is wanted.
        """
        found = await self._read(claim)
        if found is not None:
            hopeless = infeasible or growth.is_given_up(found, size)
            now = self._clock.now()
            patch = growth.failed(_status(found), words, infeasible=hopeless, now=now)
            await self._patch(claim, patch)

    async def _read(self, claim: Claim) -> v1.PersistentVolumeClaim | None:
        return await self._api.read(CLAIMS, claim.name, claim.namespace, purpose=Purpose.DATA)

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


def _status(found: v1.PersistentVolumeClaim) -> v1.PersistentVolumeClaimStatus:
    return found.status or v1.PersistentVolumeClaimStatus()
