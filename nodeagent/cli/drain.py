"""`nodeagent drain`: end every pod in order, and keep the node empty until that is undone."""

import time
from typing import Any

import click

from nodeagent.cli.client import Client, asks_agent
from nodeagent.cli.logs import seconds_of
from nodeagent.cli.output import FAILED, fail, is_terminal, note

_PATH = "/nodeagent/v1/drain"
_PERIOD = 0.3
_EPILOG = """\b
Examples:
  nodeagent drain
  nodeagent drain --timeout 2m
  nodeagent drain --undo
  nodeagent drain --status

Exit codes: 0 empty (or undone), 1 pods are left, 2 wrong usage, 3 the agent cannot be reached."""


@click.command(epilog=_EPILOG)
@click.option("--undo", is_flag=True, help="Start again what the manifests ask for.")
@click.option("--status", is_flag=True, help="Only tell who is left.")
@click.option("--no-wait", is_flag=True, help="Come back at once.")
@click.option("--timeout", metavar="D", default="", help="Wait at most D: 90s, 5m. [for ever]")
@asks_agent
def drain(socket: str, timeout: str, *, undo: bool, status: bool, no_wait: bool) -> None:
    """End all pods, each within its own grace period, and start none.

    Pods of a system priority class end last. The agent goes on and still reads manifests; what
    they ask for starts with --undo. A drained node stays so when the agent is restarted, not over
    a reboot. A pod that has completed runs once more after --undo.
    """
    if undo and (status or no_wait or timeout):
        raise click.UsageError("--undo goes together with no other option")
    limit = seconds_of(timeout) if timeout else None
    client = Client(socket)
    if undo:
        client.send("DELETE", _PATH)
        print("the drain is undone: pods start again")
        return
    found = client.send("GET", _PATH) if status else client.send("POST", _PATH)
    if status and not found["draining"]:
        print("the node is not drained")
        return
    if not (status or no_wait):
        found = _wait(client, found, limit)
    if found["left"]:
        for one in found["left"]:
            print(_line(one))
        if not no_wait:
            fail(f"{len(found['left'])} pods are left", code=FAILED)
        return
    print("the node is empty; nodeagent drain --undo starts its pods again")


def _wait(client: Client, found: dict[str, Any], limit: float | None) -> dict[str, Any]:
    """Tell each pod once it has ended, until none is left or the time is over."""
    until = None if limit is None else time.monotonic() + limit
    known: dict[str, dict[str, Any]] = {}
    while True:
        left = {f"{one['namespace']}/{one['name']}": one for one in found["left"]}
        for name in known.keys() - left.keys():
            print(f"ended     {name}", flush=True)
        if is_terminal() and left.keys() != known.keys():
            note(f"          {len(left)} left")
        known = left
        if not left or (until is not None and time.monotonic() >= until):
            return found
        time.sleep(_PERIOD)
        found = client.send("GET", _PATH)


def _line(one: dict[str, Any]) -> str:
    left = one["until"] - time.time()
    when = f", killed in {left:.0f}s" if one["until"] and left > 0 else ""
    return f"left      {one['namespace']}/{one['name']}: {one['state']}{when}"
