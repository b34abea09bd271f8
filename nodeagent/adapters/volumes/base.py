"""What a kind of volume is, and what the kinds need of the host."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.errors import MountFailed
from nodeagent.model.data import Claim, ConfigMap, DataKind, PersistentVolume, Secret
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import VolumeEvent
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import VolumePlace
from nodeagent.model.usage import FileSystem


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a volume of a pod lives: `path` is shown to containers, `meta` is the plugin's own."""

    uid: PodUid
    volume: str
    path: str
    meta: str


def place_of(root: str, uid: PodUid, kind: str, name: str) -> Place:
    """The place of a volume of this kind ("kubernetes.io/secret"); MountFailed for a wrong name."""
    for part in (uid, name):
        if part in ("", ".", "..") or "/" in part:
            raise MountFailed(op="use name", target=repr(part), detail="not a file name")
    pod, folder = f"{root.rstrip('/')}/pods/{uid}", kind.replace("/", "~")
    return Place(
        uid=uid,
        volume=name,
        path=f"{pod}/volumes/{folder}/{name}",
        meta=f"{pod}/plugins/{folder}/{name}",
    )


class Plugin(Protocol):
    """One kind of volume.

    Errors: a VolumeError or HostError; the registry adds which volume it was.
    """

    @property
    def name(self) -> str:
        """As Kubernetes names the kind, "kubernetes.io/empty-dir": its folder on disk."""
        ...

    @property
    def refreshes(self) -> bool:
        """Whether `set_up` again shows what has changed since, and so is to be called for it."""
        ...

    def handles(self, volume: v1.Volume) -> bool:
        """Whether the volume is of this kind."""
        ...

    def refusal(self, volume: v1.Volume) -> str:
        """Why a volume of this kind can never work here, and what to use instead; "" if it can."""
        ...

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """The volume can be mounted into containers afterwards.

        Called again after a failure, a restart or a reboot, and for every sync of the pod: what
        is done is left as it is.
        """
        ...

    async def tear_down(self, place: Place) -> None:
        """Neither `path` nor `meta` exist afterwards; may be repeated. Nobody uses it any more.

        Knows only what is on disk: the pod may be long forgotten.
        """
        ...


class PersistentPlugin(Protocol):
    """A kind that a PersistentVolume can be of."""

    @property
    def name(self) -> str:
        """As Kubernetes names the kind."""
        ...

    def handles_persistent(self, spec: v1.PersistentVolumeSpec) -> bool:
        """Whether the volume is of this kind."""
        ...

    async def set_up_persistent(
        self,
        pod: DesiredPod,
        volume: PersistentVolume,
        place: Place,
        *,
        claim: Claim,
        read_only: bool,
    ) -> VolumePlace:
        """Like `Plugin.set_up`; `place` is named after the PersistentVolume."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A kind that knows by itself how full a volume is."""

    async def space(self, place: Place) -> FileSystem | None:
        """None where it cannot say. VolumeError."""
        ...


class Data(Protocol):
    """Where objects come from. None: there is no such object."""

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """As it is now."""
        ...

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """As it is now."""
        ...

    async def claim(self, namespace: str, name: str) -> Claim | None:
        """As it is now, bound or not."""
        ...

    async def volume(self, name: str) -> PersistentVolume | None:
        """As it is now."""
        ...

    def place(self, kind: DataKind) -> str:
        """Where objects of this kind are looked for, "" to say nothing of it."""
        ...


class Tell(Protocol):
    """Where events about a pod's volumes go."""

    def __call__(self, pod: DesiredPod, event: VolumeEvent, claim: Claim | None = None, /) -> None:
        """Never blocks, never fails. With a claim, the event is about that too."""
        ...


def silent(pod: DesiredPod, event: VolumeEvent, claim: Claim | None = None, /) -> None:
    """For who has nobody to tell."""


class Kernel(Protocol):
    """System calls about mounts. They block, so call them in a thread; HostError on refusal."""

    def is_mount(self, path: str) -> bool:
        """Whether something is mounted at `path` itself."""
        ...

    def mount(
        self, source: str, target: str, fstype: str, *, flags: int = 0, options: str = ""
    ) -> None:
        """mount(2)."""
        ...

    def bind(self, source: str, target: str) -> None:
        """Bind mount without what is mounted below `source`."""
        ...

    def unmount(self, target: str) -> None:
        """Nothing is mounted at `target` afterwards; for local file systems."""
        ...

    def mounts_below(self, path: str) -> tuple[str, ...]:
        """Mount points at or below `path`, deepest first."""
        ...

    def open_beneath(self, folder: int, path: str, flags: int) -> int:
        """Open from an open folder without ever leaving it; raises OSError (EXDEV: it would)."""
        ...


class Disks(Protocol):
    """Tools of the node for block devices, each a process with a deadline. HostError."""

    async def content(self, device: str) -> str:
        """The kind of file system on it, "" for none that is known (`core/local_disk.py`)."""
        ...

    async def is_blank(self, device: str) -> bool:
        """Whether it begins and ends with nothing at all."""
        ...

    async def make(self, device: str, fstype: str) -> None:
        """There is a new file system on it afterwards."""
        ...

    async def check(self, device: str) -> None:
        """What is damaged is mended; HostError where that takes a person."""
        ...


class HostFiles(Protocol):
    """Calls on paths that may be on a dead file system: HostError at the latest by a deadline."""

    async def kind(self, path: str) -> str:
        """Directory, File, Socket, CharDevice, BlockDevice or Other; "" where nothing is."""
        ...

    async def space(self, path: str) -> FileSystem:
        """How full the file system at `path` is."""
        ...

    async def make_folder(self, path: str, mode: int) -> None:
        """`path` is a folder afterwards, parents are made too."""
        ...

    async def make_file(self, path: str, mode: int) -> None:
        """There is a file at `path` afterwards; its parent has to exist."""
        ...

    async def mount(self, fstype: str, source: str, path: str, options: tuple[str, ...]) -> None:
        """`source` is mounted at `path` by mount(8), for file systems of another machine."""
        ...

    async def unmount(self, path: str) -> None:
        """Nothing is mounted at `path` afterwards."""
        ...

    async def may_hang(self, path: str) -> bool:
        """Whether the path is on a file system whose calls may, found without touching it."""
        ...

    async def bind(self, source: str, target: str, *, mounted: bool, flags: int) -> bool:
        """`source` is bind mounted at `target`, a folder, with these flags of mount(2), and
        nothing else is (`mounted`: something is now). Says whether that is new.
        """
        ...

    async def at_length(self, call: Callable[[], None]) -> None:
        """Call what may take long where nothing else waits for it to be done. Ends as
        `Threads.run` does.
        """
        ...

    async def run_file(self, file: str, path: str, *more: int, deadline: float) -> None:
        """Run a Python file of ours, which imports nothing of the agent, on `path`."""
        ...

    async def remove_tree(self, path: str, *, files: bool = True) -> None:
        """`path` and all below are gone, no mount entered. `files=False`: folders only."""
        ...
