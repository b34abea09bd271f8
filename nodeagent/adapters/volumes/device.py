"""Block volumes of pods: where a kubelet has its files of them ("Raw Block Volume Support").

`pods/<uid>/volumeDevices/<kind>/<name>` is a link to the device, and `<uid>` in a folder of the
volume is the device itself, which a kubelet holds open by a loop device.
"""

import os
from contextlib import suppress
from pathlib import Path

from nodeagent.adapters.volumes.base import Kernel, Place, Tell
from nodeagent.adapters.volumes.loops import release
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import VolumeEvent

FOLDER = "volumeDevices"


class Devices:
    """Makes and removes them; whose device it is, the kind of volume knows. May be repeated."""

    def __init__(self, kernel: Kernel, threads: Threads, *, tell: Tell) -> None:
        self._kernel, self._threads, self._tell = kernel, threads, tell

    async def map(self, pod: DesiredPod, place: Place, device: str, folder: str) -> None:
        """The device is in the pod's folder, and in that of the volume; told when it is new."""
        if not await self._threads.run(self._map, place, device, folder):
            return
        words = f'MapVolume.MapPodDevice succeeded for volume "{place.volume}"'
        shown = os.path.dirname(link_of(place))  # noqa: PTH120
        for more in (f'globalMapPath "{folder}"', f'volumeMapPath "{shown}"'):
            event = VolumeEvent(reason="SuccessfulMountVolume", message=f"{words} {more}")
            self._tell(pod, event)

    async def unmap(self, place: Place, folder: str) -> None:
        """Neither is there; the link goes last, for it is what tells that there is something."""
        await self._threads.run(self._unmap, place, folder)

    def _map(self, place: Place, device: str, folder: str) -> bool:
        link, point = link_of(place), f"{folder}/{place.uid}"
        try:
            fresh = not os.path.islink(link)  # noqa: PTH114
            if fresh or os.readlink(link) != device:  # noqa: PTH115
                Path(link).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    os.unlink(link)  # noqa: PTH108
                os.symlink(device, link)  # noqa: PTH211
            if self._kernel.is_mount(point):
                return fresh
            Path(folder).mkdir(mode=0o750, parents=True, exist_ok=True)
            Path(point).touch(mode=0o640)
        except OSError as error:
            raise _failed("map device", link, error) from error
        self._kernel.bind(device, point)
        return fresh

    def _unmap(self, place: Place, folder: str) -> None:
        link, point = link_of(place), f"{folder}/{place.uid}"
        if not os.path.lexists(link) and not os.path.lexists(point):
            return
        release(point)
        if self._kernel.is_mount(point):
            self._kernel.unmount(point)
        try:
            for path in (point, link):
                with suppress(FileNotFoundError, NotADirectoryError):
                    os.unlink(path)  # noqa: PTH108
            with suppress(OSError):  # other pods have the volume
                os.rmdir(folder)  # noqa: PTH106
        except OSError as error:
            raise _failed("unmap device", link, error) from error


def link_of(place: Place) -> str:
    """The link in the pod's folder."""
    pod, _, rest = place.path.rpartition(f"/{place.uid}/volumes/")
    return f"{pod}/{place.uid}/{FOLDER}/{rest}"


def _failed(op: str, path: str, error: OSError) -> HostError:
    return HostError(op=op, target=path, detail=f"{error.strerror}: {error.filename}")
