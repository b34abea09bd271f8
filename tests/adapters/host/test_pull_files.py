"""Records of pulls, and the node's docker configuration, on a real disk."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.docker_config import DockerConfig
from nodeagent.adapters.host.pull_files import HostPullFiles
from nodeagent.aio.threads import Threads
from nodeagent.model.credentials import Openers, PulledRecord, SecretName, SecretUse
from nodeagent.model.ids import ImageRef

USE = SecretUse(secret=SecretName(namespace="ns", name="s", uid="1"), digest="d")
RECORD = PulledRecord(
    ref=ImageRef("sha256:1"),
    at=1_700_000_000.0,
    openers={"r.io/a": Openers(secrets=(USE,)), "r.io/b": Openers(everyone=True)},
)


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(1)
    yield made
    made.close()


async def test_records_and_intents_come_back(tmp_path: Path, threads: Threads) -> None:
    files = HostPullFiles(str(tmp_path), threads)
    assert await files.load() == ((), frozenset())
    await files.save(RECORD)
    await files.intend("r.io/a:1")
    assert await files.load() == ((RECORD,), frozenset({"r.io/a:1"}))
    await files.unintend("r.io/a:1")
    await files.forget(RECORD.ref)
    await files.forget(RECORD.ref)
    assert await files.load() == ((), frozenset())


async def test_a_record_has_the_shape_and_name_that_kubernetes_gives_it(
    tmp_path: Path, threads: Threads
) -> None:
    await HostPullFiles(str(tmp_path), threads).save(RECORD)
    (file,) = (tmp_path / "image_manager/pulled").iterdir()
    assert file.name == f"sha256-{hashlib.sha256(b'sha256:1').hexdigest()}"
    assert file.stat().st_mode & 0o777 == 0o600
    document = json.loads(file.read_text())
    assert document["kind"] == "ImagePulledRecord" and document["imageRef"] == "sha256:1"
    assert document["credentialMapping"]["r.io/b"] == {"nodePodsAccessible": True}
    (secret,) = document["credentialMapping"]["r.io/a"]["kubernetesSecrets"]
    assert secret == {"uid": "1", "namespace": "ns", "name": "s", "credentialHash": "d"}


async def test_a_torn_record_is_left_out(tmp_path: Path, threads: Threads) -> None:
    files = HostPullFiles(str(tmp_path), threads)
    await files.save(RECORD)
    (tmp_path / "image_manager/pulled/sha256-torn").write_text("{")
    assert await files.load() == ((RECORD,), frozenset())


async def test_the_nodes_docker_configuration_is_read(tmp_path: Path, threads: Threads) -> None:
    entry = {"username": "u", "password": "p"}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.io": entry}}))
    keys = DockerConfig(str(tmp_path), threads)
    (found,) = (await keys.configured()).credentials
    assert (found.key, found.username, found.secret) == ("r.io", "u", None)
    (tmp_path / "config.json").unlink()
    assert (await keys.configured()).credentials == (found,), "kept for five minutes"


async def test_a_docker_configuration_that_is_no_json_is_named(
    tmp_path: Path, threads: Threads
) -> None:
    (tmp_path / "config.json").write_text("{")
    wallet = await DockerConfig(str(tmp_path), threads).configured()
    assert f"{tmp_path}/config.json: it is no JSON" in wallet.problems[0]
