"""The calls the agent makes, as typed callables on a channel.

Built from this table rather than from generated stubs, which would make a callable for each of
the forty CRI methods and import grpc's server side.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Protocol, TypeAlias, TypeVar

import grpc.aio
from google.protobuf.message import Message

from nodeagent.adapters.cri.pb import containerd_service_pb2 as events_pb
from nodeagent.adapters.cri.pb import containerd_types_pb2 as types_pb
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriError

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)
Request_contra = TypeVar("Request_contra", bound=Message, contravariant=True)
Answer_co = TypeVar("Answer_co", bound=Message, covariant=True)
Got = TypeVar("Got")

Tell: TypeAlias = Callable[[str, float, bool], None]
"""Hears of each call that ended: a kubelet's name for it, seconds, whether it failed."""

RUNTIME_SERVICE = "runtime.v1.RuntimeService"
IMAGE_SERVICE = "runtime.v1.ImageService"
EVENT_SERVICE = "containerd.services.events.v1.Events"


def operation_type(method: str) -> str:
    """What a kubelet calls a method in its metrics: "/runtime.v1.RuntimeService/RunPodSandbox" is
    run_podsandbox."""
    name = method.rpartition("/")[2].replace("PodSandbox", "Podsandbox")
    name = name.replace("UpdateContainerResources", "UpdateContainer")
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def nobody(operation: str, seconds: float, failed: bool) -> None:
    """Hears nothing."""


class Pending(Awaitable[Answer_co], Protocol[Answer_co]):
    """A call on its way: it runs from the moment it is made, not only once it is awaited."""

    def cancel(self) -> bool:
        """Give up on it; nothing happens if it is over."""
        ...


class Unary(Protocol[Request_contra, Answer_co]):
    """One request, one answer. `timeout` is in seconds, None for no deadline."""

    def __call__(
        self,
        request: Request_contra,
        /,
        *,
        timeout: float | None,
        wait_for_ready: bool | None = None,
    ) -> Pending[Answer_co]: ...


class Flow(Protocol[Answer_co]):
    """A stream of answers on its way."""

    def __aiter__(self) -> AsyncIterator[Answer_co | None]:
        """The answers; None for one that cannot be read."""
        ...

    async def read(self) -> Any:
        """The next answer, or grpc.aio.EOF. Cancelling a read cancels the whole stream."""
        ...

    def done(self) -> bool:
        """Whether the stream is over: ended, broken or refused."""
        ...

    def cancel(self) -> bool: ...


class Streaming(Protocol[Request_contra, Answer_co]):
    """One request, many answers."""

    def __call__(self, request: Request_contra, /) -> Flow[Answer_co]: ...


class RuntimeCalls:
    """CRI's RuntimeService."""

    def __init__(self, channel: grpc.aio.Channel, tell: Tell = nobody) -> None:
        at = f"/{RUNTIME_SERVICE}/"
        self.version = _unary(tell, channel, at + "Version", pb.VersionRequest, pb.VersionResponse)
        self.status = _unary(tell, channel, at + "Status", pb.StatusRequest, pb.StatusResponse)
        self.runtime_config = _unary(
            tell, channel, at + "RuntimeConfig", pb.RuntimeConfigRequest, pb.RuntimeConfigResponse
        )
        self.update_config = _unary(
            tell,
            channel,
            at + "UpdateRuntimeConfig",
            pb.UpdateRuntimeConfigRequest,
            pb.UpdateRuntimeConfigResponse,
        )
        self.list_sandboxes = _unary(
            tell,
            channel,
            at + "ListPodSandbox",
            pb.ListPodSandboxRequest,
            pb.ListPodSandboxResponse,
        )
        self.sandbox_status = _unary(
            tell,
            channel,
            at + "PodSandboxStatus",
            pb.PodSandboxStatusRequest,
            pb.PodSandboxStatusResponse,
        )
        self.run_sandbox = _unary(
            tell, channel, at + "RunPodSandbox", pb.RunPodSandboxRequest, pb.RunPodSandboxResponse
        )
        self.stop_sandbox = _unary(
            tell,
            channel,
            at + "StopPodSandbox",
            pb.StopPodSandboxRequest,
            pb.StopPodSandboxResponse,
        )
        self.remove_sandbox = _unary(
            tell,
            channel,
            at + "RemovePodSandbox",
            pb.RemovePodSandboxRequest,
            pb.RemovePodSandboxResponse,
        )
        self.list_containers = _unary(
            tell,
            channel,
            at + "ListContainers",
            pb.ListContainersRequest,
            pb.ListContainersResponse,
        )
        self.container_status = _unary(
            tell,
            channel,
            at + "ContainerStatus",
            pb.ContainerStatusRequest,
            pb.ContainerStatusResponse,
        )
        self.create_container = _unary(
            tell,
            channel,
            at + "CreateContainer",
            pb.CreateContainerRequest,
            pb.CreateContainerResponse,
        )
        self.start_container = _unary(
            tell,
            channel,
            at + "StartContainer",
            pb.StartContainerRequest,
            pb.StartContainerResponse,
        )
        self.stop_container = _unary(
            tell, channel, at + "StopContainer", pb.StopContainerRequest, pb.StopContainerResponse
        )
        self.remove_container = _unary(
            tell,
            channel,
            at + "RemoveContainer",
            pb.RemoveContainerRequest,
            pb.RemoveContainerResponse,
        )
        self.exec_sync = _unary(
            tell, channel, at + "ExecSync", pb.ExecSyncRequest, pb.ExecSyncResponse
        )
        self.exec = _unary(tell, channel, at + "Exec", pb.ExecRequest, pb.ExecResponse)
        self.attach = _unary(tell, channel, at + "Attach", pb.AttachRequest, pb.AttachResponse)
        self.port_forward = _unary(
            tell, channel, at + "PortForward", pb.PortForwardRequest, pb.PortForwardResponse
        )
        self.checkpoint = _unary(
            tell,
            channel,
            at + "CheckpointContainer",
            pb.CheckpointContainerRequest,
            pb.CheckpointContainerResponse,
        )
        self.update_resources = _unary(
            tell,
            channel,
            at + "UpdateContainerResources",
            pb.UpdateContainerResourcesRequest,
            pb.UpdateContainerResourcesResponse,
        )
        self.update_sandbox = _unary(
            tell,
            channel,
            at + "UpdatePodSandboxResources",
            pb.UpdatePodSandboxResourcesRequest,
            pb.UpdatePodSandboxResourcesResponse,
        )
        self.reopen_log = _unary(
            tell,
            channel,
            at + "ReopenContainerLog",
            pb.ReopenContainerLogRequest,
            pb.ReopenContainerLogResponse,
        )
        self.list_container_stats = _unary(
            tell,
            channel,
            at + "ListContainerStats",
            pb.ListContainerStatsRequest,
            pb.ListContainerStatsResponse,
        )
        self.container_events = _streaming(
            channel, at + "GetContainerEvents", pb.GetEventsRequest, pb.ContainerEventResponse
        )


class ImageCalls:
    """CRI's ImageService."""

    def __init__(self, channel: grpc.aio.Channel, tell: Tell = nobody) -> None:
        at = f"/{IMAGE_SERVICE}/"
        self.list_images = _unary(
            tell, channel, at + "ListImages", pb.ListImagesRequest, pb.ListImagesResponse
        )
        self.image_status = _unary(
            tell, channel, at + "ImageStatus", pb.ImageStatusRequest, pb.ImageStatusResponse
        )
        self.pull_image = _unary(
            tell, channel, at + "PullImage", pb.PullImageRequest, pb.PullImageResponse
        )
        self.image_fs_info = _unary(
            tell, channel, at + "ImageFsInfo", pb.ImageFsInfoRequest, pb.ImageFsInfoResponse
        )
        self.remove_image = _unary(
            tell, channel, at + "RemoveImage", pb.RemoveImageRequest, pb.RemoveImageResponse
        )


class ContainerdCalls:
    """containerd's own event service, which is on the same socket as its CRI."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.subscribe = _streaming(
            channel, f"/{EVENT_SERVICE}/Subscribe", events_pb.SubscribeRequest, types_pb.Envelope
        )


def _unary(
    tell: Tell,
    channel: grpc.aio.Channel,
    method: str,
    request: type[Request],
    answer: type[Answer],
) -> Unary[Request, Answer]:
    made: Any = channel.unary_unary(
        method,
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )
    operation = operation_type(method)

    def call(
        request: Request, /, *, timeout: float | None, wait_for_ready: bool | None = None
    ) -> Pending[Answer]:
        pending = made(request, timeout=timeout, wait_for_ready=wait_for_ready)
        return Checked(pending, method, lambda took, failed: tell(operation, took, failed))

    return call


class Checked(Awaitable[Got]):
    """A call whose answer is there once it was awaited: grpc gives None for one it cannot read.

    A runtime that does not check its texts can be made to send such an answer, by whoever writes
    an annotation that is not UTF-8.
    """

    __slots__ = ("_began", "_call", "_method", "_tell")

    def __init__(self, call: Any, method: str, tell: Callable[[float, bool], None]) -> None:
        self._call, self._method, self._tell = call, method, tell
        self._began = time.monotonic()

    def __await__(self) -> Generator[Any, None, Got]:
        try:
            answer: Got | None = yield from self._call.__await__()
        except grpc.RpcError:
            self._tell(time.monotonic() - self._began, True)
            raise
        self._tell(time.monotonic() - self._began, answer is None)
        if answer is None:
            op = self._method.rpartition("/")[2]
            detail = "its answer cannot be read; see the runtime's log"
            raise CriError(op=op, target="container runtime", detail=detail)
        return answer

    def cancel(self) -> bool:
        """Give up on it; nothing happens if it is over."""
        return bool(self._call.cancel())


def _streaming(
    channel: grpc.aio.Channel, method: str, request: type[Request], answer: type[Answer]
) -> Streaming[Request, Answer]:
    made: Any = channel.unary_stream(
        method,
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )
    return made  # type: ignore[no-any-return]
