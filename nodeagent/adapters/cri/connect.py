"""Everything of the runtime on one or two sockets, ready to hand to the engine."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio
import msgspec

from nodeagent.adapters.cri.calls import ContainerdCalls, ImageCalls, RuntimeCalls, Tell, nobody
from nodeagent.adapters.cri.channel import open_channel
from nodeagent.adapters.cri.containers import CriContainers
from nodeagent.adapters.cri.images import CriImages
from nodeagent.adapters.cri.runtime import CriRuntime
from nodeagent.adapters.cri.sandboxes import CriSandboxes
from nodeagent.adapters.cri.sight import CriSight
from nodeagent.adapters.cri.stats import CriStats
from nodeagent.adapters.cri.streams import CriStreams


class Cri(msgspec.Struct, frozen=True, kw_only=True):
    """The ports that one container runtime fills."""

    runtime: CriRuntime
    sight: CriSight
    sandboxes: CriSandboxes
    containers: CriContainers
    streams: CriStreams
    images: CriImages
    stats: CriStats


@asynccontextmanager
async def open_cri(
    endpoint: str, *, image_endpoint: str = "", timeout: float = 120.0, tell: Tell = nobody
) -> AsyncIterator[Cri]:
    """Channels to the runtime, closed on leaving. Nothing is sent before the first call.

    `timeout` is runtimeRequestTimeout in seconds. An empty `image_endpoint` means `endpoint`.
    `tell` hears of each call that ended.
    """
    async with AsyncExitStack() as stack:
        channel = await _opened(endpoint, stack)
        shared = image_endpoint in ("", endpoint)
        images = channel if shared else await _opened(image_endpoint, stack)
        calls, image_calls = RuntimeCalls(channel, tell), ImageCalls(images, tell)
        yield Cri(
            runtime=CriRuntime(calls, ContainerdCalls(channel), timeout=timeout),
            sight=CriSight(calls, timeout=timeout),
            sandboxes=CriSandboxes(calls, timeout=timeout),
            containers=CriContainers(calls, timeout=timeout),
            streams=CriStreams(calls, timeout=timeout),
            images=CriImages(image_calls, timeout=timeout),
            stats=CriStats(calls, image_calls, timeout=timeout),
        )


async def _opened(endpoint: str, stack: AsyncExitStack) -> grpc.aio.Channel:
    channel = open_channel(endpoint)
    stack.push_async_callback(channel.close, None)
    return channel
