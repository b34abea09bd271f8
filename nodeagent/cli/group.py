"""The click group `nodeagent`: a table of commands, each imported when it is called."""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from nodeagent import __version__

# Command: where its click command lives, and its line in `nodeagent --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("nodeagent.cli.group:run", "Run the pods of this node; takes kubelet's flags."),
    "ps": ("nodeagent.cli.ps:ps", "List the pods of this node."),
    "logs": ("nodeagent.cli.logs:logs", "Print what a container wrote."),
    "describe": ("nodeagent.cli.describe:describe", "Show one pod in full."),
    "events": ("nodeagent.cli.events:events", "List what happened."),
    "images": ("nodeagent.cli.images:images", "List images, and remove unused ones."),
    "top": ("nodeagent.cli.top:top", "Show what the node and its pods use now."),
    "why": ("nodeagent.cli.why:why", "Say why a pod is as it is, and what comes next."),
    "exec": ("nodeagent.cli.exec:exec_", "Run a command in a container."),
    "restart": ("nodeagent.cli.restart:restart", "Restart a pod's containers now."),
    "drain": ("nodeagent.cli.drain:drain", "End all pods and start none, until undone."),
    "plan": ("nodeagent.cli.plan:plan", "Say what a manifest would change, changing nothing."),
    "validate": ("nodeagent.cli.validate:validate", "Check manifest files, without an agent."),
    "config": ("nodeagent.cli.config:config", "Check or show the configuration."),
    "doctor": ("nodeagent.cli.doctor:doctor", "Check this machine, with a fix for each finding."),
    "help": ("nodeagent.cli.help:help_", "Explain an error by its code, or a command."),
    "completion": ("nodeagent.cli.completion:completion", "Print what makes a shell complete."),
    "install": ("nodeagent.cli.install:install", "Make the agent a service of this machine."),
    "join": ("nodeagent.cli.join:join", "Make this machine a node of a cluster."),
    "reset": ("nodeagent.cli.join:reset", "Take back what join did."),
    "uninstall": ("nodeagent.cli.install:uninstall", "Take back what install wrote."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and text; the modules wait until a command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint} See 'nodeagent --help'.")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands with their lines, without importing any; options as click does."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name][1]) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, COMMANDS[name][1]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class RunCommand(click.Command):
    """Hands all its words on; offers kubelet's flags, which are no options of click."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from nodeagent.settings.flag_table import CONFIG_FLAGS
        from nodeagent.settings.flags import HELP

        known = {**{name: f"sets {path}" for name, path in CONFIG_FLAGS.items()}, **HELP}
        dashed = {f"{'-' if len(name) == 1 else '--'}{name}": text for name, text in known.items()}
        return [
            CompletionItem(flag, help=text)
            for flag, text in sorted(dashed.items())
            if flag.startswith(incomplete)
        ]


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def nodeagent() -> None:
    """A node agent that does a kubelet's whole job."""


@click.command(
    cls=RunCommand,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Run the pods of this node."""
    from nodeagent.cli.run import main

    ctx.exit(main(words, program="nodeagent run"))
