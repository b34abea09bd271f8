"""What the runtime has, kept current by its events and by a slow audit that counts misses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import structlog

from nodeagent.aio.bell import Bell
from nodeagent.engine.ports import OomLog, PodFiles, Runtime, Sight
from nodeagent.engine.state import NodeState
from nodeagent.errors import AgentError, CriUnavailable, CriUnimplemented
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import (
    EventKind,
    ObservedPod,
    Phase,
    RuntimeEvent,
    SeenContainer,
    SeenSandbox,
)

log = structlog.get_logger()
_T = TypeVar("_T", SeenContainer, SeenSandbox)

AUDIT_PERIOD = 60.0
POLL_FASTEST, POLL_SLOWEST = 1.0, 10.0  # relisting where the runtime has no events
LOOK_LIMIT = 15.0  # one look of one pod; longer means that this pod is in trouble
OWN_CALL = 0.5  # seconds that a start may be seen by its maker before we look ourselves
MESSAGE_LIMIT = 4096
FALLBACK_LINES, FALLBACK_BYTES = 80, 2048


class Observer:
    """The only writer of what is seen.

    Looks carry tickets: the answer of an older look never replaces that of a newer one. A look
    that hangs marks its own pod only.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        sight: Sight,
        state: NodeState,
        files: PodFiles,
        ooms: OomLog,
        audit_period: float = AUDIT_PERIOD,
    ) -> None:
        self._runtime, self._sight, self._state, self._files = runtime, sight, state, files
        self._ooms, self._audit_period = ooms, audit_period
        self._ticket = 0
        self._applied: dict[str, int] = {}  # container or sandbox id -> ticket of its last look
        self._owner: dict[str, PodUid] = {}
        self._pending: dict[PodUid, set[str]] = {}  # objects to look at, "" for the whole pod
        self._looking: set[PodUid] = set()
        self._group: asyncio.TaskGroup | None = None
        self._audit_bell = Bell()
        self._has_events, self._polls_quiet = True, 0
        self.turned_at = 0.0  # by the loop's clock: when the audit last began a turn
        self.first_look = asyncio.Event()
        self.missed_events = 0
        self.on_missed: Callable[[int], None] = lambda _: None

    async def run(self) -> None:
        """Watch for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                group.create_task(self._follow_events(), name="runtime-events")
                group.create_task(self._audit_forever(), name="audit")
                await asyncio.Event().wait()
            finally:
                self._group = None

    # --- asked by workers -------------------------------------------------------------------

    async def look(self, uid: PodUid) -> None:
        """Look at the whole pod now. CriError where the runtime does not answer."""
        ticket = self._next_ticket()
        async with _limited(uid):
            pod = await self._sight.look(uid)
        await self._apply_pod(pod, ticket)

    async def look_container(self, uid: PodUid, container: ContainerId) -> None:
        """Look at one container now."""
        ticket = self._next_ticket()
        async with _limited(uid):
            seen = await self._sight.look_container(container)
        if seen is None:
            self.forget(uid, (container,))
            return
        await self._apply_container(uid, seen, ticket)

    async def look_sandbox(self, uid: PodUid, sandbox: SandboxId) -> None:
        """Look at one sandbox now."""
        ticket = self._next_ticket()
        async with _limited(uid):
            seen = await self._sight.look_sandbox(sandbox)
        if seen is None:
            self.forget(uid, (sandbox,))
            return
        self._apply_sandbox(uid, seen, ticket)

    def forget(self, uid: PodUid, ids: Iterable[str]) -> None:
        """These were removed by us: they are no longer there."""
        gone = set(ids)
        pod = self._state.observed(uid)
        ticket = self._next_ticket()
        for id_ in gone:
            self._applied[id_] = ticket  # a look that is under way must not bring it back
            self._owner.pop(id_, None)
        self._state.saw(
            msgspec.structs.replace(
                pod,
                sandboxes=tuple(b for b in pod.sandboxes if b.id not in gone),
                containers=tuple(c for c in pod.containers if c.id not in gone),
            )
        )

    # --- events -----------------------------------------------------------------------------

    async def _follow_events(self) -> None:
        while True:
            try:
                async for event in self._runtime.events():
                    self._take(event)
            except CriUnimplemented:
                log.info("runtime has no events, relisting instead")
                self._has_events = False
                self._audit_bell.ring()
                await asyncio.Event().wait()
            except AgentError as error:
                log.warning("runtime events broke off", error=str(error))
                await asyncio.sleep(1.0)

    def _take(self, event: RuntimeEvent) -> None:
        if event.kind is EventKind.LOST:
            self._audit_bell.ring()
            return
        uid = event.uid or self._owner.get(event.container_id)
        if uid is None:
            if event.kind is not EventKind.DELETED:
                self._audit_bell.ring()
            return
        if self._is_known(uid, event):
            return
        if event.kind in (EventKind.CREATED, EventKind.STARTED):
            # Mostly our own call, whose answer is about to be looked at anyway.
            asyncio.get_running_loop().call_later(OWN_CALL, self._look_if_unknown, uid, event)
        else:
            self.look_soon(uid, event.container_id)

    def _look_if_unknown(self, uid: PodUid, event: RuntimeEvent) -> None:
        if not self._is_known(uid, event) and event.container_id not in self._applied:
            self.look_soon(uid, event.container_id)

    def _is_known(self, uid: PodUid, event: RuntimeEvent) -> bool:
        """Whether what the event tells is seen already, as after our own actions."""
        pod = self._state.observed(uid)
        container = next((c for c in pod.containers if c.id == event.container_id), None)
        if container is not None:
            if event.kind is EventKind.CREATED:
                return True
            if event.kind is EventKind.STARTED:
                return container.phase in (Phase.RUNNING, Phase.EXITED)
            return event.kind is EventKind.EXITED and container.phase is Phase.EXITED
        box = next((b for b in pod.sandboxes if b.id == event.container_id), None)
        if box is not None:
            if event.kind in (EventKind.CREATED, EventKind.STARTED):
                return True
            return event.kind is EventKind.EXITED and not box.ready
        return event.kind is EventKind.DELETED

    def look_soon(self, uid: PodUid, what: str = "") -> None:
        """Look at one object of the pod, or at all of it, without waiting for the answer."""
        self._pending.setdefault(uid, set()).add(what)
        if uid not in self._looking and self._group is not None:
            self._looking.add(uid)
            self._group.create_task(self._look_pending(uid), name=f"look-{uid}")

    async def _look_pending(self, uid: PodUid) -> None:
        pause = 0.5
        try:
            while wanted := self._pending.pop(uid, None):
                try:
                    await self._look_at(uid, wanted)
                    pause = 0.5
                except AgentError as error:
                    self._mark(uid, str(error))
                    self._pending.setdefault(uid, set()).add("")
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 10.0)
        finally:
            self._looking.discard(uid)

    async def _look_at(self, uid: PodUid, wanted: set[str]) -> None:
        pod = self._state.observed(uid)
        containers = {c.id for c in pod.containers}
        boxes = {b.id for b in pod.sandboxes}
        if pod.trouble or not wanted <= containers | boxes:
            await self.look(uid)
            return
        for id_ in wanted:
            if id_ in containers:
                await self.look_container(uid, ContainerId(id_))
            else:
                await self.look_sandbox(uid, SandboxId(id_))

    def _mark(self, uid: PodUid, trouble: str) -> None:
        pod = self._state.observed(uid)
        self._state.saw(msgspec.structs.replace(pod, trouble=trouble))

    # --- audit ------------------------------------------------------------------------------

    async def _audit_forever(self) -> None:
        """Audit at once, after every loss of events, and slowly in between.

        Only what the slow audit finds while an event source was connected was missed by it.
        """
        retry, is_slow_one = 0.2, False
        while True:
            self.turned_at = asyncio.get_running_loop().time()
            try:
                found = await self.audit()
            except (AgentError, TimeoutError) as error:
                log.warning("runtime cannot be listed", error=str(error))
                await asyncio.sleep(retry)
                retry, is_slow_one = min(retry * 2, 5.0), False
                continue
            retry = 0.2
            self.first_look.set()
            if found and is_slow_one and self._has_events:
                self.missed_events += found
                self.on_missed(found)
            self._polls_quiet = 0 if found else self._polls_quiet + 1
            is_slow_one = not await self._audit_bell.wait(at_most=self._audit_pause())

    def _audit_pause(self) -> float:
        fast = min(POLL_FASTEST * 1.5**self._polls_quiet, POLL_SLOWEST)
        return self._audit_period if self._has_events else fast

    async def audit(self) -> int:
        """List everything, look at the pods whose ids or phases differ; says how many did."""
        ticket = self._next_ticket()
        async with asyncio.timeout(60.0):
            listed = {pod.uid: pod for pod in await self._sight.list_pods()}
        self._applied = {i: t for i, t in self._applied.items() if i in self._owner or t > ticket}
        differing = [
            uid
            for uid in self._all_uids(listed)
            if uid not in self._looking
            and _outline(listed.get(uid)) != _outline(self._state.observed(uid))
            and not self._is_newer(uid, listed.get(uid), ticket)
        ]
        for start in range(0, len(differing), 16):
            await asyncio.gather(*map(self._look_or_mark, differing[start : start + 16]))
        return len(differing)

    def _all_uids(self, listed: Mapping[PodUid, ObservedPod]) -> set[PodUid]:
        return listed.keys() | {pod.uid for pod in self._state.all_observed()}

    def _is_newer(self, uid: PodUid, listed: ObservedPod | None, ticket: int) -> bool:
        """Whether something of the pod was looked at after the list was asked for."""
        pod = self._state.observed(uid)
        ids = {c.id for c in pod.containers} | {b.id for b in pod.sandboxes}
        if listed is not None:
            ids |= {c.id for c in listed.containers} | {b.id for b in listed.sandboxes}
        return any(self._applied.get(i, 0) > ticket for i in ids)

    async def _look_or_mark(self, uid: PodUid) -> None:
        try:
            await self.look(uid)
        except AgentError as error:
            self._mark(uid, str(error))
            self.look_soon(uid)

    # --- applying answers -------------------------------------------------------------------

    def _next_ticket(self) -> int:
        self._ticket += 1
        return self._ticket

    async def _apply_pod(self, pod: ObservedPod, ticket: int) -> None:
        told = tuple([await self._with_message(c) for c in pod.containers])
        before = self._state.observed(pod.uid)
        containers = self._merge(before.containers, told, ticket)
        sandboxes = self._merge(before.sandboxes, pod.sandboxes, ticket)
        self._state.saw(
            msgspec.structs.replace(
                pod,
                containers=tuple(sorted(containers, key=_newest_first)),
                sandboxes=tuple(sorted(sandboxes, key=_newest_first)),
                trouble="",
            )
        )
        self._own(pod.uid)

    async def _apply_container(self, uid: PodUid, seen: SeenContainer, ticket: int) -> None:
        told = await self._with_message(seen)
        if self._applied.get(seen.id, 0) > ticket:
            return
        self._applied[seen.id] = ticket
        pod = self._state.observed(uid)
        others = [c for c in pod.containers if c.id != told.id]
        found = tuple(sorted([*others, told], key=_newest_first))
        self._state.saw(msgspec.structs.replace(pod, containers=found))
        self._own(uid)

    def _apply_sandbox(self, uid: PodUid, seen: SeenSandbox, ticket: int) -> None:
        if self._applied.get(seen.id, 0) > ticket:
            return
        self._applied[seen.id] = ticket
        pod = self._state.observed(uid)
        found = sorted([*(b for b in pod.sandboxes if b.id != seen.id), seen], key=_newest_first)
        names = {"name": pod.name or seen.name, "namespace": pod.namespace or seen.namespace}
        self._state.saw(msgspec.structs.replace(pod, sandboxes=tuple(found), **names))
        self._own(uid)

    def _merge(self, before: tuple[_T, ...], told: tuple[_T, ...], ticket: int) -> list[_T]:
        """The new answers, except where an object was looked at since `ticket`."""
        newer: dict[str, _T] = {b.id: b for b in before if self._applied.get(b.id, 0) > ticket}
        merged: list[_T] = []
        for seen in told:
            if self._applied.get(seen.id, 0) <= ticket:
                self._applied[seen.id] = ticket
                merged.append(seen)
        merged.extend(newer.values())
        return merged

    def _own(self, uid: PodUid) -> None:
        pod = self._state.observed(uid)
        for container in pod.containers:
            self._owner[container.id] = uid
        for box in pod.sandboxes:
            self._owner[box.id] = uid

    async def _with_message(self, seen: SeenContainer) -> SeenContainer:
        """Add an ended container's message, and the kernel's hand in it: once for each instance."""
        if seen.phase is not Phase.EXITED:
            return seen
        uid = self._owner.get(seen.id)
        if uid is not None:
            before = next(
                (c for c in self._state.observed(uid).containers if c.id == seen.id), None
            )
            if before is not None and before.phase is Phase.EXITED:
                return msgspec.structs.replace(seen, message=before.message, oom=before.oom)
        text = await self._termination_text(seen)
        message = ": ".join(part for part in (seen.message, text) if part)
        suspect = seen.exit_code != 0 or seen.reason == "OOMKilled"
        oom = await self._ooms.find(seen.id) if suspect else None
        return msgspec.structs.replace(seen, message=message, oom=oom)

    async def _termination_text(self, seen: SeenContainer) -> str:
        """What the container left to say; nothing where that cannot be read, for it has ended."""
        try:
            return await self._read_text(seen)
        except AgentError as error:
            log.warning("termination message lost", container=seen.id, error=str(error))
            return ""

    async def _read_text(self, seen: SeenContainer) -> str:
        text = ""
        if seen.message_host_path:
            text = await self._files.read_message(seen.message_host_path, limit=MESSAGE_LIMIT)
        falls_back = seen.message_policy == "FallbackToLogsOnError"
        if not text and falls_back and seen.exit_code != 0 and seen.reason != "ContainerCannotRun":
            text = await self._files.read_log_tail(
                seen.log_path, lines=FALLBACK_LINES, limit=FALLBACK_BYTES
            )
        return text


@asynccontextmanager
async def _limited(uid: PodUid) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(LOOK_LIMIT):
            yield
    except TimeoutError as error:
        detail = f"the runtime did not answer within {LOOK_LIMIT:g} s"
        raise CriUnavailable(op="look at pod", target=uid, detail=detail) from error


def _newest_first(seen: SeenContainer | SeenSandbox) -> tuple[int, float]:
    """By attempt: what was asked for earlier and made later is not the newest."""
    return (-seen.attempt, -seen.created_at)


def _outline(pod: ObservedPod | None) -> tuple[frozenset[tuple[str, str]], ...]:
    """Ids and phases: what a list can tell."""
    if pod is None:
        return (frozenset(), frozenset())
    return (
        frozenset((b.id, str(b.ready)) for b in pod.sandboxes),
        frozenset((c.id, c.phase.value) for c in pod.containers),
    )
