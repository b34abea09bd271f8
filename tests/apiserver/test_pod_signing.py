"""What a node may do about certificates of pods, through the real client: its own pods' only."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lightkube.models import certificates_v1beta1 as certificates

from nodeagent.adapters.host.pod_keys import make_key
from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.kubeconfig import load_kubeconfig
from nodeagent.aio.threads import Threads
from nodeagent.core.pod_certificates import request_for
from nodeagent.errors import ApiForbidden, ApiInvalid
from nodeagent.model.api import POD_CERTIFICATES, Objects, Purpose
from nodeagent.model.ids import PodUid
from nodeagent.model.pod_certificates import CertificateWish
from tests.apiserver.cluster import Cluster

PROOF = base64.b64encode(make_key("ED25519").request).decode()


class Node:
    """A node with one pod, and its client."""

    def __init__(self, cluster: Cluster, client: KubeClient) -> None:
        self.cluster, self.client = cluster, client
        self.uids = {
            kind: cluster.store.put(one)["metadata"]["uid"]
            for kind, one in (
                ("node", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}),
                (
                    "account",
                    {
                        "apiVersion": "v1",
                        "kind": "ServiceAccount",
                        "metadata": {"name": "till", "namespace": "default"},
                    },
                ),
                (
                    "pod",
                    {
                        "apiVersion": "v1",
                        "kind": "Pod",
                        "metadata": {"name": "web", "namespace": "default"},
                        "spec": {
                            "nodeName": "n1",
                            "serviceAccountName": "till",
                            "containers": [{"name": "c", "image": "i"}],
                        },
                    },
                ),
            )
        }

    async def ask(self, **spec: Any) -> certificates.PodCertificateRequest:
        """Ask for the pod's certificate, with these fields otherwise than they should be."""
        wish = CertificateWish(
            namespace="default",
            pod="web",
            uid=PodUid(self.uids["pod"]),
            account="till",
            source="",
            signer="example.org/s",
            key_type="ED25519",
        )
        request = request_for(
            wish, PROOF, account=self.uids["account"], node="n1", node_uid=self.uids["node"]
        )
        changed = msgspec.structs.replace(request.spec, **spec)
        return await self.client.create(
            POD_CERTIFICATES,
            msgspec.structs.replace(request, spec=changed),
            "default",
            purpose=Purpose.CERTIFICATES,
        )


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(1)
    yield made
    made.close()


@pytest.fixture
async def node(tmp_path: Path, threads: Threads) -> AsyncIterator[Node]:
    cluster = Cluster(tmp_path)
    cluster.start()
    config = cluster.kubeconfig(cluster.node("n1"), name="n1.conf")
    client = KubeClient(load_kubeconfig(config), threads=threads)
    yield Node(cluster, client)
    client.close()
    cluster.stop()
    await asyncio.sleep(0.05)  # closed connections say good-bye


async def test_a_node_asks_for_its_pods_and_sees_what_is_issued(node: Node) -> None:
    made = await node.ask()
    assert made.metadata is not None and made.spec.maxExpirationSeconds == 86400
    name = f"default/{made.metadata.name}"
    watch = node.client.watch(
        POD_CERTIFICATES, purpose=Purpose.CERTIFICATES, fields="spec.nodeName=n1"
    )
    async with asyncio.timeout(10):
        status = await answered(watch, name)
    assert [one.type for one in status.conditions or ()] == ["Issued"]
    assert status.certificateChain is not None and status.beginRefreshAt is not None


async def answered(
    watch: AsyncIterator[Objects[certificates.PodCertificateRequest]], name: str
) -> certificates.PodCertificateRequestStatus:
    """The status of a request once the signer has said something."""
    async for objects in watch:
        status = objects.items[name].status
        if status is not None and status.conditions:
            return status
    raise AssertionError("a watch does not end")


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeName": "n2"},
        {"nodeUID": "other"},
        {"podName": "other"},
        {"podUID": "other"},
        {"serviceAccountName": "default"},
        {"serviceAccountUID": "other"},
    ],
)
async def test_a_node_asks_for_nobody_else(node: Node, spec: dict[str, str]) -> None:
    with pytest.raises(ApiForbidden):
        await node.ask(**spec)


@pytest.mark.parametrize(
    "spec",
    [
        {"maxExpirationSeconds": 3599},
        {"signerName": "kubernetes.io/x", "maxExpirationSeconds": 86401},
        {"signerName": ""},
        {"stubPKCS10Request": base64.b64encode(b"nothing").decode()},
    ],
)
async def test_a_request_that_cannot_be_is_refused(node: Node, spec: dict[str, Any]) -> None:
    with pytest.raises(ApiInvalid):
        await node.ask(**spec)


@pytest.mark.parametrize("fields", ["", "spec.nodeName=n2", "spec.podName=web"])
async def test_a_node_sees_no_requests_of_others(node: Node, fields: str) -> None:
    watch = node.client.watch(POD_CERTIFICATES, purpose=Purpose.CERTIFICATES, fields=fields)
    with pytest.raises(ApiForbidden):
        await anext(aiter(watch))
