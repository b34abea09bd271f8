"""`nodeagent top`: who uses the node's CPU, memory and network now."""

import math
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypedDict, Unpack

import click
import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.cli.client import Client, asks_agent
from nodeagent.cli.output import epilog, is_terminal, note, print_document, print_table
from nodeagent.core.history import (
    BLOCKS,
    GAP,
    PLAIN_BLOCKS,
    History,
    bars,
    fit,
    remember,
    span_of,
)
from nodeagent.core.top import (
    By,
    Line,
    Look,
    PodRow,
    Top,
    headers,
    measure,
    node_line,
    ordered,
    pod_lines,
    top_of,
    uses,
)
from nodeagent.model.summary import Summary

if TYPE_CHECKING:
    from rich.console import OverflowMethod, RenderableType

PAUSE = 1.2  # seconds between two readings that make a rate; the agent makes none in less than 1
NODE, PODS = ("node", "nodes"), ("pods", "pod")
LOW = {By.CPU: 10_000_000, By.MEMORY: 1 << 20, By.NAME: 10_000_000}
"""Whoever uses no more than this is drawn low: 10m of CPU, 1Mi."""
_RED, _YELLOW = 90, 75  # percent of a limit


_ABOUT_PODS = ("namespace", "all_namespaces", "selector", "containers")


class Chosen(TypedDict):
    """What is shown, and how."""

    namespace: str
    all_namespaces: bool
    selector: str
    containers: bool
    by: str
    form: str


class _List(msgspec.Struct):
    items: list[v1.Pod]


class _Nodes(msgspec.Struct):
    items: list[v1.Node]


@click.command(
    epilog=epilog(
        "nodeagent top",
        "nodeagent top -w --sort memory",
        "nodeagent top pods -n kube-system --containers",
        "nodeagent top node -o json",
    )
)
@click.argument("what", required=False, type=click.Choice([*PODS, *NODE]), metavar="[pods|node]")
@click.option("-w", "--watch", is_flag=True, help="Go on; on a terminal, with the last minutes.")
@click.option(
    "--interval", type=click.FloatRange(min=1, max=60), default=2.0, show_default=True,
    metavar="SECONDS", help="With --watch: time between two readings.",
)  # fmt: skip
@click.option(
    "--sort", "by", type=click.Choice([one.value for one in By]), default=By.CPU.value,
    show_default=True, help="The largest first, or by name.",
)  # fmt: skip
@click.option("--containers", is_flag=True, help="A line for each container.")
@click.option("-n", "--namespace", default="", help="Only pods of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Show the namespaces (all are listed).")
@click.option("-l", "--selector", default="", help="Only pods with these labels: app=web,tier!=db.")
@click.option(
    "-o", "--output", "form", type=click.Choice(["table", "json", "yaml"]), default="table",
    help="Table (default), or a document with every figure, limit and request.",
)  # fmt: skip
@asks_agent
def top(
    what: str | None, watch: bool, interval: float, socket: str, **chosen: Unpack[Chosen]
) -> None:
    """Show what the node and its running pods use now.

    Percentages are of the limit, or of the request where only that is set, marked R; for the node
    of what it can give to pods. CPU and network are averages of about the last second, with
    --watch since the reading before.
    """
    if math.isnan(interval):
        raise click.UsageError("--interval: nan is no number of seconds")
    if what in NODE and any(chosen[key] for key in _ABOUT_PODS):  # type: ignore[literal-required]
        raise click.UsageError(f"`top {what}` is about no pod: leave out -n, -A, -l, --containers")
    asking = _Asking(Client(socket), chosen)
    shown = _Shown(what, chosen)
    if watch and chosen["form"] == "table" and is_terminal() and os.environ.get("TERM") != "dumb":
        _watch_screen(asking, shown, interval)
        return
    asking.next()
    time.sleep(PAUSE)
    shown.print(asking.next())
    while watch:
        time.sleep(interval)
        if chosen["form"] != "json":
            print("---" if chosen["form"] == "yaml" else "")
        shown.print(asking.next())


class _Asking:
    """Asks the agent, again and again."""

    def __init__(self, client: Client, chosen: Chosen) -> None:
        namespace = chosen["namespace"]
        self._client, self._selector = client, chosen["selector"]
        self._path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self._before: Look | None = None

    def next(self) -> Top:
        """How it is now; rates are those since the call before."""
        client = self._client
        raw = client.raw(self._path, labelSelector=self._selector)
        pods = msgspec.json.decode(raw, type=_List).items
        nodes = msgspec.json.decode(client.raw("/api/v1/nodes"), type=_Nodes).items
        at = time.monotonic()
        summary = msgspec.json.decode(client.raw("/stats/summary"), type=Summary)
        look, before = Look(at=at, summary=summary), self._before
        self._before = look
        return top_of(look, before, pods=pods, node=next(iter(nodes), None))


class _Shown:
    """What is shown of a reading."""

    def __init__(self, what: str | None, chosen: Chosen) -> None:
        self.node, self.pods = what not in PODS, what not in NODE
        self.by = By(chosen["by"])
        self.containers, self._form = chosen["containers"], chosen["form"]
        self._namespace, self._all = chosen["namespace"], chosen["all_namespaces"]

    def print(self, top: Top) -> None:
        """One reading, in the form that was asked for."""
        pods = ordered(top.pods, self.by)
        if self._form != "table":
            document = {"node": top.node} if self.node else {}
            raw = msgspec.json.encode(document | ({"pods": pods} if self.pods else {}))
            print_document(raw, self._form)
            sys.stdout.flush()
            return
        if self.node:
            node = node_line(top.node, namespaces=False, containers=False)
            print_table(headers(namespaces=False, containers=False)[:-1], [node.cells[:-1]])
        if self.node and self.pods:
            print()
        if self.pods:
            names, lines = self._table(pods)
            if lines:
                print_table(names, [line.cells for line in lines])
            else:
                note("No pod runs.")

    def lines(self, top: Top) -> tuple[list[str], list[Line]]:
        """Headers and rows of one table, the node (if shown) first."""
        pods = ordered(top.pods, self.by)
        names, lines = self._table(pods if self.pods else ())
        if self.node:
            spaces = self._spaces(pods)
            lines.insert(0, node_line(top.node, namespaces=spaces, containers=self.containers))
        return names, lines

    def _table(self, pods: Iterable[PodRow]) -> tuple[list[str], list[Line]]:
        pods = tuple(pods)
        spaces = self._spaces(pods)
        names = headers(namespaces=spaces, containers=self.containers)
        return names, pod_lines(pods, namespaces=spaces, containers=self.containers)

    def _spaces(self, pods: Iterable[PodRow]) -> bool:
        mixed = not self._namespace and not {pod.namespace for pod in pods} <= {"default"}
        return self._all or mixed


def _watch_screen(asking: _Asking, shown: _Shown, interval: float) -> None:
    """Draw until the user ends it."""
    from nodeagent.cli.screen import Screen  # late: only a terminal needs it

    history: History = {}
    span = span_of(interval)
    top = asking.next()  # an agent that is not there is told on the terminal as it was
    due = time.monotonic() + min(PAUSE, interval)
    with Screen() as screen:
        while True:
            at = time.monotonic()
            values = {key: measure(use, shown.by) for key, use in uses(top).items()}
            history = remember(history, values, at=at, span=span)
            while True:
                size = screen.console.size
                frame = _Frame(history, at=at, span=span, size=(size.width, size.height))
                screen.show(frame.draw(top, shown, interval))
                if screen.wait(due):
                    break
            due = max(due, time.monotonic()) + interval
            top = asking.next()


class _Frame:
    """One picture: a moment, and the size of the terminal."""

    def __init__(self, history: History, *, at: float, span: float, size: tuple[int, int]) -> None:
        self._history, self._at, self._span = history, at, span
        self._width, self._height = size
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        self._blocks = BLOCKS if unicode else PLAIN_BLOCKS
        self._cut: OverflowMethod = "ellipsis" if unicode else "crop"

    def draw(self, top: Top, shown: _Shown, interval: float) -> "RenderableType":
        """Everything that fits; what does not is counted."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        names, lines = shown.lines(top)
        columns = list(zip(names, *(line.cells for line in lines), strict=True))
        traffic = [i for i, name in enumerate(names) if name.startswith(("RX", "TX"))]
        found = fit(
            [max(len(cell) for cell in column) for column in columns],
            names=[i for i, name in enumerate(names) if name in ("NAME", "POD", "NAMESPACE")],
            spare=[len(names) - 1, *reversed(traffic)],
            last=[i for i, name in reversed([*enumerate(names)]) if name.endswith("(%)")],
            width=self._width,
        )
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for i, width in zip(found.columns, found.widths, strict=True):
            table.add_column(names[i], width=width, no_wrap=True, overflow=self._cut)
        if found.history:
            table.add_column(f"LAST {self._span / 60:g}m", width=found.history, no_wrap=True)
        room = max(self._height - 4, 1)  # the first line, an empty one, headers, the last line
        for line in lines[:room]:
            cells = [Text(line.cells[i], style=_style(line.cells[i])) for i in found.columns]
            table.add_row(*cells, *self._bars(line.key, shown.by, found.history))
        what = "memory" if shown.by is By.MEMORY else "CPU"
        title = (
            f"{top.node.name}   {time.strftime('%H:%M:%S')}   {len(top.pods)} pods   every "
            f"{interval:g} s   history of {what}   Ctrl-C ends"
        )
        more = len(lines) - room
        end = [Text(f"... and {more} more lines than fit; -n or -l choose")] if more > 0 else []
        return Group(Text(title, no_wrap=True, overflow=self._cut), "", table, *end)

    def _bars(self, key: str, by: By, width: int) -> Iterator[str]:
        if width:
            yield bars(
                self._history.get(key, ()), at=self._at, span=self._span, width=width,
                least=LOW[by], blocks=self._blocks,
            )  # fmt: skip


def _style(cell: str) -> str:
    """The colour of a share of a limit."""
    number = cell.removesuffix("%")
    if number == cell or not number.isdigit():
        return ""
    return "red" if int(number) >= _RED else "yellow" if int(number) >= _YELLOW else ""
