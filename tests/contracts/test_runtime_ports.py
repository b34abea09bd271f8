"""What the engine relies on from a runtime, checked on the fake and on real containerds."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from nodeagent.errors import CriError, CriNotFound, CriRefused, ImagePullFailed
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.observed import EventKind, ObservedPod, Phase
from tests.contracts.ports import KINDS, Ports, opened, soon

NOBODY = "0" * 64
Open = Callable[[], AbstractAsyncContextManager[Ports]]


@pytest.fixture(params=KINDS)
def ports(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the ports inside the test's own loop."""
    if request.param != "fake":
        request.getfixturevalue(request.param)
    return lambda: opened(request.param, request, tmp_path)


# --- sandboxes --------------------------------------------------------------------------------


async def test_a_new_sandbox_is_ready_with_an_address_and_its_names(ports: Open) -> None:
    async with ports() as node:
        made = await node.box()
        pod = await node.sight.look(node.uid)
        (box,) = pod.sandboxes
        assert (box.id, box.attempt, box.ready, bool(box.ips)) == (made, 0, True, True)
        assert (pod.name, pod.namespace, box.host_network) == ("contract", "test", False)
        assert box.created_at > 1e8
        assert await node.sight.look_sandbox(made) == box


async def test_a_stopped_sandbox_is_not_ready_and_may_be_stopped_again(ports: Open) -> None:
    async with ports() as node:
        made = await node.box()
        container = await node.run(made)
        for _ in range(2):
            await node.sandboxes.stop_sandbox(made)
        box = await node.sight.look_sandbox(made)
        assert box is not None and not box.ready
        seen = await node.sight.look_container(container)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.EXITED, 137)


async def test_removing_a_sandbox_takes_its_containers_and_may_be_repeated(ports: Open) -> None:
    async with ports() as node:
        made = await node.box()
        container = await node.run(made)
        for _ in range(2):
            await node.sandboxes.remove_sandbox(made)
        assert await node.sight.look_sandbox(made) is None
        assert await node.sight.look_container(container) is None
        assert (await node.sight.look(node.uid)).is_gone


async def test_a_second_sandbox_of_one_attempt_is_refused_by_name(ports: Open) -> None:
    async with ports() as node:
        await node.box()
        with pytest.raises(CriRefused) as refused:
            await node.box()
        assert refused.value.reason == "NameReserved"
        await node.box(1)
        pod = await node.sight.look(node.uid)
        assert [b.attempt for b in pod.sandboxes] == [1, 0]


# --- containers -------------------------------------------------------------------------------


async def test_a_container_is_created_then_running_then_exited(ports: Open) -> None:
    async with ports() as node:
        made = await node.create(await node.box(), attempt=2, count=1)
        seen = await node.sight.look_container(made)
        assert seen is not None
        assert (seen.phase, seen.attempt, seen.restart_count) == (Phase.CREATED, 2, 1)
        assert (seen.name, seen.spec_hash, seen.started_at) == ("web", "abc", 0.0)
        await node.containers.start_container(made)
        seen = await node.sight.look_container(made)
        assert seen is not None and seen.phase is Phase.RUNNING
        assert seen.created_at <= seen.started_at and seen.finished_at == 0.0


@pytest.mark.parametrize(("code", "reason"), [(0, "Completed"), (3, "Error")])
async def test_an_end_tells_its_code_reason_and_time(ports: Open, code: int, reason: str) -> None:
    async with ports() as node:
        made = await node.run(await node.box())
        await node.end(made, code=code)
        seen = await node.sight.look_container(made)
        assert seen is not None
        assert (seen.phase, seen.exit_code, seen.reason) == (Phase.EXITED, code, reason)
        assert seen.finished_at >= seen.started_at > 0


async def test_a_polite_container_ends_at_once_when_stopped(ports: Open) -> None:
    async with ports() as node:
        made = await node.run(await node.box())
        clock = asyncio.get_running_loop().time
        began = clock()
        await node.containers.stop_container(made, grace=30.0)
        assert clock() - began < 3.0
        seen = await node.sight.look_container(made)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.EXITED, 143)
        await node.containers.stop_container(made, grace=30.0)


async def test_a_deaf_container_takes_its_grace_and_dies_with_137(ports: Open) -> None:
    async with ports() as node:
        made = await node.run(await node.box(), "deaf")
        clock = asyncio.get_running_loop().time
        began = clock()
        await node.containers.stop_container(made, grace=2.0)
        assert 1.9 <= clock() - began < 4.0
        seen = await node.sight.look_container(made)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.EXITED, 137)


async def test_a_stop_that_is_broken_off_can_be_asked_again_with_less(ports: Open) -> None:
    async with ports() as node:
        made = await node.run(await node.box(), "deaf")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await node.containers.stop_container(made, grace=30.0)
        seen = await node.sight.look_container(made)
        assert seen is not None and seen.phase is Phase.RUNNING
        clock = asyncio.get_running_loop().time
        began = clock()
        await node.containers.stop_container(made, grace=1.0)
        assert clock() - began < 4.0
        seen = await node.sight.look_container(made)
        assert seen is not None and seen.phase is Phase.EXITED


async def test_a_second_container_of_one_attempt_is_refused_by_name(ports: Open) -> None:
    async with ports() as node:
        box = await node.box()
        await node.create(box)
        with pytest.raises(CriRefused) as refused:
            await node.create(box)
        assert refused.value.reason == "NameReserved"
        await node.create(box, attempt=1)


async def test_only_a_created_container_can_be_started(ports: Open) -> None:
    async with ports() as node:
        made = await node.run(await node.box())
        with pytest.raises(CriError):
            await node.containers.start_container(made)
        await node.end(made, code=0)
        with pytest.raises(CriError):
            await node.containers.start_container(made)


async def test_removing_kills_what_runs_and_may_be_repeated(ports: Open) -> None:
    async with ports() as node:
        made = await node.run(await node.box())
        for _ in range(2):
            await node.containers.remove_container(made)
        assert await node.sight.look_container(made) is None
        pod = await node.sight.look(node.uid)
        assert len(pod.sandboxes) == 1 and pod.containers == ()


async def test_unknown_ids_are_no_error_but_where_something_is_to_be_made(ports: Open) -> None:
    async with ports() as node:
        container, box = ContainerId(NOBODY), SandboxId(NOBODY)
        assert await node.sight.look_container(container) is None
        assert await node.sight.look_sandbox(box) is None
        assert await node.sight.look(PodUid("nobody")) == ObservedPod(uid=PodUid("nobody"))
        await node.containers.stop_container(container, grace=1.0)
        await node.containers.remove_container(container)
        await node.sandboxes.stop_sandbox(box)
        await node.sandboxes.remove_sandbox(box)
        with pytest.raises(CriNotFound):
            await node.containers.start_container(container)
        with pytest.raises(CriError):
            await node.create(box)


# --- sight and events -------------------------------------------------------------------------


async def test_the_list_and_the_look_agree_on_ids_and_phases(ports: Open) -> None:
    async with ports() as node:
        box = await node.box()
        await node.create(box, "a")
        await node.run(box, "b")
        await node.end(await node.run(box, "c"), code=0)
        looked = await node.sight.look(node.uid)
        (listed,) = [pod for pod in await node.sight.list_pods() if pod.uid == node.uid]
        assert {(c.id, c.phase) for c in listed.containers} == {
            (c.id, c.phase) for c in looked.containers
        }
        assert [(b.id, b.ready) for b in listed.sandboxes] == [
            (b.id, b.ready) for b in looked.sandboxes
        ]
        assert {c.name: c.phase.value for c in looked.containers} == {
            "a": "Created",
            "b": "Running",
            "c": "Exited",
        }


async def test_records_come_newest_first(ports: Open) -> None:
    async with ports() as node:
        box = await node.box()
        for attempt in range(3):
            await node.end(await node.run(box, attempt=attempt), code=3)
        pod = await node.sight.look(node.uid)
        assert [c.attempt for c in pod.containers] == [2, 1, 0]
        assert [c.restart_count for c in pod.containers] == [2, 1, 0]


async def test_the_first_event_says_that_events_may_have_been_lost(ports: Open) -> None:
    async with ports() as node:
        assert node.events[0].kind is EventKind.LOST


async def test_an_end_is_told_and_a_look_that_follows_shows_it(ports: Open) -> None:
    async with ports() as node:
        made = await node.run(await node.box())
        if node.fake is not None:
            node.fake.exit(made, code=3)
        else:
            await node.containers.exec_sync(made, ("kill", "-USR1", "1"), limit=5)
        await soon(lambda: node.told(EventKind.EXITED, made))
        seen = await node.sight.look_container(made)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.EXITED, 3)
        told = [e for e in node.events if e.container_id == made]
        assert {e.uid for e in told} <= {node.uid, None}


async def test_a_removal_is_told(ports: Open) -> None:
    async with ports() as node:
        box = await node.box()
        made = await node.run(box)
        await node.containers.remove_container(made)
        await soon(lambda: node.told(EventKind.DELETED, made))
        await node.sandboxes.remove_sandbox(box)
        await soon(lambda: node.told(EventKind.DELETED, box))


async def test_a_sandbox_that_ends_is_told(ports: Open) -> None:
    async with ports() as node:
        box = await node.box()
        await node.sandboxes.stop_sandbox(box)
        await soon(lambda: node.told(EventKind.EXITED, box))


# --- images and the runtime itself ------------------------------------------------------------


async def test_an_image_is_known_by_its_name_and_by_its_reference(ports: Open) -> None:
    async with ports() as node:
        found = await node.images.image_status(BUSYBOX_IMAGE)
        assert found is not None and BUSYBOX_IMAGE in found.tags and found.size_bytes > 0
        assert await node.images.image_status(found.ref) == found
        assert found.ref in {image.ref for image in await node.images.list_images()}


async def test_an_image_that_is_not_there_is_none_and_its_pull_fails(ports: Open) -> None:
    async with ports() as node:
        name = "127.0.0.1:1/none:1"
        assert await node.images.image_status(name) is None
        with pytest.raises(ImagePullFailed):
            await node.images.pull_image(name, annotations={})
        await node.images.remove_image(ImageRef(f"sha256:{NOBODY}"))


async def test_the_runtime_says_who_it_is_and_that_it_is_well(ports: Open) -> None:
    async with ports() as node:
        info, health = await node.runtime.info(), await node.runtime.health()
        assert info.name and info.version
        assert health.runtime_ready and health.network_ready


async def test_a_command_inside_tells_its_exit_code(ports: Open) -> None:
    async with ports() as node:
        made = await node.run(await node.box())
        assert (await node.containers.exec_sync(made, ("true",), limit=5)).exit_code == 0
