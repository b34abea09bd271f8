"""The documents around objects: lists, tables, watch steps and discovery."""

import datetime as dt
import platform
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from lightkube.models import meta_v1

from nodeagent.server.kinds import Kind

_encode = msgspec.json.Encoder().encode
_META = {"apiVersion": "meta.k8s.io/v1"}


def encoded(document: object) -> bytes:
    """JSON as the API writes it; fields that are not set are left out."""
    return _encode(document)


def list_of(kind: Kind, objects: Iterable[Any], version: int) -> dict[str, Any]:
    """PodList, EventList, ..."""
    return {
        "kind": f"{kind.name}List",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(version)},
        "items": list(objects),
    }


def table_of(kind: Kind, objects: Iterable[Any], version: int, *, now: float) -> dict[str, Any]:
    """metav1.Table; each row carries its object's metadata."""
    return {
        "kind": "Table",
        **_META,
        "metadata": {"resourceVersion": str(version)},
        "columnDefinitions": kind.columns,
        "rows": [
            {"cells": kind.cells(one, now=now), "object": _partial(one.metadata)} for one in objects
        ],
    }


def _partial(metadata: meta_v1.ObjectMeta | None) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", **_META, "metadata": metadata}


def step_of(kind: str, object_: Any) -> bytes:
    """One line of a watch."""
    return encoded({"type": kind, "object": object_}) + b"\n"


def api_versions() -> dict[str, Any]:
    """The answer of /api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def api_groups() -> dict[str, Any]:
    """The answer of /apis: there are none."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}


def api_resources(kinds: Iterable[Kind]) -> dict[str, Any]:
    """The answer of /api/v1."""
    resources: list[dict[str, Any]] = [
        {
            "name": kind.plural,
            "singularName": kind.name.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": ["get", "list", "watch"],
            "shortNames": list(kind.short),
        }
        for kind in kinds
    ]
    log = {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod"}
    return {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [*resources, {**log, "verbs": ["get"]}],
    }


def build_labels(version: str) -> dict[str, str]:
    """The same as labels of kubernetes_build_info."""
    info = version_info(version)
    words = (re.sub("([A-Z])", r"_\1", name).lower() for name in info)
    return {word: str(value) for word, value in zip(words, info.values(), strict=True)}


def version_info(version: str) -> dict[str, Any]:
    """The answer of /version; `version` as in v1.36.2."""
    major, minor, *_ = *version.lstrip("v").split("."), "", ""
    return {
        "major": major,
        "minor": minor,
        "gitVersion": version,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": dt.datetime.fromtimestamp(0, dt.UTC),
        "goVersion": "",
        "compiler": platform.python_implementation(),
        "platform": f"linux/{platform.machine()}",
    }
