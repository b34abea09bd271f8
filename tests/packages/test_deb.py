"""The Debian package: lintian, then installed, used, removed and purged in a new Debian root."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent import __version__

ROOT = Path(__file__).parents[2]
SUITE = platform.freedesktop_os_release().get("VERSION_CODENAME", "bookworm")
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
# What dpkg and apt themselves write.
THEIRS = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "tmp", "proc", "run", "root")


def run(*command: str, wrong_is_fine: bool = False) -> str:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert wrong_is_fine or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deb")
    run(sys.executable, "-m", "tools.deb", "--out", str(folder))
    return next(folder.glob("nodeagent_*.deb"))


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A minimal Debian of this release, with python3 and without anything of ours."""
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    root = tmp_path_factory.mktemp("debian")
    include = "--include=python3,systemd,ca-certificates"
    run("debootstrap", "--variant=minbase", include, SUITE, str(root), MIRROR)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    run("mount", "-t", "proc", "proc", str(root / "proc"))
    try:
        yield root
    finally:
        run("umount", str(root / "proc"))
        shutil.rmtree(root)


def inside(debian: Path, *command: str, wrong_is_fine: bool = False) -> str:
    return run("chroot", str(debian), *command, wrong_is_fine=wrong_is_fine)


def tree(root: Path) -> set[str]:
    found = set()
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root)
        if str(here) in THEIRS:
            names.clear()
            continue
        found |= {str(here / name) for name in (*names, *files)}
    return {path for path in found if "__pycache__" not in path and path not in THEIRS}


def test_lintian_has_no_error_and_no_warning(deb: Path) -> None:
    said = run("lintian", str(deb), wrong_is_fine=True)
    lines = [line for line in said.splitlines() if line[:2] in ("E:", "W:")]
    assert lines == []


def test_it_is_installed_used_removed_and_purged(deb: Path, debian: Path) -> None:
    before = tree(debian)
    shutil.copy(deb, debian / "root/nodeagent.deb")
    inside(debian, "apt-get", "install", "-y", "--no-install-recommends", "/root/nodeagent.deb")
    assert f"nodeagent {__version__} " in inside(debian, "nodeagent", "--version")
    compiled = (debian / "usr/lib/nodeagent/lib").rglob("__pycache__/app.*.pyc")
    assert list(compiled), "start-up would be slow without"

    shutil.copy(ROOT / "docs/samples/manifests/web.yaml", debian / "root/web.yaml")
    inside(debian, "nodeagent", "validate", "/root/web.yaml")
    inside(debian, "nodeagent", "config", "check", "/etc/nodeagent/config.yaml")
    said = inside(debian, "nodeagent", "doctor", wrong_is_fine=True)
    assert "configuration: can be used" in said
    assert "no agent is running" in inside(debian, "nodeagent", "ps", wrong_is_fine=True)
    unit = next(one for one in debian.glob("*/systemd/system/nodeagent.service"))
    inside(debian, "systemd-analyze", "verify", "--man=no", f"/{unit.relative_to(debian)}")
    for folder in ("etc/kubernetes/manifests", "var/log/pods"):
        assert (debian / folder).is_dir(), folder

    config = debian / "etc/nodeagent/config.yaml"
    config.write_text(config.read_text() + "maxPods: 7\n")
    inside(debian, "apt-get", "install", "-y", "--reinstall", "/root/nodeagent.deb")
    assert "maxPods: 7" in config.read_text()

    inside(debian, "apt-get", "remove", "-y", "nodeagent")
    assert config.exists()
    assert not (debian / "usr/lib/nodeagent").exists()
    inside(debian, "apt-get", "purge", "-y", "nodeagent")
    assert tree(debian) - before == set()
    assert before - tree(debian) == set()
