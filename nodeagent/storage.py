"""Builds everything about volumes: a piece of `app.py`."""

from collections.abc import Callable
from typing import Protocol

from nodeagent.adapters.host.mounts import Kernel
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.adapters.plugins.sockets import PluginSockets
from nodeagent.adapters.volumes.base import Plugin
from nodeagent.adapters.volumes.claim import ClaimVolume
from nodeagent.adapters.volumes.config_map import ConfigMapVolume
from nodeagent.adapters.volumes.csi.base import CsiFacts
from nodeagent.adapters.volumes.csi.drivers import Drivers, Listed
from nodeagent.adapters.volumes.csi.local import LocalFacts
from nodeagent.adapters.volumes.csi.volume import CsiVolume
from nodeagent.adapters.volumes.downward import DownwardVolume
from nodeagent.adapters.volumes.empty_dir import EmptyDir
from nodeagent.adapters.volumes.host_path import HostPath
from nodeagent.adapters.volumes.image import ImageVolume
from nodeagent.adapters.volumes.local import LocalVolume
from nodeagent.adapters.volumes.nfs import NfsVolume
from nodeagent.adapters.volumes.projected import ProjectedVolume
from nodeagent.adapters.volumes.registry import VolumeRegistry
from nodeagent.adapters.volumes.secret import SecretVolume
from nodeagent.adapters.volumes.written import Written
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.engine.ports import DataSource
from nodeagent.model.data import CsiDriver
from nodeagent.model.node import NodeFacts
from nodeagent.settings import Settings


class Cluster(CsiFacts, Listed, Protocol):
    """What CSI needs of a cluster, or of what stands in its place."""


class Objects(DataSource, Protocol):
    """A source of objects that has CSIDriver documents beside."""

    async def csi_driver(self, name: str) -> CsiDriver | None:
        """As it is now; None where there is none."""
        ...


class Storage:
    """The volumes of the node and who mounts them. `load` before `components`."""

    def __init__(
        self,
        settings: Settings,
        threads: Threads,
        data: Objects,
        *,
        watcher: Inotify,
        node: Callable[[], NodeFacts],
    ) -> None:
        root, kernel = str(settings.paths.root), Kernel()
        cluster: Cluster = LocalFacts(data.csi_driver)
        drivers = Drivers(cluster)
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
        self.registry = volume_registry(settings, threads, data=data, node=node, csi=self.csi)

    async def load(self) -> None:
        """Take up what an earlier run left on disk."""
        await self.csi.load()

    def components(self) -> dict[str, Component]:
        """What runs beside the pods."""
        return {"plugins": self._sockets.run}


def volume_registry(
    settings: Settings,
    threads: Threads,
    *,
    data: DataSource,
    node: Callable[[], NodeFacts],
    csi: CsiVolume,
) -> VolumeRegistry:
    """Every kind of volume there is, in the order in which they are asked."""
    kernel, root = Kernel(), str(settings.paths.root)
    careful = CarefulFiles(threads, kernel)

    def node_memory() -> int:
        return node().allocatable["memory"]

    written = Written(kernel, careful, threads, node_memory=node_memory)
    host_path, nfs = HostPath(careful), NfsVolume(kernel, careful, threads)
    local = LocalVolume(kernel, careful, threads)
    plugins: list[Plugin] = [
        EmptyDir(kernel, careful, threads, node_memory=node_memory),
        host_path,
        ConfigMapVolume(data, written),
        SecretVolume(data, written),
        DownwardVolume(written, node=node),
        ImageVolume(node=node),
        ProjectedVolume(data, written, node=node, parts={}),
        ClaimVolume(data, (host_path, local, nfs, csi), root=root, node=node),
        nfs,
        local,
        csi,
    ]
    return VolumeRegistry(root, plugins, kernel=kernel, files=careful, threads=threads)
