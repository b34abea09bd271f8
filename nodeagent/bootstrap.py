"""Builds what the node proves itself with: a piece of `app.py`.

As a kubelet does it: a kubeconfig that works is used; else the bootstrap kubeconfig asks for a
certificate, and the kubeconfig is written to name the file where that will be ("TLS
bootstrapping").
"""

import asyncio
import base64
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.atomic import write_atomic
from nodeagent.adapters.host.key_pairs import CLIENT, SERVING, KeyPairs, held, read_pair
from nodeagent.adapters.host.oserror import translated
from nodeagent.adapters.kube.access import Access, Pem
from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.kubeconfig import load_kubeconfig
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.core.certificates import Held, client_wish, kubeconfig_document, serving_wish
from nodeagent.engine.api_ports import Api
from nodeagent.engine.certificates import CertificateKeeper, Manner
from nodeagent.engine.ports import Clock
from nodeagent.errors import SettingsError
from nodeagent.metrics import AgentMetrics
from nodeagent.settings import Settings
from nodeagent.settings.value import ClusterAccess

log = structlog.get_logger()


class Credentials:
    """The node's certificates. Make the client of `access`, then take `components`.

    SettingsError where no kubeconfig can be used.
    """

    def __init__(self, settings: Settings, threads: Threads, clock: Clock) -> None:
        assert settings.cluster is not None, "there is nothing to prove without a cluster"
        self._settings, self._threads, self._clock = settings, threads, clock
        self._cluster: ClusterAccess = settings.cluster
        self._folder = settings.paths.certificates
        self._rotates = settings.kubelet.rotate_certificates
        self._pairs = KeyPairs(self._folder, CLIENT, threads, keep_key=not self._rotates)
        self._bootstrap: KubeClient | None = None
        self._adopted = False
        self._granted: asyncio.Event | None = None  # None: nothing is asked for
        self.access = self._access()

    def components(
        self,
        client: KubeClient,
        *,
        addresses: Callable[[], Iterable[v1.NodeAddress]],
        metrics: AgentMetrics,
    ) -> dict[str, Component]:
        """The loops that renew what there is to renew.

        `addresses` gives the node's own as they are now: a serving certificate is for them.
        """
        found: dict[str, Component] = {}
        if self.access.certificate.path == str(self._pairs.current):
            keeper = self._client_keeper(client, metrics)
            found["client certificate"], self._granted = keeper.run, keeper.granted
        if self._settings.kubelet.server_tls_bootstrap:
            serving = self._serving_keeper(client, addresses, metrics)
            found["serving certificate"] = serving.run
        return found

    async def until_granted(self) -> None:
        """Wait for something to prove the node with; after `components`."""
        if self._granted is not None:
            await self._granted.wait()

    # --- the client's certificate -------------------------------------------------------------

    def _access(self) -> Access:
        """How the API server is reached: with the file of certificates that are renewed, or as
        the kubeconfig says."""
        path = self._cluster.kubeconfig
        known = _usable(path, self._clock.now()) if path.exists() else None
        if known is None and self._cluster.bootstrap is not None:
            first = load_kubeconfig(self._cluster.bootstrap)
            return self._written(first)
        access = known or load_kubeconfig(path)
        if not (self._rotates and access.certificate):
            return access
        if access.certificate.path != str(self._pairs.current):
            self._adopt(access)
        return _with_pair(access, self._pairs.current)

    def _written(self, first: Access) -> Access:
        """The kubeconfig of the certificate to come, written down."""
        path, pair = self._cluster.kubeconfig, str(self._pairs.current)
        text = kubeconfig_document(
            server=first.server,
            authority=base64.b64encode(first.ca.data).decode(),
            authority_file=first.ca.path,
            pair=pair,
            insecure=first.insecure,
            server_name=first.server_name,
        )
        with translated("write the kubeconfig", str(path)):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            write_atomic(str(path), text.encode(), durable=True)
        log.info("certificate needed, bootstrap credentials are used", kubeconfig=str(path))
        return _with_pair(
            msgspec.structs.replace(first, token="", token_file="", origin=str(path)),
            self._pairs.current,
        )

    def _adopt(self, access: Access) -> None:
        """Go on from the certificate in the kubeconfig, which is replaced at once: kubeadm gives
        the first node one of an administrator's kind."""
        found = read_pair(self._pairs.current)
        if found is not None and found.is_good(self._clock.now()):
            return
        with translated("read the certificate of", str(self._cluster.kubeconfig)):
            certificate, key = _text(access.certificate), _text(access.key)
        self._pairs.keep_now(key, certificate, now=self._clock.now())
        self._adopted = True

    def _client_keeper(self, client: KubeClient, metrics: AgentMetrics) -> CertificateKeeper:
        def changed(_: float | None) -> None:
            client.renew()
            if self._bootstrap is not None:
                self._bootstrap.close()
                self._bootstrap = None

        keeper = CertificateKeeper(
            name="client",
            pairs=self._pairs,
            wish=lambda: client_wish(self._settings.node.name),
            api=lambda held: self._way(held, client),
            clock=self._clock,
            on_change=changed,
            manner=Manner(renews=self._rotates, at_once=self._adopted, gives_up=self._rotates),
        )
        metrics.certificates.add_client(keeper.left, lambda: keeper.failures)
        return keeper

    def _way(self, held: Held | None, client: KubeClient) -> Api:
        """By what to ask: by what there is, or by the bootstrap kubeconfig as it is now."""
        if (held is not None and held.is_good(self._clock.now())) or not self._cluster.bootstrap:
            return client
        access = load_kubeconfig(self._cluster.bootstrap)
        if self._bootstrap is None or self._bootstrap.access != access:
            if self._bootstrap is not None:
                self._bootstrap.close()
            self._bootstrap = KubeClient(access, threads=self._threads)
        return self._bootstrap

    # --- the serving certificate --------------------------------------------------------------

    def _serving_keeper(
        self,
        client: KubeClient,
        addresses: Callable[[], Iterable[v1.NodeAddress]],
        metrics: AgentMetrics,
    ) -> CertificateKeeper:
        keeper = CertificateKeeper(
            name="serving",
            pairs=KeyPairs(self._folder, SERVING, self._threads),
            wish=lambda: serving_wish(self._settings.node.name, addresses()),
            api=lambda _: client,
            clock=self._clock,
            on_change=lambda age: observe(age) if age is not None else None,
        )
        observe = metrics.certificates.add_serving(keeper.left, lambda: keeper.failures)
        return keeper


def _usable(path: Path, now: float) -> Access | None:
    """The kubeconfig, if its certificate can be used now."""
    with suppress(SettingsError, OSError, ValueError):
        access = load_kubeconfig(path)
        if held(_text(access.certificate)).is_good(now):
            return access
    return None


def _with_pair(access: Access, pair: Path) -> Access:
    file = Pem(path=str(pair))
    return msgspec.structs.replace(access, certificate=file, key=file)


def _text(pem: Pem) -> bytes:
    return pem.data or Path(pem.path).read_bytes()
