"""Folders and files that the agent keeps for pods; each call is one hop into a thread."""

import os
import re
import secrets
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from nodeagent.adapters.host.log_tail import read_log_tail
from nodeagent.adapters.host.mounts import mounts_below
from nodeagent.adapters.host.oserror import translated
from nodeagent.adapters.host.records import RECORD_NAME
from nodeagent.adapters.host.trees import remove_tree
from nodeagent.aio.threads import Threads
from nodeagent.core.log_paths import log_link_name
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.node import PodDirs

_MESSAGES_KEPT = 20  # termination messages per container; records of at most two are looked at
_TURN = 0.2  # seconds a deletion may hold a thread before others get their turn
_LOG_NAME = re.compile(r"([0-9]+)\.log")
_VOLUME_FOLDERS = ("volumes", "volume-subpaths")  # never emptied here: data may be inside


class HostPodFiles:
    """Pod folders under `dirs.root`, logs under `dirs.logs`, links in `dirs.container_links`."""

    def __init__(self, dirs: PodDirs, threads: Threads) -> None:
        self._dirs = dirs
        self._threads = threads

    async def make_pod_dirs(self, uid: PodUid, log_directory: str) -> None:
        """Folders of the pod (0750), its log folder (0755) and their parents exist afterwards."""
        pod = self._pod(uid)
        log_directory = self._inside_logs(log_directory)
        await self._threads.run(_make_pod_dirs, pod, self._dirs.logs, log_directory)

    async def make_container_files(
        self, uid: PodUid, container: str, *, log_directory: str, hosts: str | None, message: bool
    ) -> tuple[str, str]:
        """Before a start: its log folder, `etc-hosts` if a text is given, and a new message file.

        Returns the host paths of the latter two, "" for what was not asked for.
        """
        logs = f"{self._inside_logs(log_directory)}/{_part(container)}"
        pod = self._pod(uid)
        return await self._threads.run(
            _make_container_files, pod, container, self._dirs.logs, logs, hosts, message
        )

    async def link_log(
        self, *, name: str, namespace: str, container: str, container_id: str, target: str
    ) -> None:
        """`<pod>_<namespace>_<container>-<id>.log` among the links leads to `target`."""
        link = (
            f"{self._dirs.container_links}/{_link_name(name, namespace, container, container_id)}"
        )
        await self._threads.run(_link, link, target)

    async def read_message(self, path: str, *, limit: int) -> str:
        """The last `limit` bytes of the file; "" where there is none or it is no plain file.

        Also where it is none of ours: a volume may be mounted where the message is expected, and
        what the node has there is not for the pod's status (nor is a dead file system to hang on).
        """
        if not path.startswith(f"{self._dirs.root}/pods/") or ".." in path.split("/"):
            return ""
        return await self._threads.run(_read_end, path, limit)

    async def read_log_tail(self, path: str, *, lines: int, limit: int) -> str:
        """What was written in the last `lines` log lines, at most its last `limit` bytes."""
        return await self._threads.run(read_log_tail, path, lines, limit)

    async def used_restart_counts(self, log_directory: str) -> Mapping[str, int]:
        """By container name, the highest N for which `<N>.log*` exists."""
        return await self._threads.run(_used_counts, log_directory)

    async def remove_log(self, path: str, *, container_id: str) -> None:
        """The log, its rotated ones and its link are gone afterwards."""
        path = self._inside_logs(path)
        await self._threads.run(_remove_log, path, container_id, self._dirs)

    async def remove_pod_dirs(self, uid: PodUid, log_directory: str) -> None:
        """Logs, their links and the pod's folder are gone afterwards, the record last of all.

        HostError, with nothing removed, where something is still mounted below; HostError also
        where a volume still holds files, for volumes are never emptied here.
        """
        pod = self._pod(uid)
        logs = self._inside_logs(log_directory) if log_directory else ""
        while not await self._threads.run(_remove_pod, pod, logs, self._dirs.container_links):
            pass

    def _pod(self, uid: PodUid) -> str:
        return f"{self._dirs.root}/pods/{_part(uid)}"

    def _inside_logs(self, path: str) -> str:
        """The path itself, if it is strictly below the folder of logs."""
        whole = os.path.normpath(path)
        if not whole.startswith(f"{os.path.normpath(self._dirs.logs)}/"):
            raise HostError(
                op="use log path", target=path, detail=f"it is not below {self._dirs.logs}"
            )
        return whole


def _part(name: str) -> str:
    """A name that becomes one path element."""
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise HostError(op="use name", target=repr(name), detail="it cannot be a file name")
    return name


def _make_pod_dirs(pod: str, all_logs: str, logs: str) -> None:
    with translated("make pod folders", pod):
        for folder in (pod, f"{pod}/volumes", f"{pod}/plugins"):
            _make_dir(folder, 0o750)
        _make_dir(all_logs, 0o750)
        _make_dir(logs, 0o755)


def _make_container_files(
    pod: str, container: str, all_logs: str, logs: str, hosts: str | None, message: bool
) -> tuple[str, str]:
    with translated("make container files", f"{pod} {container}"):
        _make_dir(all_logs, 0o750)
        _make_dir(logs, 0o755)
        hosts_path = message_path = ""
        if hosts is not None:
            hosts_path = f"{pod}/etc-hosts"
            _make_dir(pod, 0o750)
            _write_in_place(hosts_path, hosts.encode(errors="surrogateescape"))
        if message:
            message_path = _new_message_file(f"{pod}/containers/{container}")
        return hosts_path, message_path


def _make_dir(path: str, mode: int) -> None:
    """The folder exists; a new one gets exactly this mode, whatever the umask."""
    try:
        os.mkdir(path, mode)  # noqa: PTH102
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_dir(path.rpartition("/")[0], mode)
        _make_dir(path, mode)
        return
    if os.stat(path).st_mode & 0o7777 != mode:  # noqa: PTH116
        os.chmod(path, mode)  # noqa: PTH101


def _write_in_place(path: str, data: bytes) -> None:
    """Make the file hold `data`, keeping its inode, which running containers have mounted."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        if os.pread(file, len(data) + 1, 0) == data:
            return
        os.pwrite(file, data, 0)
        os.ftruncate(file, len(data))
        os.fchmod(file, 0o644)
    finally:
        os.close(file)


def _new_message_file(folder: str) -> str:
    """An empty file that any user of the container may write; long-dead ones go."""
    _make_dir(folder, 0o750)
    _drop_old_messages(folder)
    path = f"{folder}/{secrets.token_hex(4)}"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        os.fchmod(file, 0o666)
    finally:
        os.close(file)
    return path


def _drop_old_messages(folder: str) -> None:
    """A container that crashes for months must not fill the disk with its empty files."""
    with os.scandir(folder) as entries:
        found = [entry.path for entry in entries]
    if len(found) < _MESSAGES_KEPT:
        return
    found.sort(key=lambda path: Path(path).lstat().st_mtime_ns)
    for path in found[: len(found) - _MESSAGES_KEPT + 1]:
        with suppress(OSError):
            Path(path).unlink()


def _link_name(name: str, namespace: str, container: str, container_id: str) -> str:
    return log_link_name(
        name=_part(name),
        namespace=_part(namespace),
        container=_part(container),
        container_id=_part(container_id),
    )


def _link(link: str, target: str) -> None:
    with translated("link log", link):
        _make_dir(link.rpartition("/")[0], 0o755)
        for _ in range(3):
            try:
                os.symlink(target, link)  # noqa: PTH211
                return
            except FileExistsError:
                with suppress(OSError):
                    if os.readlink(link) == target:  # noqa: PTH115
                        return
                Path(link).unlink(missing_ok=True)
        raise HostError(op="link log", target=link, detail="something keeps putting a file there")


def _read_end(path: str, limit: int) -> str:
    with translated("read termination message", path):
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        try:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                return ""
            data = os.pread(file, limit, max(0, about.st_size - limit))
        finally:
            os.close(file)
    return data.decode(errors="replace")


def _used_counts(log_directory: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    with translated("read log folder", log_directory):
        try:
            containers = [entry for entry in os.scandir(log_directory) if entry.is_dir()]
        except FileNotFoundError:
            return {}
        for container in containers:
            names = (_LOG_NAME.match(entry.name) for entry in os.scandir(container.path))
            numbers = [int(name[1]) for name in names if name]
            if numbers:
                counts[container.name] = max(numbers)
    return counts


def _remove_log(path: str, container_id: str, dirs: PodDirs) -> None:
    folder, _, base = path.rpartition("/")
    with translated("remove log", path):
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(folder):
                if entry.name == base or entry.name.startswith(f"{base}."):
                    Path(entry.path).unlink(missing_ok=True)
        pod, _, container = folder.rpartition("/")
        owner = pod.rpartition("/")[2].split("_")
        if len(owner) == 3:
            link = _link_name(owner[1], owner[0], container, container_id)
            Path(f"{dirs.container_links}/{link}").unlink(missing_ok=True)


def _remove_pod(pod: str, logs: str, links: str) -> bool:
    """One turn of removing everything; False while something is left. Begins anew each turn."""
    until = time.monotonic() + _TURN
    _refuse_mounts(pod)
    if logs:
        if not remove_tree(logs, until=until):
            return False
        _remove_links(links, logs)
    return all(
        remove_tree(f"{pod}/{name}", until=until, files=name not in _VOLUME_FOLDERS)
        for name in _removal_order(pod)
    ) and remove_tree(pod, until=until)


def _remove_links(links: str, log_directory: str) -> None:
    """Links into the log folder go; they may be of containers the runtime no longer knows."""
    namespace, _, rest = log_directory.rpartition("/")[2].partition("_")
    start = f"{rest.partition('_')[0]}_{namespace}_"
    with translated("remove log links", links), suppress(FileNotFoundError):
        for entry in os.scandir(links):
            if entry.name.startswith(start) and entry.is_symlink():
                target = os.readlink(entry.path)  # noqa: PTH115
                if target.startswith(f"{log_directory}/"):
                    Path(entry.path).unlink(missing_ok=True)


def _refuse_mounts(pod: str) -> None:
    """Look for mounts where there can be some. The kernel takes long to list a node's mounts, and
    after volumes are torn down there is nothing to look for; deleting enters no mount anyway.
    """
    with translated("read mounts", pod):
        if not any(_has_entries(f"{pod}/{name}") for name in _VOLUME_FOLDERS):
            return
        mounted = [mount.point for mount in mounts_below(pod)]
    if mounted:
        named = ", ".join(mounted[:5]) + (", ..." if len(mounted) > 5 else "")
        raise HostError(
            op="remove pod folders", target=pod, detail=f"still mounted, unmount first: {named}"
        )


def _has_entries(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except FileNotFoundError:
        return False


def _removal_order(pod: str) -> list[str]:
    """The record goes last: as long as anything is left, a restarted agent knows the pod."""
    with translated("read pod folder", pod):
        try:
            names = os.listdir(pod)  # noqa: PTH208
        except FileNotFoundError:
            return []
    return sorted(names, key=lambda name: (name == RECORD_NAME, name))
