"""Pods of the API as a source: first answer, changes, mirror pods, and a server that is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nodeagent.engine.api_pods import ApiPods
from nodeagent.engine.own_pods import OwnPods
from nodeagent.engine.sources import Sources
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from tests.apiserver.kinds import kind_at
from tests.apiserver.problems import Document
from tests.apiserver.store import Options
from tests.fakes.api import FakeApi
from tests.fakes.node import until
from tests.fakes.pods import an_api_pod
from tests.fakes.probes import LoopClock

pytestmark = pytest.mark.looptime


def a_document(name: str, *, node: str = "n1", **metadata: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"nodeName": node, "containers": [{"name": "web", "image": "busybox:1"}]},
    }


def kind_of_pods() -> Any:
    return kind_at("pods", "", "v1")


class Watched:
    """The source over an API server in memory, and what it has told."""

    def __init__(self, *previous: DesiredPod, down: bool = False) -> None:
        self.api = FakeApi()
        self.api.down = down
        self.own = OwnPods(self.api, node="n1")
        self.clock = LoopClock()
        self.source = ApiPods(
            self.own,
            previous=previous,
            connected=lambda: not self.api.down,
            clock=self.clock,
        )
        self.pods: dict[PodUid, DesiredPod] = {}
        self.told: list[tuple[DesiredPod, ...]] = []
        self.sources = Sources(
            {Source.API: self.source},
            on_change=lambda pods, _: self._take(dict(pods)),
            previous=previous,
        )

    def _take(self, pods: dict[PodUid, DesiredPod]) -> None:
        self.pods = pods
        self.told.append(tuple(pods.values()))

    def create(self, document: Document) -> str:
        made = self.api.store.create(kind_of_pods(), document, "default")
        return str(made["metadata"]["uid"])

    def delete(self, name: str, *, grace: int | None) -> None:
        self.api.store.delete(kind_of_pods(), name, "default", Options(grace=grace, uid=""))

    def patch(self, name: str, patch: Document, subresource: str = "") -> None:
        how = "application/merge-patch+json"
        self.api.store.patch(
            kind_of_pods(), name, patch, "default", how=how, subresource=subresource
        )

    @property
    def names(self) -> list[str]:
        return sorted(pod.name for pod in self.pods.values())


@asynccontextmanager
async def running(*previous: DesiredPod, down: bool = False) -> AsyncIterator[Watched]:
    watched = Watched(*previous, down=down)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watched.own.run()), group.create_task(watched.sources.run())]
        yield watched
        for task in tasks:
            task.cancel()


async def test_pods_of_this_node_come_go_and_change() -> None:
    async with running() as watched:
        watched.create(a_document("mine"))
        watched.create(a_document("foreign", node="n2"))
        await until(lambda: watched.names == ["mine"])
        watched.patch("mine", {"metadata": {"labels": {"a": "b"}}})
        await until(lambda: [pod.labels for pod in watched.pods.values()] == [{"a": "b"}])
        watched.delete("mine", grace=7)
        await until(lambda: [pod.grace for pod in watched.pods.values()] == [7.0])
        assert [pod.deleting for pod in watched.pods.values()] == [True]
        watched.delete("mine", grace=0)
        await until(lambda: watched.names == [])


async def test_a_forced_delete_is_told_with_its_grace_before_the_pod_is_gone() -> None:
    async with running() as watched:
        uid = watched.create(a_document("web"))
        await until(lambda: set(watched.pods) == {uid})
        watched.told.clear()
        watched.delete("web", grace=0)
        await until(lambda: watched.pods == {})
        [(leaving,), gone] = watched.told
        assert (leaving.uid, leaving.deleting, leaving.grace) == (uid, True, 0.0)
        assert gone == ()


async def test_a_pod_that_a_list_no_longer_has_is_just_gone() -> None:
    async with running() as watched:
        uid = watched.create(a_document("web"))
        await until(lambda: set(watched.pods) == {uid})
        watched.told.clear()
        watched.api.down = True
        watched.delete("web", grace=0)
        watched.api.down = False
        await until(lambda: watched.pods == {})
        assert watched.told == [()]


async def test_a_pod_that_takes_the_name_of_another_has_its_own_uid() -> None:
    async with running() as watched:
        first = watched.create(a_document("web"))
        await until(lambda: set(watched.pods) == {first})
        watched.delete("web", grace=0)
        second = watched.create(a_document("web"))
        await until(lambda: set(watched.pods) == {second})


async def test_mirror_pods_are_not_run() -> None:
    async with running() as watched:
        watched.create(a_document("m", annotations={"kubernetes.io/config.mirror": "h"}))
        watched.create(a_document("web"))
        await until(lambda: watched.names == ["web"])


async def test_a_report_of_status_changes_nothing_that_is_wanted() -> None:
    async with running() as watched:
        watched.create(a_document("web"))
        await until(lambda: watched.names == ["web"])
        (before,) = watched.pods.values()
        watched.patch("web", {"status": {"phase": "Running"}}, "status")
        await asyncio.sleep(1)
        watched.create(a_document("other"))
        await until(lambda: len(watched.pods) == 2)
        assert watched.pods[before.uid] is before


async def test_no_pod_ends_because_the_server_is_away() -> None:
    async with running() as watched:
        watched.create(a_document("web"))
        await until(lambda: watched.names == ["web"])
        watched.api.down = True
        await asyncio.sleep(3600)
        assert watched.names == ["web"]
        watched.delete("web", grace=0)
        await asyncio.sleep(60)
        assert watched.names == ["web"]
        watched.api.down = False
        await until(lambda: watched.names == [])


async def test_after_a_restart_without_the_server_the_last_known_pods_are_wanted_at_once() -> None:
    known = an_api_pod(uid="u9", name="old")
    async with running(known, down=True) as watched:
        await until(watched.sources.all_seen.is_set)
        assert watched.clock.now() < 1003.0
        assert watched.pods == {known.uid: known}
        watched.api.down = False
        await until(lambda: watched.pods == {})


async def test_a_slow_answer_is_waited_for_while_there_is_a_connection() -> None:
    known = an_api_pod(uid="u9", name="old")
    watched = Watched(known)
    watched.api.delay = 5.0
    watched.create(a_document("new"))
    told: list[list[str]] = []
    async with asyncio.TaskGroup() as group:
        follow = group.create_task(watched.own.run())
        async for update in watched.source.updates():
            told.append([pod.name for pod in update.pods])
            break
        follow.cancel()
    assert told == [["new"]]


async def test_a_pod_without_containers_is_a_problem_by_name() -> None:
    async with running() as watched:
        document = a_document("odd")
        document["spec"]["containers"] = []
        watched.api.store.create(kind_of_pods(), document, "default")
        await until(lambda: bool(watched.sources.problems))
        assert [one.pod for one in watched.sources.problems] == ["default/odd"]
        watched.delete("odd", grace=0)
        await until(lambda: not watched.sources.problems)
