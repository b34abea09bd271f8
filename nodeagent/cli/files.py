"""Manifest files named on a command line: files, folders of them, or "-" for standard input."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nodeagent.adapters.manifests.scan import is_manifest
from nodeagent.core.check_files import ManifestFile


def read_files(names: Iterable[str]) -> list[ManifestFile]:
    """The texts. A folder stands for the manifests that the agent would read in it."""
    return [_read(name) for given in names for name in _expand(given)]


def own_node_name() -> str:
    """The name that pods here are named for where no flag says another."""
    return os.uname().nodename.lower()


def _expand(name: str) -> Iterator[str]:
    if name != "-" and Path(name).is_dir():
        yield from (str(one) for one in sorted(Path(name).iterdir()) if is_manifest(one.name))
    else:
        yield name


def _read(name: str) -> ManifestFile:
    if name == "-":
        return ManifestFile(origin="standard input", text=sys.stdin.buffer.read())
    try:
        return ManifestFile(origin=name, text=Path(name).read_bytes())
    except OSError as error:
        return ManifestFile(origin=name, trouble=f"cannot be read: {error.strerror}")
