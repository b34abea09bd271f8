"""The agent's own API on a unix socket, for its operator and for tools on the node."""

import asyncio
import os
import socket
import stat
from pathlib import Path

from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.server.deeds import Deeds
from nodeagent.server.feed import Feed
from nodeagent.server.view import View

LONGEST_PATH = 107  # bytes; what sockaddr_un holds
PATIENCE = 1.0  # seconds for an agent at a socket that is already there to answer
IDLE = 60.0


class LocalApi:
    """Serves the view on a unix socket that only root and the agent's own user may use."""

    def __init__(
        self,
        view: View,
        *,
        path: Path,
        deeds: Deeds | None = None,
        allowed_uids: frozenset[int] | None = None,
    ) -> None:
        self._view, self._path, self._deeds = view, path, deeds
        self._allowed = frozenset((0, os.geteuid())) if allowed_uids is None else allowed_uids
        self._feed = Feed()
        self.ready = asyncio.Event()

    def notify(self) -> None:
        """Something that the view shows may have changed: those who watch look again."""
        self._feed.ring()

    async def run(self) -> None:
        """Listen until cancelled. HostError where the socket cannot be had."""
        from tornado.httpserver import HTTPServer  # late: only a running agent pays for it
        from tornado.netutil import bind_unix_socket

        from nodeagent.server.http import Shared, routes
        from nodeagent.server.kinds import kinds_of

        prepare_place(self._path)
        try:
            listener = bind_unix_socket(str(self._path), mode=0o600)
        except OSError as error:
            raise _refused(self._path, str(error)) from error
        inode = self._path.stat().st_ino
        threads = Threads(2, name="local-api")
        shared = Shared(
            self._view,
            kinds_of(self._view),
            feed=self._feed,
            threads=threads,
            allowed=lambda uid: uid in self._allowed,
            deeds=self._deeds,
        )
        server = HTTPServer(
            routes(shared),
            idle_connection_timeout=IDLE,
            max_header_size=64 * 1024,
            max_body_size=1024 * 1024,
        )
        server.add_socket(listener)
        self.ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            server.stop()
            _remove(self._path, inode)
            self._feed.ring()
            await server.close_all_connections()
            threads.close()


def prepare_place(path: Path) -> None:
    """The folder exists, nobody listens at the path, and no dead socket is left there.

    HostError where another agent answers, something else is at the path, or others may write to
    the folder.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise _refused(path, f"the path is longer than {LONGEST_PATH} bytes; use a shorter one")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = path.parent.stat()
    except OSError as error:
        raise _refused(path, f"its folder cannot be made: {error}") from error
    if folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX:
        raise _refused(path, f"others may write to {path.parent}; run: chmod go-w {path.parent}")
    try:
        there = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(there.st_mode):
        raise _refused(path, "there is a file that is no socket; move it away")
    if _answers(path):
        raise _refused(
            path, "another agent listens there; stop it, or give this one another socket"
        )
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PATIENCE)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # a full backlog or no permission: somebody is there
    return True


def _remove(path: Path, inode: int) -> None:
    """Remove our socket, not one that another agent put in its place."""
    try:
        if path.lstat().st_ino == inode:
            path.unlink()
    except FileNotFoundError:
        pass


def _refused(path: Path, detail: str) -> HostError:
    return HostError(op="listen on", target=str(path), detail=detail)
