"""What the API server's validation refuses in the containers of a new Pod."""

from collections.abc import Sequence

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.validation_fields import field_ref, resource_ref
from nodeagent.core.validation_names import Found
from nodeagent.core.validation_probes import validate_lifecycle, validate_probes
from nodeagent.core.validation_resources import validate_resize, validate_resources
from nodeagent.core.validation_security import validate_security

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGES = ("File", "FallbackToLogsOnError")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_RESTARTS = ("Always", "OnFailure", "Never")
_RULES = ("Restart", "RestartAllContainers")
_PROPAGATION = ("None", "HostToContainer", "Bidirectional")
_READ_ONLY = ("Disabled", "IfPossible", "Enabled")
_SOURCES = tuple(v1.EnvVarSource.__struct_fields__)
_BLOCKS = ("persistentVolumeClaim", "ephemeral")
_MOST_RULES, _MOST_CODES = 20, 255


class _Pod(msgspec.Struct, frozen=True):
    """What containers may refer to."""

    spec: v1.PodSpec
    volumes: dict[str, v1.Volume]
    claims: set[str]


def validate_containers(spec: v1.PodSpec, path: Path) -> Found:
    """All containers of a pod, and what no two of them may share."""
    claims = {claim.name for claim in spec.resourceClaims or ()}
    pod = _Pod(spec, {volume.name: volume for volume in spec.volumes or ()}, claims)
    if not spec.containers:
        yield (*path, "containers"), "needs at least one container"
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        group: Sequence[v1.Container] = getattr(spec, field) or ()
        for i, container in enumerate(group):
            at = (*path, field, i)
            yield from names.label((*at, "name"), container.name)
            if container.name in seen:
                yield (*at, "name"), f'is "{container.name}" for a second container'
            seen.add(container.name)
            yield from _container(container, pod, at)
            if field == "initContainers":
                yield from _init_only(container, at)
        yield from _host_ports(group, (*path, field))


def _container(container: v1.Container, pod: _Pod, at: Path) -> Found:
    yield from _image(container, at)
    message = container.terminationMessagePolicy
    yield from names.one_of((*at, "terminationMessagePolicy"), message, _MESSAGES)
    yield from _ports(container, pod.spec, at)
    yield from _env(container, pod, at)
    yield from _mounts(container, pod, at)
    yield from _devices(container, pod, at)
    yield from validate_probes(container, at)
    if container.lifecycle is not None:
        grace = pod.spec.terminationGracePeriodSeconds or 0
        yield from validate_lifecycle(container.lifecycle, grace, (*at, "lifecycle"))
    assert container.resources is not None  # a default
    yield from validate_resources(container.resources, pod.claims, (*at, "resources"))
    yield from validate_resize(container, at)
    if container.securityContext is not None:
        yield from validate_security(container.securityContext, pod.spec, (*at, "securityContext"))
    yield from _restarts(container, at)


def _image(container: v1.Container, at: Path) -> Found:
    image = container.image or ""
    yield from names.needed((*at, "image"), image)
    if image != image.strip():
        yield (*at, "image"), "may not have blanks before or after it"
    yield from names.one_of((*at, "imagePullPolicy"), container.imagePullPolicy, _PULL_POLICIES)


def _init_only(container: v1.Container, at: Path) -> Found:
    """What only a container that stays may have."""
    if container.restartPolicy == "Always":
        if container.restartPolicyRules:
            yield (*at, "restartPolicyRules"), "has no use beside restartPolicy: Always"
        return
    for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if getattr(container, field) is not None:
            message = "may only be set on an init container with restartPolicy: Always"
            yield (*at, field), message


def _restarts(container: v1.Container, at: Path) -> Found:
    """Container restart policy and rules (KEP-5307)."""
    yield from names.one_of((*at, "restartPolicy"), container.restartPolicy, _RESTARTS)
    rules, where = container.restartPolicyRules or (), (*at, "restartPolicyRules")
    if rules and container.restartPolicy is None:
        yield (*at, "restartPolicy"), "is missing; restartPolicyRules need it"
    if len(rules) > _MOST_RULES:
        yield where, f"has {len(rules)} rules; needs at most {_MOST_RULES}"
    for i, rule in enumerate(rules):
        yield from names.one_of((*where, i, "action"), rule.action, _RULES)
        codes = rule.exitCodes
        if codes is None:
            yield (*where, i, "exitCodes"), "is missing"
            continue
        inner = (*where, i, "exitCodes")
        yield from names.one_of((*inner, "operator"), codes.operator, ("In", "NotIn"))
        values = codes.values or ()
        if not 1 <= len(values) <= _MOST_CODES or len(set(values)) != len(values):
            yield (*inner, "values"), f"needs 1 to {_MOST_CODES} different exit codes"
        for j, value in enumerate(values):
            yield from names.between((*inner, "values", j), value, 0, 255)


def _ports(container: v1.Container, spec: v1.PodSpec, at: Path) -> Found:
    seen: set[str] = set()
    for i, port in enumerate(container.ports or ()):
        where = (*at, "ports", i)
        if port.name:
            yield from names.port_name((*where, "name"), port.name)
            if port.name in seen:
                yield (*where, "name"), f'is "{port.name}" for a second port'
            seen.add(port.name)
        yield from names.between((*where, "containerPort"), port.containerPort, 1, 65535)
        yield from names.between((*where, "hostPort"), port.hostPort, 0, 65535)
        yield from names.one_of((*where, "protocol"), port.protocol, _PROTOCOLS)
        if port.hostIP:
            yield from names.ip((*where, "hostIP"), port.hostIP)
        if spec.hostNetwork and port.hostPort != port.containerPort:
            message = f"is {port.hostPort}; needs to equal containerPort under hostNetwork: true"
            yield (*where, "hostPort"), message


def _host_ports(containers: Sequence[v1.Container], path: Path) -> Found:
    seen: set[tuple[str | None, str, int]] = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.ports or ()):
            if not port.hostPort:
                continue
            key = (port.protocol, port.hostIP or "", port.hostPort)
            if key in seen:
                message = f"is {port.hostPort} a second time for {port.protocol}"
                yield (*path, i, "ports", j, "hostPort"), message
            seen.add(key)


def _env(container: v1.Container, pod: _Pod, at: Path) -> Found:
    for i, variable in enumerate(container.env or ()):
        where = (*at, "env", i)
        yield from names.variable((*where, "name"), variable.name)
        if variable.valueFrom is not None:
            if variable.value:
                yield (*where, "valueFrom"), "may not be set together with value"
            yield from _value_from(variable.valueFrom, pod, (*where, "valueFrom"))
    for i, source in enumerate(container.envFrom or ()):
        where = (*at, "envFrom", i)
        yield from names.exactly_one(where, source, of=("configMapRef", "secretRef"), what="source")
        yield from names.variable((*where, "prefix"), source.prefix, part=True)
        for field in ("configMapRef", "secretRef"):
            ref = getattr(source, field)
            if ref is not None:
                yield from names.needed((*where, field, "name"), ref.name)


def _value_from(source: v1.EnvVarSource, pod: _Pod, at: Path) -> Found:
    yield from names.exactly_one(at, source, of=_SOURCES, what="source")
    if source.fieldRef is not None:
        yield from field_ref(source.fieldRef, (*at, "fieldRef"))
    if source.resourceFieldRef is not None:
        yield from resource_ref(source.resourceFieldRef, (*at, "resourceFieldRef"))
    for field in ("configMapKeyRef", "secretKeyRef"):
        ref = getattr(source, field)
        if ref is not None:
            yield from names.needed((*at, field, "name"), ref.name)
            yield from names.needed((*at, field, "key"), ref.key)
    file = source.fileKeyRef
    if file is not None:
        where = (*at, "fileKeyRef")
        yield from names.variable((*where, "key"), file.key)
        yield from names.relative((*where, "path"), file.path)
        volume = pod.volumes.get(file.volumeName)
        if volume is None or volume.emptyDir is None:
            message = f'"{file.volumeName}" needs to be an emptyDir of spec.volumes'
            yield (*where, "volumeName"), message


def _mounts(container: v1.Container, pod: _Pod, at: Path) -> Found:
    seen: set[str] = set()
    for i, mount in enumerate(container.volumeMounts or ()):
        where = (*at, "volumeMounts", i)
        if mount.name not in pod.volumes:
            yield (*where, "name"), f'"{mount.name}" is not one of spec.volumes'
        yield from names.absolute((*where, "mountPath"), mount.mountPath)
        if mount.mountPath in seen:
            yield (*where, "mountPath"), f"is {mount.mountPath} a second time"
        seen.add(mount.mountPath)
        for field in ("subPath", "subPathExpr"):
            below = getattr(mount, field)
            if below:
                yield from names.relative((*where, field), below)
        if mount.subPath and mount.subPathExpr:
            yield (*where, "subPathExpr"), "may not be set together with subPath"
        yield from _propagation(mount, container, where)


def _propagation(mount: v1.VolumeMount, container: v1.Container, at: Path) -> Found:
    yield from names.one_of((*at, "mountPropagation"), mount.mountPropagation, _PROPAGATION)
    context = container.securityContext
    if mount.mountPropagation == "Bidirectional" and not (context and context.privileged):
        yield (*at, "mountPropagation"), "Bidirectional needs a privileged container"
    where = (*at, "recursiveReadOnly")
    yield from names.one_of(where, mount.recursiveReadOnly, _READ_ONLY)
    if mount.recursiveReadOnly in ("IfPossible", "Enabled"):
        if not mount.readOnly:
            yield where, f"{mount.recursiveReadOnly} needs readOnly: true"
        if mount.mountPropagation not in (None, "None"):
            yield where, f"{mount.recursiveReadOnly} needs mountPropagation to be None or absent"


def _devices(container: v1.Container, pod: _Pod, at: Path) -> Found:
    mounted = {mount.name for mount in container.volumeMounts or ()}
    paths = {mount.mountPath for mount in container.volumeMounts or ()}
    for i, device in enumerate(container.volumeDevices or ()):
        where = (*at, "volumeDevices", i)
        volume = pod.volumes.get(device.name)
        if volume is None:
            yield (*where, "name"), f'"{device.name}" is not one of spec.volumes'
        elif all(getattr(volume, kind) is None for kind in _BLOCKS):
            message = f'"{device.name}" needs to be a persistentVolumeClaim or ephemeral volume'
            yield (*where, "name"), message
        if device.name in mounted:
            yield (*where, "name"), f'"{device.name}" is already in volumeMounts or volumeDevices'
        mounted.add(device.name)
        yield from names.absolute((*where, "devicePath"), device.devicePath)
        if device.devicePath in paths:
            yield (*where, "devicePath"), f"is {device.devicePath} a second time"
        paths.add(device.devicePath)
