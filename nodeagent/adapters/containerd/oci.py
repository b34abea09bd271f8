"""Writing container images as OCI archives, which `ctr images import` takes without a registry."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from nodeagent.adapters.containerd.pause import pause_program

PAUSE_IMAGE = "localhost/nodeagent/pause:1"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA = "application/vnd.oci.image."


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an image: a folder if `content` and `link` are None, a symlink if `link` is set.

    `path` has no leading slash. Folders on the way that no entry names are made with mode 0755.
    """

    path: str
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into an image, and how a container of it starts unless told otherwise.

    `user` is as in an image's configuration: a name or number, with an optional group after a
    colon, or empty for root.
    """

    name: str
    files: tuple[Entry, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ("PATH=/usr/local/bin:/usr/bin:/bin:/sbin",)
    user: str = ""
    working_dir: str = "/"
    stop_signal: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    volumes: tuple[str, ...] = ()
    machine: str = msgspec.field(default_factory=platform.machine)


def pause_image() -> Image:
    """The image of a pod's infra container, for this machine."""
    program = Entry(path="pause", content=pause_program(platform.machine()))
    return Image(name=PAUSE_IMAGE, files=(program,), entrypoint=("/pause",), user="65535:65535")


def write_archive(image: Image, target: Path) -> None:
    """Write the image as an OCI layout in a tar. Equal images give equal bytes."""
    layer = _layer(image.files)
    config = _json(_config(image, layer))
    compressed = gzip.compress(layer, compresslevel=6, mtime=0)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}manifest.v1+json",
            "config": _descriptor(f"{_MEDIA}config.v1+json", config),
            "layers": [_descriptor(f"{_MEDIA}layer.v1.tar+gzip", compressed)],
        }
    )
    index = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}index.v1+json",
        "manifests": [
            _descriptor(f"{_MEDIA}manifest.v1+json", manifest)
            | {
                "annotations": {
                    "io.containerd.image.name": image.name,
                    "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
                },
                "platform": {"architecture": ARCHITECTURES[image.machine], "os": "linux"},
            }
        ],
    }
    members = [
        Entry(path=f"blobs/sha256/{_hex(b)}", content=b, mode=0o644)
        for b in _unique(config, compressed, manifest)
    ]
    members.append(
        Entry(path="oci-layout", content=_json({"imageLayoutVersion": "1.0.0"}), mode=0o644)
    )
    members.append(Entry(path="index.json", content=_json(index), mode=0o644))
    target.write_bytes(_layer(members))


def _config(image: Image, layer: bytes) -> dict[str, Any]:
    how: dict[str, Any] = {
        "User": image.user,
        "Env": image.env,
        "Entrypoint": image.entrypoint,
        "Cmd": image.command,
        "WorkingDir": image.working_dir,
        "StopSignal": image.stop_signal,
        "Labels": dict(image.labels),
        "Volumes": {path: {} for path in image.volumes},
    }
    return {
        "created": "1970-01-01T00:00:00Z",
        "architecture": ARCHITECTURES[image.machine],
        "os": "linux",
        "config": {key: value for key, value in how.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_hex(layer)}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "nodeagent"}],
    }


def _layer(files: Iterable[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for entry in _with_folders(files):
            content = entry.content or b""
            info = tarfile.TarInfo(entry.path)
            info.mode, info.uid, info.gid, info.size = (
                entry.mode,
                entry.uid,
                entry.gid,
                len(content),
            )
            if entry.link is not None:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
            elif entry.content is None:
                info.type = tarfile.DIRTYPE
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _with_folders(files: Iterable[Entry]) -> Iterable[Entry]:
    named = {entry.path: entry for entry in files}
    for entry in tuple(named.values()):
        for folder in Path(entry.path).parents[:-1]:
            named.setdefault(str(folder), Entry(path=str(folder)))
    return (named[path] for path in sorted(named))


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{_hex(blob)}", "size": len(blob)}


def _unique(*blobs: bytes) -> Iterable[bytes]:
    return dict.fromkeys(blobs)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _hex(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()
