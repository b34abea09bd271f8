"""`kubelet`: the same agent under the name and the command line that kubeadm and units expect."""

import sys
from collections.abc import Sequence

from nodeagent import KUBERNETES_VERSION


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the `kubelet` program; ends with SystemExit.

    `--version` answers in the one form that kubeadm's preflight check reads.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    version = f"Kubernetes {KUBERNETES_VERSION}"
    if words == ["--version"]:
        print(version)
        sys.exit(0)
    from nodeagent.cli import run

    sys.exit(run.main(words, program="kubelet", version=version))
