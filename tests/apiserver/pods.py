"""Rules of the API server that hold for pods only: how they end, and what of them may change."""

import copy
from typing import Any, Final

from tests.apiserver.problems import Document, bad_request, invalid
from tests.apiserver.quantities import amount, canonical

_MUTABLE: Final = (
    *("activeDeadlineSeconds", "tolerations", "schedulingGates"),
    *("terminationGracePeriodSeconds",),
)
_CONTAINERS: Final = ("containers", "initContainers")


def graceful(pod: Document, asked: int | None) -> int | None:
    """Seconds a delete leaves the pod; 0 removes it now, None changes nothing."""
    grace = asked
    if grace is None:
        grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
    assert grace is not None
    if grace < 0:
        grace = 1
    over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    if not pod["spec"].get("nodeName") or over:
        grace = 0
    if "deletionTimestamp" not in pod["metadata"]:
        return grace
    before = pod["metadata"].get("deletionGracePeriodSeconds", 0)
    if grace == 0:
        return 0
    return grace if asked is not None and grace < before else None


def check_pod_update(old: Document, new: Document, subresource: str) -> Document:
    """The pod after an update of it or of one of its subresources; 422 for what may not change."""
    name = old["metadata"]["name"]
    if subresource == "ephemeralcontainers":
        return _with_ephemeral(old, new)
    if subresource == "resize":
        return _resized(old, new)
    if subresource:
        raise bad_request(f"pods have no {subresource} to update")
    before, after = copy.deepcopy(old["spec"]), copy.deepcopy(new.get("spec") or {})
    for spec in (before, after):
        for field in _MUTABLE:
            spec.pop(field, None)
        for key in _CONTAINERS:
            for container in spec.get(key) or []:
                container.pop("image", None)
    if before != after:
        wrong = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
        raise invalid(
            "Pod",
            name,
            "spec: Forbidden: pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
            f"previously negative): {', '.join(wrong)}",
            cause="FieldValueForbidden",
        )
    return new


def _with_ephemeral(old: Document, new: Document) -> Document:
    given = (new.get("spec") or {}).get("ephemeralContainers") or []
    had = old["spec"].get("ephemeralContainers") or []
    filled = [{**_EPHEMERAL, **one} for one in given]
    if any(one not in filled for one in had):
        raise invalid(
            "Pod",
            old["metadata"]["name"],
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers may not be changed",
            cause="FieldValueForbidden",
        )
    return {**old, "spec": {**old["spec"], "ephemeralContainers": filled}}


_EPHEMERAL: Final[dict[str, Any]] = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
    "resources": {},
}


def _resized(old: Document, new: Document) -> Document:
    """The old pod with the new resources and resize policies of its containers."""
    spec = copy.deepcopy(old["spec"])
    for key in _CONTAINERS:
        wanted = {one["name"]: one for one in (new.get("spec") or {}).get(key) or []}
        for container in spec.get(key) or []:
            found = wanted.get(container["name"], container)
            for field in ("resources", "resizePolicy"):
                if field in found:
                    container[field] = copy.deepcopy(found[field])
            in_whole_numbers(container)
            _check_limits(old["metadata"]["name"], container)
    if "resources" in (new.get("spec") or {}):
        spec["resources"] = copy.deepcopy(new["spec"]["resources"])
    return {**old, "metadata": {**old["metadata"]}, "spec": spec}


def _check_limits(pod: str, container: Document) -> None:
    """422 where more is requested than the limit allows."""
    resources = container.get("resources") or {}
    for resource, limit in (resources.get("limits") or {}).items():
        asked = (resources.get("requests") or {}).get(resource, limit)
        if amount(asked) > amount(limit):
            raise invalid(
                "Pod",
                pod,
                f'spec.containers[0].resources.requests: Invalid value: "{asked}": must be less '
                f"than or equal to {resource} limit of {limit}",
            )


def in_whole_numbers(container: Document) -> None:
    """Its resources as the API keeps them."""
    resources = container.get("resources") or {}
    for part in (resources.get("limits") or {}, resources.get("requests") or {}):
        for resource, given in part.items():
            part[resource] = canonical(given)
