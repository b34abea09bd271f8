"""`nodeagent exec`: run a command inside a container, also on a terminal."""

import asyncio
import os
import shutil
import signal
import sys
import termios
import tty as ttys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext

import click

from nodeagent.adapters.cri.remote import Size, Wiring, run_remote
from nodeagent.cli.client import Client, asks_agent, own_path, pod_path
from nodeagent.cli.completion import containers, pods
from nodeagent.cli.logs import pick_container
from nodeagent.cli.output import FAILED, fail, note
from nodeagent.errors import CriError

_EPILOG = """\b
Examples:
  nodeagent exec web -- ls /
  nodeagent exec -it web -- sh
  tar c . | nodeagent exec -i web -c app -- tar x -C /data

Exit codes: the command's own; 1 also if it cannot be run, 2 wrong usage, 3 no agent."""
_BLOCK = 64 * 1024


@click.command("exec", epilog=_EPILOG, context_settings={"allow_interspersed_args": False})
@click.option(
    "-c",
    "--container",
    default="",
    shell_complete=containers,
    help="Which container; the first if not given.",
)
@click.option("-i", "--stdin", is_flag=True, help="Hand our input to the command.")
@click.option("-t", "--tty", is_flag=True, help="Give the command a terminal.")
@click.option("-n", "--namespace", default="", help="The pod's namespace.")
@click.argument("pod", shell_complete=pods)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@asks_agent
def exec_(
    pod: str, command: tuple[str, ...], container: str, namespace: str, socket: str,
    *, stdin: bool, tty: bool,
) -> None:  # fmt: skip
    """Run COMMAND inside a container of POD.

    POD is a pod's name, its name without the node's suffix, or namespace/name. Without -t the
    command's output and errors stay apart; its exit code becomes ours.
    """
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise click.UsageError("Missing argument 'COMMAND...'.")
    if tty and not sys.stdin.isatty():
        note("our input is no terminal: -t is left out")
        tty = False
    client = Client(socket)
    found = client.find_pod(pod, namespace=namespace)
    query = [("container", container or pick_container(client.json(pod_path(found))))]
    query += [(name, "1") for name, asked in (("stdin", stdin), ("tty", tty)) if asked]
    query += [("command", word) for word in words]
    answer = client.send("POST", own_path(found, "exec"), query=query)
    try:
        with _raw_terminal() if tty else nullcontext():
            code = asyncio.run(_run(answer["url"], stdin=stdin, tty=tty))
    except CriError as error:
        fail(error.detail, code=FAILED)
    raise SystemExit(code)


async def _run(url: str, *, stdin: bool, tty: bool) -> int:
    wiring = Wiring(
        out=lambda data: _write(sys.stdout.fileno(), data),
        err=lambda data: _write(sys.stderr.fileno(), data),
        source=_input() if stdin else None,
        sizes=_sizes() if tty else None,
    )
    return await run_remote(url, wiring)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


async def _input() -> AsyncIterator[bytes]:
    """What is typed or piped in, as it comes."""
    fd = sys.stdin.fileno()
    while True:
        await _readable(fd)
        data = os.read(fd, _BLOCK)
        if not data:
            return
        yield data


async def _readable(fd: int) -> None:
    """Return when a read would not wait. Nothing else may read from it meanwhile.

    Asked anew for each read: our input stays a blocking one, for others may share it.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(fd, ready.set)
    except PermissionError:  # a plain file: always ready, and nobody can wait for it
        await asyncio.sleep(0)
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)


async def _sizes() -> AsyncIterator[Size]:
    """The terminal's size now, and whenever it changes."""
    changed = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, changed.set)
    while True:
        found = shutil.get_terminal_size()
        yield Size(found.columns, found.lines)
        await changed.wait()
        changed.clear()


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Every key goes to the command, until we leave."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        ttys.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
