"""`nodeagent ps`: the pods of this node."""

from typing import Any

import click
import msgspec

from nodeagent.cli.client import TABLE, Client, asks_agent
from nodeagent.cli.output import cells_of, epilog, note, print_document, print_table


@click.command(epilog=epilog("nodeagent ps", "nodeagent ps -w", "nodeagent ps -o json -l app=web"))
@click.option(
    "-o", "--output", "form", type=click.Choice(["table", "wide", "json", "yaml"]), default="table",
    help="Table (default), table with more columns, or the Kubernetes objects.",
)  # fmt: skip
@click.option("-w", "--watch", is_flag=True, help="Go on, and print each change.")
@click.option("-n", "--namespace", default="", help="Only pods of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Show the namespaces (all are listed).")
@click.option("-l", "--selector", default="", help="Only pods with these labels: app=web,tier!=db.")
@asks_agent
def ps(
    form: str, watch: bool, namespace: str, all_namespaces: bool, selector: str, socket: str
) -> None:
    """List the pods: ready containers, state with its reason, restarts, age, address.

    A manifest that cannot be used is listed too, with its mistake below the table.
    """
    client = Client(socket)
    path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
    if form in ("json", "yaml"):
        if watch:
            _watch_objects(client, path, form, selector)
        else:
            print_document(client.raw(path, labelSelector=selector), form)
        return
    table = client.json(path, accept=TABLE, labelSelector=selector)
    problems = [] if selector else _problems(client, namespace)
    rows = _Rows(wide=form == "wide", namespaces=all_namespaces or _is_mixed(table, namespace))
    rows.show(table, problems)
    for problem in problems:
        note(f"not used: {problem['text']}")
    if watch:
        version = table["metadata"]["resourceVersion"]
        query = {"watch": "1", "resourceVersion": version, "labelSelector": selector}
        with client.open(path, accept=TABLE, **query) as answer:
            answer.wait_for_ever()
            for line in answer.lines():
                step = msgspec.json.decode(line)
                rows.show(step["object"], [], gone=step["type"] == "DELETED")


def _is_mixed(table: dict[str, Any], namespace: str) -> bool:
    spaces = {row["object"]["metadata"]["namespace"] for row in table["rows"]}
    return not namespace and not spaces <= {"default"}


def _problems(client: Client, namespace: str) -> list[dict[str, Any]]:
    return [
        problem
        for problem in client.problems()
        if not namespace or problem["pod"].startswith(f"{namespace}/") or not problem["pod"]
    ]


def _watch_objects(client: Client, path: str, form: str, selector: str) -> None:
    with client.open(path, watch="1", labelSelector=selector) as answer:
        answer.wait_for_ever()
        for line in answer.lines():
            raw = msgspec.json.encode(msgspec.json.decode(line)["object"])
            if form == "yaml":
                print("---")
            print_document(raw, form)


class _Rows:
    """Prints tables of one shape, the headers once."""

    def __init__(self, *, wide: bool, namespaces: bool) -> None:
        self._wide, self._namespaces = wide, namespaces
        self._widths: list[int] = []

    def show(
        self, table: dict[str, Any], problems: list[dict[str, Any]], *, gone: bool = False
    ) -> None:
        headers, rows = cells_of(table, wide=self._wide)
        spaces = [row["object"]["metadata"]["namespace"] for row in table["rows"]]
        if gone:
            for row in rows:
                row[headers.index("STATUS")] = "Gone"
        names = {(space, row[0]) for space, row in zip(spaces, rows, strict=True)}
        for problem in problems:
            space, row = _problem_row(problem, len(headers))
            if (space, row[0]) not in names:
                spaces.append(space)
                rows.append(row)
        if self._namespaces:
            headers = ["NAMESPACE", *headers]
            rows = [[space, *row] for space, row in zip(spaces, rows, strict=True)]
        if not rows and not self._widths:
            note("No pods. Put a manifest into the manifest folder to run one.")
            return
        self._print(headers, rows)

    def _print(self, headers: list[str], rows: list[list[object]]) -> None:
        """Later rows keep to the columns of the first table, without its headers."""
        if not self._widths:
            print_table(headers, rows, coloured=("STATUS",))
            self._widths = [
                max(len(str(c)) for c in col) for col in zip(headers, *rows, strict=True)
            ]
            return
        for row in rows:
            cells = [str(c).ljust(w + 3) for c, w in zip(row, self._widths, strict=True)]
            print("".join(cells).rstrip(), flush=True)


def _problem_row(problem: dict[str, Any], width: int) -> tuple[str, list[object]]:
    """A row for a manifest without a pod: the pod's name if known, else the file's."""
    space, _, name = problem["pod"].partition("/")
    shown = name or problem["origin"].rpartition("/")[2]
    row: list[object] = [shown, "0/0", problem["reason"], "0", "<none>"]
    return space or "default", row + ["<none>"] * (width - len(row))
