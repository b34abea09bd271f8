"""`nodeagent validate`: what is wrong with manifest files, found without an agent."""

import click
import msgspec

from nodeagent.cli.files import own_node_name, read_files
from nodeagent.cli.output import FAILED, note, paint
from nodeagent.core.check_files import check_files
from nodeagent.model.desired import Problem

_EPILOG = """\b
Examples:
  nodeagent validate web.yaml
  nodeagent validate /etc/kubernetes/manifests
  generate-pod | nodeagent validate -o json -

Exit codes: 0 all can be used, 1 something is wrong, 2 wrong usage."""


@click.command(epilog=_EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--output", "form", type=click.Choice(["text", "json"]), default="text",
    help="Lines of FILE:LINE:COLUMN: MESSAGE (default), or one JSON document.",
)  # fmt: skip
def validate(files: tuple[str, ...], form: str) -> None:
    """Check manifests as strictly as the agent does; no agent needs to run.

    A FILE holds a pod, or config maps, secrets, claims and volumes; it may also be a folder, whose
    manifests are checked together, or "-" for standard input.
    Found are: text that is no YAML or JSON, wrong types, unknown, repeated and missing fields,
    values that Kubernetes does not take, and names that two of the files share.
    """
    given = read_files(files)
    if not given:
        note("nodeagent: no manifest in " + ", ".join(files))
    problems = check_files(given, node_name=own_node_name()).problems
    if form == "json":
        findings = [_as_json(problem) for problem in problems]
        document = {"files": len(given), "findings": findings}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        for problem in problems:
            print(f"{paint(_place(problem), 'red')}: {problem.message}")
        bad = len({problem.origin for problem in problems})
        note(f"{len(given)} checked, {bad} cannot be used" if bad else f"{len(given)} checked")
    raise SystemExit(FAILED if problems else 0)


def _place(problem: Problem) -> str:
    if not problem.line:
        return problem.origin
    return f"{problem.origin}:{problem.line}:{problem.column}"


def _as_json(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.origin,
        "line": problem.line,
        "column": problem.column,
        "reason": problem.reason,
        "message": problem.message,
    }
