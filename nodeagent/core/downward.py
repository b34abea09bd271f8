"""The downward API: what a pod may learn of itself, as text for variables and volume files."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.quantity import amount
from nodeagent.core.resources import HUGE_PAGES, amounts, limits_of, requests_of
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.node import NodeFacts

_SUBSCRIPT: Final = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL)
_FIELD: Final = re.compile(r"(limits|requests)\.(.+)", re.DOTALL)
_DEFAULTED: Final = ("cpu", "memory", "ephemeral-storage")
_GO_ESCAPES: Final = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    "\\": "\\\\", '"': '\\"',
}  # fmt: skip


def field_value(pod: DesiredPod, path: str, *, node: NodeFacts, ips: Iterable[str]) -> str:
    """The value of a fieldRef ("Downward API: available fields").

    Whole labels and annotations are sorted lines `key="quoted value"`. `ips` are the pod's, the
    node's for a pod on the host network. ConfigError names a path that is not supported.
    """
    metadata, spec = pod.pod.metadata, pod.spec
    match path:
        case "metadata.name":
            return pod.name
        case "metadata.namespace":
            return pod.namespace
        case "metadata.uid":
            return (metadata.uid if metadata else None) or pod.uid
        case "metadata.labels":
            return format_map(pod.labels)
        case "metadata.annotations":
            return format_map(pod.annotations)
        case "spec.nodeName":
            return spec.nodeName or node.name
        case "spec.serviceAccountName":
            return spec.serviceAccountName or ""
        case _ if path.startswith("status."):
            return _address(pod, path, node=node, ips=ips)
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript is None:
        raise _unsupported(pod, path)
    values = pod.labels if subscript[1] == "labels" else pod.annotations
    return values.get(subscript[2], "")


def resource_value(
    pod: DesiredPod,
    container: v1.Container | v1.EphemeralContainer | None,
    selector: v1.ResourceFieldSelector,
    *,
    node: NodeFacts,
) -> str:
    """The value of a resourceFieldRef: the amount divided by the divisor, rounded up.

    A limit that is not set is the pod-level one, else what the node has to give. Without
    `containerName` it is about `container`. ConfigError names what is wrong.
    """
    named = selector.containerName
    if named or container is None:
        container = _find(pod, named or "")
    match = _FIELD.fullmatch(selector.resource)
    if match is None or not (match[2] in _DEFAULTED or match[2].startswith(HUGE_PAGES)):
        raise ConfigError(
            op="read field",
            target=f"pod {pod.key}",
            detail=f"unsupported container resource: {selector.resource}",
        )
    kind, name = match[1], match[2]
    if kind == "requests":
        value = requests_of(container).get(name, 0)
    else:
        value = limits_of(container).get(name, 0) or _default_limit(pod.spec, name, node)
    divisor = amount(name, selector.divisor or "0") or (1000 if name == "cpu" else 1)
    return str(-(-value // divisor))


def format_map(values: Mapping[str, str]) -> str:
    """Labels or annotations as the downward API's volume shows them whole."""
    return "\n".join(f"{key}={quote(values[key])}" for key in sorted(values))


def quote(text: str) -> str:
    """A double-quoted string as Go's strconv.Quote writes it (the API promises that form)."""
    return f'"{text}"' if _is_plain(text) else f'"{"".join(map(_escape, text))}"'


def order_ips(ips: Iterable[str], node_ips: tuple[str, ...]) -> tuple[str, ...]:
    """A pod's addresses with the node's first family in front."""
    six = bool(node_ips) and ":" in node_ips[0]
    return tuple(sorted(ips, key=lambda ip: (":" in ip) is not six))


def _is_plain(text: str) -> bool:
    return text.isprintable() and '"' not in text and "\\" not in text


def _escape(char: str) -> str:
    known = _GO_ESCAPES.get(char)
    if known is not None or char.isprintable():
        return known or char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _address(pod: DesiredPod, path: str, *, node: NodeFacts, ips: Iterable[str]) -> str:
    match path:
        case "status.podIPs":
            return ",".join(order_ips(ips, node.ips))
        case "status.podIP":
            return next(iter(order_ips(ips, node.ips)), "")
        case "status.hostIP" | "status.hostIPs" if not node.ips:
            raise ConfigError(
                op="read field", target=f"pod {pod.key}", detail=f"{path}: the node has no address"
            )
        case "status.hostIPs":
            return ",".join(node.ips)
        case "status.hostIP":
            return node.ips[0]
    raise _unsupported(pod, path)


def _unsupported(pod: DesiredPod, path: str) -> ConfigError:
    return ConfigError(
        op="read field", target=f"pod {pod.key}", detail=f"unsupported fieldPath: {path}"
    )


def _find(pod: DesiredPod, name: str) -> v1.Container:
    every: list[v1.Container] = [*pod.spec.containers, *(pod.spec.initContainers or ())]
    for container in every:
        if container.name == name:
            return container
    raise ConfigError(
        op="read field", target=f"pod {pod.key}", detail=f"container {name} not found"
    )


def _default_limit(spec: v1.PodSpec, name: str, node: NodeFacts) -> int:
    whole = amounts(spec.resources.limits) if spec.resources else {}
    if name != "ephemeral-storage" and whole.get(name):
        return whole[name]
    return node.allocatable.get(name, 0) if name in _DEFAULTED else 0
