"""A git server on loopback, with repositories of files that a test names."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_git = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("git") is None, reason="needs root and git"
)
_NAMED = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "gc.auto=0")
_PATIENCE = 10.0


class GitServer:
    """Serves what lies below `top`, by git's own daemon."""

    def __init__(self, top: Path) -> None:
        self.top = top
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def url(self, name: str) -> str:
        return f"git://127.0.0.1:{self.port}/{name}"

    def commit(self, name: str, files: Mapping[str, str | bytes], *, tag: str = "") -> None:
        """Add a commit in which these files are as given; "-> PATH" makes a link to PATH."""
        folder = self.top / name
        if not folder.exists():
            folder.mkdir(parents=True)
            self.git(name, "init", "--quiet", "--initial-branch=main")
        for path, content in files.items():
            self._write(folder / path, content)
        self.git(name, "add", "--all", "--force")
        self.git(name, "commit", "--quiet", "--message", tag or "more")
        if tag:
            self.git(name, "tag", tag)

    def add_submodule(self, name: str, path: str, url: str) -> None:
        """As an attacker would write it: git's own command refuses such addresses."""
        folder = self.top / name
        done = self.git(name, "rev-parse", "HEAD")
        entry = f"160000,{done.strip()},{path}"
        self.git(name, "update-index", "--add", "--cacheinfo", entry)
        text = f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n\tupdate = checkout\n'
        (folder / ".gitmodules").write_text(text)
        self.git(name, "add", ".gitmodules")
        self.git(name, "commit", "--quiet", "--message", "submodule")

    @staticmethod
    def _write(path: Path, content: str | bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            path.symlink_to(content.removeprefix("-> "))
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            path.chmod(0o755 if content[:2] in ("#!", b"#!") else 0o644)

    def git(self, name: str, *words: str) -> str:
        """Run git in a repository; what it prints."""
        done = subprocess.run(
            ["git", *_NAMED, *words],
            cwd=self.top / name,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


@contextmanager
def git_server(top: Path) -> Iterator[GitServer]:
    """Running, with no repository yet."""
    server = GitServer(top)
    words = (
        *("git", "daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1"),
        *(f"--port={server.port}", f"--base-path={top}", str(top)),
    )
    with subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True) as daemon:
        try:
            _wait_for(server.port)
            yield server
        finally:
            os.killpg(daemon.pid, 15)


def _wait_for(port: int) -> None:
    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < limit, "git daemon does not listen"
            time.sleep(0.02)
        else:
            return
