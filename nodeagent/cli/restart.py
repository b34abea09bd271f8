"""`nodeagent restart`: end containers of a pod and start them again at once."""

import click

from nodeagent.cli.client import Client, asks_agent, own_path
from nodeagent.cli.completion import containers, pods
from nodeagent.cli.output import EXIT_CODES

_EPILOG = f"""\b
Examples:
  nodeagent restart web
  nodeagent restart kube-system/dns -c cache

{EXIT_CODES}"""


@click.command(epilog=_EPILOG)
@click.argument("pod", shell_complete=pods)
@click.option(
    "-c",
    "--container",
    default="",
    shell_complete=containers,
    help="Only this one; all regular ones if not given.",
)
@click.option("-n", "--namespace", default="", help="The pod's namespace.")
@asks_agent
def restart(pod: str, container: str, namespace: str, socket: str) -> None:
    """Restart the containers of a pod, each within its grace period.

    A container that waits out a crash loop is started at once, and its back-off begins anew.
    POD is a pod's name, its name without the node's suffix, or namespace/name.
    """
    client = Client(socket)
    found = client.find_pod(pod, namespace=namespace)
    query = [("container", container)] if container else []
    answer = client.send("POST", own_path(found, "restart"), query=query)
    print(f"restarting {', '.join(answer['restarting'])} of {found.namespace}/{found.name}")
