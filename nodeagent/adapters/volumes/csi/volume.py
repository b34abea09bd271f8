"""csi: volumes that a driver on the node mounts, of a claim or written in the pod itself."""

from collections.abc import Callable
from functools import partial

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Data, HostFiles, Kernel, Place
from nodeagent.adapters.volumes.csi.base import CsiFacts
from nodeagent.adapters.volumes.csi.drivers import Drivers
from nodeagent.adapters.volumes.csi.job import Job, inline_job, persistent_job
from nodeagent.adapters.volumes.csi.lifecycle import Lifecycle
from nodeagent.adapters.volumes.group_walk import apply_group
from nodeagent.adapters.volumes.ownership import give_apart, told_when_slow
from nodeagent.aio.threads import Threads
from nodeagent.core.csi import EPHEMERAL, PERSISTENT, refuses_mode
from nodeagent.errors import HostError, MountFailed
from nodeagent.model.csi import CsiDriverRules
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.usage import FileSystem

_PATIENCE = 10.0  # seconds for a driver to say how full a volume is


class CsiVolume:
    """A kind of volume of pods, and of PersistentVolumes. `node` gives the node's name.

    While nobody can say how a driver is to be called, or the driver is away, volumes that are
    published already stay in use as they are; after a reboot drivers are called as they were.

    `on_use` takes what `in_use` gives whenever that has become something else.
    """

    name = "kubernetes.io/csi"
    refreshes = True

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
        node: Callable[[], str],
    ) -> None:
        self._facts, self._drivers, self._node = facts, drivers, node
        self._files = files
        self._lifecycle = Lifecycle(
            root,
            drivers=drivers,
            facts=facts,
            data=data,
            kernel=kernel,
            files=files,
            threads=threads,
            give=self._give,
        )
        self._lifecycle.on_change = self._tell_use
        self.on_use: Callable[[tuple[str, ...]], None] = lambda names: None
        self._told: tuple[str, ...] = ()

    async def load(self) -> None:
        """Take up what an earlier run left; before anything else."""
        await self._lifecycle.load()
        self._tell_use()

    def _tell_use(self) -> None:
        if (names := self.in_use()) != self._told:
            self._told = names
            self.on_use(names)

    def in_use(self) -> tuple[str, ...]:
        """Volumes that must not be detached, as node.status.volumesInUse names them."""
        records = self._lifecycle.records.values()
        return tuple(sorted({one.unique_name for one in records if one.attachment}))

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a csi volume of the pod itself."""
        return volume.csi is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Nothing of it is refused: which drivers there are changes."""
        return ""

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The driver has published it. MountFailed where it is not for volumes of a pod."""
        assert volume.csi is not None
        try:
            rules = await self._facts.rules(volume.csi.driver)
        except MountFailed:
            if (held := await self._lifecycle.held(place.path)) is not None:
                return _place(held, read_only=bool(volume.csi.readOnly), block=False)
            if (known := self._known_rules(place.path)) is None:
                raise
            rules = known
        if why := refuses_mode(rules, volume.csi.driver, EPHEMERAL):
            raise MountFailed(op="check", target=volume.csi.driver, detail=why)
        return await self._ready(inline_job(pod, volume, place, rules=rules, node=self._node()))

    def handles_persistent(self, spec: v1.PersistentVolumeSpec) -> bool:
        """Whether the PersistentVolume is of a CSI driver."""
        return spec.csi is not None

    async def set_up_persistent(
        self,
        pod: DesiredPod,
        volume: PersistentVolume,
        place: Place,
        *,
        claim: Claim,
        read_only: bool,
    ) -> VolumePlace:
        """The driver has staged and published it, and it is as large as the volume says."""
        source, block = volume.spec.csi, volume.spec.volumeMode == "Block"
        assert source is not None
        home = place.meta if block else place.path
        try:
            rules = await self._facts.rules(source.driver)
        except MountFailed:
            if (held := await self._lifecycle.held(home)) is not None:
                return _place(held, read_only=read_only, block=block)
            if (known := self._known_rules(home)) is None:
                raise
            rules = known
        if rules.exists and (why := refuses_mode(rules, source.driver, PERSISTENT)):
            raise MountFailed(op="check", target=source.driver, detail=why)
        job = persistent_job(
            pod,
            volume,
            place,
            claim=claim,
            rules=rules,
            node=self._node(),
            read_only=read_only,
        )
        return await self._ready(job)

    async def tear_down(self, place: Place) -> None:
        """The driver has taken it away; nothing in it is touched by the agent."""
        await self._lifecycle.gone(place)

    async def space(self, place: Place) -> FileSystem | None:
        """How full it is, as the driver says; None where it cannot say. DriverFailed."""
        records = self._lifecycle.records
        record = records.get(place.path) or records.get(place.meta)
        if record is None or not record.published:
            return None
        driver = self._drivers.get(record.driver)
        if not (await driver.skills()).stats:
            return None
        return await driver.stats(record.handle, record.target, record.staging, limit=_PATIENCE)

    def _known_rules(self, home: str) -> CsiDriverRules | None:
        """As an earlier run was told them; where volumes are attached, only a server may say."""
        record = self._lifecycle.records.get(home)
        rules = record.known_rules if record is not None else None
        return rules if rules is not None and not rules.attach else None

    async def _ready(self, job: Job) -> VolumePlace:
        made = await self._lifecycle.ready(job)
        return _place(made, read_only=job.read_only, block=job.is_block)

    async def _give(self, job: Job) -> None:
        """To the pod's group, where it is not the driver who does that."""
        context = job.pod.spec.securityContext
        assert context is not None and context.fsGroup is not None
        on_mismatch = context.fsGroupChangePolicy == "OnRootMismatch"
        group = context.fsGroup
        path = f"{job.place.path}/mount"

        try:
            with told_when_slow(self._facts.tell, job.pod, path) as count:
                if await self._files.may_hang(path):  # the driver may have mounted a server's
                    await give_apart(self._files, path, group, on_mismatch_only=on_mismatch)
                else:
                    give = partial(apply_group, path, group, on_mismatch_only=on_mismatch)
                    await self._files.at_length(partial(give, count=count))
        except (OSError, HostError) as error:
            detail = f"applyFSGroup failed for vol {job.record.handle}: {error}"
            raise MountFailed(op="give to group", target=path, detail=detail) from error


def _place(made: tuple[str, float], *, read_only: bool, block: bool) -> VolumePlace:
    target, again_at = made
    return VolumePlace(
        host_path=target,
        read_only=read_only,
        relabel=not block and not read_only,
        device=block,
        again_at=again_at,
    )
