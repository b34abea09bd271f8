"""Measures node and pods for eviction: the cheap part each time, the rest where it is asked for."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

import msgspec

from nodeagent.core.cgroups import KUBEPODS, pod_cgroup_path
from nodeagent.core.pod_disk import disk_use
from nodeagent.core.qos import qos_class
from nodeagent.core.signals import signals_of
from nodeagent.engine.ports import Cgroups
from nodeagent.errors import AgentError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.disk_figures import DiskFigures
from nodeagent.model.eviction import HostSight, Observed, PodUse, Signal
from nodeagent.model.ids import PodUid
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod


class Host(Protocol):
    """The machine as a whole."""

    async def read(self, paths: Iterable[str]) -> HostSight:
        """As it is now, with the file systems of these paths."""
        ...


class Disks(Protocol):
    """What pods take of the disk, as a slow walk found it last."""

    def of(self, uids: Iterable[PodUid]) -> Mapping[PodUid, PodUse]:
        """What is known; it is looked at anew soon if it is old."""
        ...


class PodDisks:
    """Implements `Disks`. `ask` gives the figures of the walk and has it begin anew if old."""

    def __init__(
        self, ask: Callable[[], DiskFigures], *, seen: Callable[[PodUid], ObservedPod]
    ) -> None:
        self._ask, self._seen = ask, seen

    def of(self, uids: Iterable[PodUid]) -> Mapping[PodUid, PodUse]:
        """What is known; a pod that was not looked at yet is left out."""
        figures = self._ask()
        known = {uid: disk_use(figures, self._seen(uid)) for uid in uids}
        return {uid: use for uid, use in known.items() if use is not None}


class ImagePaths(Protocol):
    """Where the runtime keeps images."""

    async def image_paths(self) -> tuple[str, ...]:
        """Paths on this host; the first is what counts."""
        ...


class GaugeParts(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured with. `pods_limit`: bytes that kubepods is limited to, 0 for none."""

    host: Host
    cgroups: Cgroups
    disks: Disks
    images: ImagePaths
    rules: Callable[[], NodeRules]
    pods_limit: Callable[[], int]
    seen: Callable[[PodUid], ObservedPod]
    root: str  # the agent's folder


class NodeGauge:
    """Implements the eviction's `Gauge`."""

    def __init__(self, parts: GaugeParts) -> None:
        self._parts = parts
        self._own_images = False
        self._images = ""

    async def node(self) -> Mapping[Signal, Observed]:
        """Every signal that can be measured, as it is now: a few files and two calls of statvfs."""
        parts = self._parts
        images = await self._image_path()
        host = await parts.host.read(path for path in (parts.root, images) if path)
        cgroups = parts.cgroups
        kubepods = f"{parts.rules().cgroup_root.rstrip('/')}/{KUBEPODS}"
        root = await cgroups.memory_use("", below=False)
        pods = await cgroups.memory_use(kubepods, below=False)
        spaces = [host.file_systems.get(path) for path in (parts.root, images)]
        self._own_images = all(spaces) and len({one.device for one in spaces if one}) > 1
        return signals_of(
            host,
            root=root.get(""),
            pods=pods.get(""),
            pods_limit=parts.pods_limit(),
            places=(parts.root, images),
        )

    async def _image_path(self) -> str:
        """Asked for once; "" as long as the runtime does not tell."""
        if not self._images:
            with suppress(AgentError):
                self._images = next(iter(await self._parts.images.image_paths()), "")
        return self._images

    async def pods(self, pods: Iterable[DesiredPod]) -> Mapping[PodUid, PodUse]:
        """Memory and processes now, and disk as last found; a pod without a cgroup is left out."""
        wanted = {pod.uid: pod for pod in pods}
        disks = self.disks(wanted)
        found = {}
        for uid, pod in wanted.items():
            use = await self._use(pod, disks.get(uid, PodUse()))
            if use is not None:
                found[uid] = use
        return found

    async def _use(self, pod: DesiredPod, disk: PodUse) -> PodUse | None:
        cgroups = self._parts.cgroups
        path = pod_cgroup_path(pod.uid, qos_class(pod.spec), root=self._parts.rules().cgroup_root)
        memory = await cgroups.memory_use(path)
        if "" not in memory:
            return None
        names = {str(one.id): one.name for one in self._parts.seen(pod.uid).containers}
        return msgspec.structs.replace(
            disk,
            memory=memory[""].working_set_bytes,
            tasks=await cgroups.tasks(path),
            containers_memory={
                names[id_]: use.working_set_bytes for id_, use in memory.items() if id_ in names
            },
        )

    def disks(self, uids: Iterable[PodUid]) -> Mapping[PodUid, PodUse]:
        """What is known of pods' disks."""
        return self._parts.disks.of(uids)

    def has_own_images(self) -> bool:
        """Whether images are on another file system than the agent's folder."""
        return self._own_images
