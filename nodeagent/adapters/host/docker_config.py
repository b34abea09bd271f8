"""The node's own docker credentials, found where Docker and Kubernetes keep them."""

import os
import time
from pathlib import Path

import msgspec

from nodeagent.aio.threads import Threads
from nodeagent.core.credentials import Wallet, node_config_paths, read_config

KEEP = 300.0  # seconds for which what was read counts


class DockerConfig:
    """Reads the first usable file of the search order; again after five minutes."""

    def __init__(self, root: str, threads: Threads) -> None:
        self._root, self._threads = root, threads
        self._read_at = float("-inf")
        self._wallet = Wallet()

    async def configured(self) -> Wallet:
        """The credentials of the node; problems name their file."""
        now = time.monotonic()
        if now - self._read_at > KEEP:
            paths = node_config_paths(
                root=self._root, working_dir=str(Path.cwd()), home=os.environ.get("HOME", "")
            )
            self._wallet = await self._threads.run(_first, paths)
            self._read_at = now
        return self._wallet


def _first(paths: tuple[tuple[str, bool], ...]) -> Wallet:
    problems: list[str] = []
    for path, legacy in paths:
        try:
            data = Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            continue
        wallet = read_config(data, legacy=legacy)
        problems += [f"{path}: {problem}" for problem in wallet.problems]
        if wallet.credentials:
            return msgspec.structs.replace(wallet, problems=tuple(problems))
    return Wallet(problems=tuple(problems))
