"""`nodeagent join` on a machine with a runtime, and the agent on what it wrote; serving by CSR."""

import shutil
import ssl
from pathlib import Path

from nodeagent.adapters.host.key_pairs import read_pair
from tests.apiserver.cluster import running_cluster
from tests.apiserver.signing import is_for_a_node
from tests.e2e.agent import NODE, PROGRAM
from tests.e2e.member import Member
from tests.e2e.pods import container, pod
from tests.e2e.runtime import Runtime


class Joined(Member):
    """A member that runs on the files of `nodeagent join` alone."""

    @property
    def prefix(self) -> Path:
        """What the files of the join are below."""
        return self.root / "joined"

    def command(self) -> list[str]:
        """What the join says to run next, with places of this test."""
        return [
            *(PROGRAM, "run", f"--config={self.prefix}/var/lib/kubelet/config.yaml"),
            *(f"--kubeconfig={self.prefix}/etc/kubernetes/kubelet.conf",),
            *(f"--cert-dir={self.prefix}/var/lib/kubelet/pki", f"--root-dir={self.state}"),
            *(f"--socket={self.socket}", f"--hostname-override={NODE}", "-v=4"),
        ]


def test_a_machine_joins_with_a_token_runs_a_pod_and_is_reset(
    runtime: Runtime, tmp_path: Path
) -> None:
    with running_cluster(tmp_path) as cluster:
        cluster.do(lambda one: setattr(one.signer, "approves", is_for_a_node))
        member = Joined(runtime, cluster, kubelet={"serverTLSBootstrap": True})
        cluster.do(lambda one: one.publish_configs(member.kubelet))
        member.prepare()
        try:
            done = member.run(
                *("join", cluster.address, "--token", str(member.token), "--node-name", NODE),
                *("--discovery-token-ca-cert-hash", cluster.authority.pin),
                *("--cri-socket", runtime.endpoint, "--prefix", str(member.prefix)),
                *("--ignore-preflight-errors", "all"),
            )
            assert done.returncode == 0, done.stdout + done.stderr
            member.start()
            member.wait_ready()
            pki = member.prefix / "var/lib/kubelet/pki"
            member.until(
                lambda: read_pair(pki / "kubelet-server-current.pem") is not None,
                what="a serving certificate",
            )
            member.apply(pod("hello", container("echo hello; sleep 1000")))
            member.wait_phase("hello")
            member.until(  # the port looks at its files every few seconds
                lambda: member.kubectl("logs", "hello", check=False) == "hello\n",
                what="logs under the new certificate",
            )
            served = ssl.get_server_certificate(("127.0.0.1", member.port))
            assert served in (pki / "kubelet-server-current.pem").read_text()
            member.drain_api()
            member.drain()
            member.stop()
            assert member.said("Traceback") == 0, member.tail()
            gone = member.run("reset", "--prefix", str(member.prefix))
            assert gone.returncode == 0, gone.stderr
            assert not [one for one in member.prefix.rglob("*") if one.is_file()]
        finally:
            member.kill()
            runtime.remove_pods()
            shutil.rmtree(member.root, ignore_errors=True)
