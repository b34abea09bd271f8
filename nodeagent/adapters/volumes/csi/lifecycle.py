"""A CSI volume of a pod from nothing to published and back, one step after another.

What is on disk (`record`) always tells at least as much as a driver may have done, so that an
agent that dies at any moment can undo it, or do it again: every call of a driver may be repeated.
"""

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from nodeagent.adapters.volumes.base import Data, HostFiles, Kernel, Place
from nodeagent.adapters.volumes.csi import record as records
from nodeagent.adapters.volumes.csi.base import CsiFacts
from nodeagent.adapters.volumes.csi.drivers import Drivers
from nodeagent.adapters.volumes.csi.growth import Growth
from nodeagent.adapters.volumes.csi.job import Job, SecretRef, placed
from nodeagent.adapters.volumes.csi.record import MAYBE, YES, Record
from nodeagent.adapters.volumes.csi.staging import Staging, is_mounted
from nodeagent.adapters.volumes.csi.wire import Driver, Skills, Use
from nodeagent.adapters.volumes.device import Devices
from nodeagent.adapters.volumes.failures import failing_at
from nodeagent.adapters.volumes.token_file import wish_for
from nodeagent.aio.threads import Threads
from nodeagent.aio.turns import Turns
from nodeagent.core.csi import TOKENS_KEY, block_folder, pod_attributes, tokens_text
from nodeagent.core.refresh import earliest
from nodeagent.errors import (
    ApiError,
    AttachLimitReached,
    DriverFailed,
    HostError,
    MountFailed,
    SourceMissing,
    VolumeStep,
)
from nodeagent.model.tokens import Token

LOOK_AGAIN = 10.0  # seconds until a driver that is away is asked for after all
REPUBLISH = 60.0  # seconds between calls for drivers that want them


class Lifecycle:
    """The one owner of the records of CSI volumes. `load` comes before everything else.

    Work on one volume waits for other work on the same volume, whichever pods they are of; other
    volumes go on.
    """

    def __init__(
        self,
        root: str,
        *,
        drivers: Drivers,
        facts: CsiFacts,
        data: Data,
        kernel: Kernel,
        files: HostFiles,
        threads: Threads,
        give: Callable[[Job], Awaitable[None]],
    ) -> None:
        self._root, self._drivers, self._facts, self._data = root, drivers, facts, data
        self._kernel, self._files, self._threads = kernel, files, threads
        self._staging = Staging(root, kernel, files, threads)
        self._give = give
        self._growth = Growth(facts, self._secrets)
        self._devices = Devices(kernel, threads, tell=facts.tell)
        self.on_change: Callable[[], None] = lambda: None  # the records have changed
        self._turns = Turns()
        self.records: dict[str, Record] = {}  # by their folders

    async def load(self) -> None:
        """Take up what an earlier run left."""
        self.records = await self._threads.run(records.read_all, self._root)

    async def ready(self, wanted: Job) -> tuple[str, float]:
        """The volume is published: where, and when it is to be published again (0.0: never).

        DriverFailed has the driver's words; after a final one it is not called to undo anything.
        What is published stays in use while its driver is away: containers may need it to restart.
        """
        async with self._turns.of(wanted.record.key):
            if wanted.record.driver not in self._drivers.names:
                if held := await self.held(wanted.home):
                    return held
            # A kubelet looks for the driver of a claim's volume when it is to be staged.
            with failing_at(VolumeStep.SET_UP if wanted.is_inline else VolumeStep.STAGE):
                driver = self._drivers.get(wanted.record.driver)
                skills = await driver.skills()
            job = placed(wanted, self._root, stage=skills.stage)
            known = self.records.get(job.home)
            job = _with_past(job, known)
            if known is not None and known.published == YES and await self._is_there(job.record):
                due = await self._again(driver, job, skills)
            else:
                due = await self._begin(driver, job, skills)
            return job.record.target, due

    async def held(self, home: str) -> tuple[str, float] | None:
        """What `ready` gives for a volume that is published already, without asking anybody."""
        record = self.records.get(home)
        if record is None or record.published != YES or not await self._is_there(record):
            return None
        return record.target, time.time() + LOOK_AGAIN

    async def gone(self, place: Place) -> None:
        """Neither the pod's folder nor anything of the volume is left; may be repeated."""
        for home in (place.path, place.meta):
            record = self.records.get(home)
            if record is not None:
                async with self._turns.of(record.key):
                    if record.block:
                        await self._devices.unmap(place, self._mapped(record))
                    await self._undo(home, record)
        await self._files.remove_tree(place.path, files=False)
        await self._files.remove_tree(place.meta, files=False)

    # --- there ------------------------------------------------------------------------------

    async def _begin(self, driver: Driver, job: Job, skills: Skills) -> float:
        await self._note(job.home, job.record)
        attached: Mapping[str, str] = {}
        if job.record.attachment:
            attached = await self._attached(job.record)
        use = job.use(skills, attached)
        if job.record.staging:
            with failing_at(VolumeStep.STAGE):
                await self._stage(driver, job, use)
        due = await self._publish(driver, job, use)
        if job.is_block:
            await self._devices.map(job.pod, job.place, job.record.target, self._mapped(job.record))
        if job.gives_to_group(skills):
            await self._give(job)
        with failing_at(VolumeStep.EXPAND):
            size = await self._growth.expand(driver, job, use, skills)
        await self._note(
            job.home, msgspec.structs.replace(job.record, published=YES, capacity=size)
        )
        return due

    async def _attached(self, record: Record) -> Mapping[str, str]:
        with failing_at(VolumeStep.ATTACH):
            try:
                return await self._facts.attached(record.driver, record.handle, record.unique_name)
            except AttachLimitReached as error:
                if record.published != YES:
                    raise
                # A pod that has the volume already is not to be refused.
                raise MountFailed(op=error.op, target=error.target, detail=error.detail) from error

    async def _stage(self, driver: Driver, job: Job, use: Use) -> None:
        secrets = await self._secrets(job.stage_secret, "NodeStageSecretRef")
        try:
            await self._staging.stage(driver, job.record, use, secrets=secrets)
        except DriverFailed as error:
            if error.final and not job.record.published:
                await self._forget(job.home)
            raise

    async def _publish(self, driver: Driver, job: Job, use: Use) -> float:
        """Call the driver; the folder above the target is ours to make, the target is not."""
        secrets = await self._secrets(job.publish_secret, "NodePublishSecretRef")
        tokens = await self._tokens(job)
        attributes = dict(use.attributes)
        if job.rules.pod_info:
            attributes |= pod_attributes(job.pod, inline=job.is_inline)
        if tokens:
            (secrets if job.rules.tokens_in_secrets else attributes)[TOKENS_KEY] = tokens_text(
                tokens
            )
        use = msgspec.structs.replace(use, attributes=attributes)
        before = self.records[job.home]
        if before.published != YES:
            await self._note(job.home, msgspec.structs.replace(job.record, published=MAYBE))
            await self._on_disk(_make_above, job.record.target)
        try:
            await driver.publish(use, job.record.target, read_only=job.read_only, secrets=secrets)
        except DriverFailed as error:
            if error.final and not before.published:
                await self._note(job.home, before)
            raise
        if not job.rules.republish:
            return 0.0
        again_at = time.time() + REPUBLISH * (1 + random.random() / 10)
        return earliest([again_at, *(token.refresh_at for token in tokens.values())])

    async def _again(self, driver: Driver, job: Job, skills: Skills) -> float:
        """It is published: what is left is what may have changed since."""
        due, attached = 0.0, dict[str, str]()
        if job.rules.republish:
            if job.record.attachment:
                attached = dict(await self._attached(job.record))
            due = await self._publish(driver, job, job.use(skills, attached))
        with failing_at(VolumeStep.EXPAND_IN_USE):
            size = await self._growth.expand(driver, job, job.use(skills, attached), skills)
        if size != job.record.capacity:
            await self._note(job.home, msgspec.structs.replace(job.record, capacity=size))
        return due

    async def _secrets(self, reference: SecretRef, what: str) -> dict[str, str]:
        if reference is None:
            return {}
        namespace, name = reference
        found = await self._data.secret(namespace, name)
        if found is None:
            detail = f'failed to get {what} {namespace}/{name}: secret "{name}" not found'
            raise SourceMissing(op="read", target=name, detail=detail)
        try:
            return {key: value.decode() for key, value in found.data.items()}
        except UnicodeDecodeError as error:
            detail = f"{what} {namespace}/{name} has a value that is not UTF-8, as CSI wants it"
            raise MountFailed(op="read", target=name, detail=detail) from error

    async def _tokens(self, job: Job) -> dict[str, Token]:
        found: dict[str, Token] = {}
        for one in job.rules.tokens:
            wish = wish_for(job.pod, audience=one.audience, seconds=one.seconds)
            try:
                found[one.audience] = await self._facts.token(wish)
            except ApiError as error:
                detail = f"failed to fetch token for its driver: {error}"
                raise MountFailed(op="publish", target=job.record.spec, detail=detail) from error
        return found

    async def _is_there(self, record: Record) -> bool:
        """Whether the driver's work is still to be seen: a reboot leaves the record alone."""
        if record.block:
            return await self._files.kind(record.target) == "BlockDevice"
        return await self._threads.run(is_mounted, self._kernel, record.target)

    # --- and back ---------------------------------------------------------------------------

    def _mapped(self, record: Record) -> str:
        return f"{block_folder(self._root)}/{record.spec}/dev"

    async def _undo(self, home: str, record: Record) -> None:
        if record.published:
            driver = self._drivers.get(record.driver)
            await driver.unpublish(record.handle, record.target)
        if await self._threads.run(is_mounted, self._kernel, record.target):
            detail = "the driver says it is done, but it is still mounted"
            raise MountFailed(op="unmount", target=record.target, detail=detail)
        # A driver may leave the file that it mounted a device on.
        if record.target:
            await self._files.remove_tree(record.target, files=bool(record.block))
        others = [one for at, one in self.records.items() if at != home and one.key == record.key]
        if record.staging and not others:
            await self._staging.unstage(self._drivers.get, record)
        await self._forget(home)

    async def _note(self, home: str, record: Record) -> None:
        """On disk first."""
        if self.records.get(home) != record:
            await self._on_disk(records.write, home, record)
            self.records[home] = record
            self.on_change()

    async def _forget(self, home: str) -> None:
        await self._on_disk(records.remove, home)
        self.records.pop(home, None)
        self.on_change()

    async def _on_disk(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            await self._threads.run(call, *arguments)
        except OSError as error:
            detail = f"{error.strerror}: {error.filename}"
            raise HostError(
                op="record CSI volume", target=str(arguments[0]), detail=detail
            ) from error


def _with_past(job: Job, known: Record | None) -> Job:
    """What an earlier round wrote down of the same volume."""
    if known is None:
        return job
    record = msgspec.structs.replace(job.record, published=known.published, capacity=known.capacity)
    return msgspec.structs.replace(job, record=record)


def _make_above(target: str) -> None:
    Path(target).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
