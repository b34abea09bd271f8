"""`nodeagent help`."""

from click.testing import CliRunner, Result

from nodeagent.cli.group import nodeagent
from nodeagent.core.catalogue import ENTRIES


def ran(*words: str) -> Result:
    return CliRunner().invoke(nodeagent, ["help", *words])


def test_a_code_in_any_case_is_explained() -> None:
    found = ran("na3001")
    assert found.exit_code == 0
    assert found.stdout.startswith("NA3001  An image cannot be pulled\nSeen as: ErrImagePull")
    assert "\nCause:\n" in found.stdout and "\nWhat to do:\n" in found.stdout


def test_a_reason_is_explained_by_its_code() -> None:
    assert ran("ImagePullBackOff").stdout == ran("NA3001").stdout
    assert ran("OutOfexample.com/gpu").stdout.startswith("NA2001")


def test_a_command_shows_its_usage() -> None:
    found = ran("logs")
    assert (found.exit_code, "--tail" in found.stdout) == (0, True)


def test_an_unknown_word_is_told_with_what_is_near() -> None:
    found = ran("ImagePulBackOff")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "did you mean ImagePullBackOff" in found.stderr
    assert "--list" in ran("xyzzy-quux").stderr


def test_all_codes_are_listed() -> None:
    lines = ran("--list").stdout.splitlines()
    assert len(lines) == len(ENTRIES) + 1
    assert lines[1].startswith("NA1001")


def test_alone_it_lists_the_commands() -> None:
    assert "describe" in ran().stdout
