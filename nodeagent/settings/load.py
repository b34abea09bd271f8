"""Flags and files in, one Settings value out. Reads the named files and nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nodeagent.errors import SettingsError
from nodeagent.settings import agent, kubelet
from nodeagent.settings.agent import AgentConfiguration
from nodeagent.settings.assemble import assemble
from nodeagent.settings.decode import Decoder, is_zero
from nodeagent.settings.flag_table import CONFIG_FLAGS, IGNORED, INSTEAD
from nodeagent.settings.flags import CommandLine, Flags, as_node
from nodeagent.settings.kubelet import DEFAULT_EVICTION_HARD, KubeletConfiguration
from nodeagent.settings.tree import (
    Branch,
    Place,
    Scalar,
    SettingsWarning,
    find,
    merge,
    parse,
    place_of,
    put,
)
from nodeagent.settings.validate import complaints, unknown_gates
from nodeagent.settings.value import Settings

# Paths that a file may give relative to its own folder.
_RELATIVE = (
    "staticPodPath",
    "authentication.x509.clientCAFile",
    "tlsCertFile",
    "tlsPrivateKeyFile",
    "resolvConf",
)
_NOWHERE = Place("defaults")
_EMPTY = Branch({}, _NOWHERE)


class _Documents(msgspec.Struct, frozen=True):
    """The two documents that configuration consists of, as one file has them or merged."""

    kubelet: Branch = _EMPTY
    agent: Branch = _EMPTY


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The settings with what was written to make them so; `agent` is our own document."""

    settings: Settings
    warnings: tuple[SettingsWarning, ...]
    kubelet: Branch
    agent: Branch


def load(
    flags: Flags | None = None, *, host_name: str | None = None
) -> tuple[Settings, tuple[SettingsWarning, ...]]:
    """`load_traced` without the traces."""
    found = load_traced(flags, host_name=host_name)
    return found.settings, found.warnings


def load_traced(flags: Flags | None = None, *, host_name: str | None = None) -> Loaded:
    """The settings that a parsed command line and the files it names amount to.

    Flags win over drop-ins, drop-ins over `--config`, that over the defaults (section 12.2).
    `host_name` stands for the machine's own. Raises SettingsError, naming field, file, line and
    what is allowed, for the first wrong value, with the places of all others.
    """
    flags = flags or {}
    decoder = Decoder()
    own = {name: texts for name, texts in flags.items() if name in _OWN}
    command = decoder.decode(
        CommandLine, Branch({name: as_node(name, own[name]) for name in own}, Place("flags"))
    )
    decoder.check()
    assert command is not None
    documents = _read_all(command, decoder)
    tree = _with_flags(documents.kubelet, flags)
    config = decoder.decode(KubeletConfiguration, tree)
    extras = decoder.decode(AgentConfiguration, documents.agent)
    decoder.check()
    assert config is not None and extras is not None
    config = _derive(config, tree)
    for field, detail in complaints(config):
        decoder.wrong(field, place_of(tree, field), detail)
    decoder.check()
    settings = assemble(command, config, extras, tree, host_name or os.uname().nodename)
    warnings = (*decoder.warnings, *_ignored(flags), *_gate_warnings(config, tree))
    return Loaded(settings=settings, warnings=warnings, kubelet=tree, agent=documents.agent)


def _read_all(command: CommandLine, decoder: Decoder) -> _Documents:
    found = _Documents()
    if command.config:
        found = _read(Path(command.config), decoder, flag="config")
    if not command.config_dir:
        return found
    base = _defaulted(found.kubelet)
    ours = found.agent
    for path in _drop_ins(Path(command.config_dir)):
        patch = _read(path, decoder, flag="config-dir")
        base, ours = merge(base, patch.kubelet), merge(ours, patch.agent)
    return _Documents(base, ours)


def _drop_ins(folder: Path) -> list[Path]:
    """Drop-ins at any depth, in the order of their paths, folder by folder."""
    found: list[Path] = []
    try:
        for entry in sorted(folder.iterdir(), key=lambda one: one.name):
            if entry.is_dir() and not entry.is_symlink():
                found += _drop_ins(entry)
            elif entry.name.endswith(".conf"):
                found.append(entry)
    except OSError as error:
        raise _unreadable(folder, "config-dir", error) from error
    return found


def _read(path: Path, decoder: Decoder, *, flag: str) -> _Documents:
    path = path.absolute()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(path, flag, error) from error
    except UnicodeDecodeError as error:
        raise SettingsError(op="read", target=str(path), detail="not UTF-8 text") from error
    documents, warnings = parse(text, str(path))
    decoder.warnings += warnings
    found: dict[str, Branch] = {}
    for document in documents:
        kind = _kind(document)
        if kind in found:
            raise _wrong_header(document.place, f"a second {kind}; one a file is allowed")
        found[kind] = document
    if not found:
        raise SettingsError(op="read", target=str(path), detail=f"empty; needs a {kubelet.KIND}")
    config = _absolute(found.get(kubelet.KIND, _EMPTY), path.parent)
    return _Documents(config, found.get(agent.KIND, _EMPTY))


def _kind(document: Branch) -> str:
    words = []
    for key in ("apiVersion", "kind"):
        node = document.entries.get(key)
        words.append(str(node.value) if isinstance(node, Scalar) and node.value else "")
    version, kind = words
    known = {kubelet.KIND: kubelet.API_VERSION, agent.KIND: agent.API_VERSION}
    if version and known.get(kind) == version:
        return kind
    allowed = " or ".join(f"apiVersion: {known[name]} with kind: {name}" for name in known)
    told = f'apiVersion "{version}", kind "{kind}" is not allowed' if kind else "no kind is given"
    raise _wrong_header(document.place, f"{told}; allowed is {allowed}")


def _wrong_header(place: Place, detail: str) -> SettingsError:
    return SettingsError(op="read", target=str(place), detail=detail)


def _unreadable(path: Path, flag: str, error: OSError) -> SettingsError:
    detail = f"{error.strerror or error}; --{flag} names it"
    return SettingsError(op="read", target=str(path), detail=detail)


def _absolute(tree: Branch, folder: Path) -> Branch:
    for field in _RELATIVE:
        node = find(tree, field)
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            tree = put(tree, field, Scalar(os.path.normpath(folder / node.value), node.place))
    return tree


def _defaulted(tree: Branch) -> Branch:
    """The base as drop-ins find it: kubelet fills in its defaults before it merges them.

    That shows in two fields only. A drop-in's evictionHard adds to the default thresholds, and
    a drop-in's nodeStatusUpdateFrequency no longer moves nodeStatusReportFrequency.
    (A drop-in's maxParallelImagePulls would also clash with the default serializeImagePulls and
    stop a kubelet; here it works as it does in the file itself.)
    """
    if _is_unset(tree, "evictionHard"):
        thresholds = {name: Scalar(v, _NOWHERE) for name, v in DEFAULT_EVICTION_HARD.items()}
        tree = put(tree, "evictionHard", Branch(thresholds, _NOWHERE))
    if _is_unset(tree, "nodeStatusReportFrequency"):
        update = find(tree, "nodeStatusUpdateFrequency")
        report = update if update is not None else Scalar("5m", _NOWHERE)
        tree = put(tree, "nodeStatusReportFrequency", report)
    return tree


def _is_unset(tree: Branch, path: str) -> bool:
    node = find(tree, path)
    return node is None or (isinstance(node, Scalar) and is_zero(node.value))


def _with_flags(tree: Branch, flags: Mapping[str, tuple[str, ...]]) -> Branch:
    for name, path in CONFIG_FLAGS.items():
        if name not in flags:
            continue
        node = as_node(name, flags[name])
        old = find(tree, path)
        if name == "feature-gates" and isinstance(old, Branch) and isinstance(node, Branch):
            node = merge(old, node)
        tree = put(tree, path, node)
    return tree


def _derive(config: KubeletConfiguration, tree: Branch) -> KubeletConfiguration:
    """Apply the defaults that depend on other fields."""
    changes: dict[str, object] = {}
    if _is_unset(tree, "serializeImagePulls"):
        changes["serialize_image_pulls"] = (config.max_parallel_image_pulls or 1) < 2
    if _is_unset(tree, "nodeStatusReportFrequency") and not _is_unset(
        tree, "nodeStatusUpdateFrequency"
    ):
        changes["node_status_report_frequency"] = config.node_status_update_frequency
    if config.merge_default_eviction_settings:
        changes["eviction_hard"] = {**DEFAULT_EVICTION_HARD, **config.eviction_hard}
    return msgspec.structs.replace(config, **changes)


def _ignored(flags: Flags) -> list[SettingsWarning]:
    warnings = []
    for name in flags:
        if name in IGNORED:
            why = f": {INSTEAD[name]}" if name in INSTEAD else ""
            warnings.append(SettingsWarning(Place(f"flag --{name}"), f"has no effect here{why}"))
    return warnings


def _gate_warnings(config: KubeletConfiguration, tree: Branch) -> list[SettingsWarning]:
    return [
        SettingsWarning(
            place_of(tree, f"featureGates.{name}"), f'feature gate "{name}" is unknown and ignored'
        )
        for name in unknown_gates(config)
    ]


_OWN = frozenset(field.encode_name for field in msgspec.structs.fields(CommandLine))
