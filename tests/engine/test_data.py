"""Pods and the objects they refer to, by the whole engine in virtual time."""

import asyncio

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.refresh import RETRY
from nodeagent.errors import AttachLimitReached, MountFailed, SourceMissing
from nodeagent.model.data import ConfigMap, Secret
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from tests.fakes.node import Machine, Node, running, until
from tests.fakes.pods import UID, a_container, a_pod

pytestmark = pytest.mark.looptime

KEY = Secret(namespace="default", name="key", data={"token": b"hush"})
MAP = ConfigMap(namespace="default", name="app", data={"word": "one"})


def by_env(**fields: object) -> DesiredPod:
    reference = v1.SecretKeySelector(name="key", key="token", **fields)  # type: ignore[arg-type]
    variable = v1.EnvVar(name="TOKEN", valueFrom=v1.EnvVarSource(secretKeyRef=reference))
    return a_pod(a_container(env=[variable]))


def by_volume() -> DesiredPod:
    volume = v1.Volume(name="conf", configMap=v1.ConfigMapVolumeSource(name="app"))
    mount = v1.VolumeMount(name="conf", mountPath="/conf")
    other = v1.VolumeMount(name="data", mountPath="/data")
    empty = v1.Volume(name="data", emptyDir=v1.EmptyDirVolumeSource())
    return a_pod(a_container(volumeMounts=[mount, other]), volumes=[volume, empty])


def env_of(node: Node) -> dict[str, str]:
    """The environment of the newest instance."""
    config, _ = node.runtime.containers[node.current()]
    return dict(config.env)


def machine_with_places() -> Machine:
    machine = Machine()
    machine.volumes.places = {
        name: VolumePlace(host_path=f"/v/{name}") for name in ("conf", "data")
    }
    return machine


async def test_a_missing_secret_is_the_reason_to_wait_and_its_coming_starts_the_pod() -> None:
    async with running(by_env()) as node:
        await asyncio.sleep(1)
        await until(lambda: node.waiting() == "CreateContainerConfigError")
        state = node.container().state
        assert state is not None and state.waiting is not None
        assert 'secret "key" not found' in (state.waiting.message or "")
        await asyncio.sleep(100)  # waits have grown as long as they get
        node.machine.data.put(KEY)
        await asyncio.sleep(0.2)
        assert node.is_running()
        assert env_of(node)["TOKEN"] == "hush"


async def test_a_config_map_is_the_environment_and_what_failed_otherwise_waits_on() -> None:
    source = v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="app"), prefix="P_")
    machine = Machine()
    machine.data.put(MAP)
    async with running(a_pod(a_container(envFrom=[source])), machine=machine) as node:
        await until(node.is_running)
        assert env_of(node)["P_word"] == "one"
        node.runtime.fail["create_container"] = lambda _: True
        node.crash()
        await asyncio.sleep(30)
        assert node.waiting() == "CreateContainerError"
        before = node.memory().troubles
        machine.data.put(msgspec.structs.replace(MAP, data={"word": "two"}))
        await asyncio.sleep(0.01)
        assert node.memory().troubles == before


async def test_an_optional_reference_does_not_hold_the_pod() -> None:
    async with running(by_env(optional=True)) as node:
        await until(node.is_running)
        assert "TOKEN" not in env_of(node)


async def test_a_change_of_a_variable_does_not_touch_a_running_container() -> None:
    machine = Machine()
    machine.data.put(KEY)
    async with running(by_env(), machine=machine) as node:
        await until(node.is_running)
        first = node.current()
        machine.data.put(msgspec.structs.replace(KEY, data={"token": b"new"}))
        await asyncio.sleep(5)
        assert node.current() == first
        assert machine.volumes.refreshed == []
        node.crash()
        await until(lambda: node.current() != first and node.is_running())
        assert env_of(node)["TOKEN"] == "new"


async def test_a_change_of_what_a_volume_shows_is_shown_once_at_once() -> None:
    machine = machine_with_places()
    machine.data.put(MAP)
    async with running(by_volume(), machine=machine) as node:
        await until(node.is_running)
        await asyncio.sleep(100)
        assert machine.volumes.refreshed == []
        for count in (1, 2, 3):
            machine.data.put(msgspec.structs.replace(MAP, data={"word": str(count)}))
            await asyncio.sleep(0.1)
            assert machine.volumes.refreshed == [UID] * count
        await asyncio.sleep(100)
        assert len(machine.volumes.refreshed) == 3
        assert node.bugs == 0


async def test_labels_are_shown_anew_when_the_manifest_changes_them() -> None:
    machine = machine_with_places()
    field = v1.ObjectFieldSelector(fieldPath="metadata.annotations")
    item = v1.DownwardAPIVolumeFile(path="all", fieldRef=field)
    volume = v1.Volume(name="conf", downwardAPI=v1.DownwardAPIVolumeSource(items=[item]))
    mount = v1.VolumeMount(name="conf", mountPath="/me")

    def pod(note: str) -> DesiredPod:
        container = a_container(volumeMounts=[mount])
        return a_pod(container, volumes=[volume], annotations={"note": note})

    async with running(pod("a"), machine=machine) as node:
        await until(node.is_running)
        node.want(pod("b"))
        await asyncio.sleep(0.1)
        assert machine.volumes.refreshed == [UID]


async def test_an_agent_that_was_away_shows_what_there_is_now() -> None:
    machine = machine_with_places()
    machine.data.put(MAP)
    async with running(by_volume(), machine=machine) as node:
        await until(node.is_running)
    async with running(machine=machine) as node:
        await until(lambda: machine.volumes.refreshed == [UID])
        assert node.is_running()


async def test_a_vanished_object_is_told_and_only_its_return_is_waited_for() -> None:
    machine = machine_with_places()
    machine.data.put(MAP)
    async with running(by_volume(), machine=machine) as node:
        await until(node.is_running)
        machine.volumes.refresh_error = SourceMissing(op="read", target="app", detail="not found")
        machine.data.remove(MAP)
        await asyncio.sleep(100)
        assert len(machine.volumes.refreshed) == 1
        assert node.recorder.messages("FailedMount") == ["read app: not found"]
        assert node.is_running()
        machine.volumes.refresh_error = None
        machine.data.put(MAP)
        await asyncio.sleep(0.1)
        assert len(machine.volumes.refreshed) == 2


async def test_a_refresh_that_the_node_fails_is_repeated_and_holds_nothing_else_up() -> None:
    machine = machine_with_places()
    machine.data.put(MAP)
    async with running(by_volume(), machine=machine) as node:
        await until(node.is_running)
        machine.volumes.refresh_error = MountFailed(op="write", target="/v", detail="no space")
        machine.data.put(msgspec.structs.replace(MAP, data={"word": "two"}))
        await asyncio.sleep(RETRY - 1)
        assert len(machine.volumes.refreshed) == 1
        first = node.current()
        node.crash()
        await until(lambda: node.current() != first and node.is_running(), at_most=5)
        machine.volumes.refresh_error = None
        await asyncio.sleep(RETRY + 1)
        assert len(machine.volumes.refreshed) == 2


async def test_a_volume_that_cannot_be_set_up_is_an_event_and_its_object_ends_the_wait() -> None:
    machine = machine_with_places()
    pod = by_volume()
    machine.volumes.broken = {pod.uid}
    async with running(pod, machine=machine) as node:
        await asyncio.sleep(100)
        assert "FailedMount" in node.recorder.reasons(UID)
        assert node.waiting() == "ContainerCreating"
        machine.volumes.broken = set()
        machine.data.put(MAP)
        await asyncio.sleep(0.2)
        assert node.is_running()


async def test_a_volume_that_the_node_can_never_have_refuses_the_pod() -> None:
    machine = machine_with_places()
    machine.data.put(MAP)
    machine.volumes.error = AttachLimitReached(
        op="Node has reached its limit", target="pod", detail="no slot"
    )
    async with running(by_volume(), machine=machine) as node:
        await asyncio.sleep(1)
        assert node.status().phase == "Failed"
        assert node.status().reason == "VolumeAttachmentLimitExceeded"
        (message,) = node.recorder.messages("VolumeAttachmentLimitExceeded")
        assert message == "Node has reached its limit pod: no slot"
        assert "FailedMount" not in node.recorder.reasons(UID)
        assert node.of() == []


async def test_variables_come_from_a_file_that_an_init_container_left() -> None:
    reference = v1.FileKeySelector(key="MADE", path="made.env", volumeName="data")
    variable = v1.EnvVar(name="MADE", valueFrom=v1.EnvVarSource(fileKeyRef=reference))
    volume = v1.Volume(name="data", emptyDir=v1.EmptyDirVolumeSource())
    machine = machine_with_places()
    machine.volumes.texts = {"/v/data/made.env": "MADE=here\n"}
    async with running(
        a_pod(a_container(env=[variable]), volumes=[volume]), machine=machine
    ) as node:
        await until(node.is_running)
        assert env_of(node)["MADE"] == "here"


async def test_a_pod_that_ended_is_not_followed_any_more() -> None:
    machine = machine_with_places()
    machine.data.put(MAP)
    async with running(by_volume(), machine=machine) as node:
        await until(node.is_running)
        assert UID in machine.data.followed
        node.unwant()
        await until(lambda: not node.workers.memories())
        assert machine.data.followed == {}


async def test_what_runs_out_is_shown_anew_by_itself_again_and_again() -> None:
    machine = machine_with_places()
    machine.data.put(MAP)
    places = machine.volumes.places
    first_due = machine.clock.now() + 400
    places["conf"] = msgspec.structs.replace(places["conf"], again_at=first_due)
    machine.volumes.due = lambda: machine.clock.now() + 300
    async with running(by_volume(), machine=machine) as node:
        await until(node.is_running)
        await asyncio.sleep(390)
        assert machine.volumes.refreshed == []
        await asyncio.sleep(15)
        assert machine.volumes.refreshed == [UID]
        await asyncio.sleep(600)
        assert machine.volumes.refreshed == [UID] * 3
        machine.volumes.refresh_error = MountFailed(op="write", target="conf", detail="full")
        await asyncio.sleep(305)
        tried = len(machine.volumes.refreshed)
        machine.volumes.refresh_error = None
        await asyncio.sleep(2 * RETRY)
        assert len(machine.volumes.refreshed) == tried + 1
        assert node.bugs == 0
