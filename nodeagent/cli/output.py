"""How commands speak: tables for eyes or for programs, one-line errors, exit codes."""

import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any, NoReturn

FAILED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130
EXIT_CODES = (
    "Exit codes: 0 done, 1 failed or not found, 2 wrong usage, 3 the agent cannot be reached."
)

_FREE = ("MESSAGE", "IMAGES")  # columns whose text may be folded
_LEAST = 24  # characters that such a column gets


def epilog(*examples: str, codes: str = EXIT_CODES) -> str:
    """The end of a command's help: examples, each on a line of its own, and exit codes."""
    return "\b\n" + "\n".join(["Examples:", *(f"  {one}" for one in examples), "", codes])


_GOOD = ("Running", "Completed", "Succeeded", "Ready", "Active", "Normal")
_MOVING = (
    "Pending",
    "ContainerCreating",
    "PodInitializing",
    "Pulling",
    "PullQueued",
    "Terminating",
    "NotReady",
    "RestartingAllContainers",
)


def colour_of(word: str) -> str:
    """The colour of a state: good, on its way, or bad."""
    if word in _GOOD:
        return "green"
    if word.removeprefix("Init:") in _MOVING or (word.startswith("Init:") and "/" in word):
        return "yellow"
    return "red"


def is_terminal(stream: IO[Any] | None = None) -> bool:
    """Whether a person looks at the stream (standard output if none is given)."""
    return (stream or sys.stdout).isatty()


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, coloured: Sequence[str] = ()
) -> None:
    """Print rows in columns: with colours on a terminal, otherwise aligned plain text.

    `coloured` names the headers whose cells are states.
    """
    if is_terminal():
        _print_rich(headers, rows, coloured)
    else:
        print_plain(headers, rows)


def print_plain(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns padded with blanks, three between; the last one is as long as it is."""
    lines = [[*headers], *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    for line in lines:
        padded = [cell.ljust(width + 3) for cell, width in zip(line, widths, strict=True)]
        print("".join(padded).rstrip())
    sys.stdout.flush()


def _print_rich(
    headers: Sequence[str], rows: Sequence[Sequence[object]], coloured: Sequence[str]
) -> None:
    from rich.console import Console  # late: only a terminal needs it
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    needed = 0
    for i, header in enumerate(headers):
        free = header in _FREE
        table.add_column(header, overflow="fold", no_wrap=not free)
        longest = max((len(str(row[i])) for row in rows), default=0)
        needed += 3 + (_LEAST if free else max(len(header), longest))
    states = {i for i, header in enumerate(headers) if header in coloured}
    for row in rows:
        table.add_row(
            *(
                Text(str(cell), style=colour_of(str(cell)) if i in states else "")
                for i, cell in enumerate(row)
            )
        )
    console = Console()
    # Names are never cut: where the terminal is too narrow, it wraps whole lines itself.
    console.width = max(console.width, needed)
    console.print(table)


def paint(text: str, colour: str) -> str:
    """The text in a colour, if standard output is a terminal."""
    import click

    return click.style(text, fg=colour) if is_terminal() else text


def print_document(raw: bytes, form: str) -> None:
    """Print a JSON answer as indented JSON or as YAML."""
    import msgspec

    if form == "json":
        print(msgspec.json.format(raw, indent=2).decode().rstrip())
        return
    import yaml  # late: only this form needs it

    document = msgspec.json.decode(raw)
    print(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, width=100), end="")


def note(text: str) -> None:
    """One line beside the answer, for the person: on standard error."""
    print(text, file=sys.stderr)


def fail(text: str, *, code: int = FAILED) -> NoReturn:
    """Print one line on standard error and end."""
    note(f"nodeagent: {' '.join(text.split())}")
    raise SystemExit(code)


def cells_of(
    table: Mapping[str, Any], *, wide: bool, leave: Sequence[str] = ()
) -> tuple[list[str], list[list[object]]]:
    """Headers and rows of a metav1.Table, without the columns named in `leave`."""
    columns = table["columnDefinitions"]
    kept = [
        i
        for i, column in enumerate(columns)
        if (wide or not column["priority"]) and column["name"] not in leave
    ]
    headers = [columns[i]["name"].upper() for i in kept]
    return headers, [[row["cells"][i] for i in kept] for row in table["rows"]]
