"""Shell completion: the script for a shell, and what completes names of pods and containers."""

import os
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

_EPILOG = """\b
Examples:
  eval "$(nodeagent completion bash)"       in ~/.bashrc
  eval "$(nodeagent completion zsh)"        in ~/.zshrc
  nodeagent completion bash > /usr/share/bash-completion/completions/nodeagent

Exit codes: 0 done, 2 wrong usage."""
VARIABLE = "_NODEAGENT_COMPLETE"
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, pods and containers."""
    root = ctx.find_root()
    print(script(root.command, shell))


def script(command: click.Command, shell: str) -> str:
    """What the shell has to read."""
    kind = get_completion_class(shell)
    assert kind is not None
    return str(kind(command, {}, "nodeagent", VARIABLE).source())


def pods(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Pods that the running agent knows, by the names they have in their manifests."""
    return _items((name for name, _ in _known(ctx)), incomplete)


def containers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Containers of the pod that is on the line, or of every pod while none is."""
    # Not from ctx: click drops what stands before an option that has no value yet.
    words = os.environ.get("COMP_WORDS", "").split()
    known = _known(ctx)
    named = [names for name, names in known if name in words] or [names for _, names in known]
    return _items((one for names in named for one in names), incomplete)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    known = dict.fromkeys(names)
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def _known(ctx: click.Context) -> list[tuple[str, list[str]]]:
    """Short names of pods with their containers; nothing where no agent answers at once."""
    from nodeagent.cli.client import DEFAULT_SOCKET, Client, Refused, Unreachable

    given = ctx.params.get("socket") or os.environ.get("NODEAGENT_SOCKET") or DEFAULT_SOCKET
    try:
        listed = Client(str(given), patience=1.0).json("/api/v1/pods")
    except (Unreachable, Refused):
        return []
    found = []
    for pod in listed["items"]:
        spec, metadata = pod["spec"], pod["metadata"]
        suffix = f"-{str(spec.get('nodeName', '')).lower()}"
        names = [
            one["name"] for key in ("containers", "initContainers") for one in spec.get(key) or []
        ]
        found.append((str(metadata["name"]).removesuffix(suffix), names))
    return found
