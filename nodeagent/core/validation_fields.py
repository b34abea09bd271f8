"""References from a Pod to its own fields: what may stand in fieldRef and resourceFieldRef."""

import re

from lightkube.models import core_v1 as v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.quantity import as_milli
from nodeagent.core.validation_names import Found

_META = ("metadata.name", "metadata.namespace", "metadata.uid")
_ENV = (
    *_META,
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_VOLUME = (*_META, "metadata.labels", "metadata.annotations")
_KEYED = re.compile(r"metadata\.(?:labels|annotations)\['([^']*)'\]")
_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def field_ref(ref: v1.ObjectFieldSelector, path: Path, *, in_volume: bool = False) -> Found:
    """A field that variables, or files of a volume, can show (page "Downward API")."""
    allowed = _VOLUME if in_volume else _ENV
    yield from names.one_of((*path, "apiVersion"), ref.apiVersion, ("v1",))
    keyed = _KEYED.fullmatch(ref.fieldPath)
    if keyed is not None:
        yield from names.qualified((*path, "fieldPath"), keyed[1])
    elif ref.fieldPath not in allowed:
        words = ", ".join(allowed)
        yield (
            (*path, "fieldPath"),
            f'is "{ref.fieldPath}"; needs one of {words}, or one label or annotation as in '
            "metadata.labels['key']",
        )


def resource_ref(ref: v1.ResourceFieldSelector, path: Path) -> Found:
    """A request or limit of a container."""
    kind, _, resource = ref.resource.partition(".")
    hugepages = resource.startswith("hugepages-")
    if kind not in ("limits", "requests") or not (resource in _RESOURCES or hugepages):
        yield (
            (*path, "resource"),
            f'is "{ref.resource}"; needs limits. or requests. and then cpu, memory, '
            "ephemeral-storage or hugepages-<size>",
        )
    if ref.divisor is not None and as_milli(ref.divisor) < 0:
        yield (*path, "divisor"), "may not be negative"
