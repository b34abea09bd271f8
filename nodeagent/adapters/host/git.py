"""Clones of git repositories, made in a sandbox: see `git_worker` for what is seen from there."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any, Final

from lightkube.models import core_v1 as v1

from nodeagent.adapters.host import git_worker
from nodeagent.adapters.host.disposable import PROGRAMS, Disposable, Order, TooLate
from nodeagent.core.git_repo import SCHEMES, told, without_login
from nodeagent.errors import HostError

_NOBODY: Final = 65534
_MEMORY: Final = 2 << 30
_LIMITED = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "safe.bareRepository=explicit"),
    *("submodule.recurse=false", "credential.helper=", "gc.auto=0", "maintenance.auto=false"),
    *("advice.detachedHead=false", "core.packedGitWindowSize=32m", "core.packedGitLimit=256m"),
    *("core.bigFileThreshold=32m", "pack.threads=2"),
)
_ENVIRONMENT = {
    "HOME": "/home",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
    "GIT_PROTOCOL_FROM_USER": "0",
}
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class GitClones:
    """Runs git as a user without rights, in namespaces of its own but for the network.

    `deadline` is in seconds, for one clone as a whole; `programs` are the folders, as in PATH.
    """

    def __init__(self, *, deadline: float = 300.0, programs: str = PROGRAMS) -> None:
        self._deadline, self._programs = deadline, programs
        self._processes = Disposable(programs)

    async def clone(self, source: v1.GitRepoVolumeSource, folder: str, *, most_bytes: int) -> str:
        """Clone below `folder`, which is new and empty; where the volume's contents are then.

        Everything belongs to root. `source` has to be without complaint (`core/git_repo.py`).
        HostError says what git said, that it is not there, was not done by the deadline, or that
        the clone takes more than `most_bytes`.
        """
        target = without_login(source.repository)
        tree = f"{folder}/tree"
        order = {
            "parent": os.getpid(),
            "root": f"{folder}/root",
            "tree": tree,
            "user": _NOBODY,
            "most_bytes": most_bytes,
            "memory_bytes": _MEMORY,
            "env": {"PATH": self._programs, **_ENVIRONMENT, **_proxies()},
            "git": [self._git(target), *(word for one in _LIMITED for word in ("-c", one))],
            "commands": list(_commands(source)),
        }
        words = (sys.executable, "-ISE", git_worker.__file__, json.dumps(order))
        try:
            _, output = await self._processes.run(
                Order("clone", folder), words, deadline=self._deadline
            )
        except TooLate as error:
            detail = f"it was not done within {self._deadline:g} s; is the server to be reached?"
            raise HostError(op="clone", target=target, detail=detail) from error
        _check(output, target)
        return tree

    def _git(self, target: str) -> str:
        found = shutil.which("git", path=self._programs)
        if found is None:
            detail = (
                "there is no git on this node: install it (apt-get install git), or clone in an"
                " init container into an emptyDir instead"
            )
            raise HostError(op="clone", target=target, detail=detail)
        return found


def _commands(source: v1.GitRepoVolumeSource) -> Iterator[list[str]]:
    folder, revision = source.directory or "", source.revision or ""
    clone = ["clone", "--template=", *(["--no-checkout"] if revision else []), "--"]
    yield [*clone, source.repository, *([folder] if folder else [])]
    if revision:
        where = f"./{folder}" if folder else git_worker.FOLDER
        yield ["-C", where, "checkout", "--quiet", revision, "--"]


def _proxies() -> dict[str, str]:
    """How the agent itself is told to reach the network."""
    names = [spelled for name in _PROXIES for spelled in (name, name.upper())]
    return {name: os.environ[name] for name in names if name in os.environ}


def _check(output: bytes, target: str) -> None:
    """HostError for anything but success."""
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError as error:
        detail = "the sandboxed process died without an answer"
        raise HostError(op="clone", target=target, detail=detail) from error
    if "errno" in answer:
        detail = f"the sandbox cannot be made: {answer['text']}"
        raise HostError(op="clone", target=target, detail=detail)
    if "failed" in answer:
        detail = told(f"{answer['failed']}: {answer['output']}")
        raise HostError(op="clone", target=target, detail=detail)
