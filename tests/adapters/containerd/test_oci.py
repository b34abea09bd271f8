"""An image archive is a proper OCI layout, the same bytes each time."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from nodeagent.adapters.containerd.oci import Entry, Image, pause_image, write_archive

IMAGE = Image(
    name="localhost/test/app:7",
    files=(
        Entry(path="opt/app/run", content=b"#!/bin/sh\n"),
        Entry(path="opt/link", link="app/run"),
        Entry(path="tmp", mode=0o1777),
        Entry(path="data", uid=1000, gid=1000, mode=0o750),
    ),
    command=("/opt/app/run",),
    user="1000",
    machine="x86_64",
)


@pytest.fixture
def archive(tmp_path: Path) -> dict[str, bytes]:
    write_archive(IMAGE, tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]


def blob(archive: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    content = archive["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]
    assert len(content) == descriptor["size"]
    return content


def test_each_blob_is_named_by_its_digest(archive: dict[str, bytes]) -> None:
    blobs = {name: data for name, data in archive.items() if name.startswith("blobs/")}
    assert len(blobs) == 3
    assert all(name.endswith(hashlib.sha256(data).hexdigest()) for name, data in blobs.items())


def test_the_index_leads_to_name_configuration_and_files(archive: dict[str, bytes]) -> None:
    (found,) = json.loads(archive["index.json"])["manifests"]
    assert found["annotations"]["io.containerd.image.name"] == "localhost/test/app:7"
    manifest = json.loads(blob(archive, found))
    config = json.loads(blob(archive, manifest["config"]))
    layer = gzip.decompress(blob(archive, manifest["layers"][0]))
    assert config["config"]["User"] == "1000"
    assert config["architecture"] == "amd64"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        files = {member.name: member for member in tar}
    assert list(files) == ["data", "opt", "opt/app", "opt/app/run", "opt/link", "tmp"]
    assert (files["data"].uid, files["data"].mode) == (1000, 0o750)
    assert files["tmp"].mode == 0o1777
    assert (files["opt/link"].issym(), files["opt/link"].linkname) == (True, "app/run")


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_archive(pause_image(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
