"""A whole control plane for tests: store, server, authority, signer and controllers.

`Cluster` runs in the loop that made it; `running_cluster` gives it a thread of its own, for tests
that start programs and wait.
"""

import asyncio
import ssl
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import yaml

from tests.apiserver import bootstrap
from tests.apiserver.authority import YEAR, Authority, Pair
from tests.apiserver.bootstrap import BootstrapToken
from tests.apiserver.controllers import Controllers
from tests.apiserver.kinds import kind_named
from tests.apiserver.pod_signing import PodSigner
from tests.apiserver.problems import Document
from tests.apiserver.server import ApiServer, Parts
from tests.apiserver.signing import Signer
from tests.apiserver.special import Reviews
from tests.apiserver.store import Store
from tests.apiserver.tunnel import Nodes
from tests.apiserver.users import Policy, Users

T = TypeVar("T")
_NAMES = ("kubernetes", "kubernetes.default.svc", "localhost", "127.0.0.1", "::1", "10.96.0.1")


class Cluster:
    """Start it with `start`, in a running loop; `folder` keeps its files."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.store = Store(now=now)
        self.authority = Authority()
        self.reviews = Reviews(self.store, now=now)
        self.signer = Signer(self.store, self.authority, now=now)
        self.pod_signer = PodSigner(self.store, self.authority, now=now)
        self.controllers = Controllers(self.store, self.authority.pem)
        self.tokens: list[BootstrapToken] = []
        self._now = now
        self._context = self._serving()
        self.server = ApiServer(
            Parts(
                store=self.store,
                reviews=self.reviews,
                users=Users(self.store, self.reviews, now=now),
                policy=Policy(self.store),
                signer=self.signer,
                nodes=Nodes(self.store, self._towards_nodes()),
                faults=[],
                seen=[],
                streams=set(),
            ),
            self._context,
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.server.port}"

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.server.port}"

    def start(self) -> None:
        """Listen, with everything in place that a new cluster has."""
        self.server.start()
        self.publish()

    def stop(self) -> None:
        """Be out of reach."""
        self.server.stop()

    def publish(self) -> None:
        """Sign cluster-info anew with the tokens there are."""
        bootstrap.put_cluster_info(
            self.store, server=self.url, authority=self.authority.pem, tokens=self.tokens
        )

    def publish_configs(self, kubelet: Document) -> None:
        """The configurations that kubeadm leaves for joining nodes."""
        bootstrap.put_kubeadm_configs(self.store, kubelet)

    def add_token(self, *, seconds: float | None = 86400.0) -> BootstrapToken:
        """A new bootstrap token, good for so long."""
        token = bootstrap.new_token()
        until = None if seconds is None else self._now() + seconds
        bootstrap.put_token(self.store, token, until=until)
        self.tokens.append(token)
        self.publish()
        return token

    def administrator(self) -> Pair:
        """A certificate that may do anything."""
        return self.authority.client("kubernetes-admin", ["system:masters"])

    def node(self, name: str, *, seconds: float = 86400.0) -> Pair:
        """A certificate of a node."""
        return self.authority.client(f"system:node:{name}", ["system:nodes"], seconds=seconds)

    def kubeconfig(self, pair: Pair | None = None, *, token: str = "", name: str = "") -> Path:
        """A kubeconfig file, the administrator's by default."""
        if pair is None and not token:
            pair = self.administrator()
        path = self.folder / (name or "admin.conf")
        text = bootstrap.kubeconfig(
            server=self.url, authority=self.authority.pem, pair=pair, token=token
        )
        path.write_text(text)
        path.chmod(0o600)
        return path

    def present(self, *, seconds: float = YEAR, begins_in: float = 0.0) -> None:
        """Serve with a new certificate from now on."""
        self._load(self._context, self._serving_pair(seconds=seconds, begins_in=begins_in))

    def _serving_pair(self, *, seconds: float = YEAR, begins_in: float = 0.0) -> Pair:
        return self.authority.server("kube-apiserver", _NAMES, seconds=seconds, begins_in=begins_in)

    def _serving(self) -> ssl.SSLContext:
        pair = self._serving_pair()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.authority.pem.decode())
        self._load(context, pair)
        return context

    def _towards_nodes(self) -> ssl.SSLContext:
        pair = self.authority.client("kube-apiserver-kubelet-client", ["system:masters"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # as without --kubelet-certificate-authority
        self._load(context, pair)
        return context

    @staticmethod
    def _load(context: ssl.SSLContext, pair: Pair) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(pair.both)
            file.flush()
            context.load_cert_chain(file.name)


class RunningCluster:
    """A cluster in a thread of its own. Touch what is inside it through `do` only."""

    def __init__(self, cluster: Cluster, loop: asyncio.AbstractEventLoop) -> None:
        self._cluster, self._loop = cluster, loop
        self.authority, self.folder = cluster.authority, cluster.folder
        self.url, self.address = cluster.url, cluster.address

    def do(self, act: Callable[[Cluster], T]) -> T:
        """Run this in the cluster's loop, and what it gave."""

        async def call() -> T:
            return act(self._cluster)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(30)

    def wait(self, act: Callable[[Cluster], Awaitable[T]]) -> T:
        """The same for what takes time."""

        async def call() -> T:
            return await act(self._cluster)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(30)

    def put(self, *documents: Document) -> None:
        """Create or replace objects, status and all."""
        for document in documents:
            self.do(lambda cluster, one=document: cluster.store.put(one))  # type: ignore[misc]

    def object(
        self, api_version: str, kind: str, name: str, namespace: str = ""
    ) -> Document | None:
        """An object as it is now."""
        found = kind_named(api_version, kind)
        assert found is not None
        return self.do(lambda cluster: cluster.store.find(found, name, namespace))


@contextmanager
def running_cluster(folder: Path) -> Iterator[RunningCluster]:
    """A cluster that listens; it ends with the block."""
    started: list[RunningCluster] = []
    ready, stop = threading.Event(), asyncio.Event()

    async def main() -> None:
        cluster = Cluster(folder)
        cluster.start()
        started.append(RunningCluster(cluster, asyncio.get_running_loop()))
        ready.set()
        await stop.wait()
        cluster.stop()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="api server")
    thread.start()
    assert ready.wait(30), "the API server does not start"
    running = started[0]
    try:
        yield running
    finally:
        running.do(lambda _: stop.set())
        thread.join(30)


def kubelet_defaults(**changes: object) -> Document:
    """The KubeletConfiguration that kubeadm puts into the cluster."""
    text = """
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s, enabled: true}
  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}
authorization:
  mode: Webhook
  webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}
cgroupDriver: systemd
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
healthzBindAddress: 127.0.0.1
healthzPort: 10248
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
"""
    loaded: Document = yaml.safe_load(text)
    return {**loaded, **changes}
