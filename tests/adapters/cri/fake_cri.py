"""A runtime on a unix socket whose answers a test scripts, message by message."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from nodeagent.adapters.cri.calls import Tell, nobody
from nodeagent.adapters.cri.connect import Cri, open_cri
from nodeagent.adapters.cri.pb import containerd_service_pb2 as events_pb
from nodeagent.adapters.cri.pb import containerd_types_pb2 as types_pb
from nodeagent.adapters.cri.pb import cri_pb2 as pb

SERVICES = (
    pb.DESCRIPTOR.services_by_name["RuntimeService"],
    pb.DESCRIPTOR.services_by_name["ImageService"],
    events_pb.DESCRIPTOR.services_by_name["Events"],
)
Answer = Message | Callable[[Any], Message | Awaitable[Message]]


class Refusal(Exception):
    """Raised by a script to answer with a status."""

    def __init__(self, code: grpc.StatusCode, words: str = "no") -> None:
        super().__init__(words)
        self.code, self.words = code, words


class FakeCri(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Answers by method name. A method without a script is Unimplemented.

    `asked` keeps every request with its method. A stream sends what is put into its queue until
    it is given None.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Refusal] = {
            "Version": pb.VersionResponse(runtime_name="containerd", runtime_version="9.9.9")
        }
        self.streams: dict[str, asyncio.Queue[Message | Refusal | None]] = {}
        self.asked: list[tuple[str, Any]] = []
        self._methods = {
            f"/{service.full_name}/{method.name}": method
            for service in SERVICES
            for method in service.methods
        }

    def requests(self, method: str) -> list[Any]:
        return [request for name, request in self.asked if name == method]

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        method = self._methods.get(details.method)
        if method is None:
            return None
        make = (
            grpc.unary_stream_rpc_method_handler
            if method.server_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        run = self._stream if method.server_streaming else self._answer
        bound: Any = run(method)
        return make(
            bound,
            request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
            response_serializer=lambda message: bytes(message.SerializeToString()),
        )

    def _answer(self, method: MethodDescriptor) -> Any:
        async def run(request: Message, context: Any) -> Message:
            self.asked.append((method.name, request))
            script = self.answers.get(method.name, Refusal(grpc.StatusCode.UNIMPLEMENTED))
            try:
                return await _play(script, request)
            except Refusal as refusal:
                await context.abort(refusal.code, refusal.words)
                raise

        return run

    def _stream(self, method: MethodDescriptor) -> Any:
        async def run(request: Message, context: Any) -> AsyncIterator[Message]:
            self.asked.append((method.name, request))
            queue = self.streams.get(method.name)
            if queue is None:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such stream")
                return
            while (item := await queue.get()) is not None:
                if isinstance(item, Refusal):
                    await context.abort(item.code, item.words)
                else:
                    yield item

        return run


@asynccontextmanager
async def serving(fake: FakeCri, socket: Path) -> AsyncIterator[None]:
    """The fake listens on the socket inside the block."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((fake,))
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@asynccontextmanager
async def connected(
    fake: FakeCri, folder: Path, *, timeout: float = 10.0, tell: Tell = nobody
) -> AsyncIterator[Cri]:
    """The adapter, connected to the fake."""
    socket = folder / "cri.sock"
    async with (
        serving(fake, socket),
        open_cri(f"unix://{socket}", timeout=timeout, tell=tell) as cri,
    ):
        yield cri


def envelope(topic: str, payload: Message) -> types_pb.Envelope:
    """One event of containerd's own stream, at Unix second 1000.5."""
    made = types_pb.Envelope(namespace="k8s.io", topic=topic)
    made.timestamp.seconds, made.timestamp.nanos = 1000, 500_000_000
    made.event.type_url = payload.DESCRIPTOR.full_name
    made.event.value = payload.SerializeToString()
    return made


async def _play(script: Answer | Refusal, request: Message) -> Message:
    if isinstance(script, Refusal):
        raise script
    if isinstance(script, Message):
        return script
    answer = script(request)
    return answer if isinstance(answer, Message) else await answer
