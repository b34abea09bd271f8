"""What the adapter asks of the runtime, and what it makes of the answers."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriError, CriUnavailable
from nodeagent.metrics import AgentMetrics
from nodeagent.model.ids import ContainerId, ImageRef, PodUid, SandboxId
from nodeagent.model.launch import ExecResult, Resources
from nodeagent.model.observed import Phase
from tests.adapters.cri.fake_cri import FakeCri, Refusal, connected
from tests.adapters.cri.test_requests import bare_container, bare_sandbox
from tests.fakes.figures import value

UID = "io.kubernetes.pod.uid"
EMPTY: dict[str, Any] = {
    "StopContainer": pb.StopContainerResponse(),
    "UpdateContainerResources": pb.UpdateContainerResourcesResponse(),
    "ReopenContainerLog": pb.ReopenContainerLogResponse(),
}


def a_runtime() -> FakeCri:
    """One pod: sandbox s1 with containers c1 (running) and c2 (gone when its status is asked)."""
    fake = FakeCri()
    fake.answers["ListPodSandbox"] = pb.ListPodSandboxResponse(
        items=[pb.PodSandbox(id="s1", labels={UID: "u1"})]
    )
    fake.answers["ListContainers"] = pb.ListContainersResponse(
        containers=[
            pb.Container(id="c1", pod_sandbox_id="s1", labels={UID: "u1"}),
            pb.Container(id="c2", pod_sandbox_id="s1", labels={UID: "u1"}),
        ]
    )
    fake.answers["PodSandboxStatus"] = pb.PodSandboxStatusResponse(
        status=pb.PodSandboxStatus(id="s1", network=pb.PodSandboxNetworkStatus(ip="10.0.0.2"))
    )
    fake.answers["ContainerStatus"] = status_of_c1_only
    return fake


def status_of_c1_only(request: pb.ContainerStatusRequest) -> pb.ContainerStatusResponse:
    if request.container_id != "c1":
        raise Refusal(grpc.StatusCode.NOT_FOUND)
    return pb.ContainerStatusResponse(
        status=pb.ContainerStatus(id="c1", state=pb.CONTAINER_RUNNING)
    )


async def test_a_look_asks_for_one_pod_and_leaves_out_what_vanished(tmp_path: Path) -> None:
    fake = a_runtime()
    async with connected(fake, tmp_path) as cri:
        pod = await cri.sight.look(PodUid("u1"))
    assert [c.id for c in pod.containers] == ["c1"]
    assert (pod.containers[0].sandbox_id, pod.containers[0].phase) == ("s1", Phase.RUNNING)
    assert pod.sandboxes[0].ips == ("10.0.0.2",)
    (asked,) = fake.requests("ListContainers")
    assert asked.filter.label_selector == {UID: "u1"}


async def test_a_pod_the_runtime_does_not_know_is_empty(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["ListPodSandbox"] = pb.ListPodSandboxResponse()
    fake.answers["ListContainers"] = pb.ListContainersResponse()
    async with connected(fake, tmp_path) as cri:
        pod = await cri.sight.look(PodUid("u9"))
    assert pod.is_gone and pod.uid == "u9"


async def test_listing_pods_needs_two_calls(tmp_path: Path) -> None:
    fake = a_runtime()
    async with connected(fake, tmp_path) as cri:
        (pod,) = await cri.sight.list_pods()
    assert len(pod.containers) == 2
    assert sorted(name for name, _ in fake.asked) == ["ListContainers", "ListPodSandbox"]


async def test_a_look_that_fails_half_way_is_an_error_not_half_a_pod(tmp_path: Path) -> None:
    fake = a_runtime()
    fake.answers["ContainerStatus"] = Refusal(grpc.StatusCode.UNAVAILABLE)
    async with connected(fake, tmp_path) as cri:
        with pytest.raises(CriUnavailable, match="ContainerStatus c1"):
            await cri.sight.look(PodUid("u1"))


async def test_a_look_that_is_cancelled_leaves_no_call_behind(tmp_path: Path) -> None:
    fake = a_runtime()
    under_way: set[str] = set()
    changed = asyncio.Condition()

    async def hang(request: pb.ContainerStatusRequest) -> pb.ContainerStatusResponse:
        async with changed:
            under_way.add(request.container_id)
            changed.notify_all()
        try:
            await asyncio.Event().wait()
        finally:
            async with changed:
                under_way.remove(request.container_id)
                changed.notify_all()
        return pb.ContainerStatusResponse()

    fake.answers["ContainerStatus"] = hang
    async with connected(fake, tmp_path) as cri, asyncio.timeout(5):
        async with asyncio.TaskGroup() as group, changed:
            look = group.create_task(cri.sight.look(PodUid("u1")))
            await changed.wait_for(lambda: under_way == {"c1", "c2"})
            look.cancel()
        async with changed:
            await changed.wait_for(lambda: not under_way)


async def test_one_container_knows_its_sandbox(tmp_path: Path) -> None:
    fake = a_runtime()
    fake.answers["ListContainers"] = pb.ListContainersResponse(
        containers=[pb.Container(id="c1", pod_sandbox_id="s1")]
    )
    async with connected(fake, tmp_path) as cri:
        seen = await cri.sight.look_container(ContainerId("c1"))
    assert seen is not None and seen.sandbox_id == "s1"
    assert fake.requests("ListContainers")[0].filter.id == "c1"


async def test_an_unknown_container_or_sandbox_is_none(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["ListContainers"] = pb.ListContainersResponse()
    for method in ("ContainerStatus", "PodSandboxStatus"):
        fake.answers[method] = Refusal(grpc.StatusCode.NOT_FOUND)
    async with connected(fake, tmp_path) as cri:
        assert await cri.sight.look_container(ContainerId("c9")) is None
        assert await cri.sight.look_sandbox(SandboxId("s9")) is None


async def test_a_container_is_created_with_the_config_of_its_sandbox(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["RunPodSandbox"] = pb.RunPodSandboxResponse(pod_sandbox_id="s1")
    fake.answers["CreateContainer"] = pb.CreateContainerResponse(container_id="c1")
    async with connected(fake, tmp_path) as cri:
        sandbox = await cri.sandboxes.create_sandbox(bare_sandbox())
        container = await cri.containers.create_container(sandbox, bare_container(), bare_sandbox())
    assert (sandbox, container) == ("s1", "c1")
    (run,), (create,) = fake.requests("RunPodSandbox"), fake.requests("CreateContainer")
    assert create.pod_sandbox_id == "s1"
    assert create.sandbox_config == run.config


@pytest.mark.parametrize(("grace", "seconds"), [(0.0, 0), (0.2, 1), (30.0, 30), (-1.0, 0)])
async def test_grace_is_rounded_up_to_whole_seconds(
    tmp_path: Path, grace: float, seconds: int
) -> None:
    fake = FakeCri()
    fake.answers.update(EMPTY)
    async with connected(fake, tmp_path) as cri:
        await cri.containers.stop_container(ContainerId("c1"), grace=grace)
    assert fake.requests("StopContainer")[0].timeout == seconds


async def test_a_stop_may_take_its_grace_on_top_of_the_timeout(tmp_path: Path) -> None:
    fake = FakeCri()

    async def slow(_: object) -> pb.StopContainerResponse:
        await asyncio.sleep(0.2)
        return pb.StopContainerResponse()

    fake.answers["StopContainer"] = slow
    async with connected(fake, tmp_path, timeout=0.05) as cri:
        await cri.containers.stop_container(ContainerId("c1"), grace=1.0)
        with pytest.raises(CriUnavailable):
            await cri.containers.stop_container(ContainerId("c1"), grace=0.0)


async def test_the_result_of_a_command(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["ExecSync"] = pb.ExecSyncResponse(stdout=b"out", stderr=b"err", exit_code=3)
    async with connected(fake, tmp_path) as cri:
        result = await cri.containers.exec_sync(ContainerId("c1"), ("ls", "/"), limit=1.5)
    assert result == ExecResult(exit_code=3, stdout=b"out", stderr=b"err")
    (asked,) = fake.requests("ExecSync")
    assert (list(asked.cmd), asked.timeout) == (["ls", "/"], 2)


async def test_a_command_past_its_limit_is_an_answer(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["ExecSync"] = Refusal(grpc.StatusCode.DEADLINE_EXCEEDED)
    async with connected(fake, tmp_path) as cri:
        result = await cri.containers.exec_sync(ContainerId("c1"), ("ls",), limit=1.0)
    assert result.timed_out


async def test_changing_a_container(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers.update(EMPTY)
    async with connected(fake, tmp_path) as cri:
        await cri.containers.update_resources(ContainerId("c1"), Resources(cpu_shares=5))
        await cri.containers.reopen_log(ContainerId("c1"))
    assert fake.requests("UpdateContainerResources")[0].linux.cpu_shares == 5
    assert fake.requests("ReopenContainerLog")[0].container_id == "c1"


async def test_a_sandbox_is_told_its_resources_where_the_runtime_listens(tmp_path: Path) -> None:
    fake, box = FakeCri(), SandboxId("s1")
    async with connected(fake, tmp_path) as cri:
        await cri.sandboxes.update_sandbox(box, Resources(cpu_shares=5), None)
        fake.answers["UpdatePodSandboxResources"] = pb.UpdatePodSandboxResourcesResponse()
        await cri.sandboxes.update_sandbox(box, Resources(cpu_shares=6), Resources(cpu_shares=2))
        fake.answers["UpdatePodSandboxResources"] = Refusal(grpc.StatusCode.INTERNAL, "too much")
        with pytest.raises(CriError, match="too much"):
            await cri.sandboxes.update_sandbox(box, Resources(cpu_shares=7), None)
    unheard, told, _ = fake.requests("UpdatePodSandboxResources")
    assert (unheard.resources.cpu_shares, unheard.HasField("overhead")) == (5, False)
    assert (told.pod_sandbox_id, told.overhead.cpu_shares) == ("s1", 2)


async def test_images(tmp_path: Path) -> None:
    fake = FakeCri()
    image = pb.Image(id="sha256:1", repo_tags=["web:1"], size=12, pinned=True)
    fake.answers["ImageStatus"] = lambda request: pb.ImageStatusResponse(
        image=image if request.image.image == "web:1" else None
    )
    fake.answers["ListImages"] = pb.ListImagesResponse(images=[image])
    fake.answers["PullImage"] = pb.PullImageResponse(image_ref="sha256:2")
    fake.answers["RemoveImage"] = pb.RemoveImageResponse()
    async with connected(fake, tmp_path) as cri:
        seen = await cri.images.image_status("web:1")
        assert seen is not None
        assert (seen.ref, seen.tags, seen.size_bytes, seen.pinned) == (
            "sha256:1",
            ("web:1",),
            12,
            True,
        )
        assert await cri.images.image_status("web:2") is None
        assert await cri.images.list_images() == (seen,)
        assert await cri.images.pull_image("web:2", annotations={"a": "b"}) == "sha256:2"
        await cri.images.remove_image(ImageRef("sha256:1"))
    assert fake.requests("PullImage")[0].image == pb.ImageSpec(
        image="web:2", annotations={"a": "b"}
    )


async def test_a_runtime_without_configuration_call_has_no_driver(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["Status"] = pb.StatusResponse()
    async with connected(fake, tmp_path) as cri:
        info = await cri.runtime.info()
    assert (info.name, info.version, info.cgroup_driver) == ("containerd", "9.9.9", "")
    assert [name for name, _ in fake.asked] == ["Version", "Status", "RuntimeConfig"]


async def test_the_driver_is_asked_of_the_runtime(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["Status"] = pb.StatusResponse()
    fake.answers["RuntimeConfig"] = pb.RuntimeConfigResponse(
        linux=pb.LinuxRuntimeConfiguration(cgroup_driver=pb.CGROUPFS)
    )
    async with connected(fake, tmp_path) as cri:
        assert (await cri.runtime.info()).cgroup_driver == "cgroupfs"


async def test_calls_are_counted_by_a_kubelets_names(tmp_path: Path) -> None:
    fake, metrics = a_runtime(), AgentMetrics()
    async with connected(fake, tmp_path, tell=metrics.runtime.told) as cri:
        await cri.sight.look(PodUid("u1"))
    calls = "kubelet_runtime_operations_total"
    assert value(metrics, calls, operation_type="list_podsandbox") == 1
    assert value(metrics, calls, operation_type="podsandbox_status") == 1
    assert value(metrics, calls, operation_type="container_status") == 2
    errors = "kubelet_runtime_operations_errors_total"
    assert value(metrics, errors, operation_type="container_status") == 1
    assert value(metrics, errors, operation_type="list_podsandbox") == 0
    seconds = "kubelet_runtime_operations_duration_seconds_count"
    assert value(metrics, seconds, operation_type="container_status") == 2
