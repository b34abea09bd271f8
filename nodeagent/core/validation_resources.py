"""What the API server's validation refuses in requests and limits."""

from collections.abc import Mapping

from lightkube.models import core_v1 as v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.quantity import amount, as_milli
from nodeagent.core.resources import container_requests
from nodeagent.core.validation_names import Found

_PLAIN = ("cpu", "memory", "ephemeral-storage")
_POD_LEVEL = ("cpu", "memory")
_RESIZE = ("NotRequired", "RestartContainer")


def validate_resources(resources: v1.ResourceRequirements, claims: set[str], path: Path) -> Found:
    """A container's: known names, nothing negative, no request above its limit."""
    yield from _amounts(resources, path, pod_level=False)
    seen: set[tuple[str, str | None]] = set()
    for i, claim in enumerate(resources.claims or ()):
        at = (*path, "claims", i)
        if claim.name not in claims:
            yield (*at, "name"), f'"{claim.name}" is not one of spec.resourceClaims'
        if (claim.name, claim.request) in seen:
            yield at, "is there twice"
        seen.add((claim.name, claim.request))


def validate_pod_resources(spec: v1.PodSpec, path: Path) -> Found:
    """The pod's own (KEP-2837): at least what its containers ask for and may have."""
    resources = spec.resources
    if resources is None:
        return
    yield from _amounts(resources, path, pod_level=True)
    if resources.claims:
        yield (*path, "claims"), "may only be set on containers"
    summed = container_requests(spec)
    for name, given in (resources.requests or {}).items():
        if amount(name, given) < summed.get(name, 0):
            yield (*path, "requests", name), f"is {given}; the containers ask for more in sum"
    for name, given in (resources.limits or {}).items():
        for container in (*(spec.initContainers or ()), *spec.containers):
            limits = container.resources.limits if container.resources is not None else None
            own = (limits or {}).get(name)
            if own is not None and amount(name, own) > amount(name, given):
                what = f"container {container.name} may have {own}"
                yield (*path, "limits", name), f"is {given}; {what}"


def validate_resize(container: v1.Container, path: Path) -> Found:
    """Resize policies: one for cpu, one for memory at most."""
    seen: set[str] = set()
    for i, policy in enumerate(container.resizePolicy or ()):
        at = (*path, "resizePolicy", i)
        yield from names.one_of((*at, "resourceName"), policy.resourceName, _POD_LEVEL)
        yield from names.one_of((*at, "restartPolicy"), policy.restartPolicy, _RESIZE)
        if policy.resourceName in seen:
            yield (*at, "resourceName"), f"is {policy.resourceName} a second time"
        seen.add(policy.resourceName)


def _amounts(resources: v1.ResourceRequirements, path: Path, *, pod_level: bool) -> Found:
    limits, requests = resources.limits or {}, resources.requests or {}
    for field, given in (("limits", limits), ("requests", requests)):
        for name, quantity in given.items():
            yield from _name((*path, field, name), name, pod_level=pod_level)
            yield from _value((*path, field, name), name, quantity)
    for name, quantity in requests.items():
        yield from _pair((*path, "requests", name), name, quantity, limits)
    if any(name.startswith("hugepages-") for name in {**limits, **requests}) and not (
        {"cpu", "memory"} & {*limits, *requests}
    ):
        yield path, "asks for huge pages; needs cpu or memory beside them"


def _name(path: Path, name: str, *, pod_level: bool) -> Found:
    if name in (_POD_LEVEL if pod_level else _PLAIN) or name.startswith("hugepages-"):
        return
    if pod_level or "/" not in name:
        known = _POD_LEVEL if pod_level else _PLAIN
        more = "" if pod_level else " or a name with a domain such as example.org/gpu"
        yield path, f"is no resource; needs {', '.join(known)}, hugepages-<size>{more}"
    else:
        yield from names.qualified(path, name)


def _value(path: Path, name: str, quantity: str) -> Found:
    if as_milli(quantity) < 0:
        yield path, f"is {quantity}; may not be negative"
    elif name not in _PLAIN and as_milli(quantity) % 1000:
        yield path, f"is {quantity}; needs a whole number"


def _pair(path: Path, name: str, request: str, limits: Mapping[str, str]) -> Found:
    limit = limits.get(name)
    strict = name not in _PLAIN  # huge pages and devices cannot be shared out twice
    if limit is None:
        if strict:
            yield path, "needs a limit of the same amount"
        return
    asked, allowed = as_milli(request), as_milli(limit)
    if asked > allowed:
        yield path, f"is {request}; may not be above the limit of {limit}"
    elif strict and asked != allowed:
        yield path, f"is {request}; needs to equal the limit of {limit}"
