"""The pod resources API over a real unix socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message

from nodeagent.adapters.devices.pb import podresources_pb2 as pb
from nodeagent.adapters.devices.pod_resources import BURST, TOO_MANY, PodResourcesServer
from nodeagent.metrics import AgentMetrics
from nodeagent.model.pod_resources import ContainerHolds, Held, HeldDevices, HeldMemory, PodHolds
from tests.fakes.figures import value

GPU = HeldDevices(resource="example.com/gpu", ids=("gpu-0", "gpu-1"), numa=(1,))
HUGE = HeldMemory(kind="hugepages-2Mi", size_bytes=4 << 20, numa=(0,))
WEB = PodHolds(
    name="web",
    namespace="default",
    containers=(
        ContainerHolds(name="sidecar"),
        ContainerHolds(name="app", held=Held(devices=(GPU,), cpus=(2, 3), memory=(HUGE,))),
    ),
)


class Client:
    """Calls of the API on a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def ask(
        self, method: str, request: Message, answer: type[Message], *, version: str = "v1"
    ) -> Message:
        call = self._channel.unary_unary(
            f"/{version}.PodResourcesLister/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        found: Message = await call(request, timeout=5)
        return found

    async def pods(self, *, version: str = "v1") -> pb.ListPodResourcesResponse:
        found = await self.ask(
            "List", pb.ListPodResourcesRequest(), pb.ListPodResourcesResponse, version=version
        )
        assert isinstance(found, pb.ListPodResourcesResponse)
        return found


@asynccontextmanager
async def serving(path: Path, metrics: AgentMetrics | None = None) -> AsyncIterator[Client]:
    metrics = metrics or AgentMetrics()
    server = PodResourcesServer(
        path,
        list_pods=lambda: [WEB],
        get_pod=lambda namespace, name: WEB if (namespace, name) == ("default", "web") else None,
        allocatable=lambda: Held(devices=(GPU,), cpus=(0, 1, 2, 3), memory=(HUGE,)),
        tell=metrics.asked.listed,
    )
    task = asyncio.ensure_future(server.run())
    await asyncio.wait_for(server.ready.wait(), 5)
    try:
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            yield Client(channel)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(tmp_path / "pod-resources" / "kubelet.sock") as client:
        yield client


async def test_a_list_tells_what_each_container_holds(client: Client) -> None:
    [pod] = (await client.pods()).pod_resources
    assert (pod.name, pod.namespace) == ("web", "default")
    assert [one.name for one in pod.containers] == ["sidecar", "app"]
    app = pod.containers[1]
    assert (app.devices[0].resource_name, list(app.devices[0].device_ids)) == (
        "example.com/gpu", ["gpu-0", "gpu-1"],
    )  # fmt: skip
    assert [node.ID for node in app.devices[0].topology.nodes] == [1]
    assert list(app.cpu_ids) == [2, 3]
    assert (app.memory[0].memory_type, app.memory[0].size) == ("hugepages-2Mi", 4 << 20)
    assert not pod.containers[0].devices


async def test_the_old_version_has_names_and_devices_only(client: Client) -> None:
    [pod] = (await client.pods(version="v1alpha1")).pod_resources
    app = pod.containers[1]
    assert list(app.devices[0].device_ids) == ["gpu-0", "gpu-1"]
    assert not app.cpu_ids and not app.memory and not app.devices[0].HasField("topology")


async def test_one_pod_by_its_name(client: Client) -> None:
    found = await client.ask(
        "Get",
        pb.GetPodResourcesRequest(pod_name="web", pod_namespace="default"),
        pb.GetPodResourcesResponse,
    )
    assert isinstance(found, pb.GetPodResourcesResponse)
    assert found.pod_resources.name == "web"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await client.ask(
            "Get",
            pb.GetPodResourcesRequest(pod_name="db", pod_namespace="default"),
            pb.GetPodResourcesResponse,
        )
    assert error.value.code() is grpc.StatusCode.UNKNOWN
    assert error.value.details() == "pod db in namespace default not found"


async def test_everything_there_is(client: Client) -> None:
    found = await client.ask(
        "GetAllocatableResources",
        pb.AllocatableResourcesRequest(),
        pb.AllocatableResourcesResponse,
    )
    assert isinstance(found, pb.AllocatableResourcesResponse)
    assert list(found.cpu_ids) == [0, 1, 2, 3]
    assert found.devices[0].resource_name == "example.com/gpu"
    assert found.memory[0].size == 4 << 20


async def test_too_many_questions_at_once_are_rejected(client: Client) -> None:
    answers = await asyncio.gather(
        *(client.pods() for _ in range(BURST * 5)), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, grpc.aio.AioRpcError)]
    assert len(answers) - len(refused) >= BURST
    assert {(one.code(), one.details()) for one in refused} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TOO_MANY)
    }


async def test_the_socket_of_an_earlier_run_is_replaced_and_ours_goes(tmp_path: Path) -> None:
    path = tmp_path / "kubelet.sock"
    path.write_text("left over")
    async with serving(path) as client:
        assert len((await client.pods()).pod_resources) == 1
        assert path.stat().st_mode & 0o007 == 0, "not for everybody"
    assert not path.exists()


async def test_a_path_too_long_for_a_socket_stops_nothing(tmp_path: Path) -> None:
    server = PodResourcesServer(
        tmp_path / ("x" * 120), list_pods=list, get_pod=lambda *_: None, allocatable=Held
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(server.run(), 0.05)
    assert not server.ready.is_set()


async def test_requests_are_counted_by_version_and_method(tmp_path: Path) -> None:
    metrics = AgentMetrics()
    async with serving(tmp_path / "s", metrics) as client:
        await client.pods()
        await client.pods(version="v1alpha1")
        unknown = pb.GetPodResourcesRequest(pod_name="no", pod_namespace="default")
        with pytest.raises(grpc.aio.AioRpcError):
            await client.ask("Get", unknown, pb.GetPodResourcesResponse)
        everything = pb.AllocatableResourcesRequest()
        await client.ask("GetAllocatableResources", everything, pb.AllocatableResourcesResponse)
    v1 = {"server_api_version": "v1"}
    total = "kubelet_pod_resources_endpoint_requests_total"
    assert value(metrics, total, **v1) == 3
    assert value(metrics, total, server_api_version="v1alpha1") == 1
    assert value(metrics, "kubelet_pod_resources_endpoint_requests_list", **v1) == 1
    assert value(metrics, "kubelet_pod_resources_endpoint_errors_list", **v1) == 0
    assert value(metrics, "kubelet_pod_resources_endpoint_requests_get", **v1) == 1
    assert value(metrics, "kubelet_pod_resources_endpoint_errors_get", **v1) == 1
    assert value(metrics, "kubelet_pod_resources_endpoint_requests_get_allocatable", **v1) == 1
    assert value(metrics, "kubelet_pod_resources_endpoint_errors_get_allocatable", **v1) == 0
