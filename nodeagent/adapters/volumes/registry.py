"""All kinds of volumes behind one door: an ordered list of plugins, and what is on disk."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import HostFiles, Kernel, Plugin, place_of
from nodeagent.adapters.volumes.claim import ClaimVolume
from nodeagent.adapters.volumes.device import FOLDER as DEVICES
from nodeagent.adapters.volumes.env_file import read_env_file
from nodeagent.adapters.volumes.failures import (
    as_volume_error,
    of_volume,
    set_up_failed,
    tear_down_failed,
)
from nodeagent.adapters.volumes.meter import Meter
from nodeagent.adapters.volumes.subpath import FOLDER_NAME, bind_subpaths
from nodeagent.adapters.volumes.timing import (
    MOUNT,
    UNMOUNT,
    Looked,
    Tell,
    nobody,
    timed,
    unheard,
    with_driver,
)
from nodeagent.aio.threads import Threads
from nodeagent.core.cut_texts import NO_NUL, has_nul
from nodeagent.core.references import used_volumes
from nodeagent.core.refresh import earliest
from nodeagent.errors import (
    AgentError,
    ConfigError,
    HostError,
    MountFailed,
    NotSupported,
    VolumeError,
)
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import VolumePlace
from nodeagent.model.volume_stats import VolumeStats

_GONE = "was removed from Kubernetes; use a CSI driver"
_ADVICE = {
    "cephfs": _GONE,
    "rbd": _GONE,
    "glusterfs": _GONE,
    "flocker": _GONE,
    "quobyte": _GONE,
    "storageos": _GONE,
    "scaleIO": _GONE,
    "photonPersistentDisk": _GONE,
}


class VolumeRegistry:
    """Volumes of pods under `<root>/pods/<uid>/`. The first plugin that handles a volume has it.

    Only volumes that a container mounts are looked at: an unused one cannot hold up its pod.
    """

    def __init__(
        self,
        root: str,
        plugins: Sequence[Plugin],
        *,
        kernel: Kernel,
        files: HostFiles,
        threads: Threads,
    ) -> None:
        self._root, self._pods = root, f"{root.rstrip('/')}/pods"
        self._plugins = tuple(plugins)
        self._kernel = kernel
        self._files = files
        self._threads = threads
        self._meter = Meter(root, self._plugins, files)
        self._tell: Tell = nobody

    def tell(self, tell: Tell, looked: Looked = unheard) -> None:
        """Tell what work on volumes takes, and their measuring; of a claim's volume its own kind
        is told."""
        self._tell, self._meter.tell = tell, looked
        for plugin in self._plugins:
            if isinstance(plugin, ClaimVolume):
                plugin.tell, plugin.looked = tell, looked

    def kind(self, volume: v1.Volume) -> str:
        """The name of the volume's plugin, of CSI with the driver; "N/A" where there is none."""
        plugin = self._plugin(volume)
        return "N/A" if plugin is None else with_driver(plugin.name, volume.csi)

    def unsupported(self, pod: DesiredPod) -> str:
        """Why the pod's volumes cannot work here, by the first such volume; "" if they can."""
        for volume in used_volumes(pod.spec):
            plugin = self._plugin(volume)
            why = _no_plugin(volume) if plugin is None else plugin.refusal(volume)
            if why:
                return f'volume "{volume.name}": {why}'
        return ""

    async def set_up(self, pod: DesiredPod) -> Mapping[str, VolumePlace]:
        """Set up every volume that a container uses; by name. VolumeError names the first that
        failed; may be repeated at any time.
        """
        wanted, places = used_volumes(pod.spec), dict[str, VolumePlace]()
        for done, volume in enumerate(wanted):
            places[volume.name] = await self._set_up(pod, volume, [v.name for v in wanted[done:]])
        return places

    async def refresh(self, pod: DesiredPod) -> float:
        """Volumes that show what can change show it as it is now; all are tried.

        VolumeError names the first that failed. For a pod whose volumes are set up. Returns when
        one of them is to be refreshed again all the same, 0.0 for never.
        """
        first: AgentError | None = None
        due: list[float] = []
        for volume in used_volumes(pod.spec):
            plugin = self._plugin(volume)
            if plugin is None or not plugin.refreshes:
                continue
            try:
                due.append((await self._set_up(pod, volume, [volume.name])).again_at)
            except VolumeError as error:
                first = first or error
        if first is not None:
            raise first
        return earliest(due)

    async def _set_up(self, pod: DesiredPod, volume: v1.Volume, left: list[str]) -> VolumePlace:
        plugin = self._plugin(volume)
        try:
            if plugin is None:
                raise NotSupported(op="find", target="plugin", detail=_no_plugin(volume))
            if has_nul(volume):
                raise MountFailed(op="read", target=volume.name, detail=f"its source {NO_NUL}")
            place = place_of(self._root, pod.uid, plugin.name, volume.name)
            if isinstance(plugin, ClaimVolume):
                return await plugin.set_up(pod, volume, place)
            with timed(self._tell, with_driver(plugin.name, volume.csi), MOUNT):
                return await plugin.set_up(pod, volume, place)
        except (VolumeError, HostError, OSError) as error:
            raise set_up_failed(as_volume_error(error), volume.name, left) from error

    async def stats(self, pod: DesiredPod) -> tuple[VolumeStats, ...]:
        """How full the pod's volumes are; those of the node itself and images are left out.

        Never fails, and never waits for a dead file system beyond the deadline of one look: what
        cannot be had has no `space`. Not for pods whose volumes are not set up.
        """
        return tuple([found async for found in self._meter.measure(pod)])

    async def read_file(self, place: VolumePlace, path: str) -> str | None:
        """The text of a small file inside a volume, no link followed out of it; None if not there.

        ConfigError where it is no text file, or too large for variables (KEP-3721).
        """
        if not place.host_path:
            return None
        try:
            await self._files.kind(place.host_path)
        except HostError as error:  # a dead file system shows here, by its deadline
            raise ConfigError(op=error.op, target=error.target, detail=error.detail) from error
        return await self._threads.run(read_env_file, self._kernel, place.host_path, path)

    async def prepare_subpaths(
        self, pod: DesiredPod, container: v1.Container, places: Mapping[str, VolumePlace]
    ) -> Mapping[int, str]:
        """Before a start: by index in `volumeMounts`, the host path for each with a `subPath`.

        `subPathExpr` has to be expanded into `subPath` already. `places` is what `set_up` gave.
        May be repeated. ConfigError names the mount.
        """
        mounts = [m for m in container.volumeMounts or () if m.subPath]
        for name in {mount.name for mount in mounts} & places.keys():
            if path := places[name].host_path:
                await self._files.kind(path)  # a dead file system shows here, by its deadline
        if not mounts:
            return {}
        folder = f"{self._pods}/{pod.uid}"
        return await self._threads.run(bind_subpaths, self._kernel, folder, container, places)

    async def tear_down(self, uid: PodUid) -> None:
        """Unmount and remove every volume of the pod, from what is found on disk alone.

        A folder of a kind that has no plugin here is unmounted too, and removed if it is empty.
        Each volume is tried; VolumeError names the first that failed. May be repeated.
        """
        folder = f"{self._pods}/{uid}"
        found = await self._threads.run(_on_disk, folder)
        if found is None:
            return
        first: AgentError | None = None
        await self._remove_subpaths(folder)
        for kind, name in found:
            try:
                await self._tear_down_one(uid, kind, name)
            except (VolumeError, HostError, OSError) as error:
                first = first or tear_down_failed(as_volume_error(error), of_volume(name))
        if first is not None:
            raise first
        await self._files.remove_tree(f"{folder}/volumes", files=False)
        if found:
            await self._files.remove_tree(f"{folder}/{DEVICES}")

    async def _tear_down_one(self, uid: PodUid, kind: str, name: str) -> None:
        plugin = next((p for p in self._plugins if _folder_name(p.name) == kind), None)
        place = place_of(self._root, uid, kind, name)
        if plugin is not None:
            with timed(self._tell, plugin.name, UNMOUNT):
                await plugin.tear_down(place)
            return
        for point in await self._threads.run(self._kernel.mounts_below, place.path):
            await self._files.unmount(point)
        await self._files.remove_tree(place.path, files=False)

    async def _remove_subpaths(self, folder: str) -> None:
        """Before the volumes they show: a volume whose part is mounted elsewhere stays busy."""
        top = f"{folder}/{FOLDER_NAME}"
        if not await self._threads.run(os.path.isdir, top):
            return
        try:
            for point in await self._threads.run(self._kernel.mounts_below, top):
                await self._files.unmount(point)
            await self._files.remove_tree(top)
        except HostError as error:
            raise tear_down_failed(error, "of subPath mounts") from error

    def _plugin(self, volume: v1.Volume) -> Plugin | None:
        return next((plugin for plugin in self._plugins if plugin.handles(volume)), None)


def _folder_name(kind: str) -> str:
    return kind.replace("/", "~")


def _no_plugin(volume: v1.Volume) -> str:
    fields = (field for field in volume.__struct_fields__ if field != "name")
    kind = next((field for field in fields if getattr(volume, field) is not None), "")
    if not kind:
        return "it names no kind of volume"
    return f'kind "{kind}" {_ADVICE.get(kind, "is not supported yet")}'


def _on_disk(folder: str) -> list[tuple[str, str]] | None:
    """Plugin folder and name of each volume; None where the pod has no folder.

    A plugin's own folder (`plugins/...`) counts too: it may be all that a crash has left.
    """
    top = Path(folder)
    found: dict[tuple[str, str], None] = {}
    try:
        for kinds in (top / "volumes", top / "plugins", top / DEVICES):
            for kind in sorted(kinds.iterdir()) if kinds.is_dir() else ():
                if kind.is_dir() and not kind.is_symlink():
                    found.update(dict.fromkeys((kind.name, one.name) for one in kind.iterdir()))
        return list(found) if top.is_dir() else None
    except OSError as error:
        raise HostError(op="read volumes of pod", target=folder, detail=str(error)) from error
