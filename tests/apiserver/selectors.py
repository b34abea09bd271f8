"""Label and field selectors: their text into a question that an object answers."""

import re
from collections.abc import Callable
from typing import Any, Final

from tests.apiserver.problems import Document, bad_request

Judge = Callable[[Document], bool]

_FIELDS: Final = {
    "Pod": {
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    },
    "Node": {"spec.unschedulable"},
    "Secret": {"type"},
    "Event": {
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    },
    "CertificateSigningRequest": {"spec.signerName"},
    "PodCertificateRequest": {"spec.signerName", "spec.podName", "spec.nodeName"},
    "Namespace": {"status.phase"},
}
_BOOLEANS: Final = ("spec.unschedulable", "spec.hostNetwork")
_KEY: Final = re.compile(r"^!?[A-Za-z0-9][-A-Za-z0-9_./]*$")
_SET: Final = re.compile(r"^(\S+)\s+(in|notin)\s*\(([^)]*)\)$")


def everything(_: Document) -> bool:
    """Without a selector each object is meant."""
    return True


def label_judge(text: str) -> Judge:
    """Whether the labels of an object fit (`a=b,c!=d,e in (f,g),h,!i`)."""
    if not text:
        return everything
    needs = [_label_need(part.strip()) for part in re.split(r",(?![^(]*\))", text)]

    def judge(document: Document) -> bool:
        labels = document.get("metadata", {}).get("labels") or {}
        return all(need(labels) for need in needs)

    return judge


def _label_need(part: str) -> Callable[[dict[str, str]], bool]:
    found = _SET.match(part)
    if found:
        key, word, values = found[1], found[2], {one.strip() for one in found[3].split(",")}
        if word == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if "!=" in part:
        key, _, value = part.partition("!=")
        return lambda labels: labels.get(key.strip()) != value.strip()
    if "=" in part:
        key, _, value = part.replace("==", "=").partition("=")
        return lambda labels: labels.get(key.strip()) == value.strip()
    if not _KEY.match(part):
        raise bad_request(f"unable to parse requirement: {part!r}")
    if part.startswith("!"):
        return lambda labels: part[1:] not in labels
    return lambda labels: part in labels


def field_judge(text: str, *, kind: str) -> Judge:
    """Whether fields of an object fit; 400 for one that this kind does not offer."""
    if not text:
        return everything
    needs = [_field_need(part.strip(), kind) for part in text.split(",") if part.strip()]
    return lambda document: all(need(document) for need in needs)


def _field_need(part: str, kind: str) -> Judge:
    path, *rest = re.split(r"(!=|==?)", part, maxsplit=1)
    if not rest:
        raise bad_request(f"invalid selector: {part!r}; can't understand {part!r}")
    equal, value = rest
    known = {"metadata.name", "metadata.namespace"} | _FIELDS.get(kind, set())
    if path not in known:
        raise bad_request(f'field label not supported: "{path}"')
    return lambda document: (_text_at(document, path) == value) is (equal != "!=")


def _text_at(document: Document, path: str) -> str:
    if path == "source":
        path = "source.component"
    found: Any = document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, bool) or (
        found is None and path in ("spec.unschedulable", "spec.hostNetwork")
    ):
        return "true" if found else "false"
    return "" if found is None else str(found)
