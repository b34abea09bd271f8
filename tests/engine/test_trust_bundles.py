"""Certificates that a cluster trusts, as files."""

import asyncio
import base64

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.adapters.volumes.trust_file import TrustFile
from nodeagent.core.pem import joined_certificates
from nodeagent.engine.trust_bundles import TrustBundles
from nodeagent.errors import MountFailed, SourceMissing
from tests.fakes.api import FakeApi
from tests.fakes.pods import a_pod

pytestmark = pytest.mark.looptime


def pem(word: str) -> str:
    text = base64.b64encode(word.encode()).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


def put(api: FakeApi, name: str, text: str, *, signer: str = "", **labels: str) -> None:
    api.store.put(
        {
            "apiVersion": "certificates.k8s.io/v1beta1",
            "kind": "ClusterTrustBundle",
            "metadata": {"name": name, "labels": labels},
            "spec": {"signerName": signer or None, "trustBundle": text},
        }
    )


async def shown(bundles: TrustBundles, **fields: object) -> str:
    source = v1.ClusterTrustBundleProjection(path="ca.pem", **fields)  # type: ignore[arg-type]
    part = v1.VolumeProjection(clusterTrustBundle=source)
    made = await TrustFile(bundles).make(a_pod(), part, 0o644)
    assert made.again_at > 0
    return made.files["ca.pem"].data.decode()


async def test_bundles_are_files_by_name_or_joined_by_signer_and_labels() -> None:
    api = FakeApi()
    put(api, "one", f"comment\n{pem('a')}{pem('a')}{pem('b')}")
    put(api, "s:x", pem("c"), signer="example.com/s", env="prod")
    put(api, "s:y", pem("c") + pem("d"), signer="example.com/s", env="prod")
    put(api, "s:z", pem("e"), signer="example.com/s", env="test")
    bundles = TrustBundles(api)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bundles.run())
        assert await shown(bundles, name="one") == pem("a") + pem("b")
        prod = meta_v1.LabelSelector(matchLabels={"env": "prod"})
        signer = {"signerName": "example.com/s"}
        assert await shown(bundles, **signer, labelSelector=prod) == pem("c") + pem("d")
        every = meta_v1.LabelSelector()
        assert pem("e") in await shown(bundles, **signer, labelSelector=every)
        assert await shown(bundles, **signer, optional=True) == ""
        with pytest.raises(SourceMissing, match='clustertrustbundle "two" not found'):
            await shown(bundles, name="two")
        put(api, "two", pem("f"))
        await asyncio.sleep(0.1)
        assert await shown(bundles, name="two") == pem("f")
        task.cancel()


async def test_before_the_servers_first_answer_nothing_is_known() -> None:
    with pytest.raises(MountFailed, match="not known yet"):
        await shown(TrustBundles(FakeApi()), name="one")


def test_what_is_no_certificate_is_left_out() -> None:
    broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"
    assert joined_certificates([f"x{broken}{pem('a')}y", pem("a")]) == pem("a")
