"""Settings as text again: each field in the words of a configuration file, and its source."""

import enum
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import msgspec

from nodeagent.settings import scalars
from nodeagent.settings.decode import bare_type, is_zero, rules_of
from nodeagent.settings.flag_table import CONFIG_FLAGS
from nodeagent.settings.kubelet import API_VERSION, KIND, KubeletConfiguration
from nodeagent.settings.load import Loaded
from nodeagent.settings.rules import Rule, ZeroIsDefault
from nodeagent.settings.tree import Branch, Scalar, find
from nodeagent.settings.value import Settings

DEFAULT, DERIVED = "default", "derived"
_BINARY = ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One field: its dotted path, its value as JSON would hold it, and where that was written.

    `source` is a file with a line, a flag, "default", or "derived" from other fields.
    """

    field: str
    value: Any
    source: str


def rows(loaded: Loaded) -> tuple[Row, ...]:
    """Every field of both configuration documents, in their order."""
    settings = loaded.settings
    return (
        *_rows(settings.kubelet, type(settings.kubelet)(), loaded.kubelet, ""),
        *_rows(settings.agent, type(settings.agent)(), loaded.agent, ""),
    )


def places(settings: Settings) -> tuple[tuple[str, str], ...]:
    """What flags and fields together decide: name, folders, sockets, open ports."""
    ports = settings.listeners
    opened = {"https": ports.https, "read-only": ports.read_only, "healthz": ports.healthz}
    shown = [f"{name} {one.address}:{one.port}" for name, one in opened.items() if one]
    return (
        ("node name", settings.node.name),
        ("mode", "standalone" if settings.standalone else "joined to a cluster"),
        ("state folder", str(settings.paths.root)),
        ("manifests", str(settings.paths.manifests or settings.kubelet.static_pod_url or "none")),
        ("config maps", str(settings.paths.config_maps or "none")),
        ("secrets", str(settings.paths.secrets or "none")),
        ("volumes and claims", str(settings.paths.volumes or "none")),
        ("pod logs", str(settings.paths.pod_logs)),
        ("own socket", str(settings.paths.socket)),
        ("runtime", settings.runtime.endpoint),
        ("images", settings.runtime.images),
        ("own containerd", "started where none answers" if settings.runtime.embedded else "no"),
        ("open ports", ", ".join(shown) or "none"),
    )


def document(config: KubeletConfiguration) -> dict[str, Any]:
    """The configuration in use as one document, defaults filled in.

    Fields that are empty are left out, as in a kubelet's /configz; values of headers are masked.
    """
    headers = {name: ("<masked>",) for name in config.static_pod_url_header}
    shown = _plain(type(config), msgspec.structs.replace(config, static_pod_url_header=headers))
    return {"kind": KIND, "apiVersion": API_VERSION, **_without_empty(shown)}


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    shown = {name: _without_empty(one) for name, one in value.items()}
    return {name: one for name, one in shown.items() if one not in (None, "", {}, [])}


def flag_values(settings: Settings) -> dict[str, str]:
    """Flags as they would have to be given for these settings, by name."""
    shown = document(settings.kubelet)
    values = {name: _as_text(_at(shown, field)) for name, field in CONFIG_FLAGS.items()}
    cluster = settings.cluster
    return values | {
        "root-dir": str(settings.paths.root),
        "cert-dir": str(settings.paths.certificates),
        "kubeconfig": str(cluster.kubeconfig) if cluster else "",
        "hostname-override": settings.node.name,
        "node-ip": ",".join(settings.node.ips),
        "socket": str(settings.paths.socket),
        "v": str(settings.verbosity),
    }


def _at(shown: Mapping[str, Any], field: str) -> Any:
    here: Any = shown
    for part in field.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_as_text(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ",".join(_as_text(one) for one in value)
    return "" if value is None else str(value)


def _rows(
    value: msgspec.Struct, default: msgspec.Struct | None, tree: Branch, above: str
) -> Iterator[Row]:
    for field in msgspec.structs.fields(value):
        path = f"{above}.{field.encode_name}" if above else field.encode_name
        one = getattr(value, field.name)
        usual = getattr(default, field.name, None)
        if isinstance(one, msgspec.Struct):
            yield from _rows(one, usual, tree, path)
        else:
            source = _source(field.type, tree, path, is_default=one == usual)
            yield Row(field=path, value=_plain(field.type, one), source=source)


def _source(kind: Any, tree: Branch, path: str, *, is_default: bool) -> str:
    node = find(tree, path)
    if node is None or (isinstance(node, Scalar) and _is_unset(kind, node.value)):
        return DEFAULT if is_default else DERIVED
    return DEFAULT if node.place.source == "defaults" else str(node.place)


def _is_unset(kind: Any, value: object) -> bool:
    zero = any(isinstance(rule, ZeroIsDefault) for rule in rules_of(kind))
    return value is None or (zero and is_zero(value))


def _plain(kind: Any, value: Any) -> Any:
    """The value as a configuration file has it."""
    bare, rules = bare_type(kind), rules_of(kind)
    origin, args = get_origin(bare), get_args(bare)
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return {f.encode_name: _plain(f.type, getattr(value, f.name)) for f in fields}
    if isinstance(value, tuple) and origin is tuple:
        return [_plain(args[0], one) for one in value]
    if isinstance(value, Mapping) and len(args) == 2:
        return {key: _plain(args[1], one) for key, one in value.items()}
    if isinstance(value, enum.Enum):
        return value.value
    readers = [rule.read for rule in rules if isinstance(rule, Rule)]
    if scalars.read_seconds in readers and value is not None:
        return duration_text(value)
    return size_text(value) if scalars.read_bytes in readers else value


def duration_text(seconds: float) -> str:
    """Seconds as Go writes a duration: 1h30m0s, 10s, 100ms."""
    sign, nanos = "-" if seconds < 0 else "", round(abs(seconds) * 1e9)
    if nanos < 10**9:
        return f"{sign}{nanos / 10**6:g}ms" if nanos else "0s"
    minutes, rest = divmod(nanos, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else ""]
    parts.append(f"{f'{rest / 10**9:.9f}'.rstrip('0').rstrip('.')}s")
    return sign + "".join(parts)


def size_text(size: int) -> str:
    """Bytes as a quantity in the largest unit that fits exactly: 10Mi."""
    return next((f"{size // by}{unit}" for by, unit in _BINARY if size % by == 0), str(size))
