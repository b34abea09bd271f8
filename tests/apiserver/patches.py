"""Merge, strategic-merge and JSON patches of documents (RFC 7386, RFC 6902, and Kubernetes' own).

The keys by which lists are merged are those of Kubernetes 1.36's API types; a list without a key
is replaced whole (container statuses, taints and images are such lists).
"""

import copy
from typing import Any, Final

from tests.apiserver.problems import Document, StatusError, bad_request

_POD_LISTS: Final = {
    "spec.volumes": "name",
    "spec.initContainers": "name",
    "spec.containers": "name",
    "spec.ephemeralContainers": "name",
    "spec.imagePullSecrets": "name",
    "spec.hostAliases": "ip",
    "spec.topologySpreadConstraints": "topologyKey",
    "spec.schedulingGates": "name",
    "spec.resourceClaims": "name",
    "status.hostIPs": "ip",
    "status.podIPs": "ip",
    "status.resourceClaimStatuses": "name",
}
_CONTAINER_LISTS: Final = {
    "ports": "containerPort",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
_LISTS_BY_KIND: Final[dict[str, dict[str, str]]] = {
    "Pod": _POD_LISTS,
    "Node": {"status.addresses": "type"},
    "Service": {"spec.ports": "port"},
    "ServiceAccount": {"secrets": "name"},
    "CSINode": {"spec.drivers": "name"},
}
_LISTS: Final = {"metadata.ownerReferences": "uid"}
_PRIMITIVE_LISTS: Final = {"metadata.finalizers", "spec.podCIDRs"}
_ATOMIC_CONDITIONS: Final = {"CertificateSigningRequest"}
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386): null removes, lists are replaced."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target: Document, patch: Document, *, kind: str) -> Document:
    """A strategic merge patch of an object of this kind."""
    return _strategic(target, patch, kind, "")


def _strategic(target: Any, patch: Document, kind: str, path: str) -> Document:
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: copy.deepcopy(v) for key, v in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"Unknown patch type found: {directive}")
    result = dict(target) if isinstance(target, dict) else {}
    keep = patch.get("$retainKeys")
    if keep is not None:
        result = {key: value for key, value in result.items() if key in keep}
    for key, value in patch.items():
        if not key.startswith("$"):
            _strategic_field(result, key, value, patch, kind, f"{path}.{key}".lstrip("."))
    _follow_directives(result, patch, kind, path)
    return result


def _follow_directives(result: Document, patch: Document, kind: str, path: str) -> None:
    for key, given in patch.items():
        word, _, field = key.partition("/")
        if word == "$deleteFromPrimitiveList":
            result[field] = [one for one in result.get(field, []) if one not in given]
        if word == "$setElementOrder" and field not in patch and field in result:
            by = _merge_key(kind, f"{path}.{field}".lstrip("."))
            result[field] = _ordered(result[field], result[field], given, given, by)


def _strategic_field(
    result: Document, key: str, value: Any, patch: Document, kind: str, path: str
) -> None:
    if value is None:
        result.pop(key, None)
    elif isinstance(value, dict):
        result[key] = _strategic(result.get(key), value, kind, path)
    elif isinstance(value, list):
        order = patch.get(f"$setElementOrder/{key}")
        result[key] = _strategic_list(result.get(key) or [], value, order, kind, path)
    else:
        result[key] = value


def _strategic_list(
    target: list[Any], patch: list[Any], order: list[Any] | None, kind: str, path: str
) -> list[Any]:
    if path in _PRIMITIVE_LISTS:
        merged = [*target, *(one for one in patch if one not in target)]
        return _ordered(merged, target, patch, order, None)
    key = _merge_key(kind, path)
    if key is None or not all(isinstance(one, dict) for one in patch):
        return copy.deepcopy(patch)
    if any(one.get("$patch") == "replace" for one in patch):
        return [copy.deepcopy(one) for one in patch if one.get("$patch") != "replace"]
    merged = list(target)
    for one in patch:
        if key not in one:
            message = f"map: {one} does not contain declared merge key: {key}"
            raise StatusError(500, "InternalError", message)
        at = next((i for i, old in enumerate(merged) if old.get(key) == one[key]), None)
        if one.get("$patch") == "delete":
            merged = [old for old in merged if old.get(key) != one[key]]
        elif at is None:
            merged.append(_strategic({}, one, kind, path))
        else:
            merged[at] = _strategic(merged[at], one, kind, path)
    named = [one for one in patch if one.get("$patch") != "delete"]
    return _ordered(merged, target, named, order, key)


def _ordered(
    merged: list[Any], before: list[Any], patch: list[Any], order: list[Any] | None, key: str | None
) -> list[Any]:
    """What the patch names comes in its order; the rest keeps its place among what was there."""

    def name(one: Any) -> Any:
        return one.get(key) if key is not None and isinstance(one, dict) else one

    wanted = [name(one) for one in (order if order is not None else patch)]
    was = [name(one) for one in before]
    theirs = sorted(
        (one for one in merged if name(one) in wanted), key=lambda one: wanted.index(name(one))
    )
    ours = [one for one in merged if name(one) not in wanted]
    result: list[Any] = []
    while ours and theirs:
        left, right = name(ours[0]), name(theirs[0])
        first = left in was and right in was and was.index(left) < was.index(right)
        result.append((ours if first else theirs).pop(0))
    return [*result, *ours, *theirs]


def _merge_key(kind: str, path: str) -> str | None:
    """By what the lists at this path are merged; None where they are replaced."""
    if path in _LISTS:
        return _LISTS[path]
    if path == "status.conditions":
        return None if kind in _ATOMIC_CONDITIONS else "type"
    if path in _LISTS_BY_KIND.get(kind, {}):
        return _LISTS_BY_KIND[kind][path]
    if path.startswith("spec.template."):
        return _merge_key("Pod", path.removeprefix("spec.template."))
    parts = path.split(".")
    if len(parts) == 3 and parts[0] == "spec" and parts[1] in _CONTAINERS and kind == "Pod":
        return _CONTAINER_LISTS.get(parts[2])
    if path.endswith("ontainerStatuses.volumeMounts"):
        return "mountPath"
    return None


def apply_json_patch(target: Document, patch: list[Any]) -> Document:
    """A JSON patch (RFC 6902); 422 where an operation cannot be done."""
    if not isinstance(patch, list):
        raise bad_request("a JSON patch is a list of operations")
    result: Any = copy.deepcopy(target)
    for step in patch:
        try:
            result = _operate(result, step)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise StatusError(
                422, "Invalid", f"the server rejected our request due to an error: {error}"
            ) from error
    assert isinstance(result, dict)
    return result


def _operate(document: Any, step: Document) -> Any:
    op, path = step["op"], _pointer(step["path"])
    if op == "test":
        if _at(document, path) != step.get("value"):
            raise ValueError(f"testing path {step['path']} value failed")
        return document
    if op == "remove":
        _remove(document, path)
        return document
    if op == "replace":
        _at(document, path)
        return _put(document, path, copy.deepcopy(step["value"]), replace=True)
    if op == "add":
        return _put(document, path, copy.deepcopy(step["value"]))
    source = _pointer(step["from"])
    value = copy.deepcopy(_at(document, source))
    if op == "move":
        _remove(document, source)
    elif op != "copy":
        raise ValueError(f"unexpected kind: {op}")
    return _put(document, path, value)


def _pointer(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _at(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _remove(document: Any, path: list[str]) -> None:
    place = _at(document, path[:-1])
    if isinstance(place, list):
        place.pop(int(path[-1]))
    else:
        del place[path[-1]]


def _put(document: Any, path: list[str], value: Any, *, replace: bool = False) -> Any:
    if not path:
        return value
    place, last = _at(document, path[:-1]), path[-1]
    if isinstance(place, dict):
        place[last] = value
    elif replace:
        place[int(last)] = value
    else:
        place.insert(len(place) if last == "-" else int(last), value)
    return document
