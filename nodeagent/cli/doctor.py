"""`nodeagent doctor`: what on this machine keeps pods from running, and how to mend it."""

import asyncio
from collections.abc import Iterator

import click
import msgspec

from nodeagent.cli.given import given_flags
from nodeagent.cli.output import FAILED, note, paint
from nodeagent.core.doctor import Finding, Level, examine
from nodeagent.core.machine_facts import (
    Facts,
)
from nodeagent.errors import SettingsError
from nodeagent.settings.load import Loaded, load_traced

_EPILOG = """\b
Examples:
  nodeagent doctor
  nodeagent doctor -o json
  nodeagent doctor --config /etc/nodeagent/config.yaml --embedded-containerd

Exit codes: 0 nothing failed (warnings do not count), 1 something failed, 2 wrong usage."""
_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@click.command(
    epilog=_EPILOG,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[FLAGS]")
@click.option(
    "-o", "--output", "form", type=click.Choice(["text", "json"]), default="text",
    help="Lines for reading (default), or one JSON document.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Only what is not ok.")
def doctor(words: tuple[str, ...], form: str, *, quiet: bool) -> None:
    """Check this machine: configuration, runtime, cgroups, network, time, limits, disk, ports.

    Takes the flags of `nodeagent run`; without any, what `nodeagent install` wrote counts. Changes
    nothing, and needs no agent. Each finding that is not ok comes with its cause and its fix.
    """
    findings = examine(_facts(words))
    shown = [one for one in findings if not quiet or one.level is not Level.OK]
    failed = sum(one.level is Level.FAIL for one in findings)
    if form == "json":
        document = {"failed": failed, "findings": shown}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        for finding in shown:
            for line in _lines(finding):
                print(line)
        warned = sum(one.level is Level.WARN for one in findings)
        note(f"{len(findings)} checks: {failed} failed, {warned} warnings")
    raise SystemExit(FAILED if failed else 0)


def _lines(finding: Finding) -> Iterator[str]:
    word = paint(finding.level.value.ljust(4), _COLOURS[finding.level])
    yield f"{word}  {finding.check}: {finding.says}"
    if finding.cause:
        yield f"      why: {finding.cause}"
    if finding.fix:
        yield f"      fix: {finding.fix}"


def _facts(words: tuple[str, ...]) -> Facts:
    """Everything looked at. A configuration that cannot be used is a finding, not the end."""
    errors: tuple[str, ...] = ()
    loaded: Loaded | None = None
    try:
        flags = given_flags(words)
    except SettingsError as error:
        raise click.UsageError(f"{error.target}: {error.detail}") from error
    try:
        loaded = load_traced(flags)
    except SettingsError as error:
        errors = (str(error),)
    from nodeagent.cli.doctor_facts import gather  # late: it brings gRPC along

    return asyncio.run(gather(loaded or load_traced({}), errors))
