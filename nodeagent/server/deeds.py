"""What the local API may do to the agent: plain functions, apart from those that only look."""

from collections.abc import Awaitable, Callable

import msgspec

from nodeagent.core.check_files import ManifestFile
from nodeagent.core.foresee import Future
from nodeagent.model.drain import DrainState
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.image_gc import ImageReport


class ExecWish(msgspec.Struct, frozen=True, kw_only=True):
    """A command to run in a container, and which streams it gets. With `tty` stderr is stdout."""

    container: ContainerId
    command: tuple[str, ...]
    stdin: bool = False
    tty: bool = False


class ImageDeeds(msgspec.Struct, frozen=True, kw_only=True):
    """Image garbage collection; True means every unused image. `report` changes nothing."""

    report: Callable[[bool], Awaitable[ImageReport]]
    collect: Callable[[bool], Awaitable[ImageReport]]


class Deeds(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the engine.

    `foresee` changes nothing. `restart` takes a container's name, "" for all, and comes back at
    once. `drain` and `undrain` may be repeated. `open_exec` prepares a command and gives the URL
    at which the runtime streams it, good for one connection within about a minute.
    """

    foresee: Callable[[tuple[ManifestFile, ...]], Awaitable[Future]]
    restart: Callable[[PodUid, str], None]
    drain: Callable[[], None]
    undrain: Callable[[], None]
    drain_state: Callable[[], DrainState]
    open_exec: Callable[[ExecWish], Awaitable[str]]
    images: ImageDeeds | None = None
