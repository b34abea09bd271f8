"""The wheel, installed by pip and by pipx into places of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodeagent import __version__

ROOT = Path(__file__).parents[2]


def run(*command: str, **env: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", env={**os.environ, **env}
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    return next(folder.glob("nodeagent-*.whl"))


def check(program: Path, folder: Path) -> None:
    """The program works, offline, with all its parts."""
    assert f"nodeagent {__version__} " in run(str(program), "--version")
    manifest = ROOT / "docs/samples/manifests/web.yaml"
    run(str(program), "validate", str(manifest))
    assert "NA3001" in run(str(program), "help", "ErrImagePull")
    run(str(program), "run", "--help")
    assert "nodeagent.service" in run(str(program), "install", "--prefix", str(folder))
    unit = (folder / "etc/systemd/system/nodeagent.service").read_text()
    assert f"ExecStart={program.parent}" in unit


def test_pip_installs_it(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    run(str(tmp_path / "venv/bin/pip"), "install", "-q", str(wheel))
    check(tmp_path / "venv/bin/nodeagent", tmp_path / "machine")
    assert run(str(tmp_path / "venv/bin/kubelet"), "--version").startswith("Kubernetes v")


def test_pipx_installs_and_removes_it(wheel: Path, tmp_path: Path) -> None:
    env = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    run("pipx", "install", "--python", "/usr/bin/python3", str(wheel), **env)
    real = (tmp_path / "bin/nodeagent").resolve()
    check(real, tmp_path / "machine")
    run("pipx", "uninstall", "nodeagent", **env)
    assert not (tmp_path / "bin/nodeagent").exists()
