"""The programs `nodeagent` and `kubelet`: what they print, import and return."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import nodeagent
from nodeagent.cli import kubelet, main
from nodeagent.cli.group import COMMANDS
from nodeagent.cli.group import nodeagent as group

ROOT = Path(nodeagent.__file__).parent.parent


def ended(capsys: pytest.CaptureFixture[str], program: object, *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one call."""
    assert callable(program)
    with pytest.raises(SystemExit) as caught:
        program(words)
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def imported_by(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.splitlines()[-1].split())


def test_kubelet_answers_its_version_as_kubeadm_parses_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(capsys, kubelet.main, "--version") == (0, "Kubernetes v1.36.2\n", "")
    assert ended(capsys, kubelet.main, "-v", "4", "--version=true")[1] == "Kubernetes v1.36.2\n"


def test_nodeagent_tells_both_versions(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ended(capsys, main.main, "--version")
    assert (code, out) == (0, f"nodeagent {nodeagent.__version__} (Kubernetes v1.36.2)\n")
    assert ended(capsys, main.main, "run", "--version")[1] == out


def test_help_lists_every_command_with_its_line() -> None:
    found = CliRunner().invoke(group, ["--help"])
    assert found.exit_code == 0
    for name, (_, text) in COMMANDS.items():
        assert name in found.output and text.split(";")[0][:30] in found.output


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_found(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert isinstance(command, click.Command)


def test_an_unknown_command_gets_the_nearest_known(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = ended(capsys, main.main, "rum")
    assert code == 2
    assert "No such command 'rum'. Did you mean 'run'?" in err


def test_run_takes_flags_behind_the_group_too() -> None:
    found = CliRunner().invoke(group, ["run", "--max-pods=many"])
    assert found.exit_code == 2


def test_help_of_run_names_the_flags_of_kubelet(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ended(capsys, main.main, "run", "--help")
    assert code == 0
    assert "--pod-manifest-path" in out and "--embedded-containerd" in out


def test_a_wrong_flag_is_one_line_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ended(capsys, kubelet.main, "--max-pod=5")
    assert (code, out) == (2, "")
    told = "kubelet: read flag --max-pod: unknown; the nearest known flag is --max-pods"
    assert err == f"{told} [NA8001]\n"


@pytest.mark.parametrize(
    "code",
    [
        'from nodeagent.cli.main import main; main(["--version"])',
        'from nodeagent.cli.kubelet import main; main(["--version"])',
    ],
)
def test_a_version_is_told_without_importing_libraries(code: str) -> None:
    assert not imported_by(code) & {"click", "msgspec", "yaml", "structlog", "grpc", "asyncio"}


def test_help_imports_no_more_than_click() -> None:
    found = imported_by('from nodeagent.cli.main import main; main(["--help"])')
    assert "click" in found
    assert not found & {"msgspec", "yaml", "structlog", "grpc", "rich", "nodeagent.settings"}


def test_run_does_not_import_click_nor_the_agent_before_the_settings_are_right() -> None:
    found = imported_by('from nodeagent.cli.main import main; main(["run", "--max-pods=many"])')
    assert "nodeagent.settings" in found
    assert not found & {"click", "yaml", "structlog", "grpc", "rich", "asyncio", "nodeagent.app"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_has_examples_and_exit_codes(name: str) -> None:
    words = ["config", "show", "--help"] if name == "config" else [name, "--help"]
    found = CliRunner().invoke(group, words)
    assert found.exit_code == 0
    assert "Exit codes: " in found.output
    if name != "run":
        assert "Examples:\n" in found.output
        assert f"  nodeagent {name}" in found.output or f" | nodeagent {name}" in found.output
