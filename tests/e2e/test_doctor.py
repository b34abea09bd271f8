"""`nodeagent doctor` beside real containerds of every version."""

import time
from pathlib import Path

import msgspec
from click.testing import CliRunner

from nodeagent.adapters.cri.checkup import check_up
from nodeagent.cli.doctor import doctor
from tests.e2e.runtime import Runtime


async def test_a_real_containerd_is_found_fit(each_runtime: Runtime, tmp_path: Path) -> None:
    found = await check_up(each_runtime.endpoint, timeout=10.0)
    assert (found.trouble, found.name, found.ready, found.network_ready) == (
        "",
        "containerd",
        True,
        True,
    )
    assert found.cgroup_driver == "cgroupfs"
    assert found.cni_dirs == (str(each_runtime.settings.network_dir),)
    assert found.cni_bin_dirs
    assert found.sandboxes is not None


def test_runtime_and_network_are_ok_within_two_seconds(runtime: Runtime, tmp_path: Path) -> None:
    words = ["-o", "json", f"--container-runtime-endpoint={runtime.endpoint}"]
    words += [f"--root-dir={tmp_path}", f"--socket={tmp_path}/s"]
    began = time.process_time()
    ran = CliRunner().invoke(doctor, words)
    spent = time.process_time() - began
    told = {one["check"]: one for one in msgspec.json.decode(ran.stdout)["findings"]}
    assert told["runtime"]["level"] == "ok", told["runtime"]
    assert told["network"]["level"] == "ok", told["network"]
    assert str(runtime.settings.network_dir) in told["network"]["says"]
    assert spent < 2.0
