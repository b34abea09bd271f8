"""What the server says it offers: versions, groups, resources, a little OpenAPI."""

from typing import Final

from tests.apiserver.kinds import ALL_VERBS, KINDS, Kind
from tests.apiserver.problems import Document

VERSION: Final = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0",
    "gitCommit": "0" * 40,
    "gitTreeState": "clean",
    "buildDate": "2026-04-01T00:00:00Z",
    "goVersion": "go1.25",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_CONNECT: Final = {"exec", "attach", "portforward", "proxy"}
_POLICY: Final = {"eviction": ("policy", "v1"), "token": ("authentication.k8s.io", "v1")}


def answer(path: str) -> Document | None:
    """The document at a path of discovery, None where the path is none."""
    parts = path.strip("/").split("/")
    if path == "/version":
        return VERSION
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups()}
    if parts[0] == "api" and len(parts) == 2:
        return _resources("", parts[1])
    if parts[0] == "apis" and len(parts) == 2:
        return next((one for one in _groups() if one["name"] == parts[1]), None)
    if parts[0] == "apis" and len(parts) == 3:
        return _resources(parts[1], parts[2])
    if path == "/openapi/v3":
        return {"paths": {_place(*one): {"serverRelativeURL": _schema(*one)} for one in _all()}}
    if path.startswith("/openapi/v3/"):
        return next((_openapi(*one) for one in _all() if _schema(*one) == path), None)
    return None


def _all() -> list[tuple[str, str]]:
    return sorted({(kind.group, kind.version) for kind in KINDS})


def _place(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _schema(group: str, version: str) -> str:
    return f"/openapi/v3/{_place(group, version)}"


def _groups() -> list[Document]:
    found: list[Document] = []
    for group, version in _all():
        if group:
            one = {"groupVersion": f"{group}/{version}", "version": version}
            others = [o for o in found if o["name"] == group]
            if others:
                others[0]["versions"].append(one)
            else:
                found.append({"name": group, "versions": [one], "preferredVersion": one})
    return found


def _resources(group: str, version: str) -> Document | None:
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": [one for kind in kinds for one in _entries(kind)],
    }


def _entries(kind: Kind) -> list[Document]:
    entry: Document = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
        "shortNames": list(kind.short),
        "categories": list(kind.categories),
    }
    found = [entry]
    for name, body in kind.subresources.items():
        verbs = ["get", "patch", "update"]
        if name in _CONNECT:
            verbs = ["create", "get"]
        elif body != kind.kind:
            verbs = ["create"]
        elif name == "log":
            verbs = ["get"]
        group, version = _POLICY.get(name, ("", ""))
        found.append(
            {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": body,
                "verbs": verbs,
                **({"group": group, "version": version} if group else {}),
            }
        )
    return found


def _openapi(group: str, version: str) -> Document:
    """Only what tells kubectl that the server checks fields itself."""
    paths = {}
    for kind in KINDS:
        if (kind.group, kind.version) == (group, version) and kind.verbs == ALL_VERBS:
            place = f"/{_place(group, version)}/"
            place += "namespaces/{namespace}/" if kind.namespaced else ""
            paths[f"{place}{kind.plural}/{{name}}"] = {"patch": _patch_of(kind)}
    return {
        "openapi": "3.0.0",
        "info": {"title": "tests", "version": "v1"},
        "paths": paths,
        "components": {"schemas": {}},
    }


def _patch_of(kind: Kind) -> Document:
    said = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    return {
        "operationId": f"patch{kind.kind}",
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": said,
    }
