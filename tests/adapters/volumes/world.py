"""A pod's volumes over the real kernel, in a folder of the test."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.adapters.host.block_devices import BlockDevices
from nodeagent.adapters.host.disposable import PROGRAMS
from nodeagent.adapters.host.git import GitClones
from nodeagent.adapters.host.mounts import Kernel, mounts_below
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.adapters.volumes.claim import ClaimVolume
from nodeagent.adapters.volumes.config_map import ConfigMapVolume
from nodeagent.adapters.volumes.csi.drivers import Drivers
from nodeagent.adapters.volumes.csi.local import LocalFacts
from nodeagent.adapters.volumes.csi.volume import CsiVolume
from nodeagent.adapters.volumes.downward import DownwardVolume
from nodeagent.adapters.volumes.empty_dir import EmptyDir
from nodeagent.adapters.volumes.git_repo import GitRepoVolume
from nodeagent.adapters.volumes.host_path import HostPath
from nodeagent.adapters.volumes.image import ImageVolume
from nodeagent.adapters.volumes.local import LocalVolume
from nodeagent.adapters.volumes.nfs import NfsVolume
from nodeagent.adapters.volumes.projected import Part, ProjectedVolume
from nodeagent.adapters.volumes.registry import VolumeRegistry
from nodeagent.adapters.volumes.secret import SecretVolume
from nodeagent.adapters.volumes.written import Written
from nodeagent.aio.threads import Threads
from nodeagent.errors import MountFailed
from nodeagent.model.csi import CsiDriverRules
from nodeagent.model.data import Claim, CsiDriver
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.events import VolumeEvent
from nodeagent.model.ids import PodUid
from tests.fakes.host import FakeData
from tests.fakes.pods import NODE

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
UID = PodUid("0f1e-22")
MIB = 1 << 20
EMPTY = "kubernetes.io~empty-dir"


class Killed(Exception):
    """The agent dies here."""


class Mortal(Kernel):
    """The real kernel, for an agent that dies at its n-th call (0: never), before or after it."""

    def __init__(self) -> None:
        self.die_at = 0
        self.after = False
        self.calls = 0

    def _maybe_die(self, call: Callable[[], None]) -> None:
        self.calls += 1
        if self.calls == self.die_at and not self.after:
            raise Killed
        call()
        if self.calls == self.die_at:
            raise Killed

    def mount(
        self, source: str, target: str, fstype: str, *, flags: int = 0, options: str = ""
    ) -> None:
        self._maybe_die(
            lambda: Kernel.mount(self, source, target, fstype, flags=flags, options=options)
        )

    def bind(self, source: str, target: str) -> None:
        self._maybe_die(lambda: Kernel.mount(self, source, target, "", flags=4096))

    def unmount(self, target: str) -> None:
        self._maybe_die(lambda: Kernel.unmount(self, target))


class Facts(LocalFacts):
    """As on a node without a cluster, unless a test says what attaching gives: its words, or why
    it fails.
    """

    attachment: Mapping[str, str] | MountFailed | None = None

    async def rules(self, driver: str) -> CsiDriverRules:
        found = await super().rules(driver)
        return msgspec.structs.replace(found, attach=self.attachment is not None)

    async def attached(self, driver: str, handle: str, unique_name: str) -> Mapping[str, str]:
        if isinstance(self.attachment, MountFailed):
            raise self.attachment
        return self.attachment or {}


class World:
    def __init__(
        self, top: Path, threads: Threads, *, joined: bool = False, clones: bool = True
    ) -> None:
        self.top, self.threads = top, threads
        self.kernel = Mortal()
        self.node_memory = 512 * MIB
        self.files = CarefulFiles(threads, self.kernel, programs=f"{top}/bin:{PROGRAMS}")
        self.data = FakeData()
        self.facts = NODE
        self.parts: dict[str, Part] = {}
        written = Written(self.kernel, self.files, threads, node_memory=lambda: self.node_memory)
        host_path = HostPath(self.files)
        nfs = NfsVolume(self.kernel, self.files, threads)
        self.disks = BlockDevices()
        local = LocalVolume(f"{top}/root", self.kernel, self.files, threads, self.disks)
        self.root = f"{top}/root"
        self.events: list[tuple[str, VolumeEvent, Claim | None]] = []
        self.rules_unknown = False
        self.facts_of_drivers = Facts(self._rules_of, tell=self._tell)
        self.drivers = Drivers(self.facts_of_drivers)
        self.csi = CsiVolume(
            self.root,
            drivers=self.drivers,
            facts=self.facts_of_drivers,
            data=self.data,
            kernel=self.kernel,
            files=self.files,
            threads=threads,
            node=lambda: "n1",
        )
        empty_dir = EmptyDir(self.kernel, self.files, threads, node_memory=lambda: self.node_memory)
        self.volumes = VolumeRegistry(
            f"{top}/root",
            [
                empty_dir,
                host_path,
                ConfigMapVolume(self.data, written),
                SecretVolume(self.data, written),
                DownwardVolume(written, node=lambda: self.facts),
                ImageVolume(node=lambda: self.facts),
                ProjectedVolume(self.data, written, node=lambda: self.facts, parts=self.parts),
                ClaimVolume(
                    self.data,
                    (host_path, local, nfs, self.csi),
                    root=f"{top}/root",
                    node=lambda: self.facts,
                    files=self.files,
                    threads=threads,
                    joined=joined,
                ),
                nfs,
                local,
                self.csi,
                GitRepoVolume(empty_dir, GitClones(), self.files, threads, enabled=clones),
            ],
            kernel=self.kernel,
            files=self.files,
            threads=threads,
        )  # fmt: skip
        self.pod_folder = top / "root/pods" / UID

    async def _rules_of(self, driver: str) -> CsiDriver | None:
        if self.rules_unknown:
            raise MountFailed(op="read", target=driver, detail="the API server has not answered")
        return await self.data.csi_driver(driver)

    def _tell(self, pod: DesiredPod, event: VolumeEvent, claim: Claim | None = None, /) -> None:
        self.events.append((pod.uid, event, claim))

    def told(self, reason: str) -> tuple[list[str], list[str]]:
        """Messages of this reason about pods, and those about claims beside."""
        found = [(e.message, claim) for _, e, claim in self.events if e.reason == reason]
        return [text for text, _ in found], [text for text, claim in found if claim is not None]

    def mounts(self) -> list[str]:
        return [mount.point for mount in mounts_below(str(self.top))]

    def place(self, name: str) -> Path:
        return self.pod_folder / "volumes" / EMPTY / name


def empty(name: str, **source: str) -> v1.Volume:
    return v1.Volume(name=name, emptyDir=msgspec.convert(source, v1.EmptyDirVolumeSource))


def a_pod(
    *volumes: v1.Volume,
    mounts: list[v1.VolumeMount] | None = None,
    context: v1.PodSecurityContext | None = None,
    limits: dict[str, str] | None = None,
) -> DesiredPod:
    """A pod whose one container mounts every volume, or what is given."""
    if mounts is None:
        mounts = [v1.VolumeMount(name=one.name, mountPath=f"/{one.name}") for one in volumes]
    resources = v1.ResourceRequirements(limits=limits, requests=limits) if limits else None
    container = v1.Container(name="app", volumeMounts=mounts, resources=resources)
    pod = v1.Pod(
        metadata=meta_v1.ObjectMeta(name="web"),
        spec=v1.PodSpec(containers=[container], volumes=[*volumes], securityContext=context),
    )
    return DesiredPod(uid=UID, source=Source.FILE, origin="", pod=pod)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777
