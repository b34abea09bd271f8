"""Environment of containers: `$(NAME)` expansion, references, service variables."""

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import AnyContainer
from nodeagent.core.downward import field_value, resource_value
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.node import NodeFacts

_REFERENCE: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")
_QUOTED: Final = re.compile(r"[ \t]*'([^']*)'[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """What a container's environment refers to, fetched beforehand.

    `config_maps` and `secrets` of the pod's namespace by name; a name that is not in there does
    not exist. `files` are the texts of env files by (volume, path); `services` is None as long
    as they have never been listed.
    """

    config_maps: Mapping[str, Mapping[str, str]] = {}
    secrets: Mapping[str, Mapping[str, bytes]] = {}
    files: Mapping[tuple[str, str], str] = {}
    services: tuple[v1.Service, ...] | None = ()


NOTHING: Final = Lookup()


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace `$(NAME)` where known; `$$` is a dollar, everything else stays as it is.

    Source: "Define Dependent Environment Variables".
    """
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else known.get(name, match[0])

    return _REFERENCE.sub(replace, text)


def expand_strictly(text: str, known: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Like `expand`, with the names that are unknown or empty (subPathExpr may have none)."""
    names = {m[1] for m in _REFERENCE.finditer(text) if m[1] is not None}
    return expand(text, known), tuple(sorted(name for name in names if not known.get(name)))


def container_env(
    pod: DesiredPod,
    container: AnyContainer,
    *,
    node: NodeFacts,
    ips: Iterable[str] = (),
    lookup: Lookup = NOTHING,
) -> tuple[tuple[str, str], ...]:
    """Everything a container finds in its environment, in a stable order.

    envFrom first, later entries winning; then env in order, each value expanded with what is
    defined so far and the service variables; then service variables not yet there. ConfigError
    names the missing object, key and namespace.
    """
    services = _services(pod, container, lookup)
    env: dict[str, str] = {}
    known = ChainMap(env, services)
    for source in container.envFrom or ():
        env.update(_env_from(pod, container, source, lookup))
    for variable in container.env or ():
        if variable.value:
            value: str | None = expand(variable.value, known)
        elif variable.valueFrom:
            value = _value_from(pod, container, variable, node=node, ips=ips, lookup=lookup)
        else:
            value = ""
        if value is not None:
            env[variable.name] = value
    for name, address in services.items():
        env.setdefault(name, address)
    return tuple(env.items())


def service_variables(
    services: Iterable[v1.Service], namespace: str, *, links: bool
) -> dict[str, str]:
    """Variables for the services a pod of this namespace sees ("Discovering services").

    `kubernetes` of the default namespace always, others of the pod's own namespace with `links`
    (enableServiceLinks); only those with a cluster IP.
    """
    seen: dict[str, v1.Service] = {}
    for service in services:
        assert service.metadata is not None
        name, home = service.metadata.name or "", service.metadata.namespace or "default"
        if not service.spec or service.spec.clusterIP in (None, "", "None"):
            continue
        if home == "default" and name == "kubernetes":
            seen.setdefault(name, service)
        elif home == namespace and links:
            seen[name] = service
    variables: dict[str, str] = {}
    for name in sorted(seen):
        variables.update(_variables_of(name, seen[name]))
    return variables


def parse_env_file(text: str, key: str) -> str | None:
    """The value of a key in an env file (KEP-3721); None where it has none.

    `KEY='value'` may span lines inside its quotes; `KEY=value` is taken up to the end of the line
    or a "#". Blank lines and lines starting with "#" say nothing. The first entry counts.
    """
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        name, equals, _ = text[at:end].partition("=")
        if not equals or name.lstrip().startswith("#"):
            at = end + 1
            continue
        start = at + len(name) + 1
        quoted = _QUOTED.match(text, start)
        value = quoted[1] if quoted else text[start:end].partition("#")[0].rstrip("\r")
        if name.strip() == key:
            return value
        at = quoted.end() if quoted else end + 1
    return None


def _services(pod: DesiredPod, container: AnyContainer, lookup: Lookup) -> dict[str, str]:
    if lookup.services is None:
        if pod.is_static:
            return {}
        detail = "services have not yet been read at least once, cannot construct envvars"
        raise _error(pod, container, detail)
    if not lookup.services:
        return {}
    links = pod.spec.enableServiceLinks is not False
    return service_variables(lookup.services, pod.namespace, links=links)


def _variables_of(name: str, service: v1.Service) -> Iterable[tuple[str, str]]:
    assert service.spec is not None
    ports, address = service.spec.ports or [], service.spec.clusterIP or ""
    prefix = _as_variable(name)
    yield f"{prefix}_SERVICE_HOST", address
    for index, port in enumerate(ports):
        if index == 0:
            yield f"{prefix}_SERVICE_PORT", str(port.port)
        if port.name:
            yield f"{prefix}_SERVICE_PORT_{_as_variable(port.name)}", str(port.port)
    for index, port in enumerate(ports):
        protocol = port.protocol or "TCP"
        host = f"[{address}]" if ":" in address else address
        url = f"{protocol.lower()}://{host}:{port.port}"
        if index == 0:
            yield f"{prefix}_PORT", url
        each = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        yield each, url
        yield f"{each}_PROTO", protocol.lower()
        yield f"{each}_PORT", str(port.port)
        yield f"{each}_ADDR", address


def _as_variable(name: str) -> str:
    return name.replace("-", "_").upper()


def _env_from(
    pod: DesiredPod, container: AnyContainer, source: v1.EnvFromSource, lookup: Lookup
) -> dict[str, str]:
    prefix = source.prefix or ""
    if source.configMapRef is not None:
        reference = source.configMapRef
        data = lookup.config_maps.get(reference.name or "")
        if data is None and not reference.optional:
            raise _error(pod, container, _no_object("configmap", reference.name))
        return {prefix + key: value for key, value in (data or {}).items()}
    if source.secretRef is not None:
        name = source.secretRef.name or ""
        secret = lookup.secrets.get(name)
        if secret is None and not source.secretRef.optional:
            raise _error(pod, container, _no_object("secret", name))
        return {
            prefix + key: _as_text(pod, container, name, key, value)
            for key, value in (secret or {}).items()
        }
    return {}


def _value_from(
    pod: DesiredPod,
    container: AnyContainer,
    variable: v1.EnvVar,
    *,
    node: NodeFacts,
    ips: Iterable[str],
    lookup: Lookup,
) -> str | None:
    """The value a reference stands for; None where it is optional and not there."""
    source = variable.valueFrom
    assert source is not None
    if source.fieldRef is not None:
        return field_value(pod, source.fieldRef.fieldPath, node=node, ips=ips)
    if source.resourceFieldRef is not None:
        return resource_value(pod, container, source.resourceFieldRef, node=node)
    if source.configMapKeyRef is not None:
        return _from_config_map(pod, container, source.configMapKeyRef, lookup)
    if source.secretKeyRef is not None:
        return _from_secret(pod, container, source.secretKeyRef, lookup)
    if source.fileKeyRef is not None:
        return _from_file(pod, container, source.fileKeyRef, lookup)
    return ""


def _from_config_map(
    pod: DesiredPod, container: AnyContainer, ref: v1.ConfigMapKeySelector, lookup: Lookup
) -> str | None:
    data = lookup.config_maps.get(ref.name or "")
    if data is not None and ref.key in data:
        return data[ref.key]
    if ref.optional:
        return None
    if data is None:
        raise _error(pod, container, _no_object("configmap", ref.name))
    detail = f"couldn't find key {ref.key} in ConfigMap {pod.namespace}/{ref.name}"
    raise _error(pod, container, detail)


def _from_secret(
    pod: DesiredPod, container: AnyContainer, ref: v1.SecretKeySelector, lookup: Lookup
) -> str | None:
    data = lookup.secrets.get(ref.name or "")
    if data is not None and ref.key in data:
        return _as_text(pod, container, ref.name or "", ref.key, data[ref.key])
    if ref.optional:
        return None
    if data is None:
        raise _error(pod, container, _no_object("secret", ref.name))
    detail = f"couldn't find key {ref.key} in Secret {pod.namespace}/{ref.name}"
    raise _error(pod, container, detail)


def _from_file(
    pod: DesiredPod, container: AnyContainer, ref: v1.FileKeySelector, lookup: Lookup
) -> str | None:
    text = lookup.files.get((ref.volumeName, ref.path))
    value = None if text is None else parse_env_file(text, ref.key)
    if value or ref.optional:
        return value or None
    detail = (
        f'environment variable key "{ref.key}" not found in file "{ref.path}" '
        f'of volume "{ref.volumeName}"'
        if text is not None
        else f'cannot find file "{ref.path}" in volume "{ref.volumeName}" (key "{ref.key}")'
    )
    raise _error(pod, container, detail)


def _as_text(pod: DesiredPod, container: AnyContainer, name: str, key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        detail = f"key {key} in Secret {pod.namespace}/{name} is not UTF-8 text: mount it as a file"
        raise _error(pod, container, detail) from error


def _no_object(kind: str, name: str | None) -> str:
    """In the API server's words, which a kubelet hands on."""
    return f'{kind} "{name or ""}" not found'


def _error(pod: DesiredPod, container: AnyContainer, detail: str) -> ConfigError:
    return ConfigError(
        op="build environment", target=f"container {container.name} of {pod.key}", detail=detail
    )
