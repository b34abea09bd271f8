"""A request as the API understands it: which kind, which object, which verb."""

from typing import Final
from urllib.parse import unquote

import msgspec

from tests.apiserver.kinds import KINDS, Kind, kind_at
from tests.apiserver.problems import StatusError

_VERBS: Final = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch"}


_GROUPS: Final = {kind.group for kind in KINDS}


class NoSuchPath(StatusError):
    """What is no path of the API at all, which is answered in plain text."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a path names; `rest` is what follows a proxy."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    def verb(self, method: str, *, watch: bool) -> str:
        """The verb for authorization."""
        if method == "DELETE":
            return "delete" if self.name else "deletecollection"
        if method == "GET" and not self.name:
            return "watch" if watch else "list"
        return _VERBS.get(method, method.lower())


def target_of(path: str) -> Target:
    """Read a path; 404 where it names nothing."""
    parts = [unquote(part) for part in path.split("/")[1:]]
    found = _after_group(parts)
    if found is None:
        message = "the server could not find the requested resource"
        known = parts[0] == "api" or (parts[0] == "apis" and parts[1] in _GROUPS)
        raise (StatusError if known else NoSuchPath)(404, "NotFound", message)
    return found


def _after_group(parts: list[str]) -> Target | None:
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        inner = kind_at(rest[2], group, version)
        if inner is not None and inner.namespaced:
            namespace, rest = rest[1], rest[2:]
    kind = kind_at(rest[0], group, version)
    if kind is None:
        return None
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in kind.subresources:
        return None
    return Target(
        kind=kind,
        namespace=namespace,
        name=name,
        subresource=subresource,
        rest="/".join(rest[3:]),
    )
