"""`nodeagent why`: the one causal line, what comes next, and the timeline."""

import datetime as dt
from typing import Any

import click

from nodeagent.cli.client import Client, PodName, asks_agent, own_path
from nodeagent.cli.completion import pods
from nodeagent.cli.output import colour_of, epilog, paint, print_document


@click.command(epilog=epilog("nodeagent why web", "nodeagent why web -o json"))
@click.argument("pod", shell_complete=pods)
@click.option(
    "-o", "--output", "form", type=click.Choice(["text", "json", "yaml"]), default="text",
    help="Text (default), or the same as a document.",
)  # fmt: skip
@click.option("-n", "--namespace", default="", help="The pod's namespace.")
@asks_agent
def why(pod: str, form: str, namespace: str, socket: str) -> None:
    """Say why a pod is as it is: the cause, what happens next and when, and what led there.

    POD is a pod's name, its name without the node's suffix, or namespace/name; also a pod whose
    manifest cannot be used.
    """
    client = Client(socket)
    path = why_path(client.find_pod(pod, namespace=namespace, refused_too=True))
    if form != "text":
        print_document(client.raw(path), form)
        return
    story = client.json(path)
    print(
        paint(f"{story['namespace']}/{story['name']}: {story['state']}", colour_of(story["state"]))
    )
    for line in summary(story):
        print(line)
    if story["timeline"]:
        print("\nTimeline (UTC)")
    for moment in story["timeline"]:
        print(_moment_line(moment))


def why_path(pod: PodName) -> str:
    """Where the agent explains a pod."""
    return own_path(pod, "why")


def summary(story: dict[str, Any]) -> list[str]:
    """The cause, then what comes next, what to do, its code, and what else should be known."""
    lines = [story["cause"]]
    lines += [f"Next: {story['next']}"] if story["next"] else []
    lines += [f"To do: {story['fix']}"] if story["fix"] else []
    lines += [f"More: nodeagent help {story['code']}"] if story.get("code") else []
    return lines + [f"Also: {text}" for text in story["also"]]


def _moment_line(moment: dict[str, Any]) -> str:
    when = dt.datetime.fromtimestamp(moment["at"], dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    again = f" ({moment['count']} times)" if moment["count"] > 1 else ""
    mark = paint("!", "red") if moment["warning"] else " "
    return f"  {when} {mark} {' '.join(moment['what'].split())}{again}"
