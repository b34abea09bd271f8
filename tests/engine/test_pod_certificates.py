"""Certificates of pods, in virtual time over a signer that issues, refuses, or waits."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1
from prometheus_client import generate_latest

from nodeagent.adapters.host.pod_keys import make_key
from nodeagent.adapters.volumes.certificate_file import CertificateFile
from nodeagent.core.api_objects import Kept
from nodeagent.core.payload import Made
from nodeagent.engine.pod_certificates import PodCertificates
from nodeagent.errors import MountFailed, NotSupported
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.pod_certificates import CertificateWish, KeyProof
from tests.apiserver.authority import Authority
from tests.apiserver.kinds import kind_named
from tests.apiserver.pod_signing import KIND, PodSigner, admit_request
from tests.fakes.api import FakeApi
from tests.fakes.pods import UID, a_pod, an_api_pod
from tests.fakes.probes import LoopClock

pytestmark = pytest.mark.looptime
SIGNER = "example.org/signer"


class Keys:
    async def make(self, key_type: str) -> KeyProof:
        return make_key(key_type)


class Node:
    """A node with a pod that wants a certificate, and a signer for it."""

    def __init__(self) -> None:
        self.api, self.clock = FakeApi(), LoopClock()
        self.authority = Authority(now=self.clock.now)
        self.signer = PodSigner(self.api.store, self.authority, now=self.clock.now)
        self.node: v1.Node | None = v1.Node(metadata=meta_v1.ObjectMeta(name="n1", uid="node-uid"))
        self.rung: list[PodUid] = []
        self.told: list[tuple[str, str]] = []
        self.api.store.put(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "till", "namespace": "default"},
            }
        )
        self.restart()

    def restart(self) -> None:
        self.certificates = PodCertificates(
            self.api,
            self.clock,
            name="n1",
            node=lambda: self.node,
            keys=Keys(),
            on_change=self._ring,
            tell=self._tell,
        )

    def _ring(self, uids: Iterable[PodUid]) -> None:
        self.rung += uids

    def _tell(self, wish: CertificateWish, reason: str, message: str) -> None:
        assert wish.uid == UID
        self.told.append((reason, message))

    async def make(self, pod: DesiredPod | None = None, **fields: object) -> Made:
        given = {"credentialBundlePath": "bundle", "keyType": "ECDSAP256", **fields}
        source = v1.PodCertificateProjection(signerName=SIGNER, **given)  # type: ignore[arg-type]
        part = v1.VolumeProjection(podCertificate=source)
        file = CertificateFile(self.certificates)
        return await file.make(pod or an_api_pod(serviceAccountName="till"), part, 0o644)

    async def bundle(self) -> bytes:
        return (await self.make()).files["bundle"].data

    def state(self) -> dict[tuple[str, str], int]:
        return dict(self.certificates.states())


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(node.certificates.run())
        await asyncio.sleep(0)
        yield
        task.cancel()


@pytest.mark.parametrize(
    "key_type", ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"]
)
async def test_a_key_of_each_kind_is_proved_and_certified(key_type: str) -> None:
    node = Node()
    async with running(node):
        made = await node.make(
            keyType=key_type,
            keyPath="key.pem",
            certificateChainPath="chain.pem",
            maxExpirationSeconds=7200,
            userAnnotations={"example.org/a": "b"},
        )
    (request,) = node.signer.requests()
    assert request["metadata"]["name"].startswith("req-")
    assert request["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": UID}
    ]
    spec = dict(request["spec"])
    admit_request(node.api.store, request, "default", "somebody")
    assert spec.pop("stubPKCS10Request")
    kind = kind_named("v1", "ServiceAccount")
    assert kind is not None
    account = node.api.store.get(kind, "till", "default")
    assert spec == {
        "signerName": SIGNER,
        "podName": "web",
        "podUID": UID,
        "serviceAccountName": "till",
        "serviceAccountUID": account["metadata"]["uid"],
        "nodeName": "n1",
        "nodeUID": "node-uid",
        "maxExpirationSeconds": 7200,
        "unverifiedUserAnnotations": {"example.org/a": "b"},
    }
    key_file, chain_file = made.files["key.pem"].data, made.files["chain.pem"].data
    assert made.files["bundle"].data == key_file + chain_file
    assert b"leaf" not in chain_file and key_file.startswith(b"-----BEGIN PRIVATE KEY-----")
    leaf, root = x509.load_pem_x509_certificates(chain_file)
    assert root.public_bytes(serialization.Encoding.PEM) == node.authority.pem
    key = serialization.load_pem_private_key(key_file, None)
    assert key.public_key() == leaf.public_key()
    begins = leaf.not_valid_before_utc.timestamp()
    assert begins + 3600 <= made.again_at <= begins + 3600 + 300
    assert node.state() == {(SIGNER, "fresh"): 1}


async def test_a_certificate_is_replaced_in_time_and_kept_until_the_next_one_is_there() -> None:
    node = Node()
    async with running(node):
        made = await node.make()
        first = made.files["bundle"].data
        assert await node.bundle() == first
        assert len(node.signer.requests()) == 1
        node.signer.verdict = ""
        await asyncio.sleep(made.again_at - node.clock.now() + 1)
        made = await node.make()
        assert (made.files["bundle"].data, len(node.signer.requests())) == (first, 2)
        assert made.again_at == pytest.approx(node.clock.now() + 60, abs=1)
        assert await node.bundle() == first
        assert len(node.signer.requests()) == 2, "one request at a time"
        before = node.certificates.version(UID)
        node.signer.answer("Issued")
        await asyncio.sleep(0.1)
        assert node.rung[-1] == UID and node.certificates.version(UID) != before
        second = await node.bundle()
        assert second != first and node.told == []


async def test_a_server_that_is_away_costs_no_certificate_and_a_late_one_is_told() -> None:
    node = Node()
    async with running(node):
        made = await node.make()
        first = made.files["bundle"].data
        await asyncio.sleep(made.again_at - node.clock.now() + 1)
        node.api.down = True
        assert await node.bundle() == first
        assert node.state() == {(SIGNER, "fresh"): 1}
        await asyncio.sleep(700)
        for _ in range(2):
            assert await node.bundle() == first
        assert [reason for reason, _ in node.told] == ["CertificateOverdueForRefresh"]
        assert node.state() == {(SIGNER, "overdue_for_refresh"): 1}
        await asyncio.sleep(7200)
        assert await node.bundle() == first, "better than none"
        assert [reason for reason, _ in node.told][1:] == ["CertificateExpired"]
        assert node.state() == {(SIGNER, "expired"): 1}
        node.api.down = False
        await asyncio.sleep(5)
        await node.make()
        await asyncio.sleep(1)
        assert await node.bundle() != first
        assert node.state() == {(SIGNER, "fresh"): 1}


@pytest.mark.parametrize(
    ("verdict", "words", "told"),
    [
        ("Denied", "was permanently denied", "was denied"),
        ("Failed", "was permanently failed", "failed"),
    ],
)
async def test_a_refusal_is_final_and_says_why(verdict: str, words: str, told: str) -> None:
    node = Node()
    node.signer.verdict = verdict
    node.signer.reason, node.signer.message = "UnsupportedKeyType", "use ED25519"
    async with running(node):
        for _ in range(2):
            with pytest.raises(MountFailed) as caught:
                await node.make()
            assert f'{words}: reason="UnsupportedKeyType" message="use ED25519"' in str(
                caught.value
            )
        assert len(node.signer.requests()) == 1
        ((reason, message),) = node.told
        assert reason == verdict and told in message and "UnsupportedKeyType" in message
        assert node.state() == {(SIGNER, verdict.lower()): 1}
        node.certificates.forget(UID)
        assert node.state() == {} and node.certificates.version(UID) == ""


async def test_a_request_that_waits_is_named_and_rings_once_it_is_issued() -> None:
    node = Node()
    node.signer.verdict = ""
    async with running(node):
        for _ in range(2):
            with pytest.raises(MountFailed) as caught:
                await node.make()
            (request,) = node.signer.requests()
            name = f"default/{request['metadata']['name']}"
            assert (
                f'not issued yet: PodCertificateRequest {name} waits for signer "{SIGNER}"'
                in str(caught.value)
            )
        assert node.state() == {(SIGNER, "not_yet_issued"): 1}
        assert node.rung == []
        node.signer.answer("Issued")
        await asyncio.sleep(0.1)
        assert node.rung == [UID]
        assert await node.bundle()


async def test_a_request_that_somebody_deletes_is_made_anew() -> None:
    node = Node()
    node.signer.verdict = ""
    async with running(node):
        with pytest.raises(MountFailed, match="not issued yet"):
            await node.make()
        (request,) = node.signer.requests()
        node.api.store.delete(KIND, request["metadata"]["name"], "default")
        await asyncio.sleep(0.1)
        assert node.rung == [UID]
        node.signer.verdict = "Issued"
        assert await node.bundle()


async def test_what_is_missing_for_a_request_is_named() -> None:
    node = Node()
    async with running(node):
        with pytest.raises(MountFailed, match='serviceaccount "other" not found'):
            await node.make(an_api_pod(serviceAccountName="other"))
        with pytest.raises(MountFailed, match='unknown key type "DSA"; needs one of RSA3072'):
            await node.make(keyType="DSA")
        fault = node.api.fail(403, plural="podcertificaterequests", verb="create")
        with pytest.raises(MountFailed, match=r"while creating PodCertificateRequest: .*403"):
            await node.make()
        assert fault.times == 0
        node.node = None
        with pytest.raises(MountFailed, match='not told the uid of node "n1" yet'):
            await node.make()
        with pytest.raises(NotSupported, match="a pod of a file has no service account"):
            await node.make(a_pod())


async def test_sources_are_counted_by_signer_and_state() -> None:
    node, metrics = Node(), AgentMetrics()
    metrics.certificates.count_pods(node.certificates.states)
    async with running(node):
        await node.make()
        line = f'kubelet_podcertificate_states{{signer_name="{SIGNER}",state="fresh"}} 1.0'
        assert line in generate_latest(metrics.registry).decode()


async def test_a_new_agent_shows_what_was_kept_also_without_a_server() -> None:
    node = Node()
    wishes: list[CertificateWish] = []
    node.certificates.on_kept = wishes.append
    async with running(node):
        first = await node.bundle()
    kept = node.certificates.to_keep(wishes[0])
    assert kept is not None and "PRIVATE" not in repr(kept)
    told = msgspec.json.decode(msgspec.json.encode(kept), type=Kept)
    node.restart()
    node.certificates.restore([told])
    node.api.down = True
    async with running(node):
        assert await node.bundle() == first
        await asyncio.sleep(20000)
        assert await node.bundle() == first, "better than none"
    assert node.certificates.keep_only([UID]) == {wishes[0]}, "its pod need not ask for long"
    assert node.certificates.keep_only([]) == frozenset()
    assert node.certificates.to_keep(wishes[0]) is None


async def test_files_are_for_the_pod_alone() -> None:
    node = Node()
    async with running(node):
        context = v1.PodSecurityContext(runAsUser=1000)
        made = await node.make(an_api_pod(serviceAccountName="till", securityContext=context))
    file = made.files["bundle"]
    assert (file.mode, file.uid) == (0o600, 1000)
