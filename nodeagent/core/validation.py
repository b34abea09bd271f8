"""What the API server's validation refuses in a new Pod: every finding, with its path."""

import re

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.support import refused_fields
from nodeagent.core.validation_containers import validate_containers
from nodeagent.core.validation_names import Found
from nodeagent.core.validation_resources import validate_pod_resources
from nodeagent.core.validation_security import validate_pod_security
from nodeagent.core.validation_volumes import validate_volumes

_RESTARTS = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UID = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_]*[A-Za-z0-9])?")  # becomes a folder's name
_ANNOTATIONS_BYTES = 256 * 1024
_NAMESERVERS, _SEARCHES, _SEARCH_CHARS = 3, 32, 2048


def validate_pod(pod: v1.Pod) -> Found:
    """Every field that cannot be as it is, with what it needs. `pod` has its defaults.

    The rules are those of the Pod v1 reference for a pod that is created; references to secrets,
    config maps and claims are allowed, since they may come from files of the node.
    """
    assert pod.metadata is not None and pod.spec is not None
    spec, path = pod.spec, ("spec",)
    yield from _metadata(pod.metadata, ("metadata",))
    yield from _life(spec, path)
    yield from _network(spec, path)
    yield from _dns(spec, path)
    yield from _placing(spec, path)
    yield from _claims(spec, path)
    yield from validate_pod_security(spec, (*path, "securityContext"))
    yield from validate_pod_resources(spec, (*path, "resources"))
    yield from validate_volumes(spec.volumes or (), (*path, "volumes"))
    yield from validate_containers(spec, path)
    yield from refused_fields(pod)


def _metadata(meta: meta_v1.ObjectMeta, path: Path) -> Found:
    yield from names.subdomain((*path, "name"), meta.name)
    yield from names.label((*path, "namespace"), meta.namespace)
    uid = meta.uid or ""
    if len(uid) > 128 or not _UID.fullmatch(uid):
        yield (*path, "uid"), f'is "{uid}"; needs at most 128 letters, digits, "-" and "_"'
    yield from names.labels((*path, "labels"), meta.labels)
    size = 0
    for key, value in (meta.annotations or {}).items():
        yield from names.qualified((*path, "annotations", key), key.lower())
        size += len(key.encode()) + len(value.encode())
    if size > _ANNOTATIONS_BYTES:
        yield (*path, "annotations"), f"are {size} bytes; needs at most {_ANNOTATIONS_BYTES}"


def _life(spec: v1.PodSpec, path: Path) -> Found:
    yield from names.one_of((*path, "restartPolicy"), spec.restartPolicy, _RESTARTS)
    grace = spec.terminationGracePeriodSeconds
    yield from names.between((*path, "terminationGracePeriodSeconds"), grace, 0)
    deadline = spec.activeDeadlineSeconds
    yield from names.between((*path, "activeDeadlineSeconds"), deadline, 1, names.MAX_ID)
    if spec.ephemeralContainers:
        message = "may not be in a manifest; they are added to a running pod"
        yield (*path, "ephemeralContainers"), message
    if spec.schedulingGates:
        yield (*path, "schedulingGates"), "may not be set on a pod that already has its node"
    for i, gate in enumerate(spec.readinessGates or ()):
        yield from names.qualified(
            (*path, "readinessGates", i, "conditionType"), gate.conditionType
        )


def _network(spec: v1.PodSpec, path: Path) -> Found:
    if spec.hostname:
        yield from names.label((*path, "hostname"), spec.hostname)
    if spec.subdomain:
        yield from names.label((*path, "subdomain"), spec.subdomain)
    if spec.hostnameOverride is not None:
        where = (*path, "hostnameOverride")
        yield from names.subdomain(where, spec.hostnameOverride, most=64)
        if spec.hostNetwork:
            yield where, "may not be set together with hostNetwork: true"
        if spec.setHostnameAsFQDN:
            yield where, "may not be set together with setHostnameAsFQDN: true"
    for i, alias in enumerate(spec.hostAliases or ()):
        at = (*path, "hostAliases", i)
        yield from names.ip((*at, "ip"), alias.ip)
        for j, name in enumerate(alias.hostnames or ()):
            yield from names.subdomain((*at, "hostnames", j), name)


def _dns(spec: v1.PodSpec, path: Path) -> Found:
    yield from names.one_of((*path, "dnsPolicy"), spec.dnsPolicy, _DNS)
    config, path = spec.dnsConfig, (*path, "dnsConfig")
    servers = (config.nameservers if config is not None else None) or ()
    if spec.dnsPolicy == "None" and not servers:
        yield (*path, "nameservers"), "needs at least one address, because dnsPolicy is None"
    if config is None:
        return
    if len(servers) > _NAMESERVERS:
        yield (*path, "nameservers"), f"has {len(servers)}; needs at most {_NAMESERVERS}"
    for i, server in enumerate(servers):
        yield from names.ip((*path, "nameservers", i), server)
    searches = config.searches or ()
    if len(searches) > _SEARCHES:
        yield (*path, "searches"), f"has {len(searches)}; needs at most {_SEARCHES}"
    if len(" ".join(searches)) > _SEARCH_CHARS:
        yield (*path, "searches"), f"needs at most {_SEARCH_CHARS} characters in all"
    for i, search in enumerate(searches):
        yield from names.search_domain((*path, "searches", i), search)
    for i, option in enumerate(config.options or ()):
        yield from names.needed((*path, "options", i, "name"), option.name)


def _placing(spec: v1.PodSpec, path: Path) -> Found:
    yield from names.labels((*path, "nodeSelector"), spec.nodeSelector)
    if spec.os is not None:
        yield from names.one_of((*path, "os", "name"), spec.os.name, ("linux", "windows"))
    for field in ("runtimeClassName", "priorityClassName", "serviceAccountName"):
        value = getattr(spec, field)
        if value:
            yield from names.subdomain((*path, field), value)
    policies = ("PreemptLowerPriority", "Never")
    yield from names.one_of((*path, "preemptionPolicy"), spec.preemptionPolicy, policies)
    for i, secret in enumerate(spec.imagePullSecrets or ()):
        yield from names.needed((*path, "imagePullSecrets", i, "name"), secret.name)
    for i, toleration in enumerate(spec.tolerations or ()):
        yield from _toleration(toleration, (*path, "tolerations", i))


def _toleration(toleration: v1.Toleration, at: Path) -> Found:
    operator = toleration.operator or "Equal"
    yield from names.one_of((*at, "operator"), operator, ("Equal", "Exists"))
    yield from names.one_of((*at, "effect"), toleration.effect or None, _EFFECTS)
    if toleration.key:
        yield from names.qualified((*at, "key"), toleration.key)
    elif operator != "Exists":
        yield (*at, "operator"), "needs to be Exists where there is no key"
    if operator == "Exists" and toleration.value:
        yield (*at, "value"), "has no use with the operator Exists"
    if toleration.tolerationSeconds is not None and toleration.effect != "NoExecute":
        yield (*at, "effect"), "needs to be NoExecute where tolerationSeconds is set"


def _claims(spec: v1.PodSpec, path: Path) -> Found:
    seen: set[str] = set()
    kinds = ("resourceClaimName", "resourceClaimTemplateName")
    for i, claim in enumerate(spec.resourceClaims or ()):
        at = (*path, "resourceClaims", i)
        yield from names.label((*at, "name"), claim.name)
        if claim.name in seen:
            yield (*at, "name"), f'is "{claim.name}" for a second claim'
        seen.add(claim.name)
        yield from names.exactly_one(at, claim, of=kinds, what="source")
