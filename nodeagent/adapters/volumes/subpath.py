"""subPath: show a container one place inside a volume, whatever links lie in the volume.

The place is opened from the volume's top without ever leaving it and bind mounted from the open
file, so what was checked is what is mounted.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Kernel
from nodeagent.core.cut_texts import NO_NUL
from nodeagent.errors import AgentError, ConfigError
from nodeagent.model.launch import VolumePlace

FOLDER_NAME = "volume-subpaths"
_LOOK = os.O_PATH
_LOOK_FOLDER = os.O_PATH | os.O_DIRECTORY


def bind_subpaths(
    kernel: Kernel, pod_folder: str, container: v1.Container, places: Mapping[str, VolumePlace]
) -> dict[int, str]:
    """By index in `volumeMounts`, the host path to mount for each that has a `subPath`.

    A missing folder is made with the mode of the volume's top. What is mounted already is kept
    if it is still the right thing. Blocks. ConfigError names the mount.
    """
    bound: dict[int, str] = {}
    for index, mount in enumerate(container.volumeMounts or ()):
        place = places.get(mount.name)
        if not mount.subPath or place is None or place.image:
            continue
        target = f"{pod_folder}/{FOLDER_NAME}/{mount.name}/{container.name}/{index}"
        try:
            _bind(kernel, place.host_path, mount.subPath, target)
        except (OSError, AgentError) as error:
            detail = str(error) if isinstance(error, AgentError) else error.strerror or str(error)
            where = f'volumeMount "{mount.name}" of container "{container.name}"'
            raise ConfigError(
                op="prepare subPath",
                target=mount.subPath,
                detail=f"failed to prepare subPath for {where}: {mount.subPath}: {detail}",
            ) from error
        bound[index] = target
    return bound


def _bind(kernel: Kernel, volume: str, inside: str, target: str) -> None:
    parts = [part for part in inside.split("/") if part not in ("", ".")]
    if inside.startswith("/") or ".." in parts:
        raise OSError(0, "must be a relative path without '..'")
    if "\0" in inside:
        raise OSError(0, f"it {NO_NUL}")
    with _opened(volume, _LOOK_FOLDER) as top, _place(kernel, top, parts) as place:
        about = os.fstat(place)
        if kernel.is_mount(target):
            if os.path.samestat(about, Path(target).stat()):
                return
            kernel.unmount(target)
        _make_target(target, is_folder=stat.S_ISDIR(about.st_mode))
        kernel.bind(f"/proc/self/fd/{place}", target)


@contextmanager
def _place(kernel: Kernel, top: int, parts: list[str]) -> Iterator[int]:
    """The open place; folders that are missing on the way are made."""
    path = "/".join(parts) or "."
    try:
        file = kernel.open_beneath(top, path, _LOOK)
    except FileNotFoundError:
        file = _make_way(kernel, top, parts)
    except OSError as error:
        raise _readable(error) from error
    try:
        yield file
    finally:
        os.close(file)


def _make_way(kernel: Kernel, top: int, parts: list[str]) -> int:
    mode = stat.S_IMODE(os.fstat(top).st_mode)
    folder = os.dup(top)
    for depth, part in enumerate(parts, 1):
        try:
            inner = _enter(kernel, top, folder, parts[:depth], part, mode)
        except OSError as error:
            raise _readable(error) from error
        finally:
            os.close(folder)
        folder = inner
    return folder


def _enter(
    kernel: Kernel, top: int, folder: int, way: list[str], part: str, mode: int
) -> int:  # fmt: skip
    try:
        # From the top each time: a link like "data -> ../other" may go up, but not out.
        return kernel.open_beneath(top, "/".join(way), _LOOK_FOLDER)
    except FileNotFoundError:
        os.mkdir(part, mode, dir_fd=folder)
        inner = os.open(part, _LOOK_FOLDER | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        os.chmod(f"/proc/self/fd/{inner}", mode)  # noqa: PTH101
        return inner


def _readable(error: OSError) -> OSError:
    if isinstance(error, FileExistsError):
        return OSError(error.errno, "a link that leads nowhere is in the way")
    if error.errno == errno.EXDEV:
        return OSError(error.errno, "it leads out of the volume")
    return error


def _make_target(target: str, *, is_folder: bool) -> None:
    """What to mount on: an empty folder or file."""
    path = Path(target)
    if path.is_symlink() or (path.exists() and path.is_dir() != is_folder):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    if is_folder:
        path.mkdir(mode=0o750, exist_ok=True)
    else:
        path.touch(mode=0o640)


@contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)
