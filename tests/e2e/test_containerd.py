"""Our own containerd runs real pods on each version, outlives us, and leaves nothing behind."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from docs.samples.images.build import BUSYBOX_IMAGE, busybox_image
from nodeagent.adapters.containerd import embedded, processes
from nodeagent.adapters.containerd.config import ContainerdSettings, parse_version
from nodeagent.adapters.containerd.ctl import diagnose
from nodeagent.adapters.containerd.findings import find_program, output
from nodeagent.adapters.containerd.processes import answers
from nodeagent.adapters.containerd.removal import remove
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from tests.e2e.runtime import Call, Runtime, Runtimes, claim, clean_up


@pytest.fixture
def cri(each_runtime: Runtime) -> Iterator[Call]:
    """Any CRI call of the RuntimeService by its request."""
    with each_runtime.cri() as call:
        yield call
    each_runtime.remove_pods()


def test_a_pod_runs_has_an_address_and_its_container_works(
    each_runtime: Runtime, cri: Call, tmp_path: Path
) -> None:
    pod = _run_pod(cri, each_runtime, tmp_path)
    address = cri(pb.PodSandboxStatusRequest(pod_sandbox_id=pod.pod_sandbox_id)).status.network.ip
    assert address.startswith("10.201.")
    container = _start(cri, pod.pod_sandbox_id, pod.config, ["sleep", "600"])
    done = cri(pb.ExecSyncRequest(container_id=container, cmd=["id", "-un"], timeout=10))
    assert done.stdout == b"root\n"


def test_the_pods_cgroup_lies_under_the_sessions_own(
    each_runtime: Runtime, cri: Call, tmp_path: Path
) -> None:
    pod = _run_pod(cri, each_runtime, tmp_path)
    container = _start(cri, pod.pod_sandbox_id, pod.config, ["sleep", "600"])
    done = cri(pb.ContainerStatusRequest(container_id=container, verbose=True))
    assert f'cgroupsPath":"{each_runtime.cgroup_root}/' in done.info["info"].replace(" ", "")


def test_a_pod_goes_on_while_its_containerd_is_away(
    each_runtime: Runtime, cri: Call, tmp_path: Path
) -> None:
    pod = _run_pod(cri, each_runtime, tmp_path)
    container = _start(cri, pod.pod_sandbox_id, pod.config, ["sleep", "600"])
    before = cri(pb.ContainerStatusRequest(container_id=container)).status
    each_runtime.stop()
    with pytest.raises(grpc.RpcError):
        cri(pb.VersionRequest())
    each_runtime.start()
    with each_runtime.cri() as call:
        after = call(pb.ContainerStatusRequest(container_id=container)).status
    assert (after.state, after.started_at) == (pb.CONTAINER_RUNNING, before.started_at)


async def test_a_watched_containerd_comes_back_when_it_is_killed(each_runtime: Runtime) -> None:
    before = processes.listener(each_runtime.settings.socket)
    assert before is not None
    watching = asyncio.ensure_future(embedded.watch(each_runtime.settings))
    try:
        await asyncio.sleep(0.3)  # until it has seen that all is well and waits
        processes.kill(before)
        after = None
        async with asyncio.timeout(20.0):
            while after in (None, before):
                await asyncio.sleep(0.02)
                after = processes.listener(each_runtime.settings.socket)
    finally:
        watching.cancel()
        await asyncio.wait({watching})
    each_runtime.start()


@pytest.mark.usefixtures("runtimes")
def test_pods_run_where_no_overlay_can_be_mounted(tmp_path: Path) -> None:
    number, root, give_back = claim()
    for name in ("lower", "upper", "work", "merged"):
        (root / name).mkdir()
    layers = f"lowerdir={root}/lower,upperdir={root}/upper,workdir={root}/work"
    mount = ["mount", "-t", "overlay", "overlay", "-o", layers, str(root / "merged")]
    subprocess.run(mount, check=True)
    settings = ContainerdSettings(
        root=root / "merged",
        socket=root / "containerd.sock",
        state=root / "state",
        network=f"nodeagent-test-{number}",
        bridge=f"natest{number}",
        subnet=f"10.201.{number * 8}.0/21",
    )
    runtime = Runtime(name="nested", number=number, settings=settings, images=(busybox_image(),))
    try:
        runtime.start()
        assert embedded.snapshotter_of(settings) == "native"
        with runtime.cri() as call:
            pod = _run_pod(call, runtime, tmp_path)
            container = _start(call, pod.pod_sandbox_id, pod.config, ["sleep", "600"])
            request = pb.ExecSyncRequest(container_id=container, cmd=["cat", "/etc/passwd"])
            assert call(request).stdout.startswith(b"root:")
    finally:
        remove(settings)
        give_back()
    assert not root.exists()


@pytest.mark.usefixtures("runtimes")
def test_nothing_stays_of_a_runtime_whose_session_crashed(tmp_path: Path) -> None:
    crashed = Runtimes()
    runtime = crashed.get("system")
    with runtime.cri() as call:
        pod = _run_pod(call, runtime, tmp_path, host_port=18099)
        _start(call, pod.pod_sandbox_id, pod.config, ["sleep", "600"])
    assert _traces(runtime) == {"processes", "mounts", "iptables", "bridge", "cgroups", "results"}
    clean_up(runtime.settings.root)
    assert _traces(runtime) == set()
    crashed.close()


def test_a_containerd_without_its_cri_plugin_is_diagnosed_with_the_line_to_change(
    each_runtime: Runtime, tmp_path: Path
) -> None:
    config, socket = tmp_path / "config.toml", tmp_path / "c.sock"
    # Before 2.0 packages ship the first form, which needs no version and knows short names.
    is_old = parse_version(output("containerd", "--version", settings=each_runtime.settings)) < (
        2,
        0,
    )
    cri = "cri" if is_old else "io.containerd.grpc.v1.cri"
    config.write_text(
        f'version = {1 if is_old else 2}\nroot = "{tmp_path}/root"\nstate = "{tmp_path}/state"\n'
        f'disabled_plugins = ["{cri}", "io.containerd.nri.v1.nri"]\n'
        f'[grpc]\naddress = "{socket}"\n'
    )
    settings = each_runtime.settings
    program = find_program("containerd", settings) or "containerd"
    command = [program, "--config", str(config)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as daemon:
        try:
            deadline = time.monotonic() + 20.0
            while not answers(socket) and time.monotonic() < deadline:
                time.sleep(0.02)
            wrong = str(diagnose(socket, ctr=find_program("ctr", settings) or "ctr"))
        finally:
            daemon.terminate()
    assert "runs without its CRI plugin" in wrong
    assert f'{config} line 4 disables "{cri}"' in wrong
    assert 'make it disabled_plugins = ["io.containerd.nri.v1.nri"]' in wrong


def test_a_working_containerd_has_nothing_to_diagnose(each_runtime: Runtime) -> None:
    settings = each_runtime.settings
    assert diagnose(settings.socket, ctr=find_program("ctr", settings) or "ctr") is None


class _Pod:
    def __init__(self, pod_sandbox_id: str, config: Any) -> None:
        self.pod_sandbox_id, self.config = pod_sandbox_id, config


def _run_pod(cri: Call, runtime: Runtime, logs: Path, *, host_port: int = 0) -> _Pod:
    config = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="pod", uid="uid", namespace="test"),
        log_directory=str(logs),
        linux=pb.LinuxPodSandboxConfig(cgroup_parent=f"{runtime.cgroup_root}/kubepods/poduid"),
    )
    if host_port:
        config.port_mappings.add(container_port=80, host_port=host_port)
    request = pb.RunPodSandboxRequest(config=config)
    return _Pod(cri(request).pod_sandbox_id, config)


def _start(cri: Call, pod: str, config: Any, command: list[str]) -> str:
    container = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="main"),
        image=pb.ImageSpec(image=BUSYBOX_IMAGE),
        command=command,
        log_path="main.log",
    )
    request = pb.CreateContainerRequest(pod_sandbox_id=pod, config=container, sandbox_config=config)
    made: str = cri(request).container_id
    cri(pb.StartContainerRequest(container_id=made))
    return made


def _traces(runtime: Runtime) -> set[str]:
    """What there is of this runtime on the machine."""
    settings = runtime.settings
    rules = subprocess.run(
        ["iptables-save", "-t", "nat"], check=True, capture_output=True, text=True
    ).stdout
    words = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    cgroups = [p for p in Path("/sys/fs/cgroup").glob(f"**/nodeagent-test-{runtime.number}")]
    looks = {
        "processes": any(bytes(settings.root) in word for word in words),
        "mounts": f" {settings.root}/" in Path("/proc/self/mountinfo").read_text(),
        "iptables": f'\\"{settings.network}\\"' in rules,
        "bridge": Path("/sys/class/net", settings.bridge).exists(),
        "cgroups": bool(cgroups),
        "results": any(Path("/var/lib/cni/results").glob(f"{settings.network}-*")),
    }
    return {name for name, is_there in looks.items() if is_there}
