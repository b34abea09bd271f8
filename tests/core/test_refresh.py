"""When what volumes show is written anew: once for each change, while something runs."""

from typing import Any

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.plan import plan_pod
from nodeagent.core.references import driver_secrets, pod_references, used_volumes
from nodeagent.core.refresh import earliest, plan_refresh, shown, volume_stamp
from nodeagent.model.actions import PreparePod, RefreshVolumes, StartContainer
from nodeagent.model.data import DataKey, DataKind, PersistentVolume
from nodeagent.model.desired import DesiredPod
from tests.fakes.pods import RULES, a_container, a_pod, ended, remembered, seen, sight

FIELD = v1.ObjectFieldSelector(fieldPath="metadata.labels")
FILE = v1.DownwardAPIVolumeFile(path="labels", fieldRef=FIELD)
DOWN = v1.Volume(name="me", downwardAPI=v1.DownwardAPIVolumeSource(items=[FILE]))
CONF = v1.Volume(name="conf", configMap=v1.ConfigMapVolumeSource(name="app"))
EMPTY = v1.Volume(name="data", emptyDir=v1.EmptyDirVolumeSource())
REFRESH = (RefreshVolumes(),)


def with_volumes(*volumes: v1.Volume, used: bool = True, **more: Any) -> DesiredPod:
    mounts = [v1.VolumeMount(name=one.name, mountPath=f"/{one.name}") for one in volumes]
    container = a_container(volumeMounts=mounts if used else None)
    return a_pod(container, volumes=[*volumes], **more)


def test_only_used_volumes_that_can_change_have_a_stamp() -> None:
    assert volume_stamp(with_volumes(EMPTY), "1") == ""
    assert volume_stamp(with_volumes(CONF, used=False), "1") == ""
    assert volume_stamp(with_volumes(CONF), "1") != volume_stamp(with_volumes(CONF), "2")


def test_fields_of_the_pod_count_for_the_downward_api_only() -> None:
    changed: dict[str, Any] = {"annotations": {"a": "b"}}
    assert volume_stamp(with_volumes(DOWN), "") != volume_stamp(with_volumes(DOWN, **changed), "")
    assert volume_stamp(with_volumes(CONF), "") == volume_stamp(with_volumes(CONF, **changed), "")


def test_a_change_is_shown_once_and_only_to_what_runs() -> None:
    stale = remembered(with_volumes(CONF), shows="2/", shown="1/")
    assert plan_refresh(stale, sight(seen()), now=5.0) == (REFRESH, None)
    assert plan_refresh(stale, sight(ended()), now=5.0) == ((), None)
    fresh = msgspec.structs.replace(stale, shown="2/")
    assert plan_refresh(fresh, sight(seen()), now=5.0) == ((), None)
    failed = msgspec.structs.replace(stale, refresh_at=9.0)
    assert plan_refresh(failed, sight(seen()), now=5.0) == ((), 9.0)
    assert plan_refresh(failed, sight(seen()), now=9.0) == (REFRESH, None)


def test_a_plan_shows_changes_before_it_starts_what_ended() -> None:
    pod = a_pod(a_container("web"), a_container("other"))
    memory = remembered(pod, shows="2/", shown="1/", images_at={"other": 1})
    plan = plan_pod(memory, sight(seen(), ended("other")), rules=RULES, now=200.0)
    assert [type(action) for action in plan.actions] == [RefreshVolumes, StartContainer]
    unprepared = msgspec.structs.replace(memory, prepared=False)
    plan = plan_pod(unprepared, sight(seen(), ended("other")), rules=RULES, now=200.0)
    assert [type(action) for action in plan.actions] == [PreparePod, StartContainer]


def test_a_refresh_that_failed_is_tried_again_when_it_is_due() -> None:
    memory = remembered(shows="2/", shown="1/", refresh_at=209.0)
    assert plan_pod(memory, sight(seen()), rules=RULES, now=200.0).wake_at == 209.0


def test_a_clock_that_was_set_back_does_not_put_a_refresh_off_for_ever() -> None:
    memory = remembered(shows="2/", shown="1/", refresh_at=9000.0)
    assert plan_refresh(memory, sight(seen()), now=200.0) == (REFRESH, None)


def test_a_pod_refers_to_what_its_environment_and_its_used_volumes_name() -> None:
    token = v1.ServiceAccountTokenProjection(path="token")
    projection = v1.ProjectedVolumeSource(
        sources=[
            v1.VolumeProjection(serviceAccountToken=token),
            v1.VolumeProjection(configMap=v1.ConfigMapProjection(name="p")),
            v1.VolumeProjection(secret=v1.SecretProjection(name="p")),
        ]
    )
    claim = v1.PersistentVolumeClaimVolumeSource(claimName="disk")
    volumes = [
        v1.Volume(name="all", projected=projection),
        v1.Volume(name="key", secret=v1.SecretVolumeSource(secretName="v")),
        v1.Volume(name="disk", persistentVolumeClaim=claim),
        CONF,
        v1.Volume(name="unused", configMap=v1.ConfigMapVolumeSource(name="u")),
    ]
    variables = [
        v1.EnvVar(name="A", valueFrom=v1.EnvVarSource(
            configMapKeyRef=v1.ConfigMapKeySelector(key="k", name="e"))),
        v1.EnvVar(name="B", valueFrom=v1.EnvVarSource(
            secretKeyRef=v1.SecretKeySelector(key="k", name="e"))),
        v1.EnvVar(name="C", value="plain"),
    ]  # fmt: skip
    sources = [
        v1.EnvFromSource(secretRef=v1.SecretEnvSource(name="f")),
        v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="f")),
    ]
    names = ("all", "key", "disk", "conf")
    mounts = [v1.VolumeMount(name=name, mountPath=f"/{name}") for name in names]
    pod = a_pod(a_container(env=variables, envFrom=sources, volumeMounts=mounts), volumes=volumes)
    named = {(key.kind, key.name) for key in pod_references(pod)}
    assert named == {
        (DataKind.CONFIG_MAP, "p"),
        (DataKind.CONFIG_MAP, "e"),
        (DataKind.CONFIG_MAP, "f"),
        (DataKind.CONFIG_MAP, "app"),
        (DataKind.SECRET, "p"),
        (DataKind.SECRET, "v"),
        (DataKind.SECRET, "e"),
        (DataKind.SECRET, "f"),
        (DataKind.CLAIM, "disk"),
    }
    assert DataKey(DataKind.CLAIM, "default", "disk") in pod_references(pod)


@pytest.mark.parametrize("how", ["device", "file"])
def test_a_volume_is_used_as_a_device_or_for_variables_too(how: str) -> None:
    reference = v1.FileKeySelector(key="K", path="f", volumeName="data")
    container = (
        a_container(volumeDevices=[v1.VolumeDevice(name="data", devicePath="/dev/x")])
        if how == "device"
        else a_container(env=[v1.EnvVar(name="K", valueFrom=v1.EnvVarSource(fileKeyRef=reference))])
    )
    assert used_volumes(a_pod(container, volumes=[EMPTY, CONF]).spec) == (EMPTY,)


def test_what_runs_out_is_shown_anew_when_it_is_due() -> None:
    memory = remembered(with_volumes(CONF), shows="1/", shown="1/", refresh_due=50.0)
    assert plan_refresh(memory, sight(seen()), now=49.0) == ((), 50.0)
    assert plan_refresh(memory, sight(seen()), now=50.0) == (REFRESH, None)
    assert plan_refresh(memory, sight(ended()), now=50.0) == ((), None)
    failed = msgspec.structs.replace(memory, refresh_at=55.0)
    assert plan_refresh(failed, sight(seen()), now=51.0) == ((), 55.0)
    assert shown(failed, due=90.0) == msgspec.structs.replace(
        memory, refresh_at=0.0, refresh_due=90.0
    )


def test_the_earliest_of_points_in_time_leaves_out_never() -> None:
    assert earliest([]) == earliest([0.0]) == 0.0
    assert earliest([0.0, 7.0, 3.0]) == 3.0


def test_the_secret_of_an_inline_volume_is_the_pods_own() -> None:
    reference = v1.LocalObjectReference(name="key")
    source = v1.CSIVolumeSource(driver="d", nodePublishSecretRef=reference)
    pod = with_volumes(v1.Volume(name="tmp", csi=source))
    assert DataKey(DataKind.SECRET, pod.namespace, "key") in pod_references(pod)


def test_a_volume_of_another_kind_names_no_secrets() -> None:
    spec = v1.PersistentVolumeSpec(hostPath=v1.HostPathVolumeSource(path="/x"))
    assert driver_secrets(PersistentVolume(name="pv", spec=spec)) == frozenset()
