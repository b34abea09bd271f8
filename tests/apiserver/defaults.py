"""What the API server adds to new objects: the API's defaults, as far as nodes see them.

Written apart from nodeagent's own defaults, so that neither hides a mistake of the other.
"""

import base64
import copy
import re
from typing import Any, Final

from tests.apiserver.pods import in_whole_numbers
from tests.apiserver.problems import Document

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE: Final = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_MODES: Final = {"configMap": 420, "secret": 420, "downwardAPI": 420, "projected": 420}


_FRACTION: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+(Z|[+-]\d\d:\d\d)$")
_FINE: Final = {"renewTime", "acquireTime", "eventTime", "lastObservedTime"}


def whole_seconds(value: Any) -> Any:
    """The same document with times as the API keeps them: without fractions, but for MicroTimes."""
    if isinstance(value, dict):
        return {k: v if k in _FINE else whole_seconds(v) for k, v in value.items()}
    if isinstance(value, list):
        return [whole_seconds(one) for one in value]
    if isinstance(value, str) and "T" in value:
        return _FRACTION.sub(r"\1\2", value)
    return value


def with_defaults(document: Document) -> Document:
    """The new object as the server keeps it."""
    fill = _BY_KIND.get(document.get("kind", ""))
    if fill is None:
        return document
    result = copy.deepcopy(document)
    fill(result)
    return result


def _pod(pod: Document) -> None:
    spec = pod.setdefault("spec", {})
    defaults: Document = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
    }
    for key, value in defaults.items():
        spec.setdefault(key, value)
    if not _is_mirror(pod):
        account = spec.setdefault("serviceAccountName", spec.get("serviceAccount") or "default")
        spec["serviceAccount"] = account
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or []:
            _container(container, host=bool(spec.get("hostNetwork")))
    for volume in spec.get("volumes") or []:
        _volume(volume)
    spec["tolerations"] = _with_tolerations(spec.get("tolerations") or [])
    pod["status"] = {"phase": "Pending", "qosClass": qos_of(spec)}


def _is_mirror(pod: Document) -> bool:
    return "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {})


def _container(container: Document, *, host: bool) -> None:
    image = str(container.get("image", ""))
    name = image.partition("@")[0].rpartition("/")[2]
    latest = "@" not in image and (":" not in name or name.endswith(":latest"))
    defaults: Document = {
        "imagePullPolicy": "Always" if latest else "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "resources": {},
    }
    for key, value in defaults.items():
        container.setdefault(key, value)
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
        if host:
            port.setdefault("hostPort", port["containerPort"])
    in_whole_numbers(container)
    limits = container["resources"].get("limits") or {}
    for resource, amount in limits.items():
        container["resources"].setdefault("requests", {}).setdefault(resource, amount)
    for probe in (container[key] for key in _PROBES if container.get(key)):
        for key, number in _PROBE.items():
            probe.setdefault(key, number)
        _handler(probe)
    for hook in (container.get("lifecycle") or {}).values():
        _handler(hook)
    for variable in container.get("env") or []:
        _field(variable.get("valueFrom") or {})


def _handler(given: Document) -> None:
    if "httpGet" in given:
        given["httpGet"].setdefault("path", "/")
        given["httpGet"].setdefault("scheme", "HTTP")
    if "grpc" in given:
        given["grpc"].setdefault("service", "")


def _field(given: Document) -> None:
    if "fieldRef" in given:
        given["fieldRef"].setdefault("apiVersion", "v1")


def _volume(volume: Document) -> None:
    if not set(volume) - {"name"}:
        volume["emptyDir"] = {}
    for kind, mode in _MODES.items():
        if kind in volume:
            volume[kind].setdefault("defaultMode", mode)
    sources = (volume.get("projected") or {}).get("sources") or []
    for part in (volume, *sources):
        for item in (part.get("downwardAPI") or {}).get("items") or []:
            _field(item)
    for source in sources:
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")


def _with_tolerations(given: list[Document]) -> list[Document]:
    added = list(given)
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        tolerated = any(
            one.get("key", key) == key and one.get("effect", "NoExecute") == "NoExecute"
            for one in given
        )
        if not tolerated:
            added.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
            )
    return added


def qos_of(spec: Document) -> str:
    """The QoS class of a pod's spec, from its containers' cpu and memory."""
    amounts: list[tuple[Any, Any]] = []
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        resources = container.get("resources") or {}
        for one in ("cpu", "memory"):
            amounts.append(
                (
                    (resources.get("requests") or {}).get(one),
                    (resources.get("limits") or {}).get(one),
                )
            )
    if not any(request or limit for request, limit in amounts):
        return "BestEffort"
    if all(limit and (request or limit) == limit for request, limit in amounts):
        return "Guaranteed"
    return "Burstable"


def _namespace(namespace: Document) -> None:
    name = namespace["metadata"]["name"]
    namespace["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    namespace["status"] = {"phase": "Active"}


def _secret(secret: Document) -> None:
    secret.setdefault("type", "Opaque")
    for key, text in secret.pop("stringData", {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _service(service: Document) -> None:
    spec = service.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
    service.setdefault("status", {"loadBalancer": {}})


def _claim(claim: Document) -> None:
    claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    claim["status"] = {"phase": "Pending"}


def _volume_object(volume: Document) -> None:
    spec = volume.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    volume["status"] = {"phase": "Available"}


def _node(node: Document) -> None:
    node.setdefault("spec", {})
    node.setdefault("status", {})


def _signing_request(request: Document) -> None:
    request["status"] = {}


_BY_KIND: Final = {
    "CertificateSigningRequest": _signing_request,
    "Pod": _pod,
    "Namespace": _namespace,
    "Secret": _secret,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume_object,
    "Node": _node,
}
