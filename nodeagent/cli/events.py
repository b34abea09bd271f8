"""`nodeagent events`: what happened on this node."""

from typing import Any

import click
import msgspec

from nodeagent.cli.client import TABLE, Client, asks_agent
from nodeagent.cli.output import cells_of, epilog, note, print_document, print_table


@click.command(epilog=epilog("nodeagent events", "nodeagent events web -w"))
@click.argument("pod", required=False)
@click.option(
    "-o", "--output", "form", type=click.Choice(["table", "wide", "json", "yaml"]), default="table",
    help="Table (default), table with more columns, or the Kubernetes objects.",
)  # fmt: skip
@click.option("-w", "--watch", is_flag=True, help="Go on, and print each event as it comes.")
@click.option("-n", "--namespace", default="", help="Only events of this namespace.")
@click.option("--warnings", is_flag=True, help="Only warnings.")
@asks_agent
def events(
    pod: str | None, form: str, watch: bool, namespace: str, warnings: bool, socket: str
) -> None:
    """List events, oldest first: of all pods and the node, or of POD only.

    They are kept over restarts of the agent; the same event again is counted.
    """
    client = Client(socket)
    fields = ["type=Warning"] if warnings else []
    if pod:
        found = client.find_pod(pod, namespace=namespace, refused_too=True)
        namespace = found.namespace
        fields.append(f"involvedObject.name={found.name}")
    path = f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events"
    select = ",".join(fields)
    if form in ("json", "yaml"):
        print_document(client.raw(path, fieldSelector=select), form)
        return
    table = client.json(path, accept=TABLE, fieldSelector=select)
    if table["rows"]:
        _show(table, wide=form == "wide")
    else:
        note("No events.")
    if watch:
        _follow(client, path, select, table["metadata"]["resourceVersion"])


def _show(table: dict[str, Any], *, wide: bool) -> None:
    headers, rows = cells_of(table, wide=wide, leave=("Name",))
    print_table(headers, rows, coloured=("TYPE",))


def _follow(client: Client, path: str, select: str, version: str) -> None:
    query = {"watch": "1", "resourceVersion": version, "fieldSelector": select}
    with client.open(path, **query) as answer:
        answer.wait_for_ever()
        for line in answer.lines():
            step = msgspec.json.decode(line)
            if step["type"] != "DELETED":
                print(_line(step["object"]), flush=True)


def _line(event: dict[str, Any]) -> str:
    about = event["involvedObject"]
    count = event.get("count", 1)
    again = f" ({count} times)" if count > 1 else ""
    who = f"{about['kind'].lower()}/{about['name']}"
    words = (event["lastTimestamp"], event["type"], event["reason"], who, event["message"])
    return "   ".join(words) + again
