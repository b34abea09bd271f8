"""`nodeagent images`: the images of the node, and removing those that nobody uses."""

import time
from typing import Any

import click
from click.core import ParameterSource

from nodeagent.cli.client import Client, asks_agent
from nodeagent.cli.output import EXIT_CODES, note, print_document, print_table

PATH = "/nodeagent/v1/images"
_EPILOG = f"""\b
Examples:
  nodeagent images
  nodeagent images gc --dry-run
  nodeagent images gc --all

{EXIT_CODES}"""


@click.group(epilog=_EPILOG, invoke_without_command=True)
@click.option(
    "-o", "--output", "form", type=click.Choice(["wide", "json", "yaml"]), help="Another form."
)
@click.pass_context
@asks_agent
def images(ctx: click.Context, form: str | None, socket: str) -> None:
    """List the images of the node, with the pods that use them; `gc` removes unused ones."""
    ctx.obj = socket
    if ctx.invoked_subcommand is not None:
        return
    client = Client(socket)
    if form in ("json", "yaml"):
        print_document(client.raw(PATH), form)
        return
    report = client.json(PATH)
    rows = [
        _row(name, one, wide=form == "wide") for one in report["images"] for name in _names(one)
    ]
    print_table(["IMAGE", "ID", "SIZE", "USED BY", "KNOWN"], sorted(rows))
    _note_space(report)


@images.command(epilog=_EPILOG)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--all", "everything", is_flag=True, help="Every unused image, also with space left.")
@click.pass_context
@asks_agent
def gc(ctx: click.Context, dry_run: bool, everything: bool, socket: str) -> None:
    """Remove images as the node does every five minutes, now.

    Without --all, only as much as brings the image file system from above
    imageGCHighThresholdPercent to imageGCLowThresholdPercent, and what is older than
    imageMaximumGCAge. Images of pods, ended ones included, and pinned images stay.
    """
    if ctx.get_parameter_source("socket") is ParameterSource.DEFAULT:
        socket = ctx.obj  # it may stand before the sub-command
    client = Client(socket, patience=600.0)
    query = [("all", "1")] if everything else []
    if dry_run:
        report = client.json(PATH, **dict(query))
    else:
        report = client.send("POST", f"{PATH}/gc", query=query)
    removals = report["plan"]["removals"]
    if removals:
        rows = [(r["name"], size(r["size_bytes"]), r["why"]) for r in removals]
        print_table(["IMAGE", "SIZE", "WHY"], rows)
    total = size(sum(r["size_bytes"] for r in removals))
    word = "would be removed" if dry_run else "removed"
    note(f"{len(removals)} images {word}, {total}.")
    _note_space(report)


def _row(name: str, one: dict[str, Any], *, wide: bool) -> list[str]:
    image = one["image"]
    ref = image["ref"]
    used = ", ".join(one["used_by"]) or ("(pinned)" if image["pinned"] else "-")
    age = _age(time.time() - one["detected_at"]) if one["detected_at"] else "-"
    short = ref if wide else ref.removeprefix("sha256:")[:12]
    return [name, short, size(image["size_bytes"]), used, age]


def _names(one: dict[str, Any]) -> list[str]:
    image = one["image"]
    return image["tags"] or image["digests"][:1] or ["<none>"]


def _note_space(report: dict[str, Any]) -> None:
    space = report["space"]
    if report["trouble"]:
        note(f"The image file system cannot be measured: {report['trouble']}")
    if space:
        capacity, left = space["capacity_bytes"], space["available_bytes"]
        percent = 100 - left * 100 // capacity if capacity else 0
        note(
            f"{space['path']}: {percent}% used, {size(left)} free; garbage collection begins at "
            f"{report['begins_percent']}% and ends at {report['ends_percent']}%."
        )


def size(number: float) -> str:
    """Bytes for eyes."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _age(seconds: float) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"
