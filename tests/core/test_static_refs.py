"""What static pods of a cluster's node may not refer to."""

from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.static_refs import forbidden_reference
from tests.fakes.pods import a_container, a_pod, an_api_pod

SECRET_ENV = v1.EnvVar(
    name="A", valueFrom=v1.EnvVarSource(secretKeyRef=v1.SecretKeySelector(key="k", name="s"))
)
MAP_ENV = v1.EnvVar(
    name="A", valueFrom=v1.EnvVarSource(configMapKeyRef=v1.ConfigMapKeySelector(key="k"))
)
TOKEN = v1.VolumeProjection(
    serviceAccountToken=v1.ServiceAccountTokenProjection(path="t", audience="a")
)
FIELDS = v1.VolumeProjection(downwardAPI=v1.DownwardAPIProjection(items=[]))


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [v1.Volume(name="v", **source)]}


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"serviceAccountName": "me"}, "serviceaccounts"),
        ({"imagePullSecrets": [v1.LocalObjectReference(name="s")]}, "secrets"),
        ({"resourceClaims": [v1.PodResourceClaim(name="r")]}, "resourceclaims"),
        (volume(secret=v1.SecretVolumeSource(secretName="s")), "secrets"),
        (volume(configMap=v1.ConfigMapVolumeSource(name="c")), "configmaps"),
        (
            volume(persistentVolumeClaim=v1.PersistentVolumeClaimVolumeSource(claimName="c")),
            "persistentvolumeclaims",
        ),
        (volume(csi=v1.CSIVolumeSource(driver="d")), "csidrivers"),
        (volume(projected=v1.ProjectedVolumeSource(sources=[TOKEN])), "serviceaccounts"),
        (volume(projected=v1.ProjectedVolumeSource(sources=[FIELDS])), ""),
        (volume(emptyDir=v1.EmptyDirVolumeSource()), ""),
        (volume(hostPath=v1.HostPathVolumeSource(path="/")), ""),
        ({}, ""),
    ],
)
def test_volumes_and_pods(spec: dict[str, Any], kind: str) -> None:
    assert forbidden_reference(a_pod(**spec)) == (
        f"static pods may not reference {kind}" if kind else ""
    )
    assert forbidden_reference(an_api_pod(**spec)) == ""


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"env": [SECRET_ENV]}, "secrets"),
        ({"env": [MAP_ENV]}, "configmaps"),
        ({"envFrom": [v1.EnvFromSource(secretRef=v1.SecretEnvSource(name="s"))]}, "secrets"),
        (
            {"envFrom": [v1.EnvFromSource(configMapRef=v1.ConfigMapEnvSource(name="s"))]},
            "configmaps",
        ),
        ({"env": [v1.EnvVar(name="A", value="b")]}, ""),
    ],
)
def test_containers(fields: dict[str, Any], kind: str) -> None:
    text = f"static pods may not reference {kind}" if kind else ""
    assert forbidden_reference(a_pod(a_container(**fields))) == text
    assert forbidden_reference(a_pod(initContainers=[a_container("i", **fields)])) == text
