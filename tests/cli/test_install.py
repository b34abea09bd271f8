"""`nodeagent install` and `uninstall` below a prefix, and what systemd thinks of the unit."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nodeagent.adapters.host.installed import Installation
from nodeagent.cli.install import install, uninstall
from nodeagent.core import service_files as files
from nodeagent.core.install import services_of
from nodeagent.settings.flags import parse_flags
from nodeagent.settings.load import load
from tools.service_files import FOLDER, texts

UNIT = "etc/systemd/system/nodeagent.service"


def put(prefix: Path, *words: str) -> Result:
    return CliRunner().invoke(install, ["--prefix", str(prefix), *words])


def take(prefix: Path, *words: str) -> Result:
    return CliRunner().invoke(uninstall, ["--prefix", str(prefix), *words])


def tree(prefix: Path) -> dict[str, bytes | None]:
    return {
        str(one.relative_to(prefix)): None if one.is_dir() else one.read_bytes()
        for one in prefix.rglob("*")
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with a file of its own in a folder that install uses too."""
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/default").mkdir()
    (tmp_path / "etc/default/other").write_text("X=1\n")
    return tmp_path


def test_uninstall_leaves_exactly_what_was_there_before(root: Path) -> None:
    before = tree(root)
    assert put(root).exit_code == 0
    assert len(tree(root)) > len(before) + 5
    found = take(root)
    assert found.exit_code == 0
    assert tree(root) == before


def test_a_dry_run_tells_and_does_nothing(root: Path) -> None:
    before = tree(root)
    found = put(root, "--dry-run")
    assert "write   /etc/nodeagent/config.yaml" in found.stdout
    assert "nothing was done" in found.stderr
    assert tree(root) == before
    put(root)
    after = tree(root)
    assert f"remove  /{UNIT}" in take(root, "--dry-run").stdout
    assert tree(root) == after


def test_a_changed_file_is_kept_by_both_and_named(root: Path) -> None:
    put(root)
    config = root / "etc/nodeagent/config.yaml"
    config.write_text(config.read_text() + "maxPods: 5\n")
    again = put(root, "--program=/opt/other/nodeagent")
    assert "keep    /etc/nodeagent/config.yaml: it was changed" in again.stdout
    assert f"update  /{UNIT}" in again.stdout
    assert "/opt/other/nodeagent run" in (root / UNIT).read_text()
    gone = take(root)
    assert "keep    /etc/nodeagent/config.yaml: it was changed" in gone.stdout
    assert config.read_text().endswith("maxPods: 5\n")
    assert not (root / UNIT).exists()
    assert "keep    /etc/nodeagent/config.yaml" in take(root).stdout


def test_a_file_that_was_there_before_is_never_taken(root: Path) -> None:
    (root / UNIT).write_text("[Service]\n")
    assert f"keep    /{UNIT}: it was there before" in put(root).stdout
    take(root)
    assert (root / UNIT).read_text() == "[Service]\n"


def test_manifests_of_the_user_keep_their_folder(root: Path) -> None:
    put(root)
    (root / "etc/kubernetes/manifests/web.yaml").write_text("x")
    found = take(root)
    assert "keep    /etc/kubernetes/manifests: it is not empty" in found.stdout
    assert (root / "etc/kubernetes/manifests/web.yaml").exists()


@pytest.mark.parametrize(
    ("words", "service"), [((), "nodeagent.service"), (("--kubelet",), "kubelet.service")]
)
def test_uninstall_stops_the_service_that_was_installed(
    root: Path, words: tuple[str, ...], service: str
) -> None:
    put(root, *words)
    unit = root / "etc/systemd/system" / service
    assert services_of(Installation(root).plan_uninstall()) == (service,)
    unit.write_text("[Service]\n")
    assert services_of(Installation(root).plan_uninstall()) == (service,)
    unit.unlink()
    assert services_of(Installation(root).plan_uninstall()) == ()


def test_uninstall_of_nothing_says_so(root: Path) -> None:
    found = take(root)
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", "nothing is installed here\n")


def test_a_folder_that_cannot_be_written_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file in the way")
    found = put(tmp_path)
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1
    assert str(tmp_path / "etc") in found.stderr


def test_permissions_do_not_depend_on_the_umask(root: Path) -> None:
    before = os.umask(0o077)
    try:
        put(root)
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / UNIT).stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "etc/kubernetes/manifests").stat().st_mode) == 0o755


def test_the_default_configuration_can_be_used(root: Path) -> None:
    put(root)
    config = root / "etc/nodeagent/config.yaml"
    settings, warnings = load(parse_flags(["--config", str(config)]))
    assert warnings == ()
    assert str(settings.paths.manifests) == files.MANIFESTS


def test_a_machine_with_swap_and_its_own_containerd_gets_settings_to_match() -> None:
    machine = files.Machine(embedded=True, swap=True)
    assert "failSwapOn: false" in files.configuration(machine)
    assert "cgroupDriver: systemd" in files.configuration(machine)
    assert "--embedded-containerd" in files.unit(machine)
    assert "containerd.service" not in files.unit(machine)


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    units = [str(folder / name) for name in ("nodeagent.service", "nodeagent.slice")]
    command = ["systemd-analyze", "verify", "--man=no", *units]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("words", [(), ("--embedded-containerd",)])
def test_systemd_finds_nothing_wrong_with_the_unit(root: Path, words: tuple[str, ...]) -> None:
    put(root, f"--program={sys.executable}", *words)
    found = verified(root / "etc/systemd/system")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_systemd_would_find_a_mistake(root: Path) -> None:
    put(root, f"--program={sys.executable}")
    unit = root / UNIT
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchDogSec=60"))
    assert "WatchDogSec" in verified(unit.parent).stderr


def test_the_unit_restarts_the_agent_alone_and_waits_for_its_word() -> None:
    lines = files.unit(files.Machine()).splitlines()
    assert {"Type=notify", "NotifyAccess=main", "KillMode=process", "Restart=always"} <= set(lines)
    assert any(line.startswith("WatchdogSec=") for line in lines)
    assert any(line.startswith("ExecReload=") and "kill -HUP $MAINPID" in line for line in lines)


def test_the_files_in_the_repository_are_fresh() -> None:
    assert {one.name: one.read_text() for one in FOLDER.iterdir()} == texts(), (
        "run: python -m tools.service_files"
    )
