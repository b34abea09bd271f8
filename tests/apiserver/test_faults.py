"""What the small API server does wrong on demand, and what the real client makes of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.kubeconfig import load_kubeconfig
from nodeagent.adapters.kube.limits import Limits
from nodeagent.aio.threads import Threads
from nodeagent.errors import ApiError, ApiForbidden, ApiGone, ApiUnavailable
from nodeagent.model.api import CONFIG_MAPS, Objects, Purpose
from tests.apiserver.cluster import Cluster
from tests.apiserver.faults import Fault


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path)
    made.start()
    yield made
    made.stop()
    await asyncio.sleep(0.05)  # closed connections say good-bye


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(1)
    yield made
    made.close()


@pytest.fixture
def client(cluster: Cluster, threads: Threads) -> Iterator[KubeClient]:
    made = KubeClient(load_kubeconfig(cluster.kubeconfig()), threads=threads)
    yield made
    made.close()


def a_map(name: str) -> v1.ConfigMap:
    return v1.ConfigMap(metadata=meta_v1.ObjectMeta(name=name, namespace="default"))


async def make(client: KubeClient, name: str) -> v1.ConfigMap:
    return await client.create(CONFIG_MAPS, a_map(name), "default", purpose=Purpose.DATA)


async def failure_of(client: KubeClient, name: str = "a") -> ApiError:
    with pytest.raises(ApiError) as caught:
        await make(client, name)
    return caught.value


def asked(cluster: Cluster, method: str) -> int:
    return len([one for one in cluster.server.parts.seen if one.method == method])


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (429, ApiUnavailable, "TooManyRequests"),
        (500, ApiUnavailable, "InternalError"),
        (503, ApiUnavailable, "ServiceUnavailable"),
        (504, ApiUnavailable, "Timeout"),
        (401, ApiForbidden, "Unauthorized"),
        (410, ApiGone, "Expired"),
    ],
)
async def test_an_answer_is_what_was_ordered(
    cluster: Cluster, client: KubeClient, code: int, kind: type[ApiError], reason: str
) -> None:
    cluster.server.parts.faults.append(Fault(code=code, retry_after=9, path="/configmaps"))
    error = await failure_of(client)
    assert (type(error), error.code, error.reason) == (kind, code, reason)
    assert error.retry_after == 9.0
    assert (await make(client, "a")).metadata is not None, "once was ordered"


async def test_only_requests_that_fit_fail_and_only_so_often(
    cluster: Cluster, client: KubeClient
) -> None:
    fault = Fault(code=500, times=2, method="POST", path="/configmaps$")
    cluster.server.parts.faults.append(fault)
    assert await client.read(CONFIG_MAPS, "a", "default", purpose=Purpose.DATA) is None
    for _ in range(2):
        await failure_of(client)
    await make(client, "a")


async def test_a_cut_connection_is_no_answer_and_a_read_is_tried_again(
    cluster: Cluster, client: KubeClient
) -> None:
    cluster.server.parts.faults.append(Fault(cut=True, times=2))
    assert isinstance(await failure_of(client), ApiUnavailable)
    assert await client.read(CONFIG_MAPS, "a", "default", purpose=Purpose.DATA) is None
    assert client.counts.connections == 3


async def test_a_late_answer_comes_and_one_too_late_does_not(
    cluster: Cluster, threads: Threads
) -> None:
    access = load_kubeconfig(cluster.kubeconfig())
    hasty = KubeClient(access, threads=threads, limits=Limits(answer=2.0))
    cluster.server.parts.faults.append(Fault(delay=0.05))
    try:
        await make(hasty, "a")
        cluster.server.parts.faults.append(Fault(delay=8.0))
        assert "no answer within" in str(await failure_of(hasty, "b"))
    finally:
        hasty.close()


class Watching:
    """A watch of the config maps of a namespace, and what it told last."""

    def __init__(self, client: KubeClient) -> None:
        self._watch = client.watch(CONFIG_MAPS, "default", purpose=Purpose.DATA)

    async def until(self, *names: str) -> Objects[v1.ConfigMap]:
        """Wait until these are there, among others."""
        async with asyncio.timeout(20):
            while True:
                found = await anext(self._watch)
                if {f"default/{name}" for name in names} <= set(found.items):
                    return found

    async def close(self) -> None:
        await self._watch.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["cut", "ended", "server cut"])
async def test_a_watch_that_ends_goes_on_from_where_it_was(
    cluster: Cluster, client: KubeClient, how: str
) -> None:
    watching = Watching(client)
    await watching.until()
    await make(client, "a")
    await watching.until("a")
    lists = asked(cluster, "GET")
    if how == "ended":
        cluster.store.cut_watches()
    elif how == "cut":
        cluster.server.cut()
    else:
        cluster.stop()
        await asyncio.sleep(0)
        cluster.server.start()
    cluster.store.put(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "default"}}
    )
    await watching.until("a", "b")
    queries = [one.query for one in cluster.server.parts.seen if one.method == "GET"][lists:]
    assert queries and all("watch=true" in one for one in queries), "no list anew"
    await watching.close()


@pytest.mark.parametrize("how", ["told", "refused"])
async def test_a_version_that_was_forgotten_calls_for_a_list(
    cluster: Cluster, client: KubeClient, how: str
) -> None:
    watching = Watching(client)
    await watching.until()
    await make(client, "a")
    await watching.until("a")
    before = asked(cluster, "GET")
    if how == "told":
        cluster.store.expire_watches()
    else:
        cluster.store.cut_watches()
        cluster.store.put(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "b", "namespace": "default"},
            }
        )
        cluster.store.compact()
    await make(client, "c")
    await watching.until("a", "c")
    queries = [one.query for one in cluster.server.parts.seen if one.method == "GET"][before:]
    lists = [one for one in queries if "watch=true" not in one]
    assert len(lists) == 1 and "resourceVersion" not in lists[0], "the newest, not one as of a time"
    await watching.close()
