"""`nodeagent help`: what an error's code means, or how a command is used; works offline."""

import textwrap

import click
from click.shell_completion import CompletionItem

from nodeagent.cli.output import FAILED, fail, is_terminal, paint, print_plain
from nodeagent.core.catalogue import ENTRIES, entry_for, similar
from nodeagent.core.catalogue_entry import Entry

_EPILOG = """\b
Examples:
  nodeagent help NA3001
  nodeagent help ImagePullBackOff
  nodeagent help logs
  nodeagent help --list

Exit codes: 0 done, 1 nothing is known under that word, 2 wrong usage."""
_WIDTH = 88


def _words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    words = {entry.code: entry.title for entry in ENTRIES}
    words |= {reason: entry.title for entry in ENTRIES for reason in entry.reasons}
    return [CompletionItem(k, help=v) for k, v in words.items() if k.startswith(incomplete)]


@click.command("help", epilog=_EPILOG)
@click.argument("word", required=False, metavar="[CODE|REASON|COMMAND]", shell_complete=_words)
@click.option("--list", "all_", is_flag=True, help="List every code.")
@click.pass_context
def help_(ctx: click.Context, word: str | None, *, all_: bool) -> None:
    """Explain an error: its cause and what to do about it.

    CODE is what `why`, `describe` and error lines show, such as NA3001; a REASON is the word that
    status and events use, such as ImagePullBackOff. A COMMAND's name prints its usage.
    """
    parent = ctx.parent
    if all_:
        print_plain(("CODE", "MEANS", "REASONS"), [_row(entry) for entry in ENTRIES])
    elif word is None:
        print(parent.get_help() if parent else ctx.get_help())
    elif entry := entry_for(word):
        _print(entry)
    elif parent and isinstance(parent.command, click.Group):
        _print_command(parent, parent.command, word)
    else:
        _unknown(word)


def _row(entry: Entry) -> tuple[str, str, str]:
    return entry.code, entry.title, ", ".join(entry.reasons)


def _print(entry: Entry) -> None:
    print(f"{paint(entry.code, 'red')}  {entry.title}")
    if entry.reasons:
        print(f"Seen as: {', '.join(entry.reasons)}")
    for name, text in (("Cause", entry.cause), ("What to do", entry.fix)):
        print(f"\n{name}:")
        print(textwrap.fill(text, _WIDTH if is_terminal() else 10_000, initial_indent="  ",
                            subsequent_indent="  "))  # fmt: skip


def _print_command(parent: click.Context, group: click.Group, word: str) -> None:
    command = group.get_command(parent, word)
    if command is None:
        _unknown(word)
        return
    with click.Context(command, info_name=word, parent=parent) as ctx:
        print(command.get_help(ctx))


def _unknown(word: str) -> None:
    near = similar(word)
    hint = f"; did you mean {', '.join(near)}?" if near else "; see: nodeagent help --list"
    fail(f'nothing is known under "{word}"{hint}', code=FAILED)
