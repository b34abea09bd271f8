"""A quick look at a CRI socket."""

import asyncio
from pathlib import Path

import grpc
import msgspec

from nodeagent.adapters.cri.checkup import check_up
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from tests.adapters.cri.fake_cri import FakeCri, Refusal, serving


def a_runtime(**config: object) -> FakeCri:
    fake = FakeCri()
    conditions = [
        pb.RuntimeCondition(type="RuntimeReady", status=True),
        pb.RuntimeCondition(type="NetworkReady", status=False, reason="NoCni", message="none yet"),
    ]
    status = pb.StatusResponse(status=pb.RuntimeStatus(conditions=conditions))
    status.info["config"] = msgspec.json.encode(config).decode()
    fake.answers["Status"] = status
    sandboxes = [pb.PodSandbox(id="s1"), pb.PodSandbox(id="s2")]
    fake.answers["ListPodSandbox"] = pb.ListPodSandboxResponse(items=sandboxes)
    return fake


async def test_everything_doctor_asks_is_told_by_one_look(tmp_path: Path) -> None:
    fake = a_runtime(cni={"confDir": "/etc/cni/net.d", "binDir": "/opt/cni/bin"})
    async with serving(fake, tmp_path / "s"):
        found = await check_up(f"unix://{tmp_path}/s", timeout=5.0)
    assert (found.trouble, found.name, found.version) == ("", "containerd", "9.9.9")
    assert (found.ready, found.network_ready) == (True, False)
    assert found.network_message == "NoCni: none yet"
    assert found.sandboxes == frozenset({"s1", "s2"})
    assert (found.cni_dirs, found.cni_bin_dirs) == (("/etc/cni/net.d",), ("/opt/cni/bin",))


async def test_the_driver_and_several_plugin_folders_of_newer_runtimes_are_told(
    tmp_path: Path,
) -> None:
    fake = a_runtime(cni={"binDirs": ["/a", "/b"]})
    driver = pb.LinuxRuntimeConfiguration(cgroup_driver=pb.SYSTEMD)
    fake.answers["RuntimeConfig"] = pb.RuntimeConfigResponse(linux=driver)
    async with serving(fake, tmp_path / "s"):
        found = await check_up(f"unix://{tmp_path}/s", timeout=5.0)
    assert (found.cgroup_driver, found.cni_bin_dirs, found.cni_dirs) == (
        "systemd",
        ("/a", "/b"),
        (),
    )


async def test_a_runtime_that_does_not_tell_its_configuration_is_fine(tmp_path: Path) -> None:
    fake = a_runtime()
    for text in ("{", "[]", '{"cni": 3}'):
        assert isinstance(fake.answers["Status"], pb.StatusResponse)
        fake.answers["Status"].info["config"] = text
        async with serving(fake, tmp_path / "s"):
            found = await check_up(f"unix://{tmp_path}/s", timeout=5.0)
        assert (found.trouble, found.cni_dirs) == ("", ())


async def test_too_many_sandboxes_are_unknown_not_trouble(tmp_path: Path) -> None:
    fake = a_runtime()
    fake.answers["ListPodSandbox"] = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED)
    async with serving(fake, tmp_path / "s"):
        found = await check_up(f"unix://{tmp_path}/s", timeout=5.0)
    assert (found.trouble, found.sandboxes) == ("", None)


async def test_a_socket_that_is_not_there_or_silent_is_trouble_soon(tmp_path: Path) -> None:
    assert (await check_up(f"unix://{tmp_path}/no", timeout=1.0)).trouble

    async def never(request: object) -> pb.VersionResponse:
        await asyncio.sleep(60)
        raise AssertionError

    fake = a_runtime()
    fake.answers["Version"] = never
    async with serving(fake, tmp_path / "s"), asyncio.timeout(5):
        assert "Deadline" in (await check_up(f"unix://{tmp_path}/s", timeout=0.3)).trouble
