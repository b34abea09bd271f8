"""`nodeagent`: find the command and start it, importing no more than it needs."""

import sys
from collections.abc import Sequence

from nodeagent import KUBERNETES_VERSION, __version__


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the `nodeagent` program; ends with SystemExit."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        print(f"nodeagent {__version__} (Kubernetes {KUBERNETES_VERSION})")
        sys.exit(0)
    if words[:1] == ["run"]:
        # Not through click: `run` is the agent itself and keeps 3 MB it would never use again.
        from nodeagent.cli import run

        sys.exit(run.main(words[1:], program="nodeagent run"))
    from nodeagent.cli.group import nodeagent

    nodeagent(args=words, prog_name="nodeagent")
