"""`nodeagent config`: what the settings are and where from, and what is wrong with them."""

import click
import msgspec

from nodeagent.cli.given import given_flags
from nodeagent.cli.output import note, paint, print_plain
from nodeagent.cli.run import WRONG_SETTINGS
from nodeagent.errors import SettingsError
from nodeagent.settings import agent, kubelet
from nodeagent.settings.decode import ValuesWrong
from nodeagent.settings.load import Loaded, load_traced
from nodeagent.settings.show import DEFAULT, places, rows
from nodeagent.settings.tree import Branch, plain

_EXAMPLES = """\b
Examples:
  nodeagent config {name}
  nodeagent config {name} /etc/nodeagent/config.yaml
  nodeagent config {name} --config config.yaml --max-pods 50

Exit codes: 0 {good}, 2 something is wrong or misused."""
_RAW = {"ignore_unknown_options": True, "allow_interspersed_args": True}


@click.group()
def config() -> None:
    """Look at the configuration, without an agent.

    Both commands take the flags of `nodeagent run`, or a configuration file as first word. Without
    any they look at what `nodeagent install` wrote, or else at the defaults.
    """


@config.command(epilog=_EXAMPLES.format(name="check", good="can be used"), context_settings=_RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[FILE] [FLAGS]")
def check(words: tuple[str, ...]) -> None:
    """Name every wrong value with its file and line, and everything that has no effect."""
    try:
        loaded = load_traced(given_flags(words))
    except SettingsError as error:
        for line in _wrong(error):
            print(f"{paint('error', 'red')}: {line}")
        raise SystemExit(WRONG_SETTINGS) from None
    for warning in loaded.warnings:
        print(f"{paint('warning', 'yellow')}: {warning}")
    note("the configuration can be used")


@config.command(epilog=_EXAMPLES.format(name="show", good="done"), context_settings=_RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[FILE] [FLAGS]")
@click.option("--set", "only_set", is_flag=True, help="Leave out what is at its default.")
@click.option(
    "-o", "--output", "form", type=click.Choice(["table", "json", "yaml"]), default="table",
    help="Table (default), its rows as JSON, or as YAML the documents that everything written "
    "in files and flags amounts to.",
)  # fmt: skip
def show(words: tuple[str, ...], form: str, *, only_set: bool) -> None:
    """Show the value of every field and where it comes from: a file's line, a flag, the default.

    "derived" marks a value that follows from other fields.
    """
    try:
        loaded = load_traced(given_flags(words))
    except SettingsError as error:
        for line in _wrong(error):
            note(f"nodeagent: {line}")
        raise SystemExit(WRONG_SETTINGS) from None
    if form == "yaml":
        _print_documents(loaded)
        return
    found = [row for row in rows(loaded) if not only_set or row.source != DEFAULT]
    if form == "json":
        document = {"places": dict(places(loaded.settings)), "fields": found}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    print_plain(("PLACE", "VALUE"), places(loaded.settings))
    print()
    lines = [(one.field, one.source, _short(one.value)) for one in found]
    print_plain(("FIELD", "FROM", "VALUE"), lines)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text or '""'


def _wrong(error: SettingsError) -> list[str]:
    if isinstance(error, ValuesWrong):
        return [f"{one.place}: {one.field}: {one.detail}" for one in error.problems]
    return [f"{error.target}: {error.detail}"]


def _print_documents(loaded: Loaded) -> None:
    import yaml  # late: only this form needs it

    headers = ((loaded.kubelet, kubelet), (loaded.agent, agent))
    documents = [_document(tree, about.API_VERSION, about.KIND) for tree, about in headers]
    told = [one for one in documents if len(one) > 2] or documents[:1]
    print(yaml.dump_all(told, Dumper=yaml.CSafeDumper, sort_keys=False, width=100), end="")


def _document(tree: Branch, version: str, kind: str) -> dict[str, object]:
    fields = {key: plain(node) for key, node in tree.entries.items()}
    return {**fields, "apiVersion": version, "kind": kind}
