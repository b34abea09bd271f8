"""The Node in the API: made, kept as it should be, and told what changed.

Source: "Nodes" page, node status and registration.
"""

import asyncio
import random
from collections.abc import Callable

import msgspec
import structlog
from lightkube.models import core_v1 as v1

from nodeagent.aio.bell import Bell
from nodeagent.core.api_versions import is_older
from nodeagent.core.node_object import NodeReading, is_ready, may_be_ready
from nodeagent.core.node_patch import NodeWish, new_node, reconciled, status_change, turns
from nodeagent.engine.api_ports import Api
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.node_startup import NodeStartup
from nodeagent.engine.ports import Clock, Recorder, Runtime
from nodeagent.errors import AgentError, ApiConflict, ApiError, ApiNotFound
from nodeagent.model.api import NODES, Purpose
from nodeagent.model.events import EventType, Subject
from nodeagent.model.ids import PodUid

log = structlog.get_logger()

AGAIN_FIRST, AGAIN_LONGEST = 0.1, 7.0
JITTER = 0.04
SETTLE = 5.0  # seconds in which an agent that starts may find out that all is still well


class ReportRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the Node is reported; seconds. `registers`: make it where there is none."""

    wish: NodeWish
    registers: bool = True
    update_period: float = 10.0
    report_period: float = 300.0


class ReportTools(msgspec.Struct, frozen=True, kw_only=True):
    """What the report works on."""

    api: Api
    keeper: NodeKeeper
    runtime: Runtime
    recorder: Recorder
    clock: Clock
    startup: NodeStartup
    reading: Callable[[], NodeReading]


class NodeReport:
    """The only one who writes the Node. `node` is the Node as the API has it, None if unknown.

    `on_change` is called when that changed. A Node that somebody deletes is made again. One that
    is Ready when the agent starts stays so while it finds out how things are.
    """

    def __init__(
        self,
        tools: ReportTools,
        rules: ReportRules,
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._tools, self._rules, self._on_change = tools, rules, on_change
        self._name = rules.wish.name
        self.node: v1.Node | None = None
        self.known = asyncio.Event()  # the API has a Node of this name
        self._asked = asyncio.Event()  # the API has answered what it has of it
        self._bell = Bell()
        self._whole_at = 0.0  # when all of the status, heartbeats too, is to be told again
        self._told: tuple[object, ...] = ()
        self._pod_range = ""
        tools.keeper.listen(self._hear_keeper)

    async def run(self) -> None:
        """Follow the Node and report on it, for ever."""
        subject = Subject(kind="Node", name=self._name, uid=PodUid(self._name))
        self._tools.recorder.event(subject, EventType.NORMAL, "Starting", "Starting kubelet.")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="node watch")
            group.create_task(self._report_for_ever(), name="node report")

    async def _follow(self) -> None:
        """What the API has of the Node, from a watch of it alone."""
        api = self._tools.api
        while True:
            try:
                fields = f"metadata.name={self._name}"
                async for objects in api.watch(NODES, purpose=Purpose.NODE, fields=fields):
                    self._take(objects.items.get(self._name))
                    self._asked.set()
            except ApiError as error:
                log.warning("node cannot be watched", error=str(error))
            await asyncio.sleep(AGAIN_LONGEST)

    def _take(self, node: v1.Node | None) -> None:
        """The Node is so now, unless we know better already."""
        before = self.node
        if node is not None and before is not None and _same(node, before):
            if is_older(node, before):
                return
        self.node = node
        if node is None:
            self.known.clear()
            self._bell.ring()
        else:
            self._learn(node)
            if before is not None:
                for told in turns(_without_status(before), _without_status(node), name=self._name):
                    self._event(*told)
            if reconciled(node, self._rules.wish):
                self._bell.ring()
            self.known.set()
        self._on_change()

    def _learn(self, node: v1.Node) -> None:
        """Decisions about pods go by the Node's labels and taints as the cluster has them."""
        keeper = self._tools.keeper
        labels = dict((node.metadata.labels if node.metadata else None) or {})
        taints = tuple((node.spec.taints if node.spec else None) or ())
        keeper.learn(
            msgspec.structs.replace(
                keeper.facts, labels={**labels, **self._rules.wish.labels}, taints=taints
            )
        )

    def _hear_keeper(self) -> None:
        """A turn of conditions is told at once; the rest can wait for its time."""
        keeper = self._tools.keeper
        told = (
            keeper.facts.pressure,
            keeper.facts.volumes_in_use,
            tuple(keeper.facts.troubles.items()),
            keeper.health,
        )
        if told != self._told:
            self._told = told
            self._bell.ring()

    async def _report_for_ever(self) -> None:
        await self._asked.wait()
        await self._settle()
        again = AGAIN_FIRST
        while True:
            try:
                await self._report()
                await self._use_pod_range()
            except AgentError as error:
                if again == AGAIN_FIRST:
                    log.warning("node is not reported", error=str(error))
                await asyncio.sleep(again)
                again = min(again * 2, AGAIN_LONGEST)
                continue
            again = AGAIN_FIRST
            period = self._rules.update_period * (1 + random.random() * JITTER)
            await self._bell.wait(at_most=period)

    async def _settle(self) -> None:
        """Runtime and drivers have not been asked yet: what is told of them must not be guessed."""
        clock = self._tools.clock
        end = clock.now() + SETTLE
        while self.node is not None and is_ready(self.node.status):
            left = end - clock.now()
            if left <= 0 or may_be_ready(self._tools.reading()):
                return
            await self._bell.wait(at_most=left)

    async def _report(self) -> None:
        """Make the Node, or what it should be of it; then what changed of its status."""
        if self.node is None:
            await self._register()
            return
        wish, api = self._rules.wish, self._tools.api
        patch = reconciled(self.node, wish) if self._rules.registers else {}
        try:
            if patch:
                after = await api.patch(NODES, self._name, patch, purpose=Purpose.NODE)
                self._take(after)
            await self._tell_status()
        except ApiNotFound:
            self._take(None)
            await self._register()

    async def _register(self) -> None:
        if not self._rules.registers:
            return
        now = self._tools.clock.now()
        self._tools.startup.tries()
        fresh = new_node(self._rules.wish, self._tools.reading(), now=now)
        try:
            made = await self._tools.api.create(NODES, fresh, purpose=Purpose.NODE)
        except ApiConflict:
            there = await self._tools.api.read(NODES, self._name, purpose=Purpose.NODE)
            self._take(there)
            self._bell.ring()
            return
        log.info("node registered", node=self._name)
        self._tools.startup.registered()
        self._tell_turns(None, made)
        self._plan_whole(changed=True)
        self._take(made)

    async def _tell_status(self) -> None:
        node, now = self.node, self._tools.clock.now()
        assert node is not None
        patch = status_change(node, self._tools.reading(), now=now, whole=now >= self._whole_at)
        if not patch:
            return
        after = await self._tools.api.patch(
            NODES, self._name, patch, purpose=Purpose.NODE, subresource="status"
        )
        self._plan_whole(changed=now < self._whole_at)
        self._tell_turns(node, after)
        if is_ready(after.status) and not is_ready(node.status):
            log.info("node is ready", node=self._name)
            self._tools.startup.ready()
        self._take(after)

    def _plan_whole(self, *, changed: bool) -> None:
        """After a change the next whole report moves by chance, so that nodes do not march."""
        period = self._rules.report_period
        shift = random.uniform(-0.5, 0.5) * period if changed else 0.0
        self._whole_at = self._tools.clock.now() + period + shift

    def _tell_turns(self, before: v1.Node | None, after: v1.Node) -> None:
        spec = after.spec if before is None else before.spec
        known = before or v1.Node(metadata=after.metadata, spec=spec)
        for told in turns(msgspec.structs.replace(known, spec=after.spec), after, name=self._name):
            self._event(*told)

    async def _use_pod_range(self) -> None:
        """The runtime gives pods addresses of the Node's range, where it is told to."""
        spec = self.node.spec if self.node is not None else None
        ranges = ",".join((spec.podCIDRs or ()) if spec is not None else ())
        if ranges and ranges != self._pod_range:
            await self._tools.runtime.use_pod_range(ranges)
            self._pod_range = ranges

    def _event(self, type_: EventType, reason: str, message: str) -> None:
        subject = Subject(kind="Node", name=self._name, uid=PodUid(self._name))
        self._tools.recorder.event(subject, type_, reason, message)


def _same(one: v1.Node, other: v1.Node) -> bool:
    assert one.metadata is not None and other.metadata is not None
    return one.metadata.uid == other.metadata.uid


def _without_status(node: v1.Node) -> v1.Node:
    return msgspec.structs.replace(node, status=None)
