"""Containerd and runc of another Debian release, unpacked beside the system with their own libc."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
PACKAGES = ("containerd", "runc", "libc6", "libseccomp2")
PROGRAMS = ("usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr", "usr/sbin/runc")


class ForeignRuntime(msgspec.Struct, frozen=True, kw_only=True):
    """Where the programs of another release lie; both folders come first in PATH."""

    suite: str
    root: Path

    @property
    def path(self) -> str:
        """The value of PATH under which this release's programs are found first."""
        own = f"{self.root / 'usr/bin'}:{self.root / 'usr/sbin'}"
        return f"{own}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}"

    @property
    def runc(self) -> Path:
        """This release's runc."""
        return self.root / "usr/sbin/runc"


def fetch(suite: str) -> ForeignRuntime:
    """Return the release's programs, downloading them once per machine.

    apt checks the signatures against Debian's own keyring. Safe to call from several processes.
    Raises RuntimeError that says what to install when a tool is missing.
    """
    for tool, package in (("patchelf", "patchelf"), ("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if shutil.which(tool) is None:
            raise RuntimeError(f"fetch containerd of {suite}: {tool} is missing, install {package}")
    if not KEYRING.exists():
        raise RuntimeError(f"fetch containerd of {suite}: install debian-archive-keyring")
    root = _cache() / f"{suite}-{_architecture()}"
    done = root / "complete"
    with _locked(root.with_suffix(".lock")):
        if not done.exists():
            shutil.rmtree(root, ignore_errors=True)
            _download(suite, root / "debs")
            _unpack(root)
            done.touch()
    return ForeignRuntime(suite=suite, root=root)


def _download(suite: str, folder: Path) -> None:
    """apt with lists, cache and state of its own: the system's apt is neither used nor changed."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n")
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        # Signatures count, age does not: a mirror that lags is as good for tests.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    _run([*apt, "update"], folder)
    _run([*apt, "download", *PACKAGES], folder)
    shutil.rmtree(folder / "lists")


def _unpack(root: Path) -> None:
    """Unpack and point the programs at the C library that came with them."""
    for package in sorted((root / "debs").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(root)], root)
    libraries = next(root.glob("**/libc.so.6")).parent  # below /usr since Debian 13
    loader = next(libraries.glob("ld-linux-*.so.*"))
    others = {path.parent for path in root.glob("**/libseccomp.so.2")}
    search = ":".join(str(folder) for folder in (libraries, *others))
    for program in PROGRAMS:
        # In this order and one by one: patchelf 0.18 else makes Go programs that crash at once.
        _run(["patchelf", "--set-rpath", search, str(root / program)], root)
        _run(["patchelf", "--set-interpreter", str(loader), str(root / program)], root)
        _run([str(root / program), "-v"], root)
    shutil.rmtree(root / "debs")


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise RuntimeError(f"{' '.join([command[0], *command[-2:]])}: {said}")


def _architecture() -> str:
    asked = ["dpkg", "--print-architecture"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "nodeagent-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
