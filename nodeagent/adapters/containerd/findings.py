"""Finding out what this machine has and allows, before a containerd is started on it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nodeagent.adapters.containerd.config import ContainerdSettings, Findings, parse_version
from nodeagent.errors import SettingsError

PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "runc": "runc",
    "iptables": "iptables",
}
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
CNI_PACKAGE = "containernetworking-plugins"
LOWEST_OOM_SCORE = -1000


def look_around(settings: ContainerdSettings) -> Findings:
    """Look for programs, try an overlay mount and a lower OOM score. Blocks for some milliseconds.

    Raises SettingsError that names in one line everything missing and the Debian packages to
    install.
    """
    folder = cni_folder(settings)
    lacking = [name for name in PROGRAMS if find_program(name, settings) is None]
    packages = {PROGRAMS[name] for name in lacking}
    if folder is None:
        lacking.append(f"CNI plugins ({', '.join(CNI_PLUGINS)})")
        packages.add(CNI_PACKAGE)
    runc = find_program("runc", settings)
    if lacking or folder is None or runc is None:
        detail = (
            f"{', '.join(lacking)} not found; run: apt-get install {' '.join(sorted(packages))}"
        )
        raise SettingsError(op="start", target="our own containerd", detail=detail)
    return Findings(
        version=parse_version(output("containerd", "--version", settings=settings)),
        snapshotter="overlayfs" if can_overlay(settings.home) else "native",
        may_lower_oom_score=may_lower_oom_score(),
        cni_bin_dir=folder,
        runc=Path(runc),
    )


def find_program(name: str, settings: ContainerdSettings) -> str | None:
    """Its absolute path. /usr/sbin is looked into even where PATH leaves it out."""
    return shutil.which(name, path=search_path(settings))


def search_path(settings: ContainerdSettings) -> str:
    """The PATH for containerd and all it starts."""
    given = settings.search_path or os.environ.get("PATH", os.defpath)
    return f"{given}:/usr/local/sbin:/usr/sbin:/sbin"


def cni_folder(settings: ContainerdSettings) -> Path | None:
    """The first folder that holds every plugin our network needs."""
    for folder in settings.cni_bin_dirs:
        if all(os.access(folder / plugin, os.X_OK) for plugin in CNI_PLUGINS):
            return folder
    return None


def can_overlay(folder: Path) -> bool:
    """Whether an overlay can be mounted on this folder's file system (not on another overlay)."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="overlay-") as name:
        place = Path(name)
        for part in ("lower", "upper", "work", "merged"):
            (place / part).mkdir()
        layers = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
        mount = ["mount", "-t", "overlay", "overlay", "-o", layers, str(place / "merged")]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", str(place / "merged")], check=True)
    return True


def may_lower_oom_score(score_file: Path = Path("/proc/self/oom_score_adj")) -> bool:
    """Whether a process here may take a lower OOM score than it has, as pause containers do.

    Tried on ourselves and taken back: neither uid 0 nor the capability tells for sure, since
    some sandboxes and user namespaces forbid it all the same.
    """
    now = int(score_file.read_text())
    if now <= LOWEST_OOM_SCORE:
        return True
    try:
        score_file.write_text(str(now - 1))
    except PermissionError:
        return False
    score_file.write_text(str(now))
    return True


def forwarding_is_denied(settings: ContainerdSettings) -> bool:
    """Whether the machine drops forwarded packets that no rule lets through, as Docker sets it."""
    return "-P FORWARD DROP" in output("iptables", "-S", "FORWARD", settings=settings)


def output(program: str, *arguments: str, settings: ContainerdSettings) -> str:
    """What a program prints; SettingsError with its complaint when it fails."""
    command = [find_program(program, settings) or program, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(op="run", target=program, detail=str(error)) from error
    if done.returncode:
        detail = f"ended with {done.returncode}; {last_lines(done.stderr, count=2)}"
        raise SettingsError(op="run", target=program, detail=detail)
    return done.stdout


def last_lines(text: str, *, count: int) -> str:
    """The last lines that say something, joined for an error's detail."""
    return " / ".join(list(_told(text))[-count:]) or "it said nothing"


def _told(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())
