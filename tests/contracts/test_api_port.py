"""What the engine may expect of an `Api`, held against the fake and the real client alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from lightkube.models import authentication_v1 as authn
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.kubeconfig import load_kubeconfig
from nodeagent.aio.threads import Threads
from nodeagent.engine.api_ports import Api
from nodeagent.errors import ApiConflict, ApiInvalid, ApiNotFound, ApiUnavailable
from nodeagent.model.api import (
    CONFIG_MAPS,
    NODES,
    PODS,
    SERVICE_ACCOUNTS,
    ApiKind,
    Objects,
    Patch,
    Purpose,
)
from tests.apiserver.cluster import Cluster
from tests.contracts.control_plane import assets
from tests.fakes.api import FakeApi

TOKENS = ApiKind(type=authn.TokenRequest, plural="serviceaccounts")


WAYS = ["fake", "small server", *(["control plane"] if assets() is not None else [])]
LEFT: tuple[tuple[ApiKind[Any], str], ...] = (
    *((PODS, name) for name in ("web", "one", "two", "far")),
    *((NODES, "n1"), (SERVICE_ACCOUNTS, "robot"), (CONFIG_MAPS, "c")),
)


@pytest.fixture(params=WAYS)
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """The fake; the real client before the small server; and before a real one where there is."""
    if request.param == "fake":
        yield FakeApi()
        return
    with ExitStack() as stack:
        threads = Threads(1)
        stack.callback(threads.close)
        if request.param == "small server":
            cluster = Cluster(tmp_path)
            cluster.start()
            stack.callback(cluster.stop)
            access = load_kubeconfig(cluster.kubeconfig())
        else:
            access = request.getfixturevalue("control_plane")
        client = KubeClient(access, threads=threads)
        stack.callback(client.close)
        yield client
        for kind, name in LEFT:
            await client.delete(kind, name, "default", purpose=Purpose.PODS, grace=0)
    await asyncio.sleep(0.05)  # closed connections say good-bye


def a_pod(name: str, *, node: str = "n1", grace: int = 30) -> v1.Pod:
    return v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default"),
        spec=v1.PodSpec(
            nodeName=node,
            terminationGracePeriodSeconds=grace,
            containers=[v1.Container(name="main", image="example.com/i:1")],
        ),
    )


async def test_what_was_created_can_be_read(api: Api) -> None:
    made = await api.create(PODS, a_pod("web"), "default", purpose=Purpose.PODS)
    assert made.metadata is not None and made.metadata.uid
    found = await api.read(PODS, "web", "default", purpose=Purpose.PODS)
    assert found == made
    assert await api.read(PODS, "other", "default", purpose=Purpose.PODS) is None


async def test_a_taken_name_is_a_conflict(api: Api) -> None:
    await api.create(PODS, a_pod("web"), "default", purpose=Purpose.PODS)
    with pytest.raises(ApiConflict) as caught:
        await api.create(PODS, a_pod("web"), "default", purpose=Purpose.PODS)
    assert caught.value.reason == "AlreadyExists"


async def test_an_old_version_is_a_conflict(api: Api) -> None:
    labels = {"a": "1"}
    node = v1.Node(metadata=meta_v1.ObjectMeta(name="n1", labels=labels))
    old = await api.create(NODES, node, purpose=Purpose.NODE)
    patch = {"metadata": {"labels": {"a": "2"}}}
    await api.patch(NODES, "n1", patch, purpose=Purpose.NODE)
    with pytest.raises(ApiConflict):
        await api.replace(NODES, old, purpose=Purpose.NODE)


async def test_status_and_the_rest_are_written_apart(api: Api) -> None:
    await api.create(PODS, a_pod("web"), "default", purpose=Purpose.PODS)
    patch = {"status": {"phase": "Running"}, "metadata": {"annotations": {"a": "b"}}}
    await api.patch(PODS, "web", patch, "default", purpose=Purpose.STATUS)
    found = await api.read(PODS, "web", "default", purpose=Purpose.PODS)
    assert found is not None and found.status is not None and found.status.phase == "Pending"
    conditions = [{"type": "Ready", "status": "True"}]
    patch = {"status": {"phase": "Running", "conditions": conditions}}
    for _ in range(2):
        found = await api.patch(
            PODS, "web", patch, "default", purpose=Purpose.STATUS, subresource="status"
        )
    assert found.status is not None and found.status.phase == "Running"
    assert [c.type for c in found.status.conditions or []] == ["Ready"]


async def test_an_object_that_is_not_there_cannot_be_changed(api: Api) -> None:
    with pytest.raises(ApiNotFound):
        await api.patch(PODS, "web", {}, "default", purpose=Purpose.PODS, how=Patch.MERGE)
    assert not await api.delete(PODS, "web", "default", purpose=Purpose.PODS)


async def test_a_pods_spec_stays_as_it_was_created(api: Api) -> None:
    await api.create(PODS, a_pod("web"), "default", purpose=Purpose.PODS)
    with pytest.raises(ApiInvalid):
        await api.patch(
            PODS, "web", {"spec": {"hostNetwork": True}}, "default", purpose=Purpose.PODS
        )


async def test_a_pod_ends_in_two_steps(api: Api) -> None:
    made = await api.create(PODS, a_pod("web", grace=5), "default", purpose=Purpose.PODS)
    assert made.metadata is not None
    assert await api.delete(PODS, "web", "default", purpose=Purpose.PODS)
    ending = await api.read(PODS, "web", "default", purpose=Purpose.PODS)
    assert ending is not None and ending.metadata is not None
    assert ending.metadata.deletionTimestamp is not None
    assert ending.metadata.deletionGracePeriodSeconds == 5
    other = await api.delete(PODS, "web", "default", purpose=Purpose.PODS, uid="else", grace=0)
    assert not other
    uid = made.metadata.uid or ""
    assert await api.delete(PODS, "web", "default", purpose=Purpose.PODS, uid=uid, grace=0)
    assert await api.read(PODS, "web", "default", purpose=Purpose.PODS) is None


async def test_a_watch_tells_all_and_then_each_change(api: Api) -> None:
    await api.create(PODS, a_pod("one"), "default", purpose=Purpose.PODS)
    await api.create(PODS, a_pod("far", node="n2"), "default", purpose=Purpose.PODS)
    watch = aiter(api.watch(PODS, purpose=Purpose.PODS, fields="spec.nodeName=n1"))
    first = await anext(watch)
    assert set(first.items) == {"default/one"} == first.changed
    await api.create(PODS, a_pod("two"), "default", purpose=Purpose.PODS)
    seen = await until(watch, lambda objects: "default/two" in objects.items)
    assert set(seen.items) == {"default/one", "default/two"}
    await api.delete(PODS, "one", "default", purpose=Purpose.PODS, grace=0)
    seen = await until(watch, lambda objects: "default/one" not in objects.items)
    assert set(seen.items) == {"default/two"}
    last = seen.deleted["default/one"].metadata
    assert last is not None and last.deletionGracePeriodSeconds == 0
    await watch.aclose()  # type: ignore[attr-defined]


async def until(watch, judge) -> Objects[v1.Pod]:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(10):
        while True:
            found: Objects[v1.Pod] = await anext(watch)
            if judge(found):
                return found


async def test_a_token_is_made_for_a_service_account(api: Api) -> None:
    account = v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="robot", namespace="default"))
    await api.create(SERVICE_ACCOUNTS, account, "default", purpose=Purpose.TOKENS)
    wish = authn.TokenRequest(spec=authn.TokenRequestSpec(audiences=[], expirationSeconds=600))
    made = await api.create(
        TOKENS, wish, "default", purpose=Purpose.TOKENS, name="robot", subresource="token"
    )
    assert made.status is not None and (made.status.token or "").count(".") == 2
    with pytest.raises(ApiNotFound):
        await api.create(
            TOKENS, wish, "default", purpose=Purpose.TOKENS, name="nobody", subresource="token"
        )


async def test_binary_data_survive(api: Api) -> None:
    made = v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="c", namespace="default"), data={"a": "b"})
    await api.create(CONFIG_MAPS, made, "default", purpose=Purpose.DATA)
    found = await api.read(CONFIG_MAPS, "c", "default", purpose=Purpose.DATA)
    assert found is not None and found.data == {"a": "b"}


async def test_many_requests_at_once_are_all_done_and_all_told(api: Api) -> None:
    names = [f"many-{number}" for number in range(100)]
    watch = aiter(api.watch(CONFIG_MAPS, "default", purpose=Purpose.DATA))
    await anext(watch)

    async def make(name: str) -> None:
        metadata = meta_v1.ObjectMeta(name=name, namespace="default")
        body = v1.ConfigMap(metadata=metadata, data={"a": "b" * 3000})
        await api.create(CONFIG_MAPS, body, "default", purpose=Purpose.DATA)

    async def remove(name: str) -> None:
        assert await api.delete(CONFIG_MAPS, name, "default", purpose=Purpose.DATA)

    for act, there in ((make, True), (remove, False)):
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(act(name))
        wanted = {f"default/{name}" for name in names}
        async with asyncio.timeout(20):
            while True:
                found = wanted & (await anext(watch)).items.keys()
                if found == (wanted if there else set()):
                    break
    await watch.aclose()  # type: ignore[attr-defined]


@pytest.mark.looptime
async def test_the_fake_is_down_when_told_and_its_watches_come_back() -> None:
    api = FakeApi()
    watch = api.watch(PODS, purpose=Purpose.PODS)
    assert not (await anext(watch)).items
    api.down = True
    with pytest.raises(ApiUnavailable):
        await api.read(PODS, "web", "default", purpose=Purpose.PODS)
    api.down = False
    await api.create(PODS, a_pod("web"), "default", purpose=Purpose.PODS)
    assert set((await until(watch, lambda o: o.items)).items) == {"default/web"}
    api.fail(503, times=1, verb="get")
    with pytest.raises(ApiUnavailable):
        await api.read(PODS, "web", "default", purpose=Purpose.PODS)
    assert await api.read(PODS, "web", "default", purpose=Purpose.PODS)
    await watch.aclose()  # type: ignore[attr-defined]
