"""containerd's own events, for a containerd whose CRI has none (1.6)."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import msgspec
from google.protobuf.message import DecodeError

from nodeagent.adapters.cri.calls import ContainerdCalls, Flow, RuntimeCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.parse import owner_of, parse_time
from nodeagent.adapters.cri.pb import containerd_events_pb2 as events_pb
from nodeagent.adapters.cri.pb import containerd_service_pb2 as service_pb
from nodeagent.adapters.cri.pb import containerd_types_pb2 as types_pb
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriError, CriNotFound
from nodeagent.model.ids import PodUid
from nodeagent.model.observed import EventKind, RuntimeEvent

# CRI's containers live in this containerd namespace. Exits of exec'd processes have no delete
# event, so exec probes do not wake us. Creations and starts are not asked for: they do not say
# whose they are, CRI itself cannot tell until the call that made them is over, and that call's
# owner looks then anyway.
FILTER = 'namespace==k8s.io,topic~="^/(tasks|containers)/delete$"'

FIRST_CHECK = 0.004  # seconds from the delete event until CRI is asked whether it knows
LAST_CHECK = 2.0  # seconds after which the exit is told anyway
TICK = 0.0005  # seconds; a check that is due so soon is due now
CHECK_TIMEOUT = 0.5  # seconds that one check may take


class Settling(msgspec.Struct, frozen=True, kw_only=True):
    """An exit that containerd has told and its CRI perhaps not yet seen. Monotonic seconds."""

    event: RuntimeEvent
    check_at: float
    wait: float
    give_up_at: float


class ContainerdEvents:
    """One life of a subscription. `barrier` returns once the runtime has seen earlier calls."""

    def __init__(
        self,
        calls: RuntimeCalls,
        containerd: ContainerdCalls,
        *,
        barrier: Callable[[], Awaitable[object]],
    ) -> None:
        self._calls = calls
        self._containerd = containerd
        self._barrier = barrier
        self._settling: dict[str, Settling] = {}

    async def events(self) -> AsyncGenerator[RuntimeEvent, None]:
        """Hints until the stream breaks; LOST first.

        An exit is told once CRI's own status shows it: containerd publishes it some 10 ms before
        its CRI plugin has taken note, and who looked then would see a running container.
        """
        with translated("Subscribe", "containerd events"):
            flow = self._containerd.subscribe(service_pb.SubscribeRequest(filters=[FILTER]))
            # A read that is cancelled ends the stream, so one is kept open across the checks.
            reading = _keep_reading(flow)
            try:
                await self._barrier()
                if not flow.done():
                    yield lost()
                while True:
                    await asyncio.wait((reading,), timeout=self._until_check())
                    if reading.done():
                        envelope = reading.result()
                        if not isinstance(envelope, types_pb.Envelope):
                            return  # grpc.aio.EOF
                        reading = _keep_reading(flow)
                        if (told := self._take(envelope)) is not None:
                            yield told
                    for settled in await self._settled():
                        yield settled
            finally:
                reading.cancel()
                flow.cancel()

    def _take(self, envelope: types_pb.Envelope) -> RuntimeEvent | None:
        """What to tell at once. An exit is put aside instead."""
        event = parse_envelope(envelope)
        if event is None or event.kind is not EventKind.EXITED:
            return event
        now = asyncio.get_running_loop().time()
        self._settling[event.container_id] = Settling(
            event=event, check_at=now + FIRST_CHECK, wait=FIRST_CHECK, give_up_at=now + LAST_CHECK
        )
        return None

    def _until_check(self) -> float | None:
        if not self._settling:
            return None
        first = min(item.check_at for item in self._settling.values())
        return max(0.0, first - asyncio.get_running_loop().time())

    async def _settled(self) -> list[RuntimeEvent]:
        """Exits that may be told now; the others get a later check."""
        if not self._settling:
            return []
        now = asyncio.get_running_loop().time()
        told = []
        for name, item in list(self._settling.items()):
            if item.check_at > now + TICK:
                continue
            over, uid = await self._look(name)
            if over or now > item.give_up_at:
                del self._settling[name]
                told.append(msgspec.structs.replace(item.event, uid=uid))
            else:
                self._settling[name] = msgspec.structs.replace(
                    item, check_at=now + 1.5 * item.wait, wait=1.5 * item.wait
                )
        return told

    async def _look(self, name: str) -> tuple[bool, PodUid | None]:
        """Whether CRI knows that the container or sandbox is over, and whose it is.

        A runtime that cannot say counts as yes: the owner looks too and will see the trouble.
        """
        try:
            return await self._look_container(name)
        except CriNotFound:
            pass
        except CriError:
            return True, None
        try:
            return await self._look_sandbox(name)
        except CriError:
            return True, None

    async def _look_container(self, name: str) -> tuple[bool, PodUid | None]:
        request = pb.ContainerStatusRequest(container_id=name)
        with translated("ContainerStatus", name):
            answer = await self._calls.container_status(request, timeout=CHECK_TIMEOUT)
        over = answer.status.state not in (pb.CONTAINER_RUNNING, pb.CONTAINER_CREATED)
        return over, owner_of(answer.status.labels)

    async def _look_sandbox(self, name: str) -> tuple[bool, PodUid | None]:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=name)
        with translated("PodSandboxStatus", name):
            answer = await self._calls.sandbox_status(request, timeout=CHECK_TIMEOUT)
        over = answer.status.state != pb.SANDBOX_READY
        return over, owner_of(answer.status.labels)


def _keep_reading(flow: Flow[types_pb.Envelope]) -> asyncio.Future[object]:
    reading: asyncio.Future[object] = asyncio.ensure_future(flow.read())
    # Its error counts only if somebody is still waiting for it.
    reading.add_done_callback(_retrieve)
    return reading


def _retrieve(done: asyncio.Future[object]) -> None:
    if not done.cancelled():
        done.exception()


def lost() -> RuntimeEvent:
    """The event that says: look at everything."""
    return RuntimeEvent(kind=EventKind.LOST, container_id="", at=time.time())


def parse_envelope(envelope: types_pb.Envelope) -> RuntimeEvent | None:
    """What one containerd event means for pods; None for those that mean nothing."""
    try:
        return _parse_envelope(envelope)
    except DecodeError:
        return lost()


def _parse_envelope(envelope: types_pb.Envelope) -> RuntimeEvent | None:
    at = parse_time(envelope.timestamp)
    if envelope.topic == "/containers/delete":
        removed = events_pb.ContainerDelete.FromString(envelope.event.value)
        return RuntimeEvent(kind=EventKind.DELETED, container_id=removed.id, at=at)
    if envelope.topic == "/tasks/delete":
        ended = events_pb.TaskDelete.FromString(envelope.event.value)
        if ended.id in ("", ended.container_id):  # else a process of an exec
            return RuntimeEvent(kind=EventKind.EXITED, container_id=ended.container_id, at=at)
    return None
