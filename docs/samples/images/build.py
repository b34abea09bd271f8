"""Build the sample images as OCI archives: `python docs/samples/images/build.py FOLDER`.

Needs Debian's busybox-static, no compiler and no registry.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from nodeagent.adapters.containerd.oci import Entry, Image, pause_image, write_archive

BUSYBOX_IMAGE = "localhost/nodeagent/busybox:1"
USERS = (("root", 0, "/root"), ("nobody", 65534, "/"), ("app", 1000, "/home/app"))


def busybox_image(
    *,
    name: str = BUSYBOX_IMAGE,
    user: str = "",
    extra: tuple[Entry, ...] = (),
    busybox: Path = Path("/bin/busybox"),
) -> Image:
    """A small system: busybox under all its names, three users (root, nobody, app), /tmp for all.

    `user` is what a container runs as unless told otherwise; `extra` files come on top.
    """
    links = tuple(
        Entry(path=f"bin/{applet}", link="busybox")
        for applet in _applets(busybox)
        if applet != "busybox"
    )
    files = (
        Entry(path="bin/busybox", content=busybox.read_bytes()),
        *links,
        Entry(path="etc/passwd", content=_passwd(), mode=0o644),
        Entry(path="etc/group", content=_group(), mode=0o644),
        Entry(path="etc/nsswitch.conf", content=b"hosts: files dns\n", mode=0o644),
        Entry(path="home/app", uid=1000, gid=1000),
        Entry(path="root", mode=0o700),
        Entry(path="tmp", mode=0o1777),
        Entry(path="var/www/index.html", content=b"It works.\n", mode=0o644),
        *extra,
    )
    return Image(name=name, files=files, command=("sh",), user=user)


def _applets(busybox: Path) -> list[str]:
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    return listed.stdout.split()


def _passwd() -> bytes:
    return "".join(f"{n}:x:{i}:{i}:{n}:{home}:/bin/sh\n" for n, i, home in USERS).encode()


def _group() -> bytes:
    return "".join(f"{n}:x:{i}:\n" for n, i, _ in USERS).encode() + b"extra:x:2000:app\n"


def main() -> int:
    """Write one archive per sample image into the folder and print their paths."""
    parser = argparse.ArgumentParser(description="Build the sample images as OCI archives.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--busybox", type=Path, default=Path("/bin/busybox"))
    arguments = parser.parse_args()
    if not os.access(arguments.busybox, os.X_OK):
        print(f"{arguments.busybox} is missing: apt-get install busybox-static", file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    images = {"pause": pause_image(), "busybox": busybox_image(busybox=arguments.busybox)}
    for name, image in images.items():
        target = arguments.folder / f"{name}.tar"
        write_archive(image, target)
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
