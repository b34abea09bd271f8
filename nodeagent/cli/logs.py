"""`nodeagent logs`: what a container wrote."""

import re
import sys
from typing import TypedDict, Unpack

import click

from nodeagent.cli.client import Client, asks_agent, pod_path
from nodeagent.cli.completion import containers, pods
from nodeagent.cli.output import epilog, note

_DEFAULT = "kubectl.kubernetes.io/default-container"
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Narrow(TypedDict):
    """Which part of a log, and how."""

    follow: bool
    previous: bool
    timestamps: bool
    tail: int | None
    since: str | None
    since_time: str


def seconds_of(text: str) -> float:
    """Seconds of a duration such as 90s, 5m, 1h30m, 2d; a bare number is seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not text or _SPAN.sub("", text):
        raise click.BadParameter(f'"{text}" is no duration; write it as 30s, 5m, 1h30m or 2d')
    return sum(float(number) * _UNITS[unit] for number, unit in _SPAN.findall(text))


@click.command(
    epilog=epilog(
        "nodeagent logs web",
        "nodeagent logs web -c proxy -f --tail 20",
        "nodeagent logs web -p --since 10m",
    )
)
@click.argument("pod", shell_complete=pods)
@click.option(
    "-c",
    "--container",
    default="",
    shell_complete=containers,
    help="Which container; the first one if not given.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on until the container ends.")
@click.option("-p", "--previous", is_flag=True, help="The run before this one.")
@click.option("--tail", type=click.IntRange(min=0), help="Only the last N lines.")
@click.option("--since", metavar="D", help="Only the last D: 30s, 5m, 1h30m, 2d.")
@click.option("--since-time", metavar="T", default="", help="Only from this RFC 3339 time on.")
@click.option("--timestamps", is_flag=True, help="Begin each line with its time.")
@click.option("-n", "--namespace", default="", help="The pod's namespace.")
@asks_agent
def logs(pod: str, namespace: str, container: str, socket: str, **narrow: Unpack[Narrow]) -> None:
    """Print the log of a container.

    POD is a pod's name, its name without the node's suffix, or namespace/name.
    """
    query = _query(narrow)
    client = Client(socket)
    found = client.find_pod(pod, namespace=namespace)
    query["container"] = container or pick_container(client.json(pod_path(found)))
    with client.open(pod_path(found, "log"), **query) as answer:
        answer.wait_for_ever()
        for piece in answer.pieces():
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


def _query(narrow: Narrow) -> dict[str, str]:
    """PodLogOptions as the API spells them; what is not asked for is empty."""
    flags = {name: "true" if narrow[name] else "" for name in ("follow", "previous", "timestamps")}
    tail, since = narrow["tail"], narrow["since"]
    return {
        **flags,
        "tailLines": "" if tail is None else str(tail),
        "sinceSeconds": str(max(1, round(seconds_of(since)))) if since else "",
        "sinceTime": narrow["since_time"],
    }


def pick_container(pod: dict[str, dict[str, object]]) -> str:
    """The container the pod names as its default, or the first; several are told."""
    spec, metadata = pod["spec"], pod["metadata"]
    listed = [spec.get(key) or [] for key in ("containers", "initContainers")]
    names = [one["name"] for group in listed if isinstance(group, list) for one in group]
    annotations = metadata.get("annotations") or {}
    wanted = annotations.get(_DEFAULT) if isinstance(annotations, dict) else None
    chosen = str(wanted if wanted in names else names[0])
    if len(names) > 1:
        others = ", ".join(name for name in names if name != chosen)
        note(f"container {chosen} (there is also: {others}; choose with -c)")
    return chosen
