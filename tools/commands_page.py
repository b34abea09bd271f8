"""Write docs/commands.md from the commands' own help: `python -m tools.commands_page [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from nodeagent.cli.group import COMMANDS, nodeagent
from tools.pages import make

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
_HEAD = """\
# Commands

Written by `python -m tools.commands_page` from `nodeagent COMMAND --help`.

Commands that ask the running agent use its socket (`--socket`, `NODEAGENT_SOCKET`, else
`/run/nodeagent/nodeagent.sock`), which only root and the agent's own user may use. `validate`,
`config`, `doctor`, `help`, `install` and `completion` need no agent. Nothing needs the internet.

Completion of commands, options, pods and containers: put `eval "$(nodeagent completion bash)"` into
`~/.bashrc`, or `eval "$(nodeagent completion zsh)"` into `~/.zshrc`. The Debian package has it.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_chapters()])


def main() -> int:
    """Write the page, or with --check say whether it is fresh; the exit code."""
    return make(PAGE, page(), tool="commands_page")


def _chapters() -> Iterator[str]:
    settings = {**nodeagent.context_settings, "max_content_width": 100}
    root = click.Context(nodeagent, info_name="nodeagent", **settings)
    for name in sorted(COMMANDS):
        command = nodeagent.get_command(root, name)
        assert command is not None
        if name == "run":
            yield "## nodeagent run\n\nThe agent itself; `nodeagent run --help` lists its flags.\n"
            continue
        yield from _chapter(command, name, root)


def _chapter(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    ctx = click.Context(command, info_name=name, parent=parent, max_content_width=100)
    ctx.terminal_width = 100
    words = ctx.command_path.partition(" ")[2]
    yield f"## nodeagent {words}\n\n```\n{command.get_help(ctx)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(ctx):
            below = command.get_command(ctx, inner)
            assert below is not None
            yield from _chapter(below, inner, ctx)


if __name__ == "__main__":
    sys.exit(main())
