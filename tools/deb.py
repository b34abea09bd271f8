"""Build the Debian package: `python -m tools.deb [--python /usr/bin/python3] [--out dist]`.

A private virtual environment under /usr/lib/nodeagent, for one minor version of Debian's python;
see docs/decisions/0020-a-debian-package-with-its-own-libraries.md.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from email.utils import formatdate
from pathlib import Path

from nodeagent import __version__
from nodeagent.cli.completion import script
from nodeagent.cli.group import nodeagent
from nodeagent.core import service_files as files

ROOT = Path(__file__).parents[1]
HOME = "usr/lib/nodeagent"
DEPENDS = "libc6 (>= 2.31), libgcc-s1, libstdc++6, zlib1g"
RECOMMENDS = "containerd, containernetworking-plugins, iptables"
SUGGESTS = "e2fsprogs, git, nfs-common"  # for kinds of volumes
MAINTAINER = "nodeagent developers <packages@nodeagent.dev>"
DESCRIPTION = """\
node agent that runs pods
 Does a kubelet's whole job on one machine: runs the pods whose manifests are
 in a folder, watches over them, restarts what ends, and says why. Speaks CRI
 to containerd. Needs no cluster.
"""
LAUNCHER = """\
#!/usr/lib/nodeagent/bin/python3 -I
import sys

from nodeagent.cli.{module} import main

sys.exit(main())
"""
# Not started on installation: /etc/kubernetes/manifests may belong to a kubelet that runs.
POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    /usr/lib/nodeagent/bin/python3 -I -m compileall -q /usr/lib/nodeagent/lib || true
    if command -v systemd-tmpfiles >/dev/null; then
        systemd-tmpfiles --create nodeagent.conf || true
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        if [ -n "$2" ]; then
            # Pods go on while the agent changes.
            systemctl try-restart nodeagent.service >/dev/null || true
        else
            echo "Start the node agent with: systemctl enable --now nodeagent"
        fi
    fi
fi
"""
PRERM = """\
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    # Only the agent ends: its pods go on. `nodeagent drain` before ends them too.
    systemctl disable --now nodeagent.service >/dev/null 2>&1 || true
fi
find /usr/lib/nodeagent/lib -depth -type d -name __pycache__ -exec rm -rf {} +
"""
POSTRM = """\
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = purge ]; then
    rmdir --ignore-fail-on-non-empty /etc/nodeagent/config.d /etc/nodeagent 2>/dev/null || true
    rmdir --ignore-fail-on-non-empty /etc/kubernetes/manifests /etc/kubernetes 2>/dev/null || true
    rmdir --ignore-fail-on-non-empty /var/log/pods /var/log/containers 2>/dev/null || true
fi
"""
OVERRIDES = {
    "embedded-library": "the wheels of grpcio and cryptography bring zlib, c-ares and OpenSSL",
    "hardening-no-fortify-functions": "binaries of wheels, as PyPI has them",
    "hardening-no-bindnow": "binaries of wheels, as PyPI has them",
    "unstripped-binary-or-object": "binaries of wheels, as PyPI has them",
    "wrong-path-for-interpreter": "the package's own virtual environment",
    "unusual-interpreter": "the package's own virtual environment",
    "package-contains-documentation-outside-usr-share-doc": "licences of the libraries inside",
    "extra-license-file": "licences of the libraries inside",
    "initial-upload-closes-no-bugs": "not part of Debian",
    "no-manual-page": "nodeagent help, and --help of each command",
    "maintainer-script-calls-systemctl": "without debhelper; guarded by /run/systemd/system",
    "spelling-error-in-binary": "not our text",
}


def main() -> int:
    """Build, print the path of the package; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default="/usr/bin/python3", help="Debian's python to build for")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nodeagent-deb-") as folder:
        tree = Path(folder) / "root"
        version = _fill(tree, given.python)
        package = given.out / f"nodeagent_{__version__}-1_{_architecture()}.deb"
        _control(tree, version)
        _run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(package))
    print(package)
    return 0


def _fill(tree: Path, python: str) -> tuple[int, int]:
    """Everything that is installed; the version of python it is for."""
    said = _run(python, "-c", "import sys; print(*sys.version_info[:3], sep='.')").strip()
    major, minor = (int(part) for part in said.split(".")[:2])
    home = tree / HOME
    site = home / f"lib/python{major}.{minor}/site-packages"
    site.mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to("../../../bin/python3")
    settings = "include-system-site-packages = false"
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\n{settings}\nversion = {said}\n")
    _run(
        sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(site),
        "--python-version", f"{major}.{minor}", "--only-binary=:all:", str(_wheel(tree.parent)),
    )  # fmt: skip
    shutil.rmtree(site / "bin", ignore_errors=True)
    for name, module in (("nodeagent", "main"), ("kubelet", "kubelet")):
        program = home / "bin" / name
        program.write_text(LAUNCHER.format(module=module))
        program.chmod(0o755)
    _link(tree / "usr/bin/nodeagent", "../lib/nodeagent/bin/nodeagent")
    units = "usr/lib/systemd/system" if (major, minor) >= (3, 13) else "lib/systemd/system"
    _write(tree / units / "nodeagent.service", files.unit(files.Machine()))
    _write(tree / units / "nodeagent.slice", files.slice_unit())
    _write(tree / "usr/lib/tmpfiles.d/nodeagent.conf", files.tmpfiles())
    _write(tree / files.CONFIG.lstrip("/"), files.configuration(files.Machine()))
    _write(tree / files.ENVIRONMENT.lstrip("/"), files.environment())
    _documents(tree)
    for one in (tree, *tree.rglob("*")):
        if not one.is_symlink():
            one.chmod(0o755 if one.is_dir() or one.parent == home / "bin" else 0o644)
    return major, minor


def _wheel(folder: Path) -> Path:
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    return next(folder.glob("nodeagent-*.whl"))


def _documents(tree: Path) -> None:
    docs = tree / "usr/share/doc/nodeagent"
    _write(docs / "copyright", _copyright())
    change = f"nodeagent ({__version__}-1) unstable; urgency=medium\n\n  * See CHANGELOG.\n\n"
    signed = f" -- {MAINTAINER}  {formatdate(_epoch())}\n"
    _compress(docs / "changelog.Debian.gz", change + signed)
    _write(docs / "errors.md", (ROOT / "docs/errors.md").read_text())
    lines = [f"# {why}\nnodeagent: {tag}\n" for tag, why in OVERRIDES.items()]
    _write(tree / "usr/share/lintian/overrides/nodeagent", "".join(lines))
    completion = tree / "usr/share"
    for shell, path in (
        ("bash", "bash-completion/completions/nodeagent"),
        ("zsh", "zsh/vendor-completions/_nodeagent"),
    ):
        _write(completion / path, script(nodeagent, shell))


def _control(tree: Path, version: tuple[int, int]) -> None:
    """The DEBIAN folder: control, scripts, conffiles, checksums."""
    paths = sorted(one for one in tree.rglob("*") if one.is_file() and not one.is_symlink())
    size = sum(-(-one.stat().st_size // 1024) for one in paths)
    major, minor = version
    python = f"python3 (>= {major}.{minor}~), python3 (<< {major}.{minor + 1}~)"
    fields = {
        "Package": "nodeagent",
        "Version": f"{__version__}-1",
        "Architecture": _architecture(),
        "Maintainer": MAINTAINER,
        "Installed-Size": str(size),
        "Depends": f"{python}, {DEPENDS}",
        "Recommends": RECOMMENDS,
        "Suggests": SUGGESTS,
        "Section": "admin",
        "Priority": "optional",
        "Homepage": "https://nodeagent.dev",
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    control = tree / "DEBIAN"
    _write(control / "control", f"{text}Description: {DESCRIPTION}")
    _write(control / "conffiles", f"{files.CONFIG}\n{files.ENVIRONMENT}\n")
    sums = [f"{_md5(one)}  {one.relative_to(tree)}\n" for one in paths if not _is_etc(tree, one)]
    _write(control / "md5sums", "".join(sums))
    for name, text in (("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)):
        _write(control / name, text)
        (control / name).chmod(0o755)


def _is_etc(tree: Path, path: Path) -> bool:
    return path.is_relative_to(tree / "etc")


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _copyright() -> str:
    header = """\
        Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
        Upstream-Name: nodeagent
        Comment: the libraries under /usr/lib/nodeagent have their licences beside them.

        Files: *
        Copyright: 2026 the nodeagent authors
        License: Apache-2.0
         On Debian systems the text of the Apache License, version 2.0, is in
         /usr/share/common-licenses/Apache-2.0.
        """
    return textwrap.dedent(header)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _compress(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _epoch() -> float:
    """Of the last commit, so that equal sources give equal packages."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return float(given or _run("git", "-C", str(ROOT), "log", "-1", "--format=%ct"))


def _architecture() -> str:
    return _run("dpkg", "--print-architecture").strip()


def _run(*command: str) -> str:
    """What it prints; its complaint and our end where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
