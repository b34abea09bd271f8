"""The defaults of the API server, as a pod shows them after parsing."""

import json
from typing import Any

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.core.defaults import default_pull_policy
from nodeagent.core.manifest import parse_manifest
from nodeagent.model.desired import Source


def spec_of(spec: dict[str, Any]) -> v1.PodSpec:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    text = json.dumps(pod).encode()
    return parse_manifest(
        text, origin="/m/web.yaml", source=Source.HTTP, node_name="n", seen_at=0.0
    ).spec


def container_of(**fields: Any) -> v1.Container:
    return spec_of({"containers": [{"name": "web", "image": "a:1", **fields}]}).containers[0]


def volume_of(**fields: Any) -> v1.Volume:
    volumes = [{"name": "a", **fields}]
    [volume] = (
        spec_of({"containers": [{"name": "a", "image": "a"}], "volumes": volumes}).volumes or []
    )
    return volume


def test_a_bare_pod_has_every_default_of_its_spec() -> None:
    spec = spec_of({"containers": [{"name": "web", "image": "a:1"}]})
    assert spec == v1.PodSpec(
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler",
        enableServiceLinks=True,
        securityContext=v1.PodSecurityContext(),
        nodeName="n",
        containers=[
            v1.Container(
                name="web",
                image="a:1",
                imagePullPolicy="IfNotPresent",
                resources=v1.ResourceRequirements(),
                terminationMessagePath="/dev/termination-log",
                terminationMessagePolicy="File",
            )
        ],
    )


def test_what_is_set_stays() -> None:
    given = {
        "restartPolicy": "Never",
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 0,
        "enableServiceLinks": False,
        "containers": [{"name": "web", "image": "a", "imagePullPolicy": "Never"}],
    }
    spec = spec_of(given)
    assert (spec.restartPolicy, spec.dnsPolicy, spec.enableServiceLinks) == (
        "Never",
        "Default",
        False,
    )
    assert spec.terminationGracePeriodSeconds == 0
    assert spec.containers[0].imagePullPolicy == "Never"


def test_the_old_name_of_the_service_account_is_the_same_field() -> None:
    spec = spec_of({"serviceAccount": "sa", "containers": [{"name": "a", "image": "a"}]})
    assert (spec.serviceAccountName, spec.serviceAccount) == ("sa", "sa")


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("host:5000/a", "Always"),
        ("a:latest@sha256:00", "Always"),
        ("a:1", "IfNotPresent"),
        ("host:5000/a/b:1", "IfNotPresent"),
        ("a@sha256:00", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert default_pull_policy(image) == policy


def test_limits_become_requests_and_no_resize_policy_is_made_up() -> None:
    limits = {"cpu": "1", "memory": "1Gi", "example.org/x": "1"}
    web = container_of(resources={"limits": limits, "requests": {"cpu": "100m"}})
    assert web.resources is not None
    assert web.resources.requests == {**limits, "cpu": "100m"}
    assert web.resizePolicy is None


def test_pod_requests_are_the_sum_of_its_containers_or_its_limits() -> None:
    container = {"name": "a", "image": "a", "resources": {"requests": {"cpu": "300m"}}}
    spec = spec_of(
        {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}, "containers": [container]}
    )
    assert spec.resources is not None
    assert spec.resources.requests == {"cpu": "300m", "memory": "1Gi"}
    own = {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}
    spec = spec_of({"resources": own, "containers": [container]})
    assert spec.resources is not None and spec.resources.requests == {"cpu": "1"}


def test_ports_probes_and_hooks_are_filled_in() -> None:
    get = {"httpGet": {"port": 80}}
    web = container_of(
        ports=[{"containerPort": 80}],
        livenessProbe={**get, "periodSeconds": 0, "failureThreshold": 0, "timeoutSeconds": 0},
        readinessProbe={"grpc": {"port": 1}, "periodSeconds": 3},
        lifecycle={"preStop": get, "postStart": {"exec": {"command": ["a"]}}},
        securityContext={"privileged": True},
    )
    assert web.ports == [v1.ContainerPort(containerPort=80, protocol="TCP")]
    assert web.livenessProbe == v1.Probe(
        httpGet=v1.HTTPGetAction(port=80, path="/", scheme="HTTP"),
        timeoutSeconds=1,
        periodSeconds=10,
        successThreshold=1,
        failureThreshold=3,
    )
    assert web.readinessProbe is not None and web.readinessProbe.periodSeconds == 3
    assert web.readinessProbe.grpc == v1.GRPCAction(port=1, service="")
    assert web.lifecycle is not None and web.lifecycle.preStop is not None
    assert web.lifecycle.preStop.httpGet == v1.HTTPGetAction(port=80, path="/", scheme="HTTP")
    assert web.securityContext == v1.SecurityContext(privileged=True, procMount="Default")


def test_ports_of_a_pod_on_the_host_network_are_host_ports() -> None:
    container = {"name": "a", "image": "a", "ports": [{"containerPort": 80}]}
    spec = spec_of({"hostNetwork": True, "containers": [container]})
    assert [p.hostPort for p in spec.containers[0].ports or ()] == [80]


def test_variables_from_fields_name_their_version() -> None:
    field = {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    file = {"name": "B", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "K"}}}
    container = {"name": "a", "image": "a", "env": [field, file]}
    spec = spec_of({"containers": [container], "volumes": [{"name": "v"}]})
    one, two = (v.valueFrom for v in spec.containers[0].env or ())
    assert one is not None and one.fieldRef is not None and one.fieldRef.apiVersion == "v1"
    assert two is not None and two.fileKeyRef is not None and two.fileKeyRef.optional is False


def test_volumes_have_their_defaults() -> None:
    assert volume_of().emptyDir == v1.EmptyDirVolumeSource()
    assert volume_of(hostPath={"path": "/a"}).hostPath == v1.HostPathVolumeSource(
        path="/a", type=""
    )
    image = volume_of(image={"reference": "a:1"}).image
    assert image == v1.ImageVolumeSource(reference="a:1", pullPolicy="IfNotPresent")
    secret = volume_of(secret={"secretName": "s"}).secret
    assert secret == v1.SecretVolumeSource(secretName="s", defaultMode=0o644)
    config = volume_of(configMap={"name": "c", "defaultMode": 0o400}).configMap
    assert config == v1.ConfigMapVolumeSource(name="c", defaultMode=0o400)
    iscsi = volume_of(iscsi={"targetPortal": "p", "iqn": "i", "lun": 0}).iscsi
    assert iscsi is not None and iscsi.iscsiInterface == "default"
    claim = {"spec": {"accessModes": ["ReadWriteOnce"]}}
    ephemeral = volume_of(ephemeral={"volumeClaimTemplate": claim}).ephemeral
    assert ephemeral is not None and ephemeral.volumeClaimTemplate is not None
    assert ephemeral.volumeClaimTemplate.spec.volumeMode == "Filesystem"


def test_projected_files_have_their_defaults() -> None:
    items = [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]
    down = volume_of(downwardAPI={"items": items}).downwardAPI
    assert down is not None and down.defaultMode == 0o644 and down.items is not None
    assert down.items[0].fieldRef is not None and down.items[0].fieldRef.apiVersion == "v1"
    sources = [{"serviceAccountToken": {"path": "t"}}, {"downwardAPI": {"items": items}}]
    whole = volume_of(projected={"sources": sources}).projected
    assert whole is not None and whole.defaultMode == 0o644
    token, files = whole.sources or []
    assert token.serviceAccountToken is not None
    assert token.serviceAccountToken.expirationSeconds == 3600
    assert files.downwardAPI is not None and files.downwardAPI.items is not None
    assert files.downwardAPI.items[0].fieldRef == down.items[0].fieldRef
