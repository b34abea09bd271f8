"""The node's Lease: the heartbeat by which the cluster knows that the agent lives.

Source: "Leases" page.
"""

import asyncio
import random
from collections.abc import Callable

import structlog
from lightkube.models import coordination_v1 as coordination
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1
from msgspec.structs import replace

from nodeagent.core.node_patch import node_owner
from nodeagent.core.times import as_micro_time
from nodeagent.engine.api_ports import Api
from nodeagent.engine.ports import Clock
from nodeagent.errors import ApiConflict, ApiError, ApiNotFound
from nodeagent.model.api import LEASES, Purpose

log = structlog.get_logger()

NAMESPACE = "kube-node-lease"
SHARE = 0.25  # of the lease's life between two renewals
JITTER = 0.04
AGAIN_FIRST, AGAIN_LONGEST = 0.2, 7.0


class LeaseKeeper:
    """Renews the Lease for ever. `node` gives the Node as the API has it, None if not known."""

    def __init__(
        self,
        *,
        api: Api,
        clock: Clock,
        name: str,
        seconds: int,
        node: Callable[[], v1.Node | None],
    ) -> None:
        self._api, self._clock, self._name, self._node = api, clock, name, node
        self._seconds = seconds
        self._lease: coordination.Lease | None = None
        self._failed = False

    async def run(self) -> None:
        """A renewal every quarter of the lease's life; sooner after one that failed."""
        period, again = self._seconds * SHARE, AGAIN_FIRST
        while True:
            try:
                async with asyncio.timeout(period):
                    await self._renew()
            except (ApiError, TimeoutError) as error:
                if not self._failed:
                    log.warning("lease is not renewed", error=str(error) or "no answer in time")
                self._failed = True
                await asyncio.sleep(again)
                again = min(again * 2, AGAIN_LONGEST, period)
                continue
            if self._failed:
                log.info("lease is renewed again")
            self._failed, again = False, AGAIN_FIRST
            await asyncio.sleep(period * (1 + random.random() * JITTER))

    async def _renew(self) -> None:
        """Write the Lease, on what was last known of it; read it anew where that is old."""
        if self._lease is None:
            self._lease = await self._api.read(LEASES, self._name, NAMESPACE, purpose=Purpose.LEASE)
        fresh = self._filled(self._lease)
        try:
            if self._lease is None:
                made = await self._api.create(LEASES, fresh, NAMESPACE, purpose=Purpose.LEASE)
            else:
                made = await self._api.replace(LEASES, fresh, NAMESPACE, purpose=Purpose.LEASE)
            self._lease = made
        except (ApiConflict, ApiNotFound):
            self._lease = None
            raise

    def _filled(self, lease: coordination.Lease | None) -> coordination.Lease:
        old = lease or coordination.Lease(
            apiVersion=LEASES.api_version,
            kind=LEASES.kind,
            metadata=meta_v1.ObjectMeta(name=self._name, namespace=NAMESPACE),
        )
        spec = replace(
            old.spec or coordination.LeaseSpec(),
            holderIdentity=self._name,
            leaseDurationSeconds=self._seconds,
            renewTime=as_micro_time(self._clock.now()),
        )
        metadata = old.metadata
        assert metadata is not None
        owner = node_owner(self._node())
        if owner is not None and not metadata.ownerReferences:
            metadata = replace(metadata, ownerReferences=[owner])
        return replace(old, metadata=metadata, spec=spec)
