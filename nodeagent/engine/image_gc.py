"""Removes images that nobody uses when their file system fills up, or when they are old."""

import asyncio
from collections.abc import Callable

import msgspec

from nodeagent.core.image_gc import GcRules, Known, plan_gc, remember, users_of
from nodeagent.engine.image_access import ImageAccess
from nodeagent.engine.ports import Clock, Recorder
from nodeagent.engine.state import NodeState
from nodeagent.engine.upkeep_ports import Disks, ImageStore
from nodeagent.errors import AgentError, HostError
from nodeagent.logs import get_logger
from nodeagent.model.events import EventType, Subject
from nodeagent.model.ids import PodUid
from nodeagent.model.image_gc import GcPlan, ImageReport, Space
from nodeagent.model.observed import SeenImage

log = get_logger()

PERIOD = 300.0


class GcPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What image garbage collection works on."""

    images: ImageStore
    disks: Disks
    state: NodeState
    access: ImageAccess
    recorder: Recorder
    clock: Clock


class ImageGc:
    """Owns what is known of the use of images. `node` is the node's name, for events.

    Nothing is removed before `ready`: until then nobody knows which images are wanted. `rules`
    may be replaced at any time; the next look goes by them. `on_removed` hears of each removal,
    "age" or "space".
    """

    def __init__(self, ports: GcPorts, *, rules: GcRules, node: str, ready: asyncio.Event) -> None:
        self._ports, self._ready = ports, ready
        self.rules = rules
        self._subject = Subject(kind="Node", name=node, uid=PodUid(node))
        self._known: Known = {}
        self._first = True
        self._failures = 0
        self._since = ports.clock.now()
        self._turn = asyncio.Lock()
        self.on_removed: Callable[[str], None] = lambda why: None

    async def run(self) -> None:
        """Look at once, and every five minutes look and collect, for ever."""
        await self._ready.wait()
        while True:
            try:
                await (self.report() if self._first else self._collect_by_rules())
            except AgentError as error:
                self._count_failure(str(error))
            else:
                self._failures = 0
            await asyncio.sleep(PERIOD)

    def images(self) -> tuple[SeenImage, ...]:
        """The images as last looked at."""
        return tuple(known.image for known in self._known.values())

    async def report(self, *, everything: bool = False) -> ImageReport:
        """The images, and what `collect` would remove now; changes nothing."""
        async with self._turn:
            space, trouble = None, ""
            try:
                space = await self._space()
            except AgentError as error:
                trouble = str(error)
            await self._look()
            plan = self._plan(space, everything=everything)
            return self._report(plan, space, trouble)

    async def collect(self, *, everything: bool = False) -> ImageReport:
        """Remove what is to go, and tell what went. HostError where that was too little."""
        if not self._ready.is_set():
            detail = "the agent does not know yet which pods are wanted; try again in a moment"
            raise HostError(op="remove images", target="this node", detail=detail)
        async with self._turn:
            space = None if everything else await self._space()
            await self._look()
            plan = self._plan(space, everything=everything)
            return self._report(await self._carry_out(plan), space, "")

    async def _collect_by_rules(self) -> None:
        if not self.rules.is_off:
            await self.collect()

    async def _look(self) -> None:
        asked_at = self._ports.clock.now()
        images = await self._ports.images.list_images()
        state = self._ports.state
        users = users_of(images, state.all_observed(), state.all_desired())
        self._known = remember(self._known, images, users, now=asked_at, first=self._first)
        self._first = False
        await self._ports.access.forget_all_but(frozenset(self._known), before=asked_at)

    async def _space(self) -> Space:
        """Of the image file system. HostError, and an event, where it is unbelievable."""
        paths = await self._ports.images.image_paths()
        if not paths:
            detail = "the runtime does not tell where it keeps images"
            raise HostError(op="measure", target="image file system", detail=detail)
        space = await self._ports.disks.space(paths[0])
        if space.capacity_bytes <= 0:
            text = "invalid capacity 0 on image filesystem"
            self._event("InvalidDiskCapacity", text)
            raise HostError(op="measure", target=space.path, detail=text)
        return space

    def _plan(self, space: Space | None, *, everything: bool) -> GcPlan:
        return plan_gc(
            self._known,
            space,
            rules=self.rules,
            now=self._ports.clock.now(),
            running_since=self._since,
            everything=everything,
        )

    async def _carry_out(self, plan: GcPlan) -> GcPlan:
        gone, refusals = [], []
        for removal in plan.removals:
            try:
                await self._ports.images.remove_image(removal.ref)
            except AgentError as error:
                refusals.append(str(error))
                continue
            gone.append(removal)
            self.on_removed("age" if removal.aged else "space")
            self._known = {k: v for k, v in self._known.items() if k != removal.ref}
            log.info("image removed", image=removal.name, bytes=removal.size_bytes, why=removal.why)
        done = GcPlan(removals=tuple(gone), wanted_bytes=plan.wanted_bytes)
        if done.freed_bytes < done.wanted_bytes:
            text = (
                f"Failed to garbage collect required amount of images. Attempted to free "
                f"{done.wanted_bytes} bytes, but only found {done.freed_bytes} bytes eligible "
                "to free."
            )
            self._event("FreeDiskSpaceFailed", text)
            raise HostError(op="free space", target="image file system", detail=text)
        if refusals:
            raise HostError(op="remove images", target="this node", detail="; ".join(refusals))
        return done

    def _report(self, plan: GcPlan, space: Space | None, trouble: str) -> ImageReport:
        return ImageReport(
            images=tuple(self._known.values()),
            plan=plan,
            space=space,
            begins_percent=self.rules.high_percent,
            ends_percent=self.rules.low_percent,
            trouble=trouble,
        )

    def _count_failure(self, text: str) -> None:
        """The first failure is only logged: the space is often measured too early at a start."""
        self._failures += 1
        log.warning("images cannot be collected", error=text, times=self._failures)
        if self._failures > 1:
            self._event("ImageGCFailed", text)

    def _event(self, reason: str, message: str) -> None:
        self._ports.recorder.event(self._subject, EventType.WARNING, reason, message)
