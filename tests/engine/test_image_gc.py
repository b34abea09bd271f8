"""Image garbage collection on fakes: what goes, what is told, what waits."""

import asyncio

import pytest

from nodeagent.core.image_gc import GcRules
from nodeagent.engine.image_gc import GcPorts, ImageGc
from nodeagent.errors import HostError
from nodeagent.model.ids import ImageRef
from nodeagent.model.image_gc import Space
from nodeagent.model.observed import SeenImage
from tests.fakes.node import Machine, running
from tests.fakes.pods import a_container, a_pod

pytestmark = pytest.mark.looptime


class Store:
    """Images on a disk whose available bytes grow with each removal."""

    def __init__(self, *names: str, available: int) -> None:
        self.images = {
            f"sha256:{name}": SeenImage(
                ref=ImageRef(f"sha256:{name}"),
                tags=(f"docker.io/library/{name}:1",),
                size_bytes=100,
            )
            for name in names
        }
        self.available, self.capacity = available, 1000

    async def list_images(self) -> tuple[SeenImage, ...]:
        return tuple(self.images.values())

    async def remove_image(self, ref: ImageRef) -> None:
        self.available += self.images.pop(ref).size_bytes

    async def image_paths(self) -> tuple[str, ...]:
        return ("/images",)

    async def space(self, path: str) -> Space:
        return Space(path=path, capacity_bytes=self.capacity, available_bytes=self.available)


def made(node, store: Store, *, ready: bool = True) -> ImageGc:  # type: ignore[no-untyped-def]
    event = asyncio.Event()
    if ready:
        event.set()
    machine = node.machine
    ports = GcPorts(
        images=store,
        disks=store,
        state=node.state,
        access=node.access,
        recorder=machine.recorder,
        clock=machine.clock,
    )
    return ImageGc(ports, rules=GcRules(), node="n1", ready=event)


async def test_unused_images_go_until_the_low_threshold_and_used_ones_stay() -> None:
    machine = Machine()
    async with running(a_pod(a_container("web", image="busybox:1")), machine=machine) as node:
        await asyncio.sleep(2)
        store = Store("busybox", "a", "b", "c", available=50)
        report = await made(node, store).collect()
        assert {r.ref for r in report.plan.removals} == {"sha256:a", "sha256:b"}
        assert set(store.images) == {"sha256:busybox", "sha256:c"}
        (used,) = [one for one in report.images if one.used_by]
        assert used.image.ref == "sha256:busybox" and used.used_by[0].startswith("default/")


async def test_a_preview_removes_nothing() -> None:
    async with running() as node:
        store = Store("a", available=0)
        report = await made(node, store).report()
        assert len(report.plan.removals) == 1 and len(store.images) == 1


async def test_too_little_to_free_is_told_at_once_and_as_a_failure_from_the_second_time() -> None:
    async with running() as node:
        store = Store("a", available=0)
        gc = made(node, store)
        task = asyncio.create_task(gc.run())
        await asyncio.sleep(301)
        reasons = node.recorder.reasons()
        assert "FreeDiskSpaceFailed" in reasons and "ImageGCFailed" not in reasons
        store.available = 0
        await asyncio.sleep(300)
        assert "ImageGCFailed" in node.recorder.reasons()
        task.cancel()


async def test_a_file_system_without_capacity_is_told() -> None:
    async with running() as node:
        store = Store("a", available=0)
        store.capacity = 0
        with pytest.raises(HostError, match="invalid capacity"):
            await made(node, store).collect()
        assert node.recorder.reasons() == ["InvalidDiskCapacity"]


async def test_nothing_goes_before_wishes_are_known() -> None:
    async with running() as node:
        store = Store("a", available=0)
        with pytest.raises(HostError, match="does not know yet"):
            await made(node, store, ready=False).collect(everything=True)
        assert store.images


async def test_other_rules_count_from_the_next_look() -> None:
    async with running() as node:
        store = Store("a", "b", available=300)
        gc = made(node, store)
        assert not (await gc.report()).plan.removals
        gc.rules = GcRules(high_percent=60, low_percent=50)
        report = await gc.collect()
        assert len(report.plan.removals) == 2 and report.begins_percent == 60
        assert not store.images
