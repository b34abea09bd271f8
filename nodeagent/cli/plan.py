"""`nodeagent plan`: what manifests would change if they were put in place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from nodeagent.cli.client import Client, asks_agent
from nodeagent.cli.files import read_files
from nodeagent.cli.output import FAILED, note, paint
from nodeagent.core.catalogue import code_for

_EPILOG = """\b
Examples:
  nodeagent plan web.yaml
  nodeagent plan -o json staging/

Exit codes: 0 all can run, 1 something cannot, 2 wrong usage, 3 the agent cannot be reached."""
_ACTS = {
    "start": ("would start", "green"),
    "replace": ("would be replaced", "yellow"),
    "update": ("would be changed in place", "yellow"),
    "nothing": ("would not change", "bright_black"),
    "refuse": ("would be refused", "red"),
}
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@click.command(epilog=_EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--output", "form", type=click.Choice(["text", "json"]), default="text",
    help="Lines for reading (default), or one JSON document.",
)  # fmt: skip
@asks_agent
def plan(files: tuple[str, ...], form: str, socket: str) -> None:
    """Say what putting FILE into the manifest folder would do; changes nothing.

    Told are: containers that would start, stop or start anew, fields that differ, images that
    are not on the node yet, and what clashes: resources, host ports, host paths. A manifest stands
    for the one that has the same pod name now.
    """
    given = [
        msgspec.structs.replace(one, origin=str(Path(one.origin).absolute()))
        if Path(one.origin).exists()
        else one
        for one in read_files(files)
    ]
    answer = Client(socket).send("POST", "/nodeagent/v1/plan", body={"files": given})
    if form == "json":
        print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
    else:
        for pod in answer["pods"]:
            for line in _lines(pod):
                print(line)
        for problem in answer["problems"]:
            place = f"{problem['origin']}:{problem['line']}:{problem['column']}"
            print(f"{paint(place, 'red')}: {problem['message']}")
        if not given:
            note("no manifest in " + ", ".join(files))
    bad = answer["problems"] or any(map(_cannot_run, answer["pods"]))
    raise SystemExit(FAILED if bad else 0)


def _cannot_run(pod: dict[str, Any]) -> bool:
    return (
        pod["act"] == "refuse"
        or bool(pod["clashes"])
        or any(one["policy"] == "Never" and not one["here"] for one in pod["images"])
    )


def _lines(pod: dict[str, Any]) -> Iterator[str]:
    text, colour = _ACTS[pod["act"]]
    yield f"pod {pod['namespace']}/{pod['name']} {paint(text, colour)}"
    if pod["reason"]:
        code = code_for(pod["reason"])
        more = f" [nodeagent help {code}]" if code else ""
        yield _line("because", f"{pod['message']} ({pod['reason']}){more}")
    yield from (_line("clash", paint(one, "red")) for one in pod["clashes"])
    if pod["stops"]:
        yield _line("stops", f"{', '.join(pod['stops'])} (within {pod['grace']:.0f}s)")
    if pod["starts"]:
        yield _line("starts", ", ".join(pod["starts"]))
    yield from (_line("changes", one) for one in pod["changes"])
    yield from (_line("image", _image(one)) for one in pod["images"] if _is_news(one))


def _line(name: str, text: str) -> str:
    return f"  {name.ljust(9)}{text}"


def _is_news(image: dict[str, Any]) -> bool:
    return not image["here"] or image["policy"] == "Always"


def _image(image: dict[str, Any]) -> str:
    name = image["image"]
    if image["here"]:
        return f"{name} is here ({_size(image['size_bytes'])}) and would be asked for anew"
    if image["policy"] == "Never":
        return paint(f"{name} is not on this node, and its policy is Never", "red")
    return f"{name} is not on this node: it would be pulled"


def _size(size: int) -> str:
    return next((f"{size / by:.0f} {unit}" for by, unit in _UNITS if size >= by), f"{size} B")
