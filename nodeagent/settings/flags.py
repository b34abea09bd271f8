"""The command line of `run` and `kubelet`: every flag, what it sets, and how its text is read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

import msgspec

from nodeagent.errors import SettingsError
from nodeagent.settings import rules as r
from nodeagent.settings.decode import bare_type
from nodeagent.settings.flag_table import CONFIG_FLAGS, IGNORED, REMOVED
from nodeagent.settings.kubelet import KubeletConfiguration
from nodeagent.settings.tree import Branch, Items, Node, Place, Scalar

Flags = Mapping[str, tuple[str, ...]]
"""Flag names without dashes, each with its texts in the order they were given."""

SHORT = {"v": "v", "h": "help"}


class CommandLine(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Flags that no configuration file has."""

    config: str = ""
    config_dir: str = ""
    root_dir: str = "/var/lib/kubelet"
    cert_dir: str = ""
    kubeconfig: str = ""
    bootstrap_kubeconfig: str = ""
    hostname_override: str = ""
    node_ip: tuple[r.Address, ...] = ()
    node_labels: Mapping[str, str] = {}
    cloud_provider: str = ""
    runtime_cgroups: str = ""
    image_credential_provider_config: str = ""
    image_credential_provider_bin_dir: str = ""
    lock_file: str = ""
    exit_on_lock_contention: bool = False
    minimum_container_ttl_duration: r.Seconds = 0.0
    maximum_dead_containers_per_container: int = 1
    maximum_dead_containers: int = -1
    experimental_allocatable_ignore_eviction: bool = False
    embedded_containerd: bool = False
    socket: str = "/run/nodeagent/nodeagent.sock"
    v: r.Count | None = None


HELP = {
    "config": "KubeletConfiguration file, YAML or JSON",
    "config-dir": "folder of drop-ins *.conf, merged over --config in lexical order",
    "root-dir": "the agent's state folder",
    "cert-dir": "folder of certificates; default /var/lib/kubelet/pki, standalone ROOT-DIR/pki",
    "kubeconfig": "API server access; without it the agent runs standalone",
    "bootstrap-kubeconfig": "API server access until --kubeconfig exists",
    "hostname-override": "node name; default the host name in lower case",
    "node-ip": "address of the node; two, comma separated, for dual stack",
    "node-labels": "labels at registration, key=value, comma separated",
    "cloud-provider": '"external" or empty',
    "runtime-cgroups": "cgroup the container runtime lives in",
    "image-credential-provider-config": "configuration of credential provider plugins",
    "image-credential-provider-bin-dir": "folder of credential provider plugins",
    "lock-file": "file that only one agent at a time may hold",
    "exit-on-lock-contention": "exit when another process opens the lock file",
    "minimum-container-ttl-duration": "keep ended containers at least this long",
    "maximum-dead-containers-per-container": "ended instances to keep of each container",
    "maximum-dead-containers": "ended containers to keep on the node, -1 for any number",
    "experimental-allocatable-ignore-eviction": "leave eviction thresholds out of allocatable",
    "embedded-containerd": "start a containerd of our own where no CRI socket answers",
    "socket": "unix socket of the agent's own API",
    "v": "log level: 0 to 3 info, 4 and more debug",
    "version": "print the version and exit",
    "help": "print this text and exit",
}


def parse_flags(argv: Sequence[str]) -> Flags:
    """Split a command line as kubelet does: `--flag value`, `--flag=value`, bools without value.

    `_` in names counts as `-`. Nothing is checked but the names; raises SettingsError for an
    unknown flag, a flag without its value, or a word that is no flag.
    """
    found: dict[str, tuple[str, ...]] = {}
    words = iter(argv)
    for word in words:
        name, text = _split(word)
        if text is None:
            text = "true" if _is_bool(name) else next(words, None)
        if text is None:
            raise _wrong(name, "needs a value")
        found[name] = (*found.get(name, ()), text)
    return found


def as_node(name: str, texts: tuple[str, ...]) -> Node:
    """What a flag says, as the node a configuration file would hold.

    A text that does not fit is left as it is, for the decoder to name.
    """
    place = Place(f"flag --{name}")
    kind = field_type(name)
    try:
        return _READERS[_form(name, kind)](texts, place)
    except ValueError as error:
        raise _wrong(name, f'"{texts[-1]}" is not allowed; allowed is {error}') from error


def field_type(name: str) -> Any:
    """The bare type of the field that a flag sets."""
    if name not in CONFIG_FLAGS:
        return _OWN_TYPES.get(name, bool)
    kind: Any = KubeletConfiguration
    for key in CONFIG_FLAGS[name].split("."):
        kind = next(
            bare_type(field.type)
            for field in msgspec.structs.fields(kind)
            if field.encode_name == key
        )
    return kind


def help_text(program: str) -> str:
    """The usage text of `run` and `kubelet`."""
    lines = [f"Usage: {program} [FLAGS]", "", "Run the pods of this node.", "", "Flags:"]
    lines += [f"  {_usage(name):<44} {text}" for name, text in HELP.items()]
    lines += ["", "Flags that override a KubeletConfiguration field:"]
    lines += [f"  {_usage(name):<52} {path}" for name, path in sorted(CONFIG_FLAGS.items())]
    lines += ["", "Exit codes: 0 stopped as told, 1 failed, 2 wrong flags or configuration."]
    return "\n".join(lines)


def _split(word: str) -> tuple[str, str | None]:
    if word.startswith("--") and len(word) > 2:
        name, equals, text = word[2:].partition("=")
        name = name.replace("_", "-")
        _check_name(name)
        return name, text if equals else None
    if word.startswith("-") and word[1:2] in SHORT:
        rest = word[2:].removeprefix("=")
        return SHORT[word[1]], rest or None
    detail = "not a flag; a bool is set with --flag=false, all others with --flag value"
    if word.startswith("-") and len(word) > 2:
        detail = f"unknown; long flags have two dashes: -{word}"
    raise SettingsError(op="read", target=f'"{word}"', detail=detail)


def _check_name(name: str) -> None:
    if name in CONFIG_FLAGS or name in HELP or name in IGNORED:
        return
    if name in REMOVED:
        raise _wrong(name, f"no longer exists: {REMOVED[name]}")
    from difflib import get_close_matches

    near = get_close_matches(name, [*CONFIG_FLAGS, *HELP], n=1, cutoff=0.0)
    raise _wrong(name, f"unknown; the nearest known flag is --{near[0]}")


def _wrong(name: str, detail: str) -> SettingsError:
    return SettingsError(op="read", target=f"flag --{name}", detail=detail)


def _is_bool(name: str) -> bool:
    if name in IGNORED:
        return not IGNORED[name]
    return field_type(name) is bool


def _usage(name: str) -> str:
    dash = "-" if len(name) == 1 else "--"
    return f"{dash}{name}" if _is_bool(name) else f"{dash}{name} {_metavar(name)}"


def _metavar(name: str) -> str:
    form = _form(name, field_type(name))
    return {"number": "N", "list": "A,B", "map": "K=V,...", "below": "SIGNAL<AMOUNT,..."}.get(
        form, "VALUE"
    )


def _form(name: str, kind: Any) -> str:
    if name in _FORMS:
        return _FORMS[name]
    if kind is bool:
        return "bool"
    if kind is int:
        return "number"
    return {tuple: "list", None: "text"}.get(get_origin(kind), "map")


def _text(texts: tuple[str, ...], place: Place) -> Node:
    return Scalar(texts[-1], place)


def _bool(texts: tuple[str, ...], place: Place) -> Node:
    # The words that Go's strconv takes.
    word = texts[-1]
    if word in ("1", "t", "T", "true", "TRUE", "True"):
        return Scalar(True, place)
    if word in ("0", "f", "F", "false", "FALSE", "False"):
        return Scalar(False, place)
    raise ValueError("true or false")


def _number(texts: tuple[str, ...], place: Place) -> Node:
    try:
        return Scalar(int(texts[-1]), place)
    except ValueError:
        return Scalar(texts[-1], place)


def _parts(texts: tuple[str, ...], separator: str = ",") -> Iterator[str]:
    for text in texts:
        yield from (part.strip() for part in text.split(separator) if part.strip())


def _list(texts: tuple[str, ...], place: Place) -> Node:
    return Items(tuple(Scalar(part, place) for part in _parts(texts)), place)


def _pairs(texts: tuple[str, ...], place: Place, mark: str, example: str) -> Branch:
    entries: dict[str, Node] = {}
    for part in _parts(texts):
        key, found, text = part.partition(mark)
        if not found or not key:
            raise ValueError(f"{example}, several separated by commas")
        entries[key.strip()] = Scalar(text.strip(), place)
    return Branch(entries, place)


def _map(texts: tuple[str, ...], place: Place) -> Node:
    return _pairs(texts, place, "=", "key=value")


def _labels(texts: tuple[str, ...], place: Place) -> Node:
    entries: dict[str, Node] = {}
    for part in _parts(texts):
        key, _, value = part.partition("=")
        entries[key] = Scalar(value, place)
    return Branch(entries, place)


def _below(texts: tuple[str, ...], place: Place) -> Node:
    return _pairs(texts, place, "<", "signal<amount")


def _gates(texts: tuple[str, ...], place: Place) -> Node:
    pairs = _pairs(texts, place, "=", "Gate=true or Gate=false")
    entries = {
        key: _bool((str(one.value),), place)
        for key, one in pairs.entries.items()
        if isinstance(one, Scalar)
    }
    return Branch(entries, place)


def _headers(texts: tuple[str, ...], place: Place) -> Node:
    entries: dict[str, Node] = {}
    for part in _parts(texts):
        key, found, value = part.partition(":")
        if not found or not key:
            raise ValueError("name:value, several separated by commas")
        old = entries.get(key.strip())
        before = old.nodes if isinstance(old, Items) else ()
        entries[key.strip()] = Items((*before, Scalar(value.strip(), place)), place)
    return Branch(entries, place)


def _taints(texts: tuple[str, ...], place: Place) -> Node:
    taints: list[Node] = []
    for part in _parts(texts):
        front, found, effect = part.rpartition(":")
        if not found or not front:
            raise ValueError("key=value:Effect or key:Effect, several separated by commas")
        key, _, value = front.partition("=")
        fields = {"key": key, "value": value, "effect": effect}
        taints.append(Branch({name: Scalar(v, place) for name, v in fields.items()}, place))
    return Items(tuple(taints), place)


def _memories(texts: tuple[str, ...], place: Place) -> Node:
    nodes: list[Node] = []
    for part in _parts(texts, ";"):
        number, found, limits = part.partition(":")
        if not found or not number.isdecimal():
            raise ValueError("NODE:memory=1Gi,hugepages-2Mi=64Mi, several separated by semicolons")
        pairs = _pairs((limits,), place, "=", "NODE:memory=1Gi")
        nodes.append(Branch({"numaNode": Scalar(int(number), place), "limits": pairs}, place))
    return Items(tuple(nodes), place)


_READERS = {
    "text": _text,
    "bool": _bool,
    "number": _number,
    "list": _list,
    "map": _map,
    "labels": _labels,
    "below": _below,
    "gates": _gates,
    "headers": _headers,
    "taints": _taints,
    "memories": _memories,
}
_FORMS = {
    "container-log-max-size": "text",
    "node-labels": "labels",
    "eviction-hard": "below",
    "eviction-soft": "below",
    "feature-gates": "gates",
    "manifest-url-header": "headers",
    "register-with-taints": "taints",
    "reserved-memory": "memories",
}
_OWN_TYPES = {
    field.encode_name: bare_type(field.type) for field in msgspec.structs.fields(CommandLine)
}
