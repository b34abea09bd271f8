"""What the API told, sealed: nothing of it can be read on disk, and a lost key is only a loss."""

from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1
from structlog.testing import capture_logs

from nodeagent.adapters.host.vault import SealedVault
from nodeagent.aio.threads import Threads
from nodeagent.core.api_objects import Kept, kept
from nodeagent.errors import HostError
from nodeagent.model.data import (
    Claim,
    ConfigMap,
    DataKey,
    DataKind,
    DataObject,
    PersistentVolume,
    Secret,
    key_of,
)

SECRET = Secret(namespace="shop", name="db-password", data={"password": b"hunter2\0\xff"})
EVERY: tuple[DataObject, ...] = (
    SECRET,
    ConfigMap(namespace="shop", name="app", data={"a": "b"}, binary={"c": b"\x00"}),
    Claim(namespace="shop", name="disk", spec=v1.PersistentVolumeClaimSpec(), volume="pv1"),
    PersistentVolume(name="pv1", spec=v1.PersistentVolumeSpec(capacity={"storage": "1Gi"})),
)


def a_vault(folder: Path, key: str = "etc/data.key") -> SealedVault:
    return SealedVault(str(folder / "root"), key=folder / key, threads=Threads(1))


def sealed(one: DataObject) -> Kept:
    return kept(key_of(one), one, "uid/7")


async def test_every_kind_comes_back_as_it_was(tmp_path: Path) -> None:
    service = v1.Service(metadata=meta_v1.ObjectMeta(name="db", namespace="shop"))
    given = [sealed(one) for one in EVERY]
    given.append(Kept(home="shop", services=(service,)))
    given.append(Kept(classes={"kata": "kata-v2"}))
    given.append(kept(DataKey(DataKind.CONFIG_MAP, "shop", "none"), None, ""))
    for number, one in enumerate(given):
        await a_vault(tmp_path).save(f"n{number}", one)
    found = await a_vault(tmp_path).load()
    assert len(found) == len(given)
    assert all(one in found for one in given)


async def test_nothing_can_be_read_in_the_folder_and_only_root_has_the_key(tmp_path: Path) -> None:
    await a_vault(tmp_path).save("Secret/shop/db-password", sealed(SECRET))
    files = [one for one in (tmp_path / "root").rglob("*") if one.is_file()]
    assert len(files) == 1
    text = files[0].name.encode() + files[0].read_bytes()
    for word in (b"hunter2", b"password", b"shop", b"Secret"):
        assert word not in text
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert files[0].parent.stat().st_mode & 0o777 == 0o700
    key = tmp_path / "etc" / "data.key"
    assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, 32)
    assert [one.name for one in key.parent.iterdir()] == ["data.key"]


async def test_what_every_pod_may_know_is_only_written_down(tmp_path: Path) -> None:
    vault, folder = a_vault(tmp_path), tmp_path / "root" / "api-data"
    await vault.save("a", Kept(classes={"kata": "kata-v2"}))
    (path,) = folder.iterdir()
    assert b"kata-v2" in path.read_bytes() and path.stat().st_mode & 0o777 == 0o600
    await vault.save("a", sealed(SECRET))
    (path,) = folder.iterdir()
    assert path.suffix == ".sealed", "one file for one name, whatever it holds"
    await vault.save("a", Kept(home="shop", services=()))
    (path,) = folder.iterdir()
    assert path.suffix == ".kept"
    (folder / path.name).write_bytes(b"odd")
    with capture_logs() as logs:
        assert await a_vault(tmp_path).load() == ()
    assert [one["why"] for one in logs] == ["it is of another version"]


async def test_a_newer_version_takes_the_place_of_the_older(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    await vault.save("app", Kept(classes={"a": "1"}))
    await vault.save("app", Kept(classes={"a": "2"}))
    assert await a_vault(tmp_path).load() == (Kept(classes={"a": "2"}),)


async def test_what_is_removed_is_gone_and_may_be_removed_again(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    await vault.remove("never")
    for name in ("a", "b", "c"):
        await vault.save(name, Kept(classes={name: ""}))
    await vault.remove("a")
    await vault.remove("a")
    await vault.keep_only(frozenset({"b", "x"}))
    assert await a_vault(tmp_path).load() == (Kept(classes={"b": ""}),)


@pytest.mark.parametrize("spoil", ["another key", "no key", "a changed file", "another version"])
async def test_what_cannot_be_unsealed_is_one_line_in_the_log(tmp_path: Path, spoil: str) -> None:
    for name in ("a", "b"):
        await a_vault(tmp_path).save(name, sealed(SECRET))
    key = tmp_path / "etc" / "data.key"
    if spoil == "another key":
        key.write_bytes(bytes(32))
    if spoil == "no key":
        key.unlink()
    for path in (tmp_path / "root" / "api-data").iterdir():
        if spoil == "a changed file":
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        if spoil == "another version":
            path.write_bytes(b"something else")
    with capture_logs() as logs:
        assert await a_vault(tmp_path).load() == ()
    assert [(one["event"], one["files"]) for one in logs] == [
        ("kept data of the API cannot be unsealed", 2)
    ]
    assert "hunter2" not in str(logs)
    await a_vault(tmp_path).keep_only(frozenset())
    assert list((tmp_path / "root" / "api-data").iterdir()) == []


async def test_a_file_under_the_name_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    await vault.save("a", sealed(SECRET))
    (path,) = (tmp_path / "root" / "api-data").iterdir()
    path.rename(path.with_name("0" * 32 + ".sealed"))
    with capture_logs():
        assert await a_vault(tmp_path).load() == ()


async def test_a_key_of_a_wrong_length_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "data.key").write_bytes(b"short")
    with pytest.raises(HostError, match=r"data\.key needs to hold 32 bytes, has 5"):
        await a_vault(tmp_path).save("a", sealed(SECRET))


async def test_without_a_folder_nothing_is_known(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    assert await vault.load() == ()
    await vault.keep_only(frozenset())
    assert not (tmp_path / "root").exists()


def test_a_key_beside_what_it_seals_is_warned_of(tmp_path: Path) -> None:
    with capture_logs() as logs:
        a_vault(tmp_path)
        a_vault(tmp_path, "root-of-another/data.key")
    assert logs == []
    with capture_logs() as logs:
        a_vault(tmp_path, "root/pki/data.key")
    assert [(one["log_level"], one["key"]) for one in logs] == [
        ("warning", str(tmp_path / "root/pki/data.key"))
    ]
