"""The page of commands says what their help says."""

from nodeagent.cli.group import COMMANDS
from tools.commands_page import PAGE, page


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == page(), "run: python -m tools.commands_page"


def test_every_command_has_its_chapter() -> None:
    assert all(f"\n## nodeagent {name}\n" in page() for name in COMMANDS)
