"""What volumes and environment rely on, whether objects come from files or from the API."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from tests.contracts.data_sources import KINDS, Document, Opened, opened, volume_of_claim
from tests.fakes.pods import a_container, an_api_pod

Open = Callable[[], AbstractAsyncContextManager[Opened]]


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the source inside the test's own loop."""
    return lambda: opened(request.param, tmp_path)


def config_map(word: str, name: str = "app") -> Document:
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    return {**head, "data": {"word": word}, "binaryData": {"raw": "/wA="}}


def secret(name: str = "key") -> Document:
    head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    return {**head, "data": {"token": "aHVzaA=="}}


def using(name: str = "app", *, uid: str = "u1") -> DesiredPod:
    """A pod that has a config map, a secret and a claim."""
    claim = volume_of_claim("disk")
    sources = [
        v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name=name)),
        v1.EnvFromSource(secretRef=v1.SecretEnvSource(name="key")),
    ]
    mounts = [v1.VolumeMount(name="disk", mountPath="/disk")]
    return an_api_pod(a_container(envFrom=sources, volumeMounts=mounts), volumes=[claim], uid=uid)


async def test_what_is_there_is_told_whole_and_what_is_not_is_none(source: Open) -> None:
    async with source() as node:
        node.put(config_map("one"))
        node.put(secret())
        node.source.follow(using())
        found = await node.source.config_map("default", "app")
        assert found is not None
        assert (found.data, found.binary) == ({"word": "one"}, {"raw": b"\xff\x00"})
        key = await node.source.secret("default", "key")
        assert key is not None
        assert key.data == {"token": b"hush"}
        assert await node.source.config_map("default", "none") is None
        assert await node.source.secret("default", "none") is None
        assert await node.source.claim("default", "none") is None
        assert await node.source.volume("none") is None


async def test_a_change_is_told_to_the_pods_that_use_it_and_their_version_is_another(
    source: Open,
) -> None:
    async with source() as node:
        node.put(config_map("one"))
        node.put(config_map("one", name="other"))
        for pod in (using(), using("other", uid="u2")):
            node.source.follow(pod)
        assert await node.source.config_map("default", "app") is not None
        assert await node.source.config_map("default", "other") is not None
        await node.settle()
        before = node.source.follow(using()), node.source.follow(using("other", uid="u2"))
        node.put(config_map("two"))
        await node.until_rung("u1")
        found = await node.source.config_map("default", "app")
        assert found is not None
        assert found.data["word"] == "two"
        assert node.source.follow(using()) != before[0]
        assert node.source.follow(using("other", uid="u2")) == before[1]
        assert "u2" not in node.rung


async def test_what_goes_is_told_too_and_is_there_no_more(source: Open) -> None:
    async with source() as node:
        node.put(secret())
        node.source.follow(using())
        assert await node.source.secret("default", "key") is not None
        await node.settle()
        before = node.source.follow(using())
        node.remove(secret())
        await node.until_rung("u1")
        assert await node.source.secret("default", "key") is None
        assert node.source.follow(using()) != before


async def test_a_pod_that_is_forgotten_is_told_nothing(source: Open) -> None:
    async with source() as node:
        node.put(config_map("one"))
        for uid in ("u1", "u2"):
            node.source.follow(using(uid=uid))
        assert await node.source.config_map("default", "app") is not None
        await node.settle()
        node.source.forget(PodUid("u1"))
        node.put(config_map("two"))
        await node.until_rung("u2")
        assert "u1" not in node.rung


async def test_a_claim_says_which_volume_it_has_and_that_is_read(source: Open) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    size = {"storage": "1Gi"}
    async with source() as node:
        node.put(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": "pv"},
                "spec": {**spec, "capacity": size, "hostPath": {"path": "/srv"}},
            }
        )
        node.put(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "disk"},
                "spec": {**spec, "volumeName": "pv", "resources": {"requests": size}},
            }
        )
        node.source.follow(using())
        claim = await node.source.claim("default", "disk")
        assert claim is not None
        assert (claim.volume, claim.why) == ("pv", "")
        volume = await node.source.volume("pv")
        assert volume is not None and volume.spec.hostPath is not None
        assert volume.spec.hostPath.path == "/srv"
