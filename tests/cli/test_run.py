"""`nodeagent run`: settings handed to the agent, errors turned into lines and exit codes."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from nodeagent.cli.run import main
from nodeagent.errors import AgentError, CriUnavailable, SettingsError
from nodeagent.settings import Settings


class Agent:
    """Stands for the agent: keeps its settings, then ends as told."""

    def __init__(self, end: int | BaseException = 0) -> None:
        self._end = end
        self.settings: Settings | None = None

    def __call__(self, settings: Settings) -> int:
        self.settings = settings
        if isinstance(self._end, int):
            return self._end
        raise self._end


AWAY = CriUnavailable(op="Version", target="unix:///run/c.sock", detail="connection\nrefused")
WRONG = SettingsError(op="configure", target="cgroupDriver", detail="containerd uses systemd")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def test_the_agent_gets_the_settings_and_its_exit_code_is_passed_on() -> None:
    agent = Agent(end=3)
    assert main(["--max-pods=7", "--hostname-override=n"], program="p", start=agent) == 3
    assert agent.settings is not None
    assert agent.settings.kubelet.max_pods == 7


def test_help_and_version_start_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    agent = Agent()
    assert main(["--help"], program="p", start=agent) == 0
    assert main(["--version"], program="p", version="V 1", start=agent) == 0
    assert capsys.readouterr().out.endswith("V 1\n")
    assert agent.settings is None


def test_a_wrong_file_is_one_line_and_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nport: 0.5\n"
    )
    agent = Agent()
    assert main(["--config", str(path)], program="kubelet", start=agent) == 2
    assert agent.settings is None
    assert capsys.readouterr().err == (
        f"kubelet: configure port ({path}, line 3): 0.5 is not allowed; "
        "allowed is a whole number from 1 to 65535 [NA8001]\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (AWAY, 1, ["p: Version unix:///run/c.sock: connection refused [NA7001]"]),
        (WRONG, 2, ["p: configure cgroupDriver: containerd uses systemd [NA8001]"]),
        (
            ExceptionGroup("tasks", [ExceptionGroup("pods", [AWAY]), WRONG]),
            2,
            [
                "p: Version unix:///run/c.sock: connection refused [NA7001]",
                "p: configure cgroupDriver: containerd uses systemd [NA8001]",
            ],
        ),
    ],
)
def test_an_expected_failure_is_a_line_and_an_exit_code(
    error: AgentError, code: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--hostname-override=n"]
    assert main(words, program="p", start=Agent(end=error)) == code
    assert capsys.readouterr().err.splitlines() == lines


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        main(["--hostname-override=n"], program="p", start=Agent(end=ZeroDivisionError()))
    bug = ExceptionGroup("tasks", [AWAY, ZeroDivisionError()])
    with pytest.raises(ExceptionGroup):
        main(["--hostname-override=n"], program="p", start=Agent(end=bug))


def test_settings_without_effect_are_logged_once_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--hostname-override=n", "--pod-infra-container-image=x", "--logging-format=json"]
    assert main(words, program="p", start=Agent()) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert '"where":"flag --pod-infra-container-image"' in line
    assert '"level":"warning"' in line
