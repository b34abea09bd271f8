"""Exec probes on real containerds: at the deadline nothing of the command is left inside."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from nodeagent.adapters.cri.connect import Cri, open_cri
from nodeagent.adapters.probes.exec import probe_exec
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.launch import ContainerConfig, Namespaces, SandboxConfig
from nodeagent.model.probes import ExecCheck, Outcome
from tests.e2e.runtime import Runtime


@pytest.fixture
def clean(each_runtime: Runtime) -> Iterator[Runtime]:
    yield each_runtime
    each_runtime.remove_pods()


async def _sleeper(cri: Cri, runtime: Runtime, logs: Path) -> ContainerId:
    """A container that sleeps."""
    uid = PodUid(str(uuid.uuid4()))
    (logs / "c").mkdir(parents=True)
    labels = {
        "io.kubernetes.pod.name": "p",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": uid,
    }
    sandbox = SandboxConfig(
        uid=uid,
        name="p",
        namespace="default",
        attempt=0,
        hostname="p",
        log_directory=str(logs),
        cgroup_parent=f"{runtime.cgroup_root}/kubepods/pod{uid}",
        labels=labels,
        annotations={},
        namespaces=Namespaces(pid="CONTAINER"),
    )
    image = await cri.images.image_status(BUSYBOX_IMAGE)
    assert image is not None
    container = ContainerConfig(
        name="c",
        attempt=0,
        image=BUSYBOX_IMAGE,
        image_ref=image.ref,
        labels={**labels, "io.kubernetes.container.name": "c"},
        annotations={},
        log_path="c/0.log",
        command=("sleep", "1000000"),
    )
    box = await cri.sandboxes.create_sandbox(sandbox)
    id_ = await cri.containers.create_container(box, container, sandbox)
    await cri.containers.start_container(id_)
    return id_


async def test_what_takes_too_long_is_gone_with_its_children(
    clean: Runtime, tmp_path: Path
) -> None:
    async with open_cri(clean.endpoint) as cri:
        id_ = await _sleeper(cri, clean, tmp_path / "logs")

        async def left() -> str:
            answer = await cri.containers.exec_sync(id_, ("ps", "-o", "args"), limit=10)
            return answer.stdout.decode()

        for words in (
            ("sleep", "777"),
            ("sh", "-c", "sleep 777; true"),
            ("sh", "-c", "trap '' TERM; sleep 777 & sleep 777; true"),
        ):
            result = await probe_exec(cri.containers, ExecCheck(command=words), id_, limit=0.7)
            assert (result.outcome, result.timed_out) == (Outcome.FAILURE, True)
            assert "777" not in await left()
        assert "sleep 1000000" in await left()


async def test_exit_codes_and_output_come_through(clean: Runtime, tmp_path: Path) -> None:
    async with open_cri(clean.endpoint) as cri:
        id_ = await _sleeper(cri, clean, tmp_path / "logs")
        good = await probe_exec(cri.containers, ExecCheck(command=("true",)), id_, limit=10)
        assert good.outcome is Outcome.SUCCESS
        bad = await probe_exec(
            cri.containers, ExecCheck(command=("cat", "/nothing")), id_, limit=10
        )
        assert bad.outcome is Outcome.FAILURE
        assert "/nothing" in bad.output
        gone = await probe_exec(
            cri.containers, ExecCheck(command=("true",)), "no-such-container", limit=10
        )
        assert gone.outcome is Outcome.ERROR
