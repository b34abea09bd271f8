"""The agent as a node of the small API server's cluster, and stock kubectl to look at it."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.authority import YEAR
from tests.apiserver.cluster import RunningCluster, running_cluster
from tests.apiserver.signing import is_for_a_node
from tests.e2e.agent import NODE, Agent
from tests.e2e.pods import Document
from tests.e2e.runtime import Runtime

KUBECTL = shutil.which("kubectl") or "kubectl"


class Member(Agent):
    """One agent that joins with a bootstrap token, by the flags and files of a kubelet."""

    def __init__(
        self, runtime: Runtime, cluster: RunningCluster, *, kubelet: Mapping[str, Any] | None = None
    ) -> None:
        self.cluster = cluster
        self.port = free_port()
        self.authority = cluster.folder / "ca.crt"
        self.authority.write_bytes(cluster.authority.pem)
        given: dict[str, Any] = {
            "port": self.port,
            "healthzPort": free_port(),
            "rotateCertificates": True,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.authority)},
            },
            "authorization": {"mode": "Webhook"},
            "nodeStatusUpdateFrequency": "2s",
            **(kubelet or {}),
        }
        super().__init__(runtime, kubelet=given)
        self.token = cluster.do(lambda one: one.add_token())
        self.administrator = cluster.do(lambda one: one.kubeconfig())

    @property
    def kubeconfig(self) -> Path:
        """The node's own, which the bootstrap writes."""
        return self.root / "kubelet.conf"

    @property
    def certificates(self) -> Path:
        """Where its certificates are."""
        return self.root / "pki"

    def prepare(self) -> None:
        """Also the bootstrap kubeconfig."""
        super().prepare()
        token = str(self.token)
        made = self.cluster.do(lambda one: one.kubeconfig(token=token, name="bootstrap.conf"))
        shutil.move(made, self.root / "bootstrap.conf")

    def command(self) -> list[str]:
        """With the flags of kubeadm's drop-in."""
        return [
            *super().command(),
            f"--bootstrap-kubeconfig={self.root}/bootstrap.conf",
            f"--kubeconfig={self.kubeconfig}",
            f"--cert-dir={self.certificates}",
        ]

    # --- through kubectl ----------------------------------------------------------------------

    def kubectl(
        self, *words: str, given: str | bytes = b"", check: bool = True, timeout: float = 30
    ) -> str:
        """What kubectl prints; a failure shows what it and the agent said."""
        done = subprocess.run(
            [KUBECTL, *words],
            input=given.encode() if isinstance(given, str) else given,
            capture_output=True,
            check=False,
            timeout=timeout,
            env=self.environment,
        )
        out, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if check and done.returncode:
            pytest.fail(f"kubectl {' '.join(words)}: {done.returncode}\n{out}{errors}{self.tail()}")
        return out if check else out + errors

    @property
    def environment(self) -> dict[str, str]:
        """What kubectl runs with: the administrator's kubeconfig, and a cache of its own."""
        return {
            **os.environ,
            "KUBECONFIG": str(self.administrator),
            "KUBECACHEDIR": str(self.cluster.folder / "cache"),
        }

    def apply(self, *documents: Document) -> None:
        """Create or change objects."""
        # A text that begins with a brace is one JSON document to kubectl.
        text = "".join(f"---\n{json.dumps(one)}\n" for one in documents)
        self.kubectl("apply", "-f", "-", given=text)

    def api_pod(self, name: str) -> Document | None:
        """A pod as the API server has it."""
        return self.cluster.object("v1", "Pod", name, "default")

    def wait_phase(self, name: str, phase: str = "Running", *, within: float = 30.0) -> Document:
        """The pod of the API, once it is in this phase and, for Running, ready."""
        found: list[Document] = []

        def asked() -> bool:
            pod = self.api_pod(name)
            found[:] = [pod] if pod else []
            return pod is not None and _is_in(pod, phase)

        self.until(asked, what=f"pod {name} {phase}", within=within, show=lambda: str(found))
        return found[0]

    def wait_ready(self, *, within: float = 30.0) -> None:
        """Return once the node is Ready in the API."""
        self.until(
            lambda: self.condition("Ready") == "True",
            what="a ready node",
            within=within,
            show=lambda: str(self.node()),
        )

    def node(self) -> Document | None:
        """The Node as the API server has it."""
        return self.cluster.object("v1", "Node", NODE)

    def condition(self, kind: str) -> str:
        """The status of one of the node's conditions."""
        status = (self.node() or {}).get("status") or {}
        return next((c["status"] for c in status.get("conditions") or [] if c["type"] == kind), "")

    def drain_api(self) -> None:
        """Delete every pod of the API as a user does, and wait until all are gone."""
        self.kubectl("delete", "pods", "--all", "-A", "--timeout=40s", timeout=60)


def _is_in(pod: Document, phase: str) -> bool:
    status = pod.get("status") or {}
    if status.get("phase") != phase:
        return False
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    return phase != "Running" or conditions.get("Ready") == "True"


def free_port() -> int:
    """A TCP port that nobody has now."""
    with socket.socket() as one:
        one.bind(("", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def running_member(
    runtime: Runtime,
    folder: Path,
    *,
    kubelet: Mapping[str, Any] | None = None,
    life: float = YEAR,
) -> Iterator[Member]:
    """A node that is ready; in the end its pods are drained, and neither trace nor bug is left.

    With `serverTLSBootstrap` its serving certificate is signed as soon as it asks. Certificates
    are good for `life` seconds.
    """
    with running_cluster(folder) as cluster:
        cluster.do(lambda one: setattr(one.signer, "seconds", life))
        if (kubelet or {}).get("serverTLSBootstrap"):
            cluster.do(lambda one: setattr(one.signer, "approves", is_for_a_node))
        member = Member(runtime, cluster, kubelet=kubelet)
        member.prepare()
        try:
            member.start()
            member.wait_ready()
            yield member
            member.drain_api()
            member.drain()
            member.stop()
            assert member.said("bug while working on a pod") == 0, member.tail()
            assert member.said("Traceback") == 0, member.tail()
            assert str(member.token) not in member.log.read_text(), "a secret is in the log"
        finally:
            member.kill()
            keep = os.environ.get("NODEAGENT_TEST_KEEP")
            if keep and member.log.exists():
                shutil.copy(member.log, keep)
            member.runtime.remove_pods()
            shutil.rmtree(member.root, ignore_errors=True)
