"""Settings for commands that take the flags of `run`; without any, those of the installed agent."""

from collections.abc import Sequence
from pathlib import Path

from nodeagent.cli.output import note
from nodeagent.core import service_files
from nodeagent.settings.flags import Flags, parse_flags

CONFIG_FILE = Path(service_files.CONFIG)
DROP_INS = Path(service_files.DROP_INS)


def given_flags(words: Sequence[str]) -> Flags:
    """The flags in `words`; a first word that is no flag names the configuration file.

    Without words, the files that `nodeagent install` wrote are meant, as far as they are there.
    """
    if not words:
        words = _installed()
    elif not words[0].startswith("-"):
        words = ["--config", *words]
    return parse_flags(words)


def _installed() -> list[str]:
    words = ["--config", str(CONFIG_FILE)] if CONFIG_FILE.is_file() else []
    words += ["--config-dir", str(DROP_INS)] if DROP_INS.is_dir() else []
    if words:
        note(f"as installed: {' '.join(words)}")
    return words
