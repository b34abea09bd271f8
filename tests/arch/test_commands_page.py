"""The page of commands says what their help says."""

import subprocess
import sys

from nodeagent.cli.group import COMMANDS
from tools.commands_page import PAGE


def test_the_page_is_fresh() -> None:
    """In a process of its own: click keeps a command's help option as it was first asked for."""
    checked = subprocess.run(
        [sys.executable, "-m", "tools.commands_page", "--check"],
        cwd=PAGE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_command_has_its_chapter() -> None:
    assert all(f"\n## nodeagent {name}\n" in PAGE.read_text() for name in COMMANDS)
