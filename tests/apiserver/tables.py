"""Objects as the tables that kubectl prints."""

import datetime
import time
from collections.abc import Callable
from typing import Any, Final

from tests.apiserver.kinds import Kind
from tests.apiserver.problems import Document

Cells = Callable[[Document], list[Any]]
_NAME: Final = ("Name", "string", "name")
_AGE: Final = ("Age", "string", "")
Column = tuple[str, ...]


def table_of(
    kind: Kind, documents: list[Document], metadata: Document, *, include: str
) -> Document:
    """A Table of these objects; `include` is how much of each a row holds."""
    columns, cells = _TABLES.get(kind.kind, ((_NAME, ("Created At", "date", "")), _generic))
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": name,
                "type": of,
                "format": form,
                "description": name,
                "priority": int(rest[0]) if rest else 0,
            }
            for name, of, form, *rest in columns
        ],
        "rows": [{"cells": cells(one), "object": _object(one, include)} for one in documents],
    }


def _object(document: Document, include: str) -> Document | None:
    if include == "None":
        return None
    if include == "Object":
        return document
    return partial(document)


def partial(document: Document) -> Document:
    """Only its metadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": document["metadata"],
    }


def _generic(one: Document) -> list[Any]:
    return [one["metadata"]["name"], one["metadata"]["creationTimestamp"]]


def _age(one: Document) -> str:
    return _since(one["metadata"].get("creationTimestamp"))


def _since(text: str | None) -> str:
    if not text:
        return "<unknown>"
    seconds = int(time.time() - datetime.datetime.fromisoformat(text).timestamp())
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{letter}"
    return f"{max(seconds, 0)}s"


def _pod(pod: Document) -> list[Any]:
    spec, status = pod["spec"], pod.get("status") or {}
    seen = status.get("containerStatuses") or []
    ready = sum(1 for one in seen if one.get("ready"))
    restarts = sum(one.get("restartCount", 0) for one in seen)
    return [
        pod["metadata"]["name"],
        f"{ready}/{len(spec['containers'])}",
        _pod_word(pod),
        str(restarts),
        _age(pod),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        "<none>",
    ]


def _pod_word(pod: Document) -> str:
    """The STATUS column: the phase, or what a container waits for or ended with."""
    status = pod.get("status") or {}
    word = str(status.get("reason") or status.get("phase") or "Unknown")
    for one in reversed(status.get("initContainerStatuses") or []):
        state = one.get("state") or {}
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting and waiting != "PodInitializing":
            word = f"Init:{waiting}"
    for one in reversed(status.get("containerStatuses") or []):
        state = one.get("state") or {}
        for key in ("waiting", "terminated"):
            word = (state.get(key) or {}).get("reason") or word
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else word


def _node(node: Document) -> list[Any]:
    status = node.get("status") or {}
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    words = ["Ready" if conditions.get("Ready") == "True" else "NotReady"]
    if "Ready" not in conditions:
        words = ["Unknown"]
    if (node.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    addresses = {one["type"]: one["address"] for one in status.get("addresses") or []}
    info = status.get("nodeInfo") or {}
    return [
        node["metadata"]["name"],
        ",".join(words),
        "<none>",
        _age(node),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def _event(event: Document) -> list[Any]:
    about = event.get("involvedObject") or {}
    return [
        _since(event.get("lastTimestamp") or event.get("eventTime")),
        event.get("type", ""),
        event.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        (event.get("source") or {}).get("component", ""),
        str(event.get("message", "")).strip(),
        _since(event.get("firstTimestamp")),
        event.get("count", 1),
        event["metadata"]["name"],
    ]


def _request(one: Document) -> list[Any]:
    status = one.get("status") or {}
    words = [c["type"] for c in status.get("conditions") or []] or ["Pending"]
    if status.get("certificate"):
        words.append("Issued")
    spec = one["spec"]
    return [
        one["metadata"]["name"],
        _age(one),
        spec.get("signerName", ""),
        spec.get("username", ""),
        "<none>",
        ",".join(words),
    ]


def _strings(*titles: str, wide: tuple[str, ...] = ()) -> tuple[Column, ...]:
    return (
        _NAME,
        *((title, "string", "") for title in titles),
        *((title, "string", "", "1") for title in wide),
    )


_TABLES: Final[dict[str, tuple[tuple[Column, ...], Cells]]] = {
    "Pod": (
        _strings(
            *("Ready", "Status", "Restarts", "Age"),
            wide=("IP", "Node", "Nominated Node", "Readiness Gates"),
        ),
        _pod,
    ),
    "Node": (
        _strings(
            *("Status", "Roles", "Age", "Version"),
            wide=(
                *("Internal-IP", "External-IP", "OS-Image", "Kernel-Version"),
                "Container-Runtime",
            ),
        ),
        _node,
    ),
    "Event": (
        (
            *(("Last Seen", "string", ""), ("Type", "string", ""), ("Reason", "string", "")),
            *(("Object", "string", ""), ("Subobject", "string", "", "1")),
            *(("Source", "string", "", "1"), ("Message", "string", "")),
            *(("First Seen", "string", "", "1"), ("Count", "string", "", "1")),
            ("Name", "string", "name", "1"),
        ),
        _event,
    ),
    "Namespace": (
        _strings("Status", "Age"),
        lambda one: [one["metadata"]["name"], one["status"]["phase"], _age(one)],
    ),
    "ConfigMap": (
        _strings("Data", "Age"),
        lambda one: [
            one["metadata"]["name"],
            str(len(one.get("data") or {}) + len(one.get("binaryData") or {})),
            _age(one),
        ],
    ),
    "Secret": (
        _strings("Type", "Data", "Age"),
        lambda one: [
            *(one["metadata"]["name"], one.get("type", ""), str(len(one.get("data") or {}))),
            _age(one),
        ],
    ),
    "Service": (
        _strings("Type", "Cluster-IP", "Age"),
        lambda one: [
            *(one["metadata"]["name"], one["spec"].get("type", "")),
            *(one["spec"].get("clusterIP", "<none>"), _age(one)),
        ],
    ),
    "Lease": (
        _strings("Holder", "Age"),
        lambda one: [
            *(one["metadata"]["name"], one["spec"].get("holderIdentity", "")),
            _age(one),
        ],
    ),
    "CertificateSigningRequest": (
        _strings("Age", "SignerName", "Requestor", "RequestedDuration", "Condition"),
        _request,
    ),
}
