"""`nodeagent run`: command line to settings to the running agent to an exit code."""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import cast

from nodeagent import KUBERNETES_VERSION, __version__
from nodeagent.cli.lean import leave_out
from nodeagent.errors import AgentError, SettingsError
from nodeagent.settings import Settings
from nodeagent.settings.flags import Flags, help_text, parse_flags
from nodeagent.settings.load import load

WRONG_SETTINGS = 2
FAILED = 1
Start = Callable[[Settings], int]


def main(
    argv: Sequence[str],
    *,
    program: str,
    version: str = f"nodeagent {__version__} (Kubernetes {KUBERNETES_VERSION})",
    start: Start | None = None,
) -> int:
    """Run the agent until it ends and return the exit code: 2 for wrong settings, 1 for failures.

    Each error is one line on standard error. `start` stands for the agent itself.
    """
    try:
        flags = parse_flags(argv)
        if "help" in flags:
            print(help_text(program))
            return 0
        if flags.get("version", ("false",))[-1] != "false":
            print(version)
            return 0
        return _run(flags, start)
    except AgentError as error:
        _complain(program, error)
        return _code(error)
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        expected = [error for error in errors if isinstance(error, AgentError)]
        if len(expected) < len(errors):
            raise
        for failure in expected:
            _complain(program, failure)
        return max(_code(failure) for failure in expected)


def _run(flags: Flags, start: Start | None) -> int:
    settings, warnings = load(flags)
    if start is None:
        leave_out()
    from nodeagent import logs  # late: a wrong flag is answered without waiting for it

    wants_json = settings.kubelet.logging.format == "json"
    logs.configure(verbosity=settings.verbosity, style=logs.Style.JSON if wants_json else None)
    log = logs.get_logger()
    for warning in warnings:
        log.warning("setting ignored", where=str(warning.place), detail=warning.text)
    if start is None:
        # By name and late: help and wrong settings need none of the agent.
        run = import_module("nodeagent.app").run
        start = cast(Start, functools.partial(run, reread=lambda: load(flags)[0]))
    return start(settings)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _complain(program: str, error: AgentError) -> None:
    from nodeagent.core.catalogue import code_for  # late: only a failure needs it

    line, code = " ".join(str(error).split()), code_for(error.reason)
    print(f"{program}: {line}" + (f" [{code}]" if code else ""), file=sys.stderr)


def _code(error: AgentError) -> int:
    return WRONG_SETTINGS if isinstance(error, SettingsError) else FAILED
