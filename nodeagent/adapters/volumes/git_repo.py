"""gitRepo: an emptyDir on disk that begins as a clone; only where it is enabled."""

import os
import secrets
from pathlib import Path
from typing import Protocol

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import HostFiles, Place
from nodeagent.adapters.volumes.empty_dir import EmptyDir, give_to_group
from nodeagent.aio.threads import Threads
from nodeagent.core.git_repo import DISABLED, complaint
from nodeagent.core.local_limits import disk_limit
from nodeagent.errors import MountFailed, NotSupported
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace


class Clones(Protocol):
    """Makes clones with as few rights as can be."""

    async def clone(self, source: v1.GitRepoVolumeSource, folder: str, *, most_bytes: int) -> str:
        """Clone below `folder`, which is new and empty; the path of the contents, root's own.

        HostError where that fails, or takes more than `most_bytes`.
        """
        ...


class GitRepoVolume:
    """The clone is made beside the volume and renamed into place once it is whole."""

    name = "kubernetes.io/git-repo"
    refreshes = False

    def __init__(
        self,
        empty_dir: EmptyDir,
        clones: Clones,
        files: HostFiles,
        threads: Threads,
        *,
        enabled: bool,
    ) -> None:
        self._empty_dir, self._clones = empty_dir, clones
        self._files, self._threads = files, threads
        self._enabled = enabled

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is a gitRepo."""
        return volume.gitRepo is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Everything where it is not enabled, and what may not be asked of git."""
        if volume.gitRepo is None:
            return ""
        why = complaint(volume.gitRepo) if self._enabled else DISABLED
        return f'kind "gitRepo" {why}' if not self._enabled else why

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The volume is a clone, and whatever the pod has made of it since. MountFailed."""
        source = volume.gitRepo
        assert source is not None
        if why := self.refusal(volume):
            raise NotSupported(op="clone", target=volume.name, detail=why)
        where = VolumePlace(host_path=place.path, relabel=True)
        if await self._threads.run(_is_ready, place):
            return where
        await self._files.remove_tree(place.path)
        await self._files.remove_tree(place.meta)
        folder = f"{place.meta}/{secrets.token_hex(8)}"
        await self._threads.run(_make_folders, place, folder)
        most = (await self._files.space(folder)).available // 2
        tree = await self._clones.clone(
            source, folder, most_bytes=min(most, disk_limit(pod.spec) or most)
        )
        await self._threads.run(_show, pod, tree, place)
        await self._files.remove_tree(folder)
        return where

    async def tear_down(self, place: Place) -> None:
        """See `Plugin`."""
        await self._empty_dir.tear_down(place)


def _marker(place: Place) -> Path:
    return Path(place.meta, "ready")


def _is_ready(place: Place) -> bool:
    return _marker(place).is_dir() and Path(place.path).is_dir()


def _make_folders(place: Place, folder: str) -> None:
    try:
        Path(folder).mkdir(mode=0o750, parents=True)
        Path(place.path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise _failed(place, error) from error


def _show(pod: DesiredPod, tree: str, place: Place) -> None:
    """The clone, open to everybody and the pod's group, is the volume from now on."""
    try:
        os.chmod(tree, 0o777)  # noqa: PTH101
        give_to_group(pod, tree)
        os.rename(tree, place.path)  # noqa: PTH104
        _marker(place).mkdir(mode=0o750)
    except OSError as error:
        raise _failed(place, error) from error


def _failed(place: Place, error: OSError) -> MountFailed:
    return MountFailed(op="make", target=place.path, detail=f"{error.strerror}: {error.filename}")
