"""Builds everything about volumes: a piece of `app.py`."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.block_devices import BlockDevices
from nodeagent.adapters.host.git import GitClones
from nodeagent.adapters.host.mounts import Kernel
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.adapters.plugins.sockets import PluginSockets
from nodeagent.adapters.volumes.base import Plugin, Tell
from nodeagent.adapters.volumes.certificate_file import CertificateFile
from nodeagent.adapters.volumes.claim import ClaimVolume
from nodeagent.adapters.volumes.config_map import ConfigMapVolume
from nodeagent.adapters.volumes.csi.base import CsiFacts
from nodeagent.adapters.volumes.csi.drivers import Drivers, Listed
from nodeagent.adapters.volumes.csi.local import LocalFacts
from nodeagent.adapters.volumes.csi.volume import CsiVolume
from nodeagent.adapters.volumes.csi.wire import Tell as Called
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
from nodeagent.adapters.volumes.timing import Looked
from nodeagent.adapters.volumes.timing import Tell as Operated
from nodeagent.adapters.volumes.token_file import TokenFile
from nodeagent.adapters.volumes.trust_file import TrustFile
from nodeagent.adapters.volumes.written import Written
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.engine.api_ports import Api
from nodeagent.engine.claim_growth import ClaimGrowth
from nodeagent.engine.csi_cluster import CsiCluster
from nodeagent.engine.csi_node import CsiNode
from nodeagent.engine.pod_certificates import PodCertificates
from nodeagent.engine.ports import Clock, DataSource, Recorder
from nodeagent.engine.tokens import Tokens
from nodeagent.engine.trust_bundles import TrustBundles
from nodeagent.engine.volume_events import tell_of_volume
from nodeagent.model.data import Claim, CsiDriver
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import VolumeEvent
from nodeagent.model.ids import PodUid
from nodeagent.model.node import NodeFacts
from nodeagent.settings import Settings


class Cluster(CsiFacts, Listed, Protocol):
    """What CSI needs of a cluster, or of what stands in its place."""


class Objects(DataSource, Protocol):
    """A source of objects that has CSIDriver documents beside."""

    async def csi_driver(self, name: str) -> CsiDriver | None:
        """As it is now; None where there is none."""
        ...


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """What the volumes of a member of a cluster need of it.

    `node` is the Node as the API has it; `tokens` and `certificates` are those of pods, the latter
    where the node gives them any; `in_use` takes the volumes that its status is to name, `trouble`
    why the node cannot be used.
    """

    api: Api
    clock: Clock
    node: Callable[[], v1.Node | None]
    in_use: Callable[[tuple[str, ...]], None]
    trouble: Callable[[str], None]
    tokens: Tokens
    certificates: PodCertificates | None = None


class Storage:
    """The volumes of the node and who mounts them. `load` before `components`."""

    def __init__(
        self,
        settings: Settings,
        threads: Threads,
        data: Objects,
        recorder: Recorder,
        watcher: Inotify,
        *,
        node: Callable[[], NodeFacts],
        member: Membership | None = None,
    ) -> None:
        root, kernel = str(settings.paths.root), Kernel()

        def tell(pod: DesiredPod, event: VolumeEvent, claim: Claim | None = None, /) -> None:
            tell_of_volume(recorder, pod, event, claim)

        joined = Joined(settings, member, recorder) if member is not None else None
        cluster: Cluster = (
            joined.csi if joined is not None else LocalFacts(data.csi_driver, tell=tell)
        )
        self._drivers = drivers = Drivers(cluster)
        self._joined = joined
        self._sockets = PluginSockets(
            f"{root}/plugins_registry", {"CSIPlugin": drivers}, threads=threads, watcher=watcher
        )
        self.csi = CsiVolume(
            root,
            drivers=drivers,
            facts=cluster,
            data=data,
            kernel=kernel,
            files=CarefulFiles(threads, kernel),
            threads=threads,
            node=lambda: settings.node.name,
        )
        if member is not None:
            self.csi.on_use = member.in_use
        self.registry = volume_registry(
            settings,
            threads,
            data=data,
            node=node,
            csi=self.csi,
            tell=tell,
            parts=joined.parts() if joined is not None else {},
        )

    def tell(self, operated: Operated, looked: Looked, called: Called) -> None:
        """Who hears of work on volumes, of their measuring, and of calls of CSI drivers."""
        self.registry.tell(operated, looked)
        self._drivers.tell = called

    def sockets(self) -> Mapping[str, bool]:
        """Sockets of plugins, with whether they are registered."""
        return self._sockets.found()

    async def load(self) -> None:
        """Take up what an earlier run left on disk."""
        await self.csi.load()

    def forget(self, uid: PodUid) -> None:
        """The pod is over."""
        if self._joined is not None:
            self._joined.forget(uid)

    def components(self) -> dict[str, Component]:
        """What runs beside the pods."""
        more = self._joined.components() if self._joined is not None else {}
        return {**more, "plugins": self._sockets.run}


class Joined:
    """What only a member of a cluster has: tokens, certificates, trust bundles, facts of CSI."""

    def __init__(self, settings: Settings, member: Membership, recorder: Recorder) -> None:
        api, name = member.api, settings.node.name
        self.tokens = member.tokens
        trusts = settings.gate("ClusterTrustBundleProjection")
        self._bundles = TrustBundles(api) if trusts else None
        self._certificates = member.certificates
        self._csi_node = CsiNode(api, name=name, node=member.node, on_trouble=member.trouble)
        self.csi = CsiCluster(
            api,
            name=name,
            tokens=self.tokens,
            csi_node=self._csi_node,
            node=member.node,
            growth=ClaimGrowth(api, member.clock),
            recorder=recorder,
        )

    def parts(self) -> dict[str, Part]:
        """Sources of projected volumes."""
        parts: dict[str, Part] = {"serviceAccountToken": TokenFile(self.tokens).make}
        if self._bundles is not None:
            parts["clusterTrustBundle"] = TrustFile(self._bundles).make
        if self._certificates is not None:
            parts["podCertificate"] = CertificateFile(self._certificates).make
        return parts

    def components(self) -> dict[str, Component]:
        """What runs."""
        found: dict[str, Component] = {"csi node": self._csi_node.run, "csi drivers": self.csi.run}
        if self._bundles is not None:
            found["trust bundles"] = self._bundles.run
        if self._certificates is not None:
            found["pod certificates"] = self._certificates.run
        return found

    def forget(self, uid: PodUid) -> None:
        """The pod is over."""
        self.tokens.forget(uid)
        if self._certificates is not None:
            self._certificates.forget(uid)


def volume_registry(
    settings: Settings,
    threads: Threads,
    *,
    data: DataSource,
    node: Callable[[], NodeFacts],
    csi: CsiVolume,
    tell: Tell,
    parts: Mapping[str, Part],
) -> VolumeRegistry:
    """Every kind of volume there is, in the order in which they are asked."""
    kernel, root = Kernel(), str(settings.paths.root)
    careful = CarefulFiles(threads, kernel)

    def node_memory() -> int:
        return node().allocatable["memory"]

    written = Written(kernel, careful, threads, node_memory=node_memory)
    host_path, nfs = HostPath(careful), NfsVolume(kernel, careful, threads)
    local = LocalVolume(root, kernel, careful, threads, BlockDevices(), tell=tell)
    empty_dir = EmptyDir(kernel, careful, threads, node_memory=node_memory, tell=tell)
    git_repo = GitRepoVolume(
        empty_dir,
        GitClones(),
        careful,
        threads,
        enabled=settings.gate("GitRepoVolumeDriver"),
    )
    plugins: list[Plugin] = [
        empty_dir,
        host_path,
        ConfigMapVolume(data, written),
        SecretVolume(data, written),
        DownwardVolume(written, node=node),
        ImageVolume(node=node),
        ProjectedVolume(data, written, node=node, parts=parts),
        ClaimVolume(
            data,
            (host_path, local, nfs, csi),
            root=root,
            node=node,
            files=careful,
            threads=threads,
            joined=bool(parts),
        ),
        nfs,
        local,
        csi,
        git_repo,
    ]
    return VolumeRegistry(root, plugins, kernel=kernel, files=careful, threads=threads)
