"""One question to a plugin's registration socket."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc.aio
from google.protobuf.message import Message

from nodeagent.adapters.plugins.pb import pluginregistration_pb2 as pb
from nodeagent.errors import HostError

Answer = TypeVar("Answer", bound=Message)
LIMIT = 5.0  # seconds; a plugin only says who it is
_SERVICE = "/pluginregistration.Registration/"


async def get_info(socket: str) -> pb.PluginInfo:
    """Who listens at this socket. HostError where nobody answers."""
    return await _call(socket, "GetInfo", pb.InfoRequest(), pb.PluginInfo)


async def notify(socket: str, *, trouble: str) -> None:
    """Tell the plugin that it is registered, or why it is not. HostError where it is gone."""
    status = pb.RegistrationStatus(plugin_registered=not trouble, error=trouble)
    await _call(socket, "NotifyRegistrationStatus", status, pb.RegistrationStatusResponse)


async def _call(socket: str, method: str, request: Message, answer: type[Answer]) -> Answer:
    options = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(f"unix://{socket}", options=options) as channel:
        call: Callable[..., Awaitable[Answer]] = channel.unary_unary(
            _SERVICE + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            return await call(request, timeout=LIMIT)
        except grpc.aio.AioRpcError as error:
            detail = f"{error.code().name}: {error.details()}"
            raise HostError(op=f"ask plugin ({method})", target=socket, detail=detail) from error
