"""What the API told is kept for a restart without it, and let go when no pod uses it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.aio.supervise import Component
from nodeagent.core.api_objects import Kept
from nodeagent.engine.cluster_data import SPARED, ClusterData
from nodeagent.errors import HostError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.tokens import KeptToken, TokenWish
from nodeagent.settings.names import ChangeDetection
from tests.apiserver.kinds import kind_at
from tests.apiserver.store import Store
from tests.fakes.api import FakeApi
from tests.fakes.node import until
from tests.fakes.pods import a_container, an_api_pod
from tests.fakes.probes import LoopClock

pytestmark = pytest.mark.looptime
NAME = "ConfigMap/default/app"


class FakeVault:
    """A vault in memory; `full` disks refuse."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.full = False
        self.writes = 0

    async def load(self) -> tuple[Kept, ...]:
        return tuple(self.kept.values())

    async def save(self, name: str, one: Kept) -> None:
        if self.full:
            raise HostError(op="save", target=name, detail="no space")
        self.writes += 1
        self.kept[name] = one

    async def remove(self, name: str) -> None:
        self.kept.pop(name, None)

    async def keep_only(self, names: frozenset[str]) -> None:
        self.kept = {name: one for name, one in self.kept.items() if name in names}


def using() -> DesiredPod:
    source = v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="app"))
    return an_api_pod(a_container(envFrom=[source]))


def an_api(value: str) -> FakeApi:
    store, kind = Store(), kind_at("configmaps", "", "v1")
    assert kind is not None
    metadata = {"name": "app", "namespace": "default"}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    store.create(kind, {**document, "data": {"a": value}}, "default")
    return FakeApi(store)


async def live(run: Component) -> None:
    await run()


@asynccontextmanager
async def running(
    api: FakeApi, vault: FakeVault, *, classes: list[dict[str, str]] | None = None
) -> AsyncIterator[ClusterData]:
    told = classes if classes is not None else []
    data = ClusterData(
        api,
        vault,
        LoopClock(),
        strategy=ChangeDetection.WATCH,
        connected=lambda: not api.down,
        on_change=lambda uids: None,
        on_classes=lambda handlers: told.append(dict(handlers)),
    )
    await data.load()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(live(run)) for run in data.components().values()]
        yield data
        for task in tasks:
            task.cancel()


async def test_a_restart_without_the_server_knows_what_was_known() -> None:
    api, vault = an_api("1"), FakeVault()
    async with running(api, vault) as data:
        data.data.follow(using())
        data.services.follow(using())
        await until(lambda: {NAME, "Services/default", "RuntimeClasses"} <= vault.kept.keys())
    api.down = True
    classes: list[dict[str, str]] = []
    async with running(api, vault, classes=classes) as data:
        data.data.follow(using())
        data.services.follow(using())
        found = await data.data.config_map("default", "app")
        assert found is not None
        assert found.data == {"a": "1"}
        assert await data.services.services("default") == ()
        assert classes == [{}]


async def test_what_its_last_pod_leaves_is_removed() -> None:
    vault = FakeVault()
    async with running(an_api("1"), vault) as data:
        data.data.follow(using())
        await until(lambda: NAME in vault.kept)
        data.data.forget(PodUid("u1"))
        await until(lambda: NAME not in vault.kept)


async def test_what_no_pod_of_this_run_uses_is_removed_only_after_a_while() -> None:
    api, vault = an_api("1"), FakeVault()
    vault.kept["Secret/default/old"] = Kept()
    async with running(api, vault) as data:
        data.data.follow(using())
        await asyncio.sleep(SPARED - 1)
        assert "Secret/default/old" in vault.kept
        await asyncio.sleep(2)
        assert "Secret/default/old" not in vault.kept
        assert NAME in vault.kept


async def test_a_full_disk_is_tried_again() -> None:
    vault = FakeVault()
    vault.full = True
    async with running(an_api("1"), vault) as data:
        data.data.follow(using())
        await asyncio.sleep(5)
        vault.full = False
        await until(lambda: NAME in vault.kept)


async def test_tokens_are_kept_and_removed_with_their_pod() -> None:
    api, vault = an_api("1"), FakeVault()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "till"}}
    api.store.put(account)
    found = api.store.put(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": []}}
    )
    uid = PodUid(found["metadata"]["uid"])
    pod = msgspec.structs.replace(an_api_pod(a_container()), uid=uid)
    wish = TokenWish(namespace="default", account="till", pod="web", uid=uid, seconds=3600)
    name = f"Token/{uid}/till//3600"
    async with running(api, vault) as data:
        given = await data.tokens.token(wish)
        await until(lambda: name in vault.kept)
    api.down = True
    async with running(api, vault) as data:
        data.data.follow(pod)
        await asyncio.sleep(2 * SPARED)
        assert name in vault.kept, "its pod is there, though it does not ask for long"
        assert (await data.tokens.token(wish)).value == given.value
        data.tokens.forget(uid)
        await until(lambda: name not in vault.kept)
    vault.kept[name] = Kept(token=KeptToken(wish=wish, token=given))
    async with running(api, vault):
        await asyncio.sleep(2 * SPARED)
        assert name not in vault.kept, "its pod is gone"
