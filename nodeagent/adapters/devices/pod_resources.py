"""The pod resources API: gRPC on a unix socket, for device monitoring on the node.

Source: section 10.10 of the reference; KEP-606 and KEP-2043.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message

from nodeagent.adapters.devices.pb import podresources_pb2 as pb
from nodeagent.core.bucket import Bucket
from nodeagent.errors import HostError
from nodeagent.model.pod_resources import Held, HeldDevices, HeldMemory, PodHolds

log = structlog.get_logger()

LONGEST_PATH = 107  # bytes; what sockaddr_un holds
RATE, BURST = 100, 10  # requests a second
TOO_MANY = "rejected by rate limit"
_CLOSING = 0.5  # seconds that a call under way may still take

Answer = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Awaitable[Message]]


class PodResourcesServer:
    """Serves v1 (List, Get, GetAllocatableResources) and v1alpha1 (List) at the path.

    `list_pods` tells of pods that have not ended, `get_pod` of one by namespace and name,
    `allocatable` of everything there is on the node. `tell` hears of each request that was let
    in: the API's version, "list", "get" or "get_allocatable", and whether it failed.
    """

    def __init__(
        self,
        path: Path,
        *,
        list_pods: Callable[[], Iterable[PodHolds]],
        get_pod: Callable[[str, str], PodHolds | None],
        allocatable: Callable[[], Held],
        tell: Callable[[str, str, bool], None] = lambda version, method, failed: None,
    ) -> None:
        self._path = path
        self._list_pods, self._get_pod, self._allocatable = list_pods, get_pod, allocatable
        self._bucket, self._tell = Bucket(rate=RATE, burst=BURST), tell
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. HostError where the socket cannot be had.

        A root folder with a path too long for a socket in it is told of, and there is none then.
        """
        if len(os.fsencode(self._path)) > LONGEST_PATH:
            log.warning("pod resources socket has too long a path", path=str(self._path))
            await asyncio.Event().wait()
        try:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)  # that of an earlier run: the root folder is ours
            server = grpc.aio.server()
            server.add_generic_rpc_handlers((_service("v1.", self._v1()),))
            server.add_generic_rpc_handlers((_service("v1alpha1.", self._v1alpha1()),))
            server.add_insecure_port(f"unix:{self._path}")
            await server.start()
            self._path.chmod(0o660)
        except (OSError, RuntimeError) as error:
            raise HostError(op="listen on", target=str(self._path), detail=str(error)) from error
        self.ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            await server.stop(_CLOSING)
            with contextlib.suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108 - at once, the loop is ending

    def _v1(self) -> Mapping[str, Any]:
        return {
            "List": _unary(self._list, pb.ListPodResourcesRequest),
            "Get": _unary(self._get, pb.GetPodResourcesRequest),
            "GetAllocatableResources": _unary(self._all, pb.AllocatableResourcesRequest),
        }

    def _v1alpha1(self) -> Mapping[str, Any]:
        return {"List": _unary(self._list_alpha, pb.ListPodResourcesRequest)}

    async def _list(self, _: Message, context: Any) -> Message:
        await self._admit(context)
        self._tell("v1", "list", False)
        return pb.ListPodResourcesResponse(pod_resources=[_pod(p) for p in self._list_pods()])

    async def _list_alpha(self, _: Message, context: Any) -> Message:
        """The same, without what that version does not have."""
        await self._admit(context)
        self._tell("v1alpha1", "list", False)
        answer = pb.ListPodResourcesResponse(pod_resources=[_pod(p) for p in self._list_pods()])
        for pod in answer.pod_resources:
            for container in pod.containers:
                for field in ("cpu_ids", "memory", "dynamic_resources"):
                    container.ClearField(field)
                for devices in container.devices:
                    devices.ClearField("topology")
        return answer

    async def _get(self, asked: pb.GetPodResourcesRequest, context: Any) -> Message:
        await self._admit(context)
        pod = self._get_pod(asked.pod_namespace, asked.pod_name)
        self._tell("v1", "get", pod is None)
        if pod is None:
            text = f"pod {asked.pod_name} in namespace {asked.pod_namespace} not found"
            await context.abort(grpc.StatusCode.UNKNOWN, text)
            raise AssertionError("abort does not come back")
        return pb.GetPodResourcesResponse(pod_resources=_pod(pod))

    async def _all(self, _: Message, context: Any) -> Message:
        await self._admit(context)
        self._tell("v1", "get_allocatable", False)
        held = self._allocatable()
        return pb.AllocatableResourcesResponse(
            devices=[_devices(one) for one in held.devices],
            cpu_ids=held.cpus,
            memory=[_memory(one) for one in held.memory],
        )

    async def _admit(self, context: Any) -> None:
        if not self._bucket.take(time.monotonic()):
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, TOO_MANY)


def _service(version: str, methods: Mapping[str, Any]) -> Any:
    return grpc.method_handlers_generic_handler(f"{version}PodResourcesLister", dict(methods))


def _unary(answer: Answer, request: type[Message]) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def _pod(pod: PodHolds) -> pb.PodResources:
    return pb.PodResources(
        name=pod.name,
        namespace=pod.namespace,
        containers=[
            pb.ContainerResources(
                name=one.name,
                devices=[_devices(devices) for devices in one.held.devices],
                cpu_ids=one.held.cpus,
                memory=[_memory(memory) for memory in one.held.memory],
            )
            for one in pod.containers
        ],
    )


def _devices(held: HeldDevices) -> pb.ContainerDevices:
    return pb.ContainerDevices(
        resource_name=held.resource, device_ids=held.ids, topology=_topology(held.numa)
    )


def _memory(held: HeldMemory) -> pb.ContainerMemory:
    return pb.ContainerMemory(
        memory_type=held.kind, size=held.size_bytes, topology=_topology(held.numa)
    )


def _topology(numa: tuple[int, ...]) -> pb.TopologyInfo | None:
    return pb.TopologyInfo(nodes=[pb.NUMANode(ID=one) for one in numa]) if numa else None
