"""A runtime that answers nonsense, or holds records that somebody else labelled."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nodeagent.adapters.cri import parse
from nodeagent.adapters.cri.connect import Cri
from nodeagent.adapters.cri.containerd_events import parse_envelope
from nodeagent.adapters.cri.pb import containerd_types_pb2 as types_pb
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import CriError
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import EventKind
from tests.adapters.cri.fake_cri import SERVICES, FakeCri, connected

UID, NAME, SPACE = (f"io.kubernetes.pod.{part}" for part in ("uid", "name", "namespace"))
# Field 1 is no text, and no message either: no answer that has such a field can be read.
NONSENSE = pb.ExecSyncResponse(stdout=b"\xff\x07")
OUTSIDE = ("../../x", "..", ".", "a/b", "", "a\0b", "x" * 254)


@pytest.mark.parametrize("uid", OUTSIDE)
def test_a_record_whose_uid_leads_elsewhere_is_nobodys(uid: str) -> None:
    box = pb.PodSandbox(id="s1", labels={UID: uid, NAME: "web", SPACE: "default"})
    own = pb.Container(id="c1", labels={UID: "u1"})
    assert [pod.uid for pod in parse.parse_pods([box], [own])] == ["u1"]
    event = pb.ContainerEventResponse(
        container_id="c1",
        pod_sandbox_status=pb.PodSandboxStatus(metadata=pb.PodSandboxMetadata(uid=uid)),
    )
    told = parse.parse_event(event)
    assert told is not None and told.uid is None


@pytest.mark.parametrize("key", [NAME, SPACE])
def test_a_record_whose_name_leads_elsewhere_is_nobodys(key: str) -> None:
    box = pb.PodSandbox(id="s1", labels={UID: "u1", key: "../../etc"})
    assert parse.parse_pods([box], []) == ()


@pytest.mark.parametrize("told", ["9" * 5000, "-1", "x", "", "99999999999"])
def test_a_restart_count_that_is_no_small_number_is_the_attempt(told: str) -> None:
    item = pb.Container(
        metadata=pb.ContainerMetadata(attempt=3),
        annotations={"io.kubernetes.container.restartCount": told},
    )
    assert parse.parse_container(item).restart_count == 3


@pytest.mark.parametrize(
    "plugin",
    [
        {"runtimes": {"runc": {"runtimeType": "io.containerd.runc.v2", "options": [1]}}},
        {"runtimes": [], "defaultRuntimeName": []},
        {"defaultRuntimeName": {}},
        [],
    ],
)
def test_a_configuration_in_an_unknown_shape_tells_no_more_than_it_has(plugin: object) -> None:
    status = pb.StatusResponse(info={"config": json.dumps({"containerd": plugin})})
    info = parse.parse_info(pb.VersionResponse(runtime_name="containerd"), status, None)
    assert info.cgroup_driver in ("", "cgroupfs")
    deep = pb.StatusResponse(info={"config": "[" * 100_000})
    assert parse.parse_info(pb.VersionResponse(), deep, None).cgroup_driver == ""


def test_an_event_that_cannot_be_read_means_look_at_everything() -> None:
    envelope = types_pb.Envelope(topic="/tasks/delete")
    envelope.event.value = b"\xff\xff\xff"
    told = parse_envelope(envelope)
    assert told is not None and told.kind is EventKind.LOST


@pytest.mark.parametrize(
    "call",
    [
        lambda cri: cri.runtime.info(),
        lambda cri: cri.runtime.health(),
        lambda cri: cri.sight.list_pods(),
        lambda cri: cri.sight.look(PodUid("u1")),
        lambda cri: cri.sight.look_sandbox(SandboxId("s1")),
        lambda cri: cri.sight.look_container(ContainerId("c1")),
        lambda cri: cri.images.image_status("busybox:1"),
        lambda cri: cri.images.list_images(),
    ],
)
async def test_an_answer_that_cannot_be_read_is_an_error_of_the_runtime(
    tmp_path: Path, call: Callable[[Cri], Awaitable[object]]
) -> None:
    fake = FakeCri()
    for service in SERVICES:
        fake.answers |= dict.fromkeys((method.name for method in service.methods), NONSENSE)
    async with connected(fake, tmp_path) as cri:
        with pytest.raises(CriError, match="its answer cannot be read"):
            await call(cri)


async def test_an_event_of_the_stream_that_cannot_be_read_is_a_loss(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.streams["GetContainerEvents"] = asyncio.Queue()
    fake.streams["GetContainerEvents"].put_nowait(NONSENSE)
    async with connected(fake, tmp_path) as cri:
        feed = cri.runtime.events()
        kinds = [(await anext(feed)).kind for _ in range(2)]
    assert kinds == [EventKind.LOST, EventKind.LOST]
