"""Copies of static pods in the API, with their pods coming and going."""

import asyncio

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.manifest import HASH_ANNOTATION
from nodeagent.core.qos import CONFIG_MIRROR
from nodeagent.model.desired import DesiredPod
from tests.fakes.api import FakeApi
from tests.fakes.member import joined, pod_kind
from tests.fakes.node import Machine, until
from tests.fakes.pods import a_pod

pytestmark = pytest.mark.looptime
NAME = "web-n1"


def static(hash_: str = "h1") -> DesiredPod:
    return a_pod(uid=hash_, annotations={HASH_ANNOTATION: hash_}, nodeName="n1")


def hash_of(pod: v1.Pod | None) -> str:
    meta = pod.metadata if pod is not None else None
    return (meta.annotations or {}).get(CONFIG_MIRROR, "") if meta is not None else ""


async def test_a_static_pod_has_a_copy_that_shows_its_status() -> None:
    async with joined(static()) as member:
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        assert hash_of(member.pod(NAME)) == "h1"
        assert member.uid(NAME) != "h1"
        pod = member.pod(NAME)
        assert pod is not None and pod.metadata is not None
        [owner] = pod.metadata.ownerReferences or []
        assert (owner.kind, owner.name, owner.controller) == ("Node", "n1", True)
        assert [m.pod.uid for m in member.node.workers.memories()] == ["h1"], "copies never run"


@pytest.mark.parametrize("grace", [0, 30])
async def test_a_copy_that_a_user_deletes_comes_back_and_the_pod_runs_on(grace: int) -> None:
    async with joined(static()) as member:
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        before = member.uid(NAME)
        member.delete(NAME, grace=grace)
        await until(lambda: member.pod(NAME) is not None and member.uid(NAME) != before, at_most=5)
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        assert len(member.node.of(uid="h1")) == 1


async def test_a_copy_that_is_declared_over_is_put_right_and_the_pod_runs_on() -> None:
    async with joined(static()) as member:
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        how = "application/merge-patch+json"
        failed = {"status": {"phase": "Failed"}}
        member.api.store.patch(pod_kind(), NAME, failed, "default", how=how, subresource="status")
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        assert member.node.is_running(uid="h1")


async def test_an_edit_makes_a_new_copy() -> None:
    async with joined(static()) as member:
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        member.node.unwant("h1")
        member.node.want(static("h2"))
        member.mirrors.look_again()
        await until(lambda: hash_of(member.pod(NAME)) == "h2", at_most=60)
        await until(lambda: member.phase(NAME) == "Running", at_most=60)


async def test_a_copy_goes_only_once_its_pod_has_ended() -> None:
    async with joined(static()) as member:
        member.node.runtime.ignores_term.add("web")
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        member.node.unwant("h1")
        await asyncio.sleep(20)
        assert member.pod(NAME) is not None
        await until(lambda: member.pod(NAME) is None, at_most=20)
        assert member.node.runtime.boxes == {}


async def test_copies_without_a_pod_are_swept() -> None:
    machine, api = Machine(), FakeApi()
    async with joined(static(), machine=machine, api=api) as member:
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
    machine.wanted = {}
    async with joined(machine=machine, api=api) as member:
        await until(lambda: member.pod(NAME) is None, at_most=60)


async def test_a_pod_of_the_api_with_the_name_is_left_alone() -> None:
    async with joined() as member:
        member.create(NAME)
        await until(lambda: member.phase(NAME) == "Running", at_most=5)
        uid = member.uid(NAME)
        member.node.want(static())
        member.mirrors.look_again()
        await asyncio.sleep(60)
        assert member.uid(NAME) == uid


async def test_copies_are_made_after_an_outage() -> None:
    api = FakeApi()
    api.down = True
    async with joined(static(), api=api) as member:
        await until(lambda: member.node.is_running(uid="h1"), at_most=5)
        await asyncio.sleep(3600)
        api.down = False
        await until(lambda: member.phase(NAME) == "Running", at_most=10)
        assert api.store.find(pod_kind(), NAME, "default") is not None
