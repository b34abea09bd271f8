"""What the API server's validation refuses in security contexts."""

import re

from lightkube.models import core_v1 as v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.validation_names import MAX_ID, Found

_PROFILES = ("RuntimeDefault", "Unconfined", "Localhost")
_SYSCTL = re.compile(r"(?:[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?")


def validate_pod_security(spec: v1.PodSpec, path: Path) -> Found:
    """The pod's own context, and the host namespaces it asks for beside it."""
    context = spec.securityContext
    assert context is not None  # a default
    yield from _ids(context, path)
    yield from names.between((*path, "fsGroup"), context.fsGroup, 0, MAX_ID)
    for i, group in enumerate(context.supplementalGroups or ()):
        yield from names.between((*path, "supplementalGroups", i), group, 0, MAX_ID)
    yield from _words(context, path)
    yield from _sysctls(spec, context, path)
    if spec.hostUsers is False:
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if getattr(spec, field):
                yield ("spec", "hostUsers"), f"may not be false together with {field}: true"
    if spec.hostPID and spec.shareProcessNamespace:
        yield ("spec", "shareProcessNamespace"), "may not be true together with hostPID: true"


def validate_security(context: v1.SecurityContext, spec: v1.PodSpec, path: Path) -> Found:
    """A container's context."""
    yield from _ids(context, path)
    yield from names.one_of((*path, "procMount"), context.procMount, ("Default", "Unmasked"))
    if context.procMount == "Unmasked" and spec.hostUsers is not False:
        yield (*path, "procMount"), "may be Unmasked only where spec.hostUsers is false"
    if context.allowPrivilegeEscalation is False:
        where = (*path, "allowPrivilegeEscalation")
        if context.privileged:
            yield where, "may not be false together with privileged: true"
        added = context.capabilities.add if context.capabilities is not None else None
        if any(name in ("SYS_ADMIN", "CAP_SYS_ADMIN") for name in added or ()):
            yield where, "may not be false together with the capability SYS_ADMIN"


def _words(context: v1.PodSecurityContext, path: Path) -> Found:
    policies = ("Merge", "Strict")
    value = context.supplementalGroupsPolicy
    yield from names.one_of((*path, "supplementalGroupsPolicy"), value, policies)
    changes = ("OnRootMismatch", "Always")
    yield from names.one_of((*path, "fsGroupChangePolicy"), context.fsGroupChangePolicy, changes)
    linux = ("Recursive", "MountOption")
    yield from names.one_of((*path, "seLinuxChangePolicy"), context.seLinuxChangePolicy, linux)


def _ids(context: v1.PodSecurityContext | v1.SecurityContext, path: Path) -> Found:
    yield from names.between((*path, "runAsUser"), context.runAsUser, 0, MAX_ID)
    yield from names.between((*path, "runAsGroup"), context.runAsGroup, 0, MAX_ID)
    if context.seccompProfile is not None:
        profile = context.seccompProfile
        yield from _profile(profile.type, profile.localhostProfile, (*path, "seccompProfile"))
        if profile.type == "Localhost" and profile.localhostProfile:
            where = (*path, "seccompProfile", "localhostProfile")
            yield from names.relative(where, profile.localhostProfile)
    if context.appArmorProfile is not None:
        armor = context.appArmorProfile
        yield from _profile(armor.type, armor.localhostProfile, (*path, "appArmorProfile"))


def _profile(kind: str, ref: str | None, path: Path) -> Found:
    yield from names.one_of((*path, "type"), kind, _PROFILES, needed=True)
    where = (*path, "localhostProfile")
    if kind == "Localhost" and not (ref or "").strip():
        yield where, "is missing; the type Localhost needs it"
    if kind != "Localhost" and ref is not None:
        yield where, "may only be set with the type Localhost"


def _sysctls(spec: v1.PodSpec, context: v1.PodSecurityContext, path: Path) -> Found:
    seen: set[str] = set()
    for i, sysctl in enumerate(context.sysctls or ()):
        at, name = (*path, "sysctls", i, "name"), sysctl.name
        dotted = name.replace("/", ".")
        if not name or len(name) > 253 or not _SYSCTL.fullmatch(name):
            yield at, f'is "{name}"; needs the name of a sysctl, such as net.core.somaxconn'
        elif dotted in seen:
            yield at, f'is "{name}" a second time'
        elif spec.hostNetwork and dotted.startswith("net."):
            yield at, f"{name} may not be set together with hostNetwork: true"
        elif spec.hostIPC and dotted.startswith(
            ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
        ):
            yield at, f"{name} may not be set together with hostIPC: true"
        seen.add(dotted)
