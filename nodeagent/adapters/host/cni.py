"""Look at the CNI network a runtime would use: its file, its plugins, its addresses in use."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nodeagent.core.machine_facts import (
    CniFacts,
)

FOLDERS = ("/etc/cni/net.d",)
BIN_DIRS = ("/opt/cni/bin", "/usr/lib/cni")
LEASES = "/var/lib/cni/networks"
_SUFFIXES = (".conf", ".conflist", ".json")


def look_at_cni(folders: Sequence[str], bin_dirs: Sequence[str]) -> CniFacts:
    """The first network file by name counts, as containerd takes it; what is wrong is told."""
    facts = CniFacts(folders=tuple(folders), bin_dirs=tuple(bin_dirs))
    file = next(_files(folders), None)
    if file is None:
        return facts
    facts = msgspec.structs.replace(facts, file=str(file))
    try:
        told = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        return msgspec.structs.replace(facts, trouble=str(error))
    plugins = told.get("plugins") if "plugins" in told else [told]
    if not isinstance(plugins, list) or not plugins or not all(map(_has_type, plugins)):
        return msgspec.structs.replace(facts, trouble="has no list of plugins, each with a type")
    network = str(told.get("name", ""))
    lease_dir = _lease_dir(plugins, network)
    return msgspec.structs.replace(
        facts,
        network=network,
        missing=tuple(sorted(_missing(plugins, bin_dirs))),
        leases=tuple(_leases(lease_dir)) if lease_dir else (),
        lease_dir=str(lease_dir or ""),
    )


def _files(folders: Sequence[str]) -> Iterator[Path]:
    for folder in folders:
        try:
            found = sorted(Path(folder).iterdir())
        except OSError:
            continue
        yield from (one for one in found if one.suffix in _SUFFIXES)


def _has_type(plugin: Any) -> bool:
    return isinstance(plugin, dict) and isinstance(plugin.get("type"), str)


def _ipam(plugin: dict[str, Any]) -> dict[str, Any]:
    found = plugin.get("ipam")
    return found if isinstance(found, dict) else {}


def _missing(plugins: list[dict[str, Any]], bin_dirs: Sequence[str]) -> set[str]:
    wanted = {"loopback", *(plugin["type"] for plugin in plugins)}
    wanted |= {str(_ipam(one)["type"]) for one in plugins if "type" in _ipam(one)}
    return {
        name
        for name in wanted
        if not any(os.access(Path(folder, name), os.X_OK) for folder in bin_dirs)
    }


def _lease_dir(plugins: list[dict[str, Any]], network: str) -> Path | None:
    for plugin in plugins:
        ipam = _ipam(plugin)
        if ipam.get("type") == "host-local":
            return Path(str(ipam.get("dataDir") or LEASES), network)
    return None


def _leases(folder: Path) -> Iterator[tuple[str, str]]:
    """host-local keeps a file for each address, whose first line is the sandbox's id."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return
    for file in files:
        if file.name[:1].isdigit():
            try:
                owner = file.read_text().splitlines()[0].strip()
            except (OSError, IndexError):
                continue
            yield file.name, owner
