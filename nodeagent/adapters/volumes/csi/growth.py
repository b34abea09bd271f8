"""A volume that has become larger: its driver makes the file system as large (KEP-1790)."""

from collections.abc import Awaitable, Callable

import structlog

from nodeagent.adapters.volumes.csi.base import CsiFacts
from nodeagent.adapters.volumes.csi.job import Job, SecretRef
from nodeagent.adapters.volumes.csi.wire import Driver, Skills, Use
from nodeagent.core.claim_growth import INFEASIBLE, NOT_HERE, grew_elsewhere
from nodeagent.core.quantity import as_bytes
from nodeagent.errors import ApiError, DriverFailed, MountFailed
from nodeagent.model.data import Claim
from nodeagent.model.events import EventType, VolumeEvent

log = structlog.get_logger()


class Growth:
    """`secrets` reads what a volume names for the call."""

    def __init__(
        self, facts: CsiFacts, secrets: Callable[[SecretRef, str], Awaitable[dict[str, str]]]
    ) -> None:
        self._facts, self._secrets = facts, secrets
        self._left_alone: set[tuple[str, str]] = set()  # a pod's volume, and the size refused

    async def expand(self, driver: Driver, job: Job, use: Use, skills: Skills) -> str:
        """The size that the volume has now. It grows to that of the PersistentVolume.

        DriverFailed has the driver's words, which the claim says too; a driver that may not do it
        while the volume is in use leaves it as it is.
        """
        claim = job.claim
        if claim is None or not job.size:
            return job.size
        elsewhere = grew_elsewhere(claim, here=job.record.capacity, size=job.size)
        known = job.record.capacity if elsewhere else claim.capacity or job.record.capacity
        if not known or as_bytes(known) >= as_bytes(job.size):
            return job.size
        if not skills.expand:
            return job.size if elsewhere else known
        key = (job.home, job.size)
        if key in self._left_alone:
            return known
        if job.read_only:
            self._left_alone.add(key)
            self._tell_read_only(job, claim)
            return known
        try:
            if not elsewhere and not await self._facts.may_grow(claim):
                return known
            if not await self._call(driver, job, use, claim):
                return known
            if not elsewhere:
                await self._facts.expanded(claim, job.size)
        except ApiError as error:
            detail = f"mountVolume.NodeExpandVolume update pvc status failed: {error}"
            raise MountFailed(op="expand", target=job.record.spec, detail=detail) from error
        return job.size

    async def _call(self, driver: Driver, job: Job, use: Use, claim: Claim) -> bool:
        secrets = await self._secrets(job.expand_secret, "NodeExpandSecretRef")
        size = as_bytes(job.size)
        try:
            await driver.expand(use, job.record.target, size=size, secrets=secrets)
        except DriverFailed as error:
            if error.final:
                infeasible = error.code in INFEASIBLE
                await self._facts.not_expanded(
                    claim, error.detail, size=job.size, infeasible=infeasible
                )
            if error.code in NOT_HERE:
                self._left_alone.add((job.home, job.size))
                return False
            raise
        log.info("volume expanded", volume=job.record.spec, pod=job.pod.key, size=job.size)
        message = (
            f'MountVolume.NodeExpandVolume succeeded for volume "{job.record.spec}"'
            f" {job.record.node}"
        )
        event = VolumeEvent(reason="FileSystemResizeSuccessful", message=message)
        self._facts.tell(job.pod, event, claim)
        return True

    def _tell_read_only(self, job: Job, claim: Claim) -> None:
        message = (
            f'MountVolume.NodeExpandVolume failed for volume "{job.record.spec}"'
            " requested read-only file system"
        )
        event = VolumeEvent(
            type=EventType.WARNING, reason="FileSystemResizeFailed", message=message
        )
        self._facts.tell(job.pod, event, claim)
