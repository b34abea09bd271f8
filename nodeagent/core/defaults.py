"""What the API server fills in for a Pod. Changes the pod it is given, fresh from decoding."""

from collections.abc import Iterator

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.quantity import format_amount
from nodeagent.core.resources import container_requests

_FILE_MODE = 0o644
_TOKEN_SECONDS = 3600


def apply_defaults(pod: v1.Pod) -> None:
    """Fill in every default of core/v1 (API reference, Pod v1); what is set stays.

    The one place that assigns to Kubernetes values: `pod` must not have been shared yet.
    """
    spec = pod.spec
    assert spec is not None
    _fill(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler",
        enableServiceLinks=True,
    )
    if spec.securityContext is None:
        spec.securityContext = v1.PodSecurityContext()
    spec.serviceAccountName = spec.serviceAccountName or spec.serviceAccount
    spec.serviceAccount = spec.serviceAccountName
    for volume in spec.volumes or ():
        _default_volume(volume)
    for container in (*(spec.initContainers or ()), *spec.containers):
        _default_container(container, host_network=bool(spec.hostNetwork))
    _default_pod_requests(spec)


def default_pull_policy(image: str) -> str:
    """Always for the tag "latest", named or meant; IfNotPresent for all other references."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or not (tag or digest) else "IfNotPresent"


def _fill(value: msgspec.Struct, **defaults: object) -> None:
    for name, default in defaults.items():
        if getattr(value, name) is None:
            setattr(value, name, default)


def _default_container(container: v1.Container, *, host_network: bool) -> None:
    _fill(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy=default_pull_policy(container.image or ""),
    )
    if container.resources is None:
        container.resources = v1.ResourceRequirements()
    _default_requests(container.resources)
    for port in container.ports or ():
        _fill(port, protocol="TCP")
        if host_network and not port.hostPort:
            port.hostPort = port.containerPort
    for variable in container.env or ():
        if variable.valueFrom is not None:
            _default_env(variable.valueFrom)
    for probe in (container.livenessProbe, container.readinessProbe, container.startupProbe):
        if probe is not None:
            _default_probe(probe)
    for get in _hook_gets(container.lifecycle):
        _fill(get, path="/", scheme="HTTP")
    if container.securityContext is not None:
        _fill(container.securityContext, procMount="Default")


def _default_env(source: v1.EnvVarSource) -> None:
    if source.fieldRef is not None:
        _fill(source.fieldRef, apiVersion="v1")
    if source.fileKeyRef is not None:
        _fill(source.fileKeyRef, optional=False)


def _default_probe(probe: v1.Probe) -> None:
    _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    for name in ("timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if getattr(probe, name) == 0:  # the API cannot tell 0 from absent in these
            setattr(probe, name, {"periodSeconds": 10, "failureThreshold": 3}.get(name, 1))
    if probe.httpGet is not None:
        _fill(probe.httpGet, path="/", scheme="HTTP")
    if probe.grpc is not None:
        _fill(probe.grpc, service="")


def _hook_gets(lifecycle: v1.Lifecycle | None) -> Iterator[v1.HTTPGetAction]:
    for hook in (lifecycle.postStart, lifecycle.preStop) if lifecycle is not None else ():
        if hook is not None and hook.httpGet is not None:
            yield hook.httpGet


def _default_requests(resources: v1.ResourceRequirements) -> None:
    """A limit without a request asks for as much as it allows."""
    if resources.limits:
        resources.requests = {**resources.limits, **(resources.requests or {})}


def _default_pod_requests(spec: v1.PodSpec) -> None:
    """Pod-level requests: what the containers ask for in sum, else the pod's limits (KEP-2837)."""
    resources = spec.resources
    if resources is None or not (resources.limits or resources.requests):
        return
    requests = dict(resources.requests or {})
    summed = container_requests(spec)
    for name, limit in (resources.limits or {}).items():
        if name not in requests:
            requests[name] = format_amount(name, summed[name]) if name in summed else limit
    resources.requests = requests


def _default_volume(volume: v1.Volume) -> None:
    if all(getattr(volume, field) is None for field in volume.__struct_fields__ if field != "name"):
        volume.emptyDir = v1.EmptyDirVolumeSource()
    for source in (volume.secret, volume.configMap, volume.projected, volume.downwardAPI):
        if source is not None:
            _fill(source, defaultMode=_FILE_MODE)
    if volume.hostPath is not None:
        _fill(volume.hostPath, type="")
    if volume.image is not None:
        _fill(volume.image, pullPolicy=default_pull_policy(volume.image.reference or ""))
    if volume.iscsi is not None:
        _fill(volume.iscsi, iscsiInterface="default")
    if volume.ephemeral is not None and volume.ephemeral.volumeClaimTemplate is not None:
        _fill(volume.ephemeral.volumeClaimTemplate.spec, volumeMode="Filesystem")
    _default_projections(volume)


def _default_projections(volume: v1.Volume) -> None:
    for file in _downward_files(volume):
        if file.fieldRef is not None:
            _fill(file.fieldRef, apiVersion="v1")
    if volume.projected is not None:
        for part in volume.projected.sources or ():
            if part.serviceAccountToken is not None:
                _fill(part.serviceAccountToken, expirationSeconds=_TOKEN_SECONDS)


def _downward_files(volume: v1.Volume) -> Iterator[v1.DownwardAPIVolumeFile]:
    if volume.downwardAPI is not None:
        yield from volume.downwardAPI.items or ()
    if volume.projected is not None:
        for part in volume.projected.sources or ():
            if part.downwardAPI is not None:
                yield from part.downwardAPI.items or ()
